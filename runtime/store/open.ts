/** Opens the store that a node's configuration asks for, and says why it is the one it is. */
import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import type { NodeConfig } from '../model/config.js';
import { createMemoryStore } from './memory.js';
import type { SessionStore } from './store.js';

export interface OpenedStore {
  store: SessionStore;
  /** Where it is, without any password. */
  url: string;
  why: string;
  close(): Promise<void>;
}

export async function openStore(config: NodeConfig, { clock }: { clock: Clock; log: Log }): Promise<OpenedStore> {
  const store = createMemoryStore({ node: config.name, clock });
  return { store, url: 'memory', why: 'asked for; nothing survives a restart', close: () => store.close() };
}

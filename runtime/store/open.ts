/** Opens the store that a node's configuration asks for, and says why it is the one it is. */
import { join } from 'node:path';
import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import type { NodeConfig } from '../model/config.js';
import { createMemoryStore } from './memory.js';
import { findServer, type FoundServer } from './server/find.js';
import type { SessionStore } from './store.js';

export interface OpenedStore {
  store: SessionStore;
  /** Where it is, without any password. */
  url: string;
  /** Why it is this store, in words. */
  why: string;
  /** Closes the store, and ends its server when the node runs one of its own. */
  close(): Promise<void>;
}

interface Parts {
  clock: Clock;
  log: Log;
}

/** @throws Error or Fault that says what is wrong, when the store cannot be opened */
export async function openStore(config: NodeConfig, parts: Parts): Promise<OpenedStore> {
  switch (config.store) {
    case 'memory': return openMemory(config, parts);
    case 'embedded': return openEmbedded(config, parts, 'asked for');
    case 'redis': return openOwnServer(config, parts, await findServer(), 'asked for');
    case 'auto': return openBest(config, parts);
    default: return openRemote(config, parts);
  }
}

/** A Redis of the node's own where a server can be had, else the embedded store. */
async function openBest(config: NodeConfig, parts: Parts): Promise<OpenedStore> {
  const found = await findServer();
  return found.found ? openOwnServer(config, parts, found, 'auto') : openEmbedded(config, parts, `auto: ${found.reason}`);
}

function openMemory({ name }: NodeConfig, { clock }: Parts): OpenedStore {
  const store = createMemoryStore({ node: name, clock });
  return { store, url: 'memory', why: 'asked for; nothing survives a restart', close: () => store.close() };
}

/** lmdb is loaded only where it is used: it costs memory that other nodes need not spend. */
async function openEmbedded({ name, stateDir }: NodeConfig, { clock }: Parts, why: string): Promise<OpenedStore> {
  const { openEmbeddedStore } = await import('./embedded.js');
  const path = join(stateDir, 'store', 'sessions.lmdb');
  const store = openEmbeddedStore({ node: name, clock, path });
  return { store, url: path, why, close: () => store.close() };
}

async function openOwnServer(config: NodeConfig, { clock, log }: Parts, found: FoundServer, why: string): Promise<OpenedStore> {
  if (!found.found) throw new Error(found.reason);
  // The client of Redis takes longer to load than everything else of a node; only those load it that use it.
  const [{ openRedisStore }, { superviseServer }] = await Promise.all([import('./redis.js'), import('./server/supervise.js')]);
  const server = await superviseServer({
    stateDir: config.stateDir, server: found.server,
    onEvent: (event) => log.info(event, 'the store\'s server'),
  });
  const store = await openRedisStore({ node: config.name, clock, url: server.url, onEvent: (event) => log.warn({ event }, 'the store\'s connection') });
  const { version, source } = found.server;
  return {
    store, url: server.url, why: `${why}: a server of its own, version ${version} from ${source}${server.adopted ? ', still running from before' : ''}`,
    async close() {
      await store.close();
      await server.stop();
    },
  };
}

async function openRemote(config: NodeConfig, { clock, log }: Parts): Promise<OpenedStore> {
  const { openRedisStore } = await import('./redis.js');
  const store = await openRedisStore({ node: config.name, clock, url: config.store, onEvent: (event) => log.warn({ event }, 'the store\'s connection') });
  return { store, url: withoutPassword(config.store), why: 'given as a URL', close: () => store.close() };
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

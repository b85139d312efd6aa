/** Opens the store that a node's configuration asks for, and says why it is the one it is. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, pause } from '../base/clock.js';
import { readSecret } from '../base/credentials.js';
import type { Log } from '../base/log.js';
import type { FoundServer, NodeConfig } from '../model/config.js';
import { asFault } from '../model/faults.js';
import { STORE_START_MS } from '../model/limits.js';
import { createMemoryStore } from './memory.js';
import { findServer } from './server/find.js';
import { parseStoreUrl } from './redis/url.js';
import type { SessionStore } from './store.js';

const EMBEDDED_FILE = 'sessions.lmdb';
/** Redis makes this folder for its append-only files. */
const REDIS_FILES = 'appendonlydir';

export interface OpenedStore {
  store: SessionStore;
  /** Where it is, without any password. */
  url: string;
  /** Why it is this store, in words. */
  why: string;
  /** Closes the store, and ends its server when the node runs one of its own. */
  close(): Promise<void>;
}

/** Pause before a store that was not there is asked again. */
const OPEN_AGAIN_MS = 500;

interface Parts {
  clock: Clock;
  log: Log;
}

/** @throws Error or Fault that says what is wrong, when the store cannot be opened */
export async function openStore(config: NodeConfig, parts: Parts): Promise<OpenedStore> {
  switch (config.store) {
    case 'memory': return openMemory(config, parts);
    case 'embedded': return openEmbedded(config, parts, 'asked for');
    case 'redis': return openOwnServer(config, parts, await serverFor(config), 'asked for');
    case 'auto': return openBest(config, parts);
    default: return openRemote(config, parts);
  }
}

async function serverFor({ storeServer }: NodeConfig): Promise<FoundServer> {
  return storeServer ?? findServer();
}

/** A Redis of the node's own where a server can be had, else the embedded store; but the one that has its sessions already. */
async function openBest(config: NodeConfig, parts: Parts): Promise<OpenedStore> {
  const [inRedis, inFile] = await Promise.all([REDIS_FILES, EMBEDDED_FILE].map((name) => exists(join(config.stateDir, 'store', name))));
  if (inFile && !inRedis) return openEmbedded(config, parts, 'auto: its sessions are there already');
  const found = await serverFor(config);
  if (found.found) return openOwnServer(config, parts, found, 'auto');
  if (!inRedis || inFile) return openEmbedded(config, parts, `auto: ${found.reason}`);
  throw new Error(`The sessions of node ${config.name} are kept by a Redis, but ${found.reason}. Install one, or start without them by store: embedded.`);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}

function openMemory({ name }: NodeConfig, { clock }: Parts): OpenedStore {
  const store = createMemoryStore({ node: name, clock });
  return { store, url: 'memory', why: 'asked for; nothing survives a restart', close: () => store.close() };
}

/** lmdb is loaded only where it is used: it costs memory that other nodes need not spend. */
async function openEmbedded({ name, stateDir }: NodeConfig, { clock }: Parts, why: string): Promise<OpenedStore> {
  const { openEmbeddedStore } = await import('./embedded.js');
  const path = join(stateDir, 'store', EMBEDDED_FILE);
  const store = openEmbeddedStore({ node: name, clock, path });
  return { store, url: path, why, close: () => store.close() };
}

async function openOwnServer(config: NodeConfig, { clock, log }: Parts, found: FoundServer, why: string): Promise<OpenedStore> {
  if (!found.found) throw new Error(found.reason);
  // The client of Redis takes longer to load than everything else of a node; only those load it that use it.
  const [{ openRedisStore }, { superviseServer }] = await Promise.all([import('./redis.js'), import('./server/supervise.js')]);
  const server = await superviseServer({
    stateDir: config.stateDir, server: found.server, fsync: config.storeFsync,
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
  const password = await passwordFor(config);
  const store = await patiently(clock, log, () => openRedisStore({
    node: config.name, clock, url: config.store, ...(password !== undefined && { password }), onEvent: (event) => log.warn({ event }, 'the store\'s connection'),
  }));
  return { store, url: parseStoreUrl(config.store).shown, why: 'given as a URL', close: () => store.close() };
}

/** Somebody else's store may come up after the node does: it is waited for as long as a server of the node's own would be. */
async function patiently<T>(clock: Clock, log: Log, open: () => Promise<T>): Promise<T> {
  const untilMs = clock.now() + STORE_START_MS;
  // A waiting timer of the clock does not keep a process alive that has nothing else yet.
  const alive = setInterval(() => undefined, STORE_START_MS);
  try {
    for (;;) {
      try {
        return await open();
      } catch (error) {
        if (asFault(error, '').code !== 'STORE_UNAVAILABLE' || clock.now() >= untilMs) throw error;
        log.warn({ reason: (error as Error).message }, 'the store is waited for');
        await pause(clock, OPEN_AGAIN_MS);
      }
    }
  } finally {
    clearInterval(alive);
  }
}

/** Passwords stand in files, never in an address that is shown. */
async function passwordFor({ storePasswordFile, stateDir }: NodeConfig): Promise<string | undefined> {
  const file = storePasswordFile ?? join(stateDir, 'store-password');
  return await exists(file) ? readSecret(file) : undefined;
}

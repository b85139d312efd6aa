/**
 * One Redis for a whole run of the mutation tester, instead of one for each mutant: whoever starts the run starts it, and says by
 * KEPT_STORE where it is. Each store gets a database of its own, emptied first. A run has one runner, so nobody else is in it.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { openRedisStore } from '../../runtime/store/redis.js';
import { conformingRedis } from '../redis/conforming.js';
import type { SupervisedServer } from '../../runtime/store/server/supervise.js';
import { ManualClock, NODE, type StoreUnderTest } from '../store/conformance.js';

/** As many as a server has without asking. */
const DATABASES = 16;
/** A mutant may have left a script behind that does not end. */
const DEAF_MS = 3_000;
const POLL_MS = 50;

type Kept = Pick<SupervisedServer, 'socket' | 'pidFile'>;

export const keptAs = ({ socket, pidFile }: Kept): Record<string, string> => ({ KEPT_STORE: JSON.stringify({ socket, pidFile }) });

/** Makes stores; without a kept server each has one of its own. */
export function storesOfRun(): () => Promise<StoreUnderTest> {
  const text = process.env['KEPT_STORE'];
  if (text === undefined) return conformingRedis;
  const kept = JSON.parse(text) as Kept;
  let count = 0;
  return () => {
    count += 1;
    return makeStore(kept, count % DATABASES);
  };
}

async function makeStore(kept: Kept, database: number): Promise<StoreUnderTest> {
  while (!await emptied(kept, database)) await sleep(POLL_MS);
  const clock = new ManualClock();
  const open = (node = NODE) => openRedisStore({ node, clock, url: `unix://${kept.socket}?db=${database}` });
  let store = await open();
  const restart = async () => {
    await store.close();
    store = await open();
    return store;
  };
  return { store, clock, restart, beside: open, cleanup: async () => store.close() };
}

/** False when the server is not there for now; one that does not answer is ended, and started again by whoever keeps it. */
async function emptied({ socket, pidFile }: Kept, database: number): Promise<boolean> {
  const admin = createClient({ socket: { path: socket, tls: false, reconnectStrategy: false }, database });
  admin.on('error', () => {});
  const flushed = admin.connect().then(() => admin.flushDb()).then(() => 'done', (error: Error) => (error.message.startsWith('BUSY') ? 'deaf' : 'away'));
  const outcome = await Promise.race([flushed, sleep(DEAF_MS, 'deaf', { ref: false })]);
  if (admin.isOpen) admin.destroy();
  if (outcome === 'deaf') await ended(pidFile);
  return outcome === 'done';
}

async function ended(pidFile: string): Promise<void> {
  try {
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
  } catch {
    // Gone already.
  }
}

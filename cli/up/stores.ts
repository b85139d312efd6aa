/** Store servers of nodes live in groups of their own; whatever their nodes left running is ended here. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { hasEnded, processesWith, signal } from '../../runtime/base/process.js';

/** Ends the servers that belong to these state folders; recognised by their command line, never by a pid alone. */
export async function endStores(stateDirs: string[], patienceMs: number): Promise<void> {
  const bases = await Promise.all(stateDirs.map((folder) => realpath(folder).catch(() => undefined)));
  const pidFiles = bases.filter((base) => base !== undefined).map((base) => join(base, 'store.pid'));
  await Promise.all((await processesWith('--pidfile', ...pidFiles)).map((pid) => end(pid, patienceMs)));
}

/** The server saves what it has on SIGTERM. */
async function end(pid: number, patienceMs: number): Promise<void> {
  if (patienceMs > 0 && signal(pid, 'SIGTERM') && await hasEnded(pid, patienceMs)) return;
  signal(pid, 'SIGKILL');
}

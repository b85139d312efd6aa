/** What the system knows of a server's process. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

/** True while the process runs; a dead one that nobody has reaped does not count. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return !/^\d+ \(.*\) [ZX]/s.test(stat);
}

/** @returns false when the process still runs after `withinMs`. */
export async function hasEnded(pid: number, withinMs: number): Promise<boolean> {
  const untilMs = Date.now() + withinMs;
  while (await isAlive(pid)) {
    if (Date.now() >= untilMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Asks the process to end (SIGTERM), insists after `patienceMs` (SIGKILL), and waits for it. */
export async function endProcess(pid: number, patienceMs: number): Promise<void> {
  signal(pid, 'SIGTERM');
  if (await hasEnded(pid, patienceMs)) return;
  signal(pid, 'SIGKILL');
  await hasEnded(pid, patienceMs);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

/** Processes that were started with this very argument; none where there is no /proc. */
export async function processesWith(argument: string): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return line.split('\0').includes(argument) && await isAlive(pid);
  }));
  return pids.filter((_, index) => found[index]);
}

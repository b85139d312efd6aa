/** Other processes as the kernel shows them: alive or not, by argument, by the port they listen on. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;
/** Nothing outlives SIGKILL for so long, however slow the disk that it is writing to, or the machine. */
const KILLED_MS = 30_000;

/** A zombie has ended; only nobody has asked for its exit code yet. */
export async function isAlive(pid: number): Promise<boolean> {
  if (!exists(pid)) return false;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // Nothing to read: there is no /proc here, or the zombie went between the two looks.
  return stat === '' ? exists(pid) : !/^\d+ \(.*\) [ZX]/s.test(stat);
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Tells a process from a later one with the same pid; '' where there is no /proc. */
export async function birthOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** @returns false when the process still runs after `withinMs`. */
export async function hasEnded(pid: number, withinMs: number): Promise<boolean> {
  // By a clock that nobody sets.
  const untilMs = performance.now() + withinMs;
  while (await isAlive(pid)) {
    if (performance.now() >= untilMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Asks the process to end (SIGTERM), insists after `patienceMs` (SIGKILL), and waits for it. */
export async function endProcess(pid: number, patienceMs: number): Promise<void> {
  signal(pid, 'SIGTERM');
  if (await hasEnded(pid, patienceMs)) return;
  signal(pid, 'SIGKILL');
  await hasEnded(pid, KILLED_MS);
}

/** False when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

async function pids(): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

async function argumentsOf(pid: number): Promise<string[]> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return line.split('\0').filter((argument) => argument !== '');
}

/** Processes that were started with the option and one of the values, as `--option value`; none where there is no /proc. */
export async function processesWith(option: string, ...values: string[]): Promise<number[]> {
  const all = await pids();
  const hasIt = (given: readonly string[]) => given.some((argument, at) => argument === option && values.includes(given[at + 1]!));
  const found = await Promise.all(all.map(async (pid) => hasIt(await argumentsOf(pid)) && isAlive(pid)));
  return all.filter((_, index) => found[index]);
}

const LISTENING = '0A';

/** Who listens on a TCP port, in words; undefined when that cannot be found out. */
export async function ownerOfPort(port: number): Promise<string | undefined> {
  const inodes = await listenersOn(port);
  if (inodes.size === 0) return undefined;
  for (const pid of await pids()) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const file of files) {
      const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '');
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode && inodes.has(inode)) return `process ${pid} (${shortened((await argumentsOf(pid)).join(' '))})`;
    }
  }
  return 'a process of another user';
}

async function listenersOn(port: number): Promise<Set<string>> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')));
  const rows = tables.join('\n').split('\n').map((line) => line.trim().split(/\s+/));
  return new Set(rows.filter(([, local, , state]) => local?.endsWith(suffix) && state === LISTENING).map((row) => row[9]!));
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

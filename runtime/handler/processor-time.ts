/** What processes have taken of the processor, as the kernel counts it: with their children that have ended, in ms. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** The kernel tells times in hundredths of a second, whatever it counts in. */
const TICK_MS = 10;
/** Of user, system, and of both for the children that were waited for; counted from the state, which follows the name. */
const FIELDS = [11, 12, 13, 14];

/** Undefined where there is no such process, or no /proc. */
export async function processorMsOf(pid: number): Promise<number | undefined> {
  const [stat, schedule] = await Promise.all([file(pid, 'stat'), file(pid, 'schedstat')].map((path) => readFile(path, 'utf8').catch(() => '')));
  return msOf(stat!, schedule!);
}

/** The same at once, for a process that nobody will find a moment later. */
export function processorMsNow(pid: number): number | undefined {
  try {
    return msOf(readFileSync(file(pid, 'stat'), 'utf8'), readFileSync(file(pid, 'schedstat'), 'utf8'));
  } catch {
    return undefined;
  }
}

function file(pid: number, name: string): string {
  return `/proc/${pid}/${name}`;
}

/** @param schedule nanoseconds of its first thread come first in it: finer than ticks, for those that end soon */
function msOf(stat: string, schedule: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = FIELDS.reduce((sum, at) => sum + Number(fields[at]), 0);
  if (stat === '' || !Number.isFinite(ticks)) return undefined;
  const ownMs = Number(schedule.split(' ', 1)[0]) / 1e6;
  return Math.max(ticks * TICK_MS, Number.isFinite(ownMs) ? ownMs : 0);
}

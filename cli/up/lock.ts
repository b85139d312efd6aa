/** One supervisor a state folder: it says in a file who it is, and the file counts only while that process lives. */
import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { birthOf, isAlive } from '../../runtime/base/process.js';
import { CliFailure } from '../failure.js';
import { spelled } from '../product.js';
import type { StateFolder } from '../state.js';

export interface Holder {
  pid: number;
  /** When the kernel started it, so that a later process with the same pid is not taken for it. */
  birth: string;
  startedAt: string;
}

/** The supervisor that runs in this folder now. */
export function holderOf(state: StateFolder): Promise<Holder | undefined> {
  return namedIn(state.lockFile);
}

/** Undefined where the file names nobody who lives. */
async function namedIn(file: string): Promise<Holder | undefined> {
  const holder = parsed(await readFile(file, 'utf8').catch(() => ''));
  return holder && await isAlive(holder.pid) && await birthOf(holder.pid) === holder.birth ? holder : undefined;
}

/** Throws when somebody else holds the folder. Resolves with what gives it back. */
export async function takeFolder(state: StateFolder): Promise<() => Promise<void>> {
  const own: Holder = { pid: process.pid, birth: await birthOf(process.pid), startedAt: new Date().toISOString() };
  const draft = `${state.lockFile}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    if (!await claim(draft, state.lockFile)) await takeOver(draft, state);
  } finally {
    await rm(draft, { force: true });
  }
  return () => rm(state.lockFile, { force: true });
}

/**
 * A supervisor that was killed leaves its file behind. Only one at a time may look at it and take it away: a second that saw the
 * same file would take away the first one's new file.
 */
async function takeOver(draft: string, state: StateFolder): Promise<void> {
  const turn = `${state.lockFile}.turn`;
  const underWay = new CliFailure(`another start is just under way in ${state.path}`);
  if (!await claim(draft, turn)) {
    if (await namedIn(turn)) throw underWay;
    await rm(turn, { force: true });
    if (!await claim(draft, turn)) throw underWay;
  }
  try {
    const holder = await holderOf(state);
    if (holder) throw heldBy(state, holder);
    await rm(state.lockFile, { force: true });
    if (!await claim(draft, state.lockFile)) throw underWay;
  } finally {
    await rm(turn, { force: true });
  }
}

export function heldBy(state: StateFolder, { pid, startedAt }: Holder): CliFailure {
  return new CliFailure(`the domain in ${state.path} is running already: process ${pid}, since ${startedAt}; stop it with ${spelled('domain down')}, or use another --state`);
}

/** A link appears whole or not at all, unlike a file that is created and then written. */
function claim(draft: string, file: string): Promise<boolean> {
  return link(draft, file).then(() => true, (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return false;
    throw error;
  });
}

function parsed(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder | null;
    // 0 and below are whole groups of processes to the kernel.
    return Number.isInteger(holder?.pid) && holder!.pid > 0 ? holder! : undefined;
  } catch {
    return undefined;
  }
}

/** One supervisor a state folder: it says in a file who it is, and the file counts only while that process lives. */
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
export async function holderOf(state: StateFolder): Promise<Holder | undefined> {
  const text = await readFile(state.lockFile, 'utf8').catch(() => '');
  if (text === '') return undefined;
  const holder = parsed(text);
  return holder && await isAlive(holder.pid) && await birthOf(holder.pid) === holder.birth ? holder : undefined;
}

/** Throws when somebody else holds the folder. Resolves with what gives it back. */
export async function takeFolder(state: StateFolder): Promise<() => Promise<void>> {
  const own: Holder = { pid: process.pid, birth: await birthOf(process.pid), startedAt: new Date().toISOString() };
  const draft = `${state.lockFile}.${process.pid}`;
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    if (!await claim(draft, state)) {
      const holder = await holderOf(state);
      if (holder) throw heldBy(state, holder);
      // Left behind by a supervisor that was killed.
      await rm(state.lockFile, { force: true });
      if (!await claim(draft, state)) throw new CliFailure(`another start is just under way in ${state.path}`);
    }
  } finally {
    await rm(draft, { force: true });
  }
  return () => rm(state.lockFile, { force: true });
}

export function heldBy(state: StateFolder, { pid, startedAt }: Holder): CliFailure {
  return new CliFailure(`the domain in ${state.path} is running already: process ${pid}, since ${startedAt}; stop it with ${spelled('domain down')}, or use another --state`);
}

/** A link appears whole or not at all, unlike a file that is created and then written. */
function claim(draft: string, state: StateFolder): Promise<boolean> {
  return link(draft, state.lockFile).then(() => true, (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return false;
    throw error;
  });
}

function parsed(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

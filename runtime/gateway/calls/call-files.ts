/** Where calls outlive the process: a file for what is known of each, one for its body, one for its answer's. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import PQueue from 'p-queue';
import { writeAtomically } from '../../base/atomic-file.js';
import type { Call } from './call.js';

export interface CallFiles {
  /** All calls, oldest first; what a crash has left half written is removed, and what is no call any more is left out. */
  load(): Promise<Call[]>;
  /** Resolves once it is kept. Two writes of one call are made one after the other. */
  keep(call: Call, parts?: { body?: Buffer; answer?: Buffer }): Promise<void>;
  body(id: string): Promise<Buffer>;
  answer(id: string): Promise<Buffer>;
  remove(id: string): Promise<void>;
}

/** There may be more calls than a process may have open files. */
const READ_AT_ONCE = 16;

export function createCallFiles(folder: string): CallFiles {
  const fileOf = (id: string, kind: 'json' | 'body' | 'answer') => join(folder, `${id}.${kind}`);
  const turns = new Map<string, Promise<void>>();

  function inTurn(id: string, work: () => Promise<void>): Promise<void> {
    const turn = (turns.get(id) ?? Promise.resolve()).then(work);
    const settled = turn.catch(() => undefined);
    turns.set(id, settled);
    void settled.then(() => {
      if (turns.get(id) === settled) turns.delete(id);
    });
    return turn;
  }

  return {
    async load() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const names = await readdir(folder);
      const known = new Set(names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length)));
      const stray = names.filter((name) => name.endsWith('.draft') || !known.has(name.slice(0, name.lastIndexOf('.'))));
      await Promise.all(stray.map((name) => rm(join(folder, name), { force: true })));
      const reading = new PQueue({ concurrency: READ_AT_ONCE });
      const calls = await reading.addAll([...known].map((id) => async () => callOf(id, await readFile(fileOf(id, 'json'), 'utf8'))));
      return calls.filter((call) => call !== undefined).sort((left, right) => left.queuedAtMs - right.queuedAtMs);
    },
    keep: (call, { body, answer } = {}) => inTurn(call.id, async () => {
      // What it points to comes first.
      if (body) await writeAtomically(fileOf(call.id, 'body'), body);
      if (answer) await writeAtomically(fileOf(call.id, 'answer'), answer);
      await writeAtomically(fileOf(call.id, 'json'), JSON.stringify(call));
    }),
    body: (id) => readFile(fileOf(id, 'body')),
    answer: (id) => readFile(fileOf(id, 'answer')),
    remove: (id) => inTurn(id, async () => {
      for (const kind of ['json', 'body', 'answer'] as const) await rm(fileOf(id, kind), { force: true });
    }),
  };
}

function callOf(id: string, text: string): Call | undefined {
  try {
    const call = JSON.parse(text) as Partial<Call> | null;
    return call?.id === id ? call as Call : undefined;
  } catch {
    return undefined;
  }
}

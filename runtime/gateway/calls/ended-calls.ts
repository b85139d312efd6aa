/** What became of calls that ended well: the last so many, also after a restart. Nothing of what was sent or answered is among it. */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeAtomically } from '../../base/atomic-file.js';
import { MAX_ENDED_CALLS } from '../../model/limits.js';
import type { Call, CallStatus } from './call.js';
import { CallIndex } from './call-index.js';

/** The file has so many times as many lines as there are calls before it is written anew. */
const SLACK = 2;

export class EndedCalls {
  readonly #calls = new CallIndex<CallStatus>();
  #unwritten: string[] = [];
  #writing: Promise<void> | undefined;
  /** Lines of the file; Infinity when its end is broken, so that it is written anew. */
  #lines = 0;

  /** @param most calls that are remembered, the newest */
  constructor(private readonly path: string, private readonly most = MAX_ENDED_CALLS) {}

  /** Takes up what a former life has left; a line that cannot be read is left out. Rejects when the file cannot be read. */
  async open(): Promise<void> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const lines = text.split('\n');
    const isWhole = lines.pop() === '';
    for (const line of lines) {
      const call = callOf(line);
      if (call !== undefined) this.#remember(call);
    }
    this.#lines = isWhole ? lines.length : Infinity;
  }

  /** By our id or the caller's. */
  find(id: string): CallStatus | undefined {
    return this.#calls.find(id);
  }

  /** It can be found at once; resolves once it is in the file, though a machine that loses its power may lose the last ones. */
  add(call: Call): Promise<void> {
    const status = statusFieldsOf(call);
    this.#remember(status);
    this.#unwritten.push(`${JSON.stringify(status)}\n`);
    this.#writing ??= this.#write().finally(() => { this.#writing = undefined; });
    return this.#writing;
  }

  #remember(call: CallStatus): void {
    this.#calls.add(call);
    if (this.#calls.size > this.most) this.#calls.remove(this.#calls.values().next().value!.id);
  }

  async #write(): Promise<void> {
    while (this.#unwritten.length > 0) {
      const lines = this.#unwritten;
      this.#unwritten = [];
      if (this.#lines + lines.length <= SLACK * this.most) {
        await mkdir(dirname(this.path), { recursive: true });
        await appendFile(this.path, lines.join(''), { mode: 0o600 });
        this.#lines += lines.length;
      } else {
        const all = [...this.#calls.values()];
        await writeAtomically(this.path, all.map((call) => `${JSON.stringify(call)}\n`).join(''));
        this.#lines = all.length;
      }
    }
  }
}

function callOf(line: string): CallStatus | undefined {
  try {
    const call = JSON.parse(line) as Partial<CallStatus> | null;
    return typeof call?.id === 'string' && typeof call.callId === 'string' ? call as CallStatus : undefined;
  } catch {
    return undefined;
  }
}

function statusFieldsOf({ id, callId, function: name, state, attempts, callbackAttempts, queuedAtMs, dueAtMs, endedAtMs, answer, bytes }: Call): CallStatus {
  return {
    id, callId, function: name, state, attempts, callbackAttempts, queuedAtMs, dueAtMs, bytes, ...(endedAtMs !== undefined && { endedAtMs }),
    ...(answer && { answer: { status: answer.status, durationSeconds: answer.durationSeconds } }),
  };
}

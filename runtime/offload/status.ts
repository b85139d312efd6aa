import { readFileSync } from 'node:fs';
import { writeAtomically } from '../base/atomic-file.js';
import { Fault } from '../model/faults.js';

export type OffloadStatus = 'accept' | 'reject';

export function parseStatus(text: string | null | undefined): OffloadStatus {
  if (text === 'accept' || text === 'reject') return text;
  throw new Fault('PARAMETER_INVALID', { name: 'status', reason: 'use accept or reject' });
}

/** Whether this node takes sessions that others offload; survives a restart. */
export class StatusFile {
  #status: OffloadStatus;
  #setting: Promise<void> = Promise.resolve();

  constructor(private readonly file: string) {
    this.#status = readStatus(file);
  }

  get current(): OffloadStatus {
    return this.#status;
  }

  /** One after the other: two at once would write the same draft. */
  set(status: OffloadStatus): Promise<void> {
    const done = this.#setting.then(() => this.#write(status));
    this.#setting = done.catch(() => undefined);
    return done;
  }

  async #write(status: OffloadStatus): Promise<void> {
    await writeAtomically(this.file, `${status}\n`);
    this.#status = status;
  }
}

function readStatus(file: string): OffloadStatus {
  try {
    return readFileSync(file, 'utf8').trim() === 'reject' ? 'reject' : 'accept';
  } catch {
    return 'accept';
  }
}

/** What the oracle keeps on its disk about intents: written again after every change, but never twice at a time, however many changes there are. */
import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../runtime/base/atomic-file.js';
import type { Log } from '../runtime/base/log.js';
import type { Intent } from '../runtime/model/oracle-answers.js';

/** What survives a restart: open intents, what became of the last ones, and who closed which nodes. */
export interface Kept {
  intents: Intent[];
  ended: Intent[];
  cordonedByPolicy: string[];
  cordonedByOperator: string[];
}

export class Keeping {
  private text = '';
  private isKept = true;
  private isDue = false;
  private writing: Promise<void> | undefined;

  constructor(private readonly parts: { file: string; snapshot(): Kept; log: Log }) {}

  /** Nothing of the first start, or of a torn file: whoever still wants something asks again. */
  async read(): Promise<Kept> {
    try {
      const { intents = [], ended = [], cordonedByPolicy = [], cordonedByOperator = [] } = JSON.parse(await readFile(this.parts.file, 'utf8')) as Partial<Kept>;
      return { intents, ended, cordonedByPolicy, cordonedByOperator };
    } catch {
      return { intents: [], ended: [], cordonedByPolicy: [], cordonedByOperator: [] };
    }
  }

  /** Changes of one turn, and those during a write, are written together. */
  soon(): void {
    this.isDue = true;
    this.writing ??= this.write();
  }

  /** Resolves when everything so far is on the disk, or has been refused by it: then with false. */
  async done(): Promise<boolean> {
    while (this.writing) await this.writing;
    return this.isKept;
  }

  private async write(): Promise<void> {
    await Promise.resolve();
    while (this.isDue) {
      this.isDue = false;
      const text = JSON.stringify(this.parts.snapshot());
      try {
        if (text !== this.text) await writeAtomically(this.parts.file, text);
        this.text = text;
        this.isKept = true;
      } catch (error) {
        this.isKept = false;
        this.parts.log.warn({ reason: (error as Error).message }, 'the intents could not be kept');
      }
    }
    // In the same turn as the last look: whatever is due a moment later begins to be written anew.
    this.writing = undefined;
  }
}

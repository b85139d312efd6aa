/**
 * A log in numbered files on its way into the database: one is written, full ones wait until they are in the database,
 * those that are go. Who asks the database waits until everything that is not in memory as well is in it.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../base/log.js';
import { AppendFile } from './append-file.js';

export interface SegmentLogParts {
  folder: string;
  /** Files are called `<name>-<number>.log`. */
  name: string;
  /** A file with so many bytes is full. */
  fullBytes: number;
  /** Resolves when everything appended is written. */
  commit(): Promise<void>;
  /** Takes a file into the database, and notes that it is there. */
  apply(number: number, path: string): Promise<void>;
  log: Log;
}

export class SegmentLog {
  /** Files up to this one are in the database. */
  applied = 0;
  /** The files may have something that is neither in memory nor in the database. */
  hasTail = false;
  #number = 1;
  #current!: AppendFile;
  #full: { number: number; file: AppendFile }[] = [];
  #applying: Promise<void> = Promise.resolve();
  #settling: Promise<void> = Promise.resolve();

  constructor(private readonly parts: SegmentLogParts) {}

  /** Those that may have something to write, the oldest first. */
  get files(): AppendFile[] {
    return [...this.#full.map(({ file }) => file), this.#current];
  }

  /** Not written yet. */
  get pendingBytes(): number {
    return this.files.reduce((sum, { pending }) => sum + pending.reduce((bytes, { length }) => bytes + length, 0), 0);
  }

  path(number: number): string {
    return join(this.parts.folder, `${this.parts.name}-${number}.log`);
  }

  /**
   * Reads what is not in the database, the oldest first, and goes on with the last file behind its last whole record.
   * @param take takes the records of one file up. @returns bytes until the first that is torn
   */
  async open(applied: number, take: (content: Buffer) => number): Promise<void> {
    this.applied = applied;
    const { folder, name } = this.parts;
    const pattern = new RegExp(`^${name}-(\\d+)\\.log$`);
    const numbers = (await readdir(folder)).flatMap((each) => Number(pattern.exec(each)?.[1] ?? 0) || []).sort((left, right) => left - right);
    let lastBytes = 0;
    for (const number of numbers) {
      if (number <= applied) {
        await rm(this.path(number));
        continue;
      }
      const content = await readFile(this.path(number));
      lastBytes = take(content);
      if (lastBytes < content.length) await this.#setAside(number, content.subarray(lastBytes));
    }
    this.#number = Math.max(numbers.at(-1) ?? 1, applied + 1);
    this.#current = await AppendFile.open(this.path(this.#number), numbers.at(-1) === this.#number ? lastBytes : 0);
  }

  /** Takes up what waits since a former life. */
  catchUp(): void {
    if (this.applied < this.#number - 1) void this.#applyFull();
  }

  append(bytes: Buffer): void {
    this.#current.append(bytes);
  }

  /** Goes on in another file when this one is full. */
  rotateIfFull(): void {
    if (this.#current.bytes >= this.parts.fullBytes) this.#rotate();
  }

  /** Everything that was appended before the call is in the database when it resolves. */
  async settle(): Promise<void> {
    await this.parts.commit();
    this.#rotate();
    if (this.applied < this.#number - 1) await this.#applyFull();
  }

  /** The database knows everything that memory does not. */
  async ready(): Promise<void> {
    if (this.hasTail) {
      this.hasTail = false;
      this.#settling = this.settle().catch((error: unknown) => {
        this.hasTail = true;
        throw error;
      });
      this.#settling.catch(() => undefined);
    }
    await this.#settling;
  }

  async close(): Promise<void> {
    await this.#applying.catch(() => undefined);
    await Promise.all(this.files.map((file) => file.close()));
  }

  #rotate(): void {
    if (this.#current.bytes === 0) return;
    this.#full.push({ number: this.#number, file: this.#current });
    this.#number += 1;
    // Opened by the write that needs it; what the full one still has to write goes before.
    this.#current = AppendFile.later(this.path(this.#number));
    void this.#applyFull();
  }

  /** One after the other. What fails is tried again with the next. */
  #applyFull(): Promise<void> {
    const last = this.#number - 1;
    this.#applying = this.#applying.catch(() => undefined).then(async () => {
      await this.parts.commit();
      for (const { file } of this.#full.filter(({ number }) => number <= last)) await file.close();
      this.#full = this.#full.filter(({ number }) => number > last);
      for (let number = this.applied + 1; number <= last; number += 1) {
        await this.parts.apply(number, this.path(number));
        this.applied = number;
        await rm(this.path(number), { force: true });
      }
    });
    this.#applying.catch((error: unknown) => this.parts.log.error({ reason: (error as Error).message }, 'the history could not take up a log; it is tried again with the next'));
    return this.#applying;
  }

  /** A write that a crash cut off, most likely; it is kept all the same, in case that it is more. */
  async #setAside(number: number, rest: Buffer): Promise<void> {
    const path = `${this.path(number)}.torn`;
    await writeFile(path, rest, { mode: 0o600 });
    this.parts.log.warn({ path, bytes: rest.length }, 'a log of telemetry ends in something that is no record: it was set aside');
  }
}

/** Files that are only ever appended to, several at once in the order of need, with one flush for all who wait: a group commit. */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../base/clock.js';
import { syncFolder } from '../base/sync.js';
import { TELEMETRY_RETRY_MS, TELEMETRY_WRITE_MS } from '../model/limits.js';

export class AppendFile {
  pending: Buffer[] = [];
  /** Of the whole file, with what waits. */
  bytes = 0;

  private handle: FileHandle | undefined;
  /** What is in the file for certain; behind it there may be a part of a write that failed. */
  private length = 0;
  private isTorn = false;

  private constructor(private readonly path: string) {}

  /** @param keptBytes what lies behind is cut off: the torn end of a former life */
  static async open(path: string, keptBytes = Infinity): Promise<AppendFile> {
    const file = new AppendFile(path);
    file.handle = await open(path, 'a', 0o600);
    const { size } = await file.handle.stat();
    if (size > keptBytes) await file.handle.truncate(keptBytes);
    file.bytes = file.length = Math.min(size, keptBytes);
    return file;
  }

  /** Opened when there is something to write. */
  static later(path: string): AppendFile {
    return new AppendFile(path);
  }

  append(bytes: Buffer): void {
    this.pending.push(bytes);
    this.bytes += bytes.length;
  }

  async write(bytes: Buffer, durable: boolean): Promise<void> {
    if (!this.handle) {
      this.handle = await open(this.path, 'a', 0o600);
      if (durable) await syncFolder(dirname(this.path));
    }
    const { handle } = this;
    if (this.isTorn) await handle.truncate(this.length);
    this.isTorn = true;
    for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten;
    if (durable) await handle.datasync();
    this.isTorn = false;
    this.length += bytes.length;
  }

  async close(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
  }
}

export interface CommitterParts {
  /** In the order in which they have to reach the disk. */
  files(): readonly AppendFile[];
  /** True: a commit is on the disk itself when it resolves; false: with the operating system. */
  durable: boolean;
  clock: Clock;
  /** Once for a row of failures. */
  onError(error: Error): void;
  onRecovered(): void;
}

/** One write after the other; whatever comes in the meantime goes with the next. What could not be written is tried again. */
export class Committer {
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: Timer;
  #failure: Error | undefined;
  #closed = false;

  constructor(private readonly parts: CommitterParts) {}

  /** Why the last write did not succeed; undefined when it did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Resolves when everything appended before the call is written. */
  commit(): Promise<void> {
    if (!this.#running) return this.#run(() => this.#write());
    this.#next ??= this.#after(() => {
      this.#next = undefined;
      return this.#write();
    });
    return this.#next;
  }

  /** Nothing else is written while the work goes on. */
  exclusively(work: () => Promise<void>): Promise<void> {
    return this.#after(work);
  }

  /** Within a moment, with whatever else comes until then. */
  soon(afterMs = TELEMETRY_WRITE_MS): void {
    this.#timer ??= this.parts.clock.setTimeout(() => {
      this.#timer = undefined;
      this.commit().catch(() => undefined);
    }, afterMs);
  }

  /** Writes what there is, and nothing more by itself. */
  async close(): Promise<void> {
    this.#closed = true;
    this.parts.clock.clearTimeout(this.#timer);
    await this.commit().catch(() => undefined);
  }

  async #after(work: () => Promise<void>): Promise<void> {
    // Whoever finds nothing running begins in the same moment: two never do.
    while (this.#running) await this.#running.catch(() => undefined);
    await this.#run(work);
  }

  #run(work: () => Promise<void>): Promise<void> {
    this.#running = work().finally(() => { this.#running = undefined; });
    return this.#running;
  }

  async #write(): Promise<void> {
    // Taken all at once: a point is never on the disk before the series that it belongs to.
    const taken = this.parts.files().map((file) => ({ file, buffers: file.pending.splice(0) })).filter(({ buffers }) => buffers.length > 0);
    try {
      while (taken.length > 0) {
        const { file, buffers } = taken[0]!;
        await file.write(buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers), this.parts.durable);
        taken.shift();
      }
      if (this.#failure) this.parts.onRecovered();
      this.#failure = undefined;
    } catch (error) {
      for (const { file, buffers } of taken) file.pending.unshift(...buffers);
      if (!this.#failure) this.parts.onError(error as Error);
      this.#failure = error as Error;
      if (!this.#closed) this.soon(TELEMETRY_RETRY_MS);
      throw error;
    }
  }
}

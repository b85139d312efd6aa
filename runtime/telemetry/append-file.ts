/** Files that are only ever appended to, several at once in the order of need, with one flush for all who wait: a group commit. */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../base/clock.js';
import { TELEMETRY_WRITE_MS } from '../model/limits.js';

export class AppendFile {
  pending: Buffer[] = [];
  bytes = 0;

  private handle: FileHandle | undefined;

  private constructor(private readonly path: string) {}

  static async open(path: string): Promise<AppendFile> {
    const file = new AppendFile(path);
    file.handle = await open(path, 'a', 0o600);
    file.bytes = (await file.handle.stat()).size;
    return file;
  }

  /** Opened when there is something to write. */
  static later(path: string): AppendFile {
    return new AppendFile(path);
  }

  async write(bytes: Buffer, durable: boolean): Promise<void> {
    if (!this.handle) {
      this.handle = await open(this.path, 'a', 0o600);
      if (durable) await flushFolder(dirname(this.path));
    }
    const { handle } = this;
    for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten;
    if (durable) await handle.datasync();
  }

  async close(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
  }
}

/** A new file is there after a power failure only once its folder is on the disk too. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export interface CommitterParts {
  /** In the order in which they have to reach the disk. */
  files(): readonly AppendFile[];
  /** True: a commit is on the disk itself when it resolves; false: with the operating system. */
  durable: boolean;
  clock: Clock;
  onError(error: Error): void;
}

/** One write after the other; whatever comes in the meantime goes with the next. */
export class Committer {
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: Timer;
  #failure: Error | undefined;

  constructor(private readonly parts: CommitterParts) {}

  /** Resolves when everything appended before the call is written. */
  commit(): Promise<void> {
    if (!this.#running) return this.#run();
    this.#next ??= this.#running.catch(() => undefined).then(() => {
      this.#next = undefined;
      return this.#run();
    });
    return this.#next;
  }

  /** Within a moment, with whatever else comes until then. */
  soon(): void {
    this.#timer ??= this.parts.clock.setTimeout(() => {
      this.#timer = undefined;
      this.commit().catch(() => undefined);
    }, TELEMETRY_WRITE_MS);
  }

  /** Writes what there is, and nothing more by itself. */
  async close(): Promise<void> {
    this.parts.clock.clearTimeout(this.#timer);
    await this.commit().catch(() => undefined);
  }

  #run(): Promise<void> {
    this.#running = this.#write().finally(() => { this.#running = undefined; });
    return this.#running;
  }

  async #write(): Promise<void> {
    if (this.#failure) throw this.#failure;
    try {
      // Taken all at once: a point is never on the disk before the series that it belongs to.
      const taken = this.parts.files().map((file) => ({ file, buffers: file.pending.splice(0) })).filter(({ buffers }) => buffers.length > 0);
      for (const { file, buffers } of taken) {
        await file.write(buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers), this.parts.durable);
      }
    } catch (error) {
      // What part of it is written is unknown: nothing is acknowledged any more until the node has started anew.
      this.#failure = error as Error;
      this.parts.onError(error as Error);
      throw error;
    }
  }
}

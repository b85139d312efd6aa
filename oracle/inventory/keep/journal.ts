/**
 * The write-ahead journal: every change as a line of JSON, each batch of changes ended by a line with its
 * count and checksum. Batches that wait together are written and synced together. A change is acknowledged
 * when its batch is on the disk.
 */
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { JOURNAL_SEGMENT_BYTES } from '../../../runtime/model/limits.js';
import type { Change } from '../state/row.js';
import { syncFolder } from '../../../runtime/base/sync.js';

export interface Segment {
  /** Absolute path. */
  file: string;
  /** Numbers of its first and last change; last < first as long as it is empty. */
  first: number;
  last: number;
  bytes: number;
}

/** What a journal needs of a file; tests put one in that fails. */
export interface JournalFile {
  write(bytes: Buffer): Promise<void>;
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

export interface JournalParts {
  folder: string;
  /** Segments of former lives, oldest first. */
  segments: Segment[];
  /** Number of the last change that is on the disk. */
  last: number;
  openFile?(file: string): Promise<JournalFile>;
  /** Called once before the batches that wait are refused: whatever is not on the disk did not happen. */
  onFailure(error: Error): void;
}

interface Waiting {
  text: Buffer;
  first: number;
  last: number;
  resolve(): void;
  reject(error: Error): void;
}

export class Journal {
  readonly #closed: Segment[];
  #open: { segment: Segment; file: JournalFile } | undefined;
  #waiting: Waiting[] = [];
  #turn: Promise<void> = Promise.resolve();
  /** Number of the last change before the next batch, and of the last one on the disk. */
  #last: number;
  #written: number;

  constructor(private readonly parts: JournalParts) {
    this.#closed = [...parts.segments];
    this.#last = this.#written = parts.last;
  }

  /** Segments with changes in them, oldest first, the open one last. */
  get segments(): Segment[] {
    return [...this.#closed, ...(this.#open && this.#open.segment.bytes > 0 ? [this.#open.segment] : [])];
  }

  /** Resolves when the changes are on the disk. `first` and `last` are their numbers. */
  append(changes: Change[], first: number, last: number): Promise<void> {
    const text = batchText(changes, { first, last, after: this.#last });
    this.#last = last;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, first, last, resolve, reject });
      if (this.#waiting.length === 1) void this.#inTurn(() => this.#write());
    });
  }

  /** Closes the open segment, so that everything written so far lies in whole files, and returns all of these. */
  async rotate(): Promise<Segment[]> {
    await this.#inTurn(() => this.#closeSegment());
    return [...this.#closed];
  }

  /** The next batch follows upon this change, which a snapshot has: with the one before it nobody may go on from there. Nothing may be waiting. */
  continueAfter(last: number): void {
    this.#last = this.#written = last;
  }

  /** Forgets segments whose last change is not above this number; returns their files, which the caller deletes. */
  forget(upTo: number): string[] {
    const gone = this.#closed.filter(({ last }) => last <= upTo);
    this.#closed.splice(0, this.#closed.length, ...this.#closed.filter(({ last }) => last > upTo));
    return gone.map(({ file }) => file);
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#closeSegment());
  }

  /** One thing after the other; whatever fails is told to whoever asked for it. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** Whatever waits now; what comes meanwhile waits for the next turn. */
  async #write(): Promise<void> {
    const batches = this.#waiting;
    if (batches.length === 0) return;
    this.#waiting = [];
    try {
      const { segment, file } = await this.#segmentFor(batches[0]!.first);
      const bytes = Buffer.concat(batches.map(({ text }) => text));
      await file.write(bytes);
      await file.sync();
      segment.bytes += bytes.length;
      segment.last = this.#written = batches.at(-1)!.last;
    } catch (error) {
      await this.#fail(error as Error, batches);
      return;
    }
    for (const { resolve } of batches) resolve();
    if (this.#open!.segment.bytes >= JOURNAL_SEGMENT_BYTES) await this.#closeSegment().catch(() => undefined);
  }

  /** Nothing of a batch that failed may be found at the next start, and none that waited behind it can be kept. */
  async #fail(error: Error, batches: Waiting[]): Promise<void> {
    const refused = [...batches, ...this.#waiting];
    this.#waiting = [];
    await this.#open?.file.truncate(this.#open.segment.bytes).catch(() => undefined);
    await this.#closeSegment().catch(() => {
      this.#open = undefined;
    });
    this.parts.onFailure(error);
    this.#last = this.#written;
    for (const { reject } of [...refused, ...this.#waiting.splice(0)]) reject(error);
  }

  async #segmentFor(first: number): Promise<{ segment: Segment; file: JournalFile }> {
    if (this.#open) return this.#open;
    const file = join(this.parts.folder, segmentName(first));
    const opened = await (this.parts.openFile ?? openJournalFile)(file);
    this.#open = { segment: { file, first, last: first - 1, bytes: 0 }, file: opened };
    return this.#open;
  }

  async #closeSegment(): Promise<void> {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    if (open.segment.bytes > 0) this.#closed.push(open.segment);
    await open.file.close();
    // A disk that is full would be asked for another file with every change.
    if (open.segment.bytes === 0) await unlink(open.segment.file).catch(() => undefined);
  }
}

function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}.ndjson`;
}

/** Lines of the changes, and the line that makes them one. It says which change came before, so that no batch can be lost between two unnoticed. */
function batchText(changes: Change[], { first, last, after }: { first: number; last: number; after: number }): Buffer {
  const body = Buffer.from(changes.map(lineOf).join(''));
  return Buffer.concat([body, Buffer.from(`${JSON.stringify({ o: 'commit', p: after, f: first, s: last, n: changes.length, c: crc32(body) })}\n`)]);
}

/** A deletion has no value. */
function lineOf({ object, id, seq, after }: Change): string {
  if (!after) return `{"t":"${object}","id":"${id}","s":${seq}}\n`;
  const { born, value, secret } = after;
  return `{"t":"${object}","id":"${id}","s":${seq},"b":${born}${secret === undefined ? '' : `,"x":${JSON.stringify(secret)}`},"v":${JSON.stringify(value)}}\n`;
}

export async function openJournalFile(file: string): Promise<JournalFile> {
  const handle = await open(file, 'a', 0o600);
  await syncFolder(join(file, '..')).catch(async (error: unknown) => {
    await handle.close();
    throw error;
  });
  return {
    write: (bytes) => writeWhole(handle, bytes),
    sync: () => handle.datasync(),
    truncate: async (bytes) => {
      await handle.truncate(bytes);
      await handle.datasync();
    },
    close: () => handle.close(),
  };
}

async function writeWhole(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await handle.write(bytes, written)).bytesWritten;
  }
}

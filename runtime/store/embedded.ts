/**
 * Rows on disk in an LMDB file of this node alone. A transaction runs at once over what is still on its way to the
 * disk; changes are written in groups, one group at a time, so that one flush serves all that waited for it, and no
 * change gets to the disk before those it was made upon. When a group cannot be written, it and all after it are
 * taken back and their callers told so.
 */
import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { Fault } from '../model/faults.js';
import { MachineStore, type MachineOptions } from './machine.js';
import { Overlay } from './overlay.js';
import type { Backend, Range, ReadRows, Rows } from './rows.js';

export interface EmbeddedOptions extends MachineOptions {
  /** File of the store; its folder is made where it is missing. One process has it open at a time. */
  path: string;
}

/** Opens the store, with all that was acknowledged before. Throws when the file cannot be opened. */
export function openEmbeddedStore(options: EmbeddedOptions): MachineStore {
  mkdirSync(dirname(options.path), { recursive: true });
  assertStoreFile(options);
  return new MachineStore(new EmbeddedBackend(options), options);
}

/** LMDB's mark, behind the head of the first page. */
const MAGIC = 0xbeefc0de;
const MAGIC_AT = 24;

/** LMDB ends the process when it opens a file that is something else. */
function assertStoreFile({ path, node }: EmbeddedOptions): void {
  if (!existsSync(path) || statSync(path).size === 0) return;
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(4);
    readSync(file, head, 0, head.length, MAGIC_AT);
    if (head.readUInt32LE(0) !== MAGIC) throw new Fault('STORE_UNAVAILABLE', { node, store: path }, { cause: new Error('not a store file') });
  } finally {
    closeSync(file);
  }
}

const keyOf = (bucket: string, name: string): Buffer => Buffer.from(bucket + name, 'latin1');

/** The first string of bytes behind all that begin with this one. */
function endOf(bucket: string): string {
  return bucket.slice(0, -1) + String.fromCharCode(bucket.charCodeAt(bucket.length - 1) + 1);
}

/** What is on disk. */
class DiskRows implements ReadRows {
  constructor(private readonly db: RootDatabase<Buffer, Buffer>) {}

  get(bucket: string, name: string): Buffer | undefined {
    return this.db.getBinary(keyOf(bucket, name));
  }

  names(bucket: string, range: Range = {}): string[] {
    return [...this.db.getKeys(this.#span(bucket, range))].map((key) => nameOf(key, bucket));
  }

  range(bucket: string, range: Range = {}): [string, Buffer][] {
    return [...this.db.getRange(this.#span(bucket, range))].map(({ key, value }) => [nameOf(key, bucket), value]);
  }

  #span(bucket: string, { after, limit }: Range) {
    // The byte string right behind a name is the name with a NUL.
    const start = after === undefined ? bucket : `${bucket}${after}\0`;
    return { start: Buffer.from(start, 'latin1'), end: Buffer.from(endOf(bucket), 'latin1'), ...(limit === undefined ? {} : { limit }) };
  }
}

function nameOf(key: Buffer, bucket: string): string {
  return Buffer.from(key).toString('latin1', bucket.length);
}

interface Group {
  overlay: Overlay;
  /** Settles once the group is on disk, or is not. */
  written: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

class EmbeddedBackend implements Backend {
  readonly kind = 'embedded';
  readonly #db: RootDatabase<Buffer, Buffer>;
  readonly #disk: DiskRows;
  #writing: Group | undefined;
  #waiting: Group | undefined;
  /** Ends when nothing waits to be written. */
  #draining: Promise<void> | undefined;
  #isClosed = false;

  constructor(private readonly options: EmbeddedOptions) {
    this.#db = open({
      path: options.path, encoding: 'binary', keyEncoding: 'binary', cache: false, noSubdir: true,
      // A commit is over only when it is on disk.
      overlappingSync: false,
      // The groups are ours; LMDB's own would have a promise more, which fails unheard.
      eventTurnBatching: false,
    });
    this.#disk = new DiskRows(this.#db);
  }

  async transact<T>(work: (rows: Rows) => T, mayLag?: (result: T) => boolean): Promise<T> {
    this.#assertOpen();
    const changes = new Overlay(this.#top());
    const result = work(changes);
    if (changes.size > 0) this.#enqueue(changes);
    // An answer may rest on changes of others that are still on their way: it waits for them too.
    const pending = (this.#waiting ?? this.#writing)?.written;
    if (pending && !mayLag?.(result)) await pending;
    return result;
  }

  view<T>(work: (rows: ReadRows) => T): T {
    this.#assertOpen();
    return work(this.#top());
  }

  async settled(bucket: string, name: string): Promise<void> {
    const group = [this.#waiting, this.#writing].find((each) => each?.overlay.isSet(bucket, name));
    await group?.written;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#draining;
    await this.#db.close();
  }

  #top(): ReadRows {
    return this.#waiting?.overlay ?? this.#writing?.overlay ?? this.#disk;
  }

  #enqueue(changes: Overlay): void {
    this.#waiting ??= newGroup(this.#top());
    this.#waiting.overlay.absorb(changes);
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // What comes in the same turn of the event loop goes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting) {
      const group = this.#waiting;
      this.#writing = group;
      this.#waiting = undefined;
      try {
        await this.#write(group.overlay);
        this.#db.resetReadTxn();
        this.#writing = undefined;
        (this.#waiting as Group | undefined)?.overlay.rebase(this.#disk);
        group.resolve();
      } catch (error) {
        this.#takeBack(group, error);
      }
    }
    this.#draining = undefined;
  }

  async #write(overlay: Overlay): Promise<void> {
    let last: Promise<boolean> | undefined;
    const all = this.#db.batch(() => {
      for (const [bucket, name, value] of overlay.changes()) {
        last = value ? this.#db.put(keyOf(bucket, name), value) : this.#db.remove(keyOf(bucket, name));
      }
    });
    try {
      // One commit, of which both promises tell: none may be left to fail unheard.
      await Promise.all([all, last]);
    } catch (error) {
      throw await causeOf(error);
    }
  }

  #takeBack(group: Group, cause: unknown): void {
    const lost = [group, this.#waiting];
    this.#writing = undefined;
    this.#waiting = undefined;
    for (const each of lost) each?.reject(this.#unavailable(cause));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw this.#unavailable();
  }

  #unavailable(cause?: unknown): Fault {
    return new Fault('STORE_UNAVAILABLE', { node: this.options.node, store: this.options.path }, { cause });
  }
}

/** LMDB gives the reason of a failed commit in a promise of its own. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<unknown> };
  return commitError ? commitError.then(() => error, (cause: unknown) => cause) : error;
}

function newGroup(base: ReadRows): Group {
  const { promise: written, resolve, reject } = deferred();
  // Nobody may be waiting: a lease that is lost is noticed at its release.
  written.catch(() => undefined);
  return { overlay: new Overlay(base), written, resolve, reject };
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((yes, no) => { [resolve, reject] = [yes, no]; });
  return { promise, resolve, reject };
}

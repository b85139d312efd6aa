/** The durable store that needs nothing installed: an LMDB file of this node alone. */
import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { Fault } from '../model/faults.js';
import { GroupedBackend, type Change, type Disk } from './grouped.js';
import { MachineStore, type MachineOptions } from './machine.js';
import type { Range } from './rows.js';

export interface EmbeddedOptions extends MachineOptions {
  /** File of the store; its folder is made where it is missing. One process has it open at a time. */
  path: string;
}

/** Opens the store, with all that was acknowledged before. Throws when the file cannot be opened. */
export function openEmbeddedStore(options: EmbeddedOptions): MachineStore {
  mkdirSync(dirname(options.path), { recursive: true });
  assertStoreFile(options);
  return new MachineStore(new GroupedBackend('embedded', new LmdbDisk(options.path), { node: options.node, store: options.path }), options);
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

class LmdbDisk implements Disk {
  readonly #db: RootDatabase<Buffer, Buffer>;

  constructor(path: string) {
    this.#db = open({
      path, encoding: 'binary', keyEncoding: 'binary', cache: false, noSubdir: true,
      // A commit is over only when it is on disk.
      overlappingSync: false,
      // The groups are ours; LMDB's own would have a promise more, which fails unheard.
      eventTurnBatching: false,
    });
  }

  get(bucket: string, name: string): Buffer | undefined {
    return this.#db.getBinary(keyOf(bucket, name));
  }

  names(bucket: string, range: Range = {}): string[] {
    return [...this.#db.getKeys(this.#span(bucket, range))].map((key) => nameOf(key, bucket));
  }

  range(bucket: string, range: Range = {}): [string, Buffer][] {
    return [...this.#db.getRange(this.#span(bucket, range))].map(({ key, value }) => [nameOf(key, bucket), value]);
  }

  async write(changes: Iterable<Change>): Promise<void> {
    let last: Promise<boolean> | undefined;
    const all = this.#db.batch(() => {
      for (const [bucket, name, value] of changes) {
        last = value ? this.#db.put(keyOf(bucket, name), value) : this.#db.remove(keyOf(bucket, name));
      }
    });
    try {
      // One commit, of which both promises tell: none may be left to fail unheard.
      await Promise.all([all, last]);
      this.#db.resetReadTxn();
    } catch (error) {
      throw await causeOf(error);
    }
  }

  close(): Promise<void> {
    return this.#db.close();
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

/** LMDB gives the reason of a failed commit in a promise of its own. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<unknown> };
  return commitError ? commitError.then(() => error, (cause: unknown) => cause) : error;
}

/** Rows in this process's memory: the reference that every other store is compared with. Nothing outlives the process. */
import { Fault } from '../model/faults.js';
import { MachineStore, type MachineOptions } from './machine.js';
import type { Backend, Range, ReadRows, Rows } from './rows.js';

export function createMemoryStore(options: MachineOptions): MachineStore {
  return new MachineStore(new MemoryBackend(options.node), options);
}

/** Rows of one bucket; the order of names is made when it is first asked for. */
class Bucket {
  readonly rows = new Map<string, Buffer>();
  #sorted: string[] | undefined;

  put(name: string, value: Buffer): void {
    if (this.#sorted && !this.rows.has(name)) this.#sorted.splice(firstBehind(this.#sorted, name), 0, name);
    this.rows.set(name, value);
  }

  delete(name: string): void {
    if (this.rows.delete(name)) this.#sorted?.splice(firstBehind(this.#sorted, name) - 1, 1);
  }

  names({ after, limit = Infinity }: Range): string[] {
    this.#sorted ??= [...this.rows.keys()].sort();
    const start = after === undefined ? 0 : firstBehind(this.#sorted, after);
    return this.#sorted.slice(start, start + limit);
  }
}

function firstBehind(sorted: string[], after: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

class MemoryRows implements Rows {
  readonly #buckets = new Map<string, Bucket>();
  /** How to undo the transaction in hand, newest step last. */
  #undo: (() => void)[] = [];

  get(bucket: string, name: string): Buffer | undefined {
    const value = this.#buckets.get(bucket)?.rows.get(name);
    return value && Buffer.from(value);
  }

  names(bucket: string, range: Range = {}): string[] {
    return this.#buckets.get(bucket)?.names(range) ?? [];
  }

  range(bucket: string, range: Range = {}): [string, Buffer][] {
    return this.names(bucket, range).map((name) => [name, this.get(bucket, name)!]);
  }

  put(bucket: string, name: string, value: Buffer): void {
    this.#set(bucket, name, Buffer.from(value));
  }

  delete(bucket: string, name: string): void {
    this.#set(bucket, name, undefined);
  }

  clear(bucket: string): void {
    for (const name of this.names(bucket)) this.delete(bucket, name);
  }

  attempt<T>(work: (rows: Rows) => T): T {
    this.#undo = [];
    try {
      return work(this);
    } catch (error) {
      for (const step of this.#undo.reverse()) step();
      throw error;
    }
  }

  #set(bucketName: string, name: string, value: Buffer | undefined): void {
    const former = this.#buckets.get(bucketName)?.rows.get(name);
    this.#undo.push(() => this.#write(bucketName, name, former));
    this.#write(bucketName, name, value);
  }

  #write(bucketName: string, name: string, value: Buffer | undefined): void {
    const bucket = this.#buckets.get(bucketName) ?? new Bucket();
    if (value) bucket.put(name, value);
    else bucket.delete(name);
    if (bucket.rows.size === 0) this.#buckets.delete(bucketName);
    else this.#buckets.set(bucketName, bucket);
  }
}

class MemoryBackend implements Backend {
  readonly kind = 'memory';
  readonly #rows = new MemoryRows();
  #isClosed = false;

  constructor(private readonly node: string) {}

  async transact<T>(work: (rows: Rows) => T): Promise<T> {
    this.#assertOpen();
    return this.#rows.attempt(work);
  }

  view<T>(work: (rows: ReadRows) => T): T {
    this.#assertOpen();
    return work(this.#rows);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new Fault('STORE_UNAVAILABLE', { node: this.node, store: this.kind });
  }
}

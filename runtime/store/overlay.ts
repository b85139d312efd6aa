/** Changes over rows that they have not reached yet. Reading sees both as one. */
import type { Range, ReadRows, Rows } from './rows.js';

/** `value` is undefined where the row is deleted. */
export type Change = [bucket: string, name: string, value: Buffer | undefined];

export class Overlay implements Rows {
  /** Per bucket, the new value of each changed name; undefined where it is deleted. */
  readonly #changed = new Map<string, Map<string, Buffer | undefined>>();

  constructor(private base: ReadRows) {}

  get size(): number {
    return this.#changed.size;
  }

  get(bucket: string, name: string): Buffer | undefined {
    const changed = this.#changed.get(bucket);
    if (!changed?.has(name)) return this.base.get(bucket, name);
    const value = changed.get(name);
    return value && Buffer.from(value);
  }

  names(bucket: string, range: Range = {}): string[] {
    const changed = this.#changed.get(bucket);
    if (!changed) return this.base.names(bucket, range);
    const { after, limit = Infinity } = range;
    const isIn = (name: string) => after === undefined || name > after;
    // Every name changed here can take one of the base's away.
    const found = this.base.names(bucket, { ...range, limit: limit === Infinity ? undefined : limit + changed.size });
    const names = new Set(found.filter((name) => !changed.has(name)));
    for (const [name, value] of changed) if (value && isIn(name)) names.add(name);
    return [...names].sort().slice(0, limit);
  }

  range(bucket: string, range: Range = {}): [string, Buffer][] {
    if (!this.#changed.has(bucket)) return this.base.range(bucket, range);
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

  isSet(bucket: string, name: string): boolean {
    return this.#changed.get(bucket)?.has(name) ?? false;
  }

  /** Takes the changes of an overlay over this one. */
  absorb(above: Overlay): void {
    for (const [bucket, name, value] of above.changes()) this.#set(bucket, name, value);
  }

  /** What lay below has reached `base`. */
  rebase(base: ReadRows): void {
    this.base = base;
  }

  *changes(): Iterable<Change> {
    for (const [bucket, changed] of this.#changed) {
      for (const [name, value] of changed) yield [bucket, name, value];
    }
  }

  #set(bucket: string, name: string, value: Buffer | undefined): void {
    const changed = this.#changed.get(bucket);
    if (changed) changed.set(name, value);
    else this.#changed.set(bucket, new Map([[name, value]]));
  }
}

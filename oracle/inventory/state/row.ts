/** What the inventory keeps of an object, and one change of it. */
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';

/** An object's own fields, without what is put together when it is read. */
export type Value = Record<string, unknown>;

/** Never changed once it is made: a change puts another in its place. */
export interface Row {
  id: string;
  /** Number of the change that made it what it is; no two changes have the same. */
  seq: number;
  /** Number of the change that created it: the order of lists. */
  born: number;
  value: Value;
  /** Ciphertext of what is never returned. */
  secret?: string;
}

/** Values of some rows of a snapshot, a line of JSON each. */
export class KeptValues {
  #lines: string[] | undefined;

  constructor(private readonly bytes: Uint8Array) {}

  at(place: number): Value {
    this.#lines ??= Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length).toString('utf8').split('\n');
    return JSON.parse(this.#lines[place]!) as Value;
  }
}

/** A row of a snapshot: what it says is parsed when somebody asks first, because at a start most rows are only put in their places. */
export class KeptRow implements Row {
  #value: Value | undefined;

  constructor(readonly id: string, readonly seq: number, readonly born: number, private kept: KeptValues | undefined, private readonly place: number, readonly secret?: string) {}

  get value(): Value {
    if (this.kept) {
      this.#value = this.kept.at(this.place);
      this.kept = undefined;
    }
    return this.#value!;
  }
}

export interface Change {
  object: ObjectName;
  id: string;
  /** Its number: that of the row it makes, or its own when it deletes one. */
  seq: number;
  /** Missing when it is created. */
  before?: Row;
  /** Missing when it is deleted. */
  after?: Row;
}

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

/** Changes that belong together: each is seen by the next at once, and all of them can be taken back. */
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { Change, Row, Value } from './row.js';
import type { Clash, WorkingSet } from './working-set.js';

export interface Author {
  /** Subject of the token, or admin. */
  subject: string;
}

export interface TransactionParts {
  set: WorkingSet;
  /** Number of the next change. */
  nextSeq(): number;
  /** Time of all its changes, ISO 8601. */
  at: string;
  author: Author;
}

export class Transaction {
  readonly changes: Change[] = [];

  constructor(private readonly parts: TransactionParts) {}

  get set(): WorkingSet {
    return this.parts.set;
  }

  /** Takes `fields` over and notes in them who and when. Clashes are returned and nothing is changed then. */
  put(object: ObjectName, id: string, fields: Value, secret?: string): Clash[] {
    const { set, at, author } = this.parts;
    const clashes = set.clashes(object, id, fields);
    if (clashes.length > 0) return clashes;
    const before = set.get(object, id);
    const seq = this.parts.nextSeq();
    fields['creator_subject'] = before?.value['creator_subject'] ?? author.subject;
    fields['created_at'] = before?.value['created_at'] ?? at;
    fields['modified_at'] = at;
    const born = before?.born ?? seq;
    const after: Row = secret === undefined ? { id, seq, born, value: fields } : { id, seq, born, value: fields, secret };
    this.#change(before ? { object, id, seq, before, after } : { object, id, seq, after });
    return [];
  }

  /** The same object with a new number: something that is shown with it has gone. */
  touch(object: ObjectName, row: Row): void {
    const seq = this.parts.nextSeq();
    const { id, born, value, secret } = row;
    this.#change({ object, id, seq, before: row, after: { id, seq, born, value, ...(secret !== undefined && { secret }) } });
  }

  remove(object: ObjectName, id: string): void {
    const before = this.set.get(object, id);
    if (before) this.#change({ object, id, seq: this.parts.nextSeq(), before });
  }

  /** Takes back what was changed since there were `length` changes. */
  rollBack(length = 0): void {
    this.set.undo(this.changes.splice(length));
  }

  #change(change: Change): void {
    this.set.apply(change);
    this.changes.push(change);
  }
}

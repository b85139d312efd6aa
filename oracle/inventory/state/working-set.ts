/** All objects, in memory: tables by id and the indexes over them. It knows no rules; it applies changes and takes them back. */
import { OBJECT_NAMES, type ObjectName } from '../../../runtime/model/inventory/objects.js';
import { Index, INDEX_RULES, type IndexName, type IndexRule, type Keys } from './indexes.js';
import type { Change, Row, Value } from './row.js';

export interface Clash {
  object: ObjectName;
  /** Id of the object that has the key already. */
  id: string;
  field: string;
  value: string;
}

type RuledIndex = IndexRule & { index: Index };

export class WorkingSet {
  /** In the order of creation. */
  readonly tables: Record<ObjectName, Map<string, Row>>;
  /** Resolves when every row is in its place: found by id, and by name where an early index has it. */
  whole: Promise<void> = Promise.resolve();
  isWhole = true;
  /** Resolves when every index is whole besides, and every value parsed. */
  ready: Promise<void> = Promise.resolve();
  isReady = true;
  readonly #ruled: Record<ObjectName, RuledIndex[]>;
  readonly #indexes: Record<ObjectName, Partial<Record<IndexName, Index>>>;

  constructor() {
    this.tables = byObject(() => new Map<string, Row>());
    this.#ruled = byObject((name) => INDEX_RULES[name].map((rule) => ({ ...rule, index: new Index() })));
    this.#indexes = byObject((name) => Object.fromEntries(this.#ruled[name].map(({ name: called, index }) => [called, index])));
  }

  get(object: ObjectName, id: string): Row | undefined {
    return this.tables[object].get(id);
  }

  /** The one object with this key of a unique index. */
  find(object: ObjectName, index: IndexName, key: string): Row | undefined {
    const id = this.#indexes[object][index]!.first(key);
    return id === undefined ? undefined : this.tables[object].get(id);
  }

  findAll(object: ObjectName, index: IndexName, key: string): Row[] {
    const ids = this.#indexes[object][index]!.all(key);
    return ids.length === 0 ? NONE : ids.map((id) => this.tables[object].get(id)!);
  }

  /** Other objects that have what only one may have. */
  clashes(object: ObjectName, id: string, value: Value): Clash[] {
    let clashes = NO_CLASHES;
    for (const { unique, keys, index } of this.#ruled[object]) {
      if (unique === undefined) continue;
      const found = keys(value);
      for (const key of typeof found === 'string' ? [found] : found ?? NO_KEYS) {
        const other = index.first(key);
        if (other !== undefined && other !== id) clashes = [...clashes, { object, id: other, field: unique, value: key }];
      }
    }
    return clashes;
  }

  apply({ object, id, before, after }: Omit<Change, 'seq'>): void {
    for (const { keys, index } of this.#ruled[object]) {
      const [gone, come] = [before && keys(before.value), after && keys(after.value)];
      if (gone === come) continue;
      if (typeof gone === 'string') index.remove(gone, id);
      else if (gone) for (const key of gone) index.remove(key, id);
      addKeys(index, come, id);
    }
    if (after) this.tables[object].set(id, after);
    else this.tables[object].delete(id);
  }

  /** Takes in a row without looking at its value: `indexed` has the fields of the early indexes. `index` has to be called for the row some time. */
  load(object: ObjectName, row: Row, indexed: Value): void {
    for (const { isLate, keys, index } of this.#ruled[object]) if (!isLate) addKeys(index, keys(indexed), row.id);
    this.tables[object].set(row.id, row);
  }

  index(object: ObjectName, { id, value }: Row): void {
    for (const { isLate, keys, index } of this.#ruled[object]) if (isLate) addKeys(index, keys(value), id);
  }

  /** Nothing is in it any more. */
  clear(): void {
    for (const name of OBJECT_NAMES) {
      this.tables[name].clear();
      for (const { index } of this.#ruled[name]) index.clear();
    }
  }

  /** Takes changes back, the last one first. */
  undo(changes: Change[]): void {
    for (const { object, id, before, after } of changes.toReversed()) {
      this.apply({ object, id, ...(after && { before: after }), ...(before && { after: before }) });
    }
  }
}

function addKeys(index: Index, keys: Keys, id: string): void {
  if (typeof keys === 'string') index.add(keys, id);
  else if (keys) for (const key of keys) index.add(key, id);
}

const NONE: Row[] = [];
const NO_CLASHES: Clash[] = [];
const NO_KEYS: string[] = [];

function byObject<T>(make: (name: ObjectName) => T): Record<ObjectName, T> {
  return Object.fromEntries(OBJECT_NAMES.map((name) => [name, make(name)])) as Record<ObjectName, T>;
}

/** All objects, in memory: tables by id and the indexes over them. It knows no rules; it applies changes and takes them back. */
import { OBJECT_NAMES, type ObjectName } from '../../../runtime/model/inventory/objects.js';
import { Index, INDEX_RULES, type IndexName } from './indexes.js';
import type { Change, Row, Value } from './row.js';

export interface Clash {
  object: ObjectName;
  /** Id of the object that has the key already. */
  id: string;
  field: string;
  value: string;
}

export class WorkingSet {
  /** In the order of creation. */
  readonly tables: Record<ObjectName, Map<string, Row>>;
  readonly #indexes: Record<ObjectName, Map<IndexName, Index>>;

  constructor() {
    this.tables = Object.fromEntries(OBJECT_NAMES.map((name) => [name, new Map()])) as WorkingSet['tables'];
    this.#indexes = Object.fromEntries(OBJECT_NAMES.map((name) => [
      name, new Map(INDEX_RULES[name].map((rule) => [rule.name, new Index()])),
    ])) as never;
  }

  get(object: ObjectName, id: string): Row | undefined {
    return this.tables[object].get(id);
  }

  /** The one object with this key of a unique index. */
  find(object: ObjectName, index: IndexName, key: string): Row | undefined {
    const id = this.#index(object, index).first(key);
    return id === undefined ? undefined : this.tables[object].get(id);
  }

  findAll(object: ObjectName, index: IndexName, key: string): Row[] {
    return this.#index(object, index).all(key).map((id) => this.tables[object].get(id)!);
  }

  /** Other objects that have what only one may have. */
  clashes(object: ObjectName, id: string, value: Value): Clash[] {
    const clashes: Clash[] = [];
    for (const { name, unique, keys } of INDEX_RULES[object]) {
      if (unique === undefined) continue;
      for (const key of keys(value)) {
        const other = this.#index(object, name).first(key);
        if (other !== undefined && other !== id) clashes.push({ object, id: other, field: unique, value: key });
      }
    }
    return clashes;
  }

  apply({ object, id, before, after }: Omit<Change, 'seq'>): void {
    for (const { name, keys } of INDEX_RULES[object]) {
      const index = this.#index(object, name);
      if (before) for (const key of keys(before.value)) index.remove(key, id);
      if (after) for (const key of keys(after.value)) index.add(key, id);
    }
    if (after) this.tables[object].set(id, after);
    else this.tables[object].delete(id);
  }

  /** Takes changes back, the last one first. */
  undo(changes: Change[]): void {
    for (const { object, id, before, after } of changes.toReversed()) {
      this.apply({ object, id, ...(after && { before: after }), ...(before && { after: before }) });
    }
  }

  #index(object: ObjectName, name: IndexName): Index {
    return this.#indexes[object].get(name)!;
  }
}

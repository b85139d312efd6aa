/**
 * The inventory: objects written in batches that are checked whole, applied at once in memory, and
 * acknowledged when they are in the journal. It knows neither HTTP nor DuckDB.
 */
import type { Clock } from '../../runtime/base/clock.js';
import type { Ids } from '../../runtime/base/ids.js';
import type { Offence, Validator } from '../../runtime/base/validation.js';
import { Fault } from '../../runtime/model/faults.js';
import { MAX_INVENTORY_BATCH } from '../../runtime/model/limits.js';
import type { ObjectName } from '../../runtime/model/inventory/objects.js';
import { canonicalMac, canonicalXname } from '../../runtime/model/inventory/xname.js';
import type { Cipher } from './keep/cipher.js';
import { pointed } from './state/compute-nodes.js';
import { atIndex, isTrouble, refusalOf, type Trouble } from './state/problems.js';
import type { Change, Row, Value } from './state/row.js';
import { offencesOf, putObject, removeObject, tidied } from './state/rules.js';
import { unsoundIn } from './state/sound.js';
import { type Author, Transaction } from './state/transaction.js';
import { etagOf, viewOf } from './state/view.js';
import { WorkingSet } from './state/working-set.js';

/** Where changes go before they are acknowledged. */
export interface Keeper {
  append(changes: Change[], first: number, last: number): Promise<void>;
  /** An object and what is shown with it, while the whole is still being brought back; undefined when that has to be waited for. */
  early(object: ObjectName, key: string): Promise<WorkingSet | undefined>;
}

export interface InventoryParts {
  /** Checks a whole object, and one that replaces another. */
  validators: Record<ObjectName, { create: Validator; replace: Validator }>;
  strictXnames: boolean;
  cipher: Cipher;
  clock: Clock;
  ids: Ids;
}

/** An object as its writer gets it: as it was when it was written, whoever changes it while that goes to the disk. */
export interface Written {
  id: string;
  view: Value;
  etag: string;
}

/** What became of one object of a batch that takes what is right and leaves the rest. */
export type Outcome = Written | { trouble: Trouble };

export interface WriteOptions {
  author: Author;
  /** Takes what is right and leaves the rest, instead of all or nothing. */
  partial?: boolean;
}

/** As If-Match has it: undefined without one. */
export type Condition = string | undefined;

export class Inventory {
  #set = new WorkingSet();
  #seq = 0;
  /** Applied in memory, not yet on the disk; oldest first. */
  readonly #pending: Change[][] = [];
  /** Writers wait while the working set is being replaced. */
  #held: Promise<void> | undefined;
  #keeper: Keeper | undefined;

  constructor(private readonly parts: InventoryParts) {}

  get set(): WorkingSet {
    return this.#set;
  }

  /** Number of the last change. */
  get seq(): number {
    return this.#seq;
  }

  /** From here on changes are kept. */
  openWith(set: WorkingSet, seq: number, keeper: Keeper): void {
    this.#set = set;
    this.#seq = Math.max(this.#seq, seq);
    this.#keeper = keeper;
  }

  /** Everything not yet on the disk is taken back, the last batch first. */
  takeBack(): void {
    for (const changes of this.#pending.splice(0).toReversed()) this.#set.undo(changes);
  }

  /** Runs `work` while nobody writes; `work` may put another working set in place. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#held) await this.#held;
    let free!: () => void;
    this.#held = new Promise((resolve) => {
      free = resolve;
    });
    try {
      while (this.#pending.length > 0) await new Promise((resolve) => setImmediate(resolve));
      return await work();
    } finally {
      this.#held = undefined;
      free();
    }
  }

  replaceSet(set: WorkingSet, seq: number): void {
    this.#set = set;
    this.#seq = Math.max(this.#seq, seq);
  }

  /** Where one object is to be looked for now. */
  async setFor(object: ObjectName, key: string): Promise<WorkingSet> {
    const early = this.#set.isWhole ? undefined : await this.#keeper?.early(object, key);
    if (early) return early;
    await this.#set.whole;
    return this.#set;
  }

  /** By id, or by the names that the object has besides. */
  find(object: ObjectName, key: string, set = this.#set): Row | undefined {
    return set.get(object, key.toLowerCase()) ?? findByName(set, object, key);
  }

  /** Throws OBJECT_UNKNOWN. */
  get(object: ObjectName, key: string, set = this.#set): Row {
    const row = this.find(object, key, set);
    if (!row) throw new Fault('OBJECT_UNKNOWN', { object, id: key });
    return row;
  }

  /** One outcome for each object. Throws OBJECT_INVALID or OBJECT_CONFLICT, with everything that is wrong, when all or nothing was asked for. */
  async create(object: ObjectName, given: unknown[], { author, partial = false }: WriteOptions, isArray = true): Promise<Outcome[]> {
    if (given.length > MAX_INVENTORY_BATCH) throw new Fault('PARAMETER_INVALID', { name: 'body', reason: `it has ${given.length} objects; at most ${MAX_INVENTORY_BATCH} go at once` });
    const checked = given.map((each) => this.#check(object, each, 'create'));
    return this.#write(author, (transaction) => {
      const made = checked.map((offences, index) => (offences.length > 0 ? { offences, conflicts: [] } : this.#createOne(transaction, object, given[index] as Value)));
      if (!partial) refuseAny(object, made, isArray);
      return made.map((each): Outcome => ('offences' in each ? { trouble: each } : this.#written(object, this.#set.get(object, each.id)!)));
    });
  }

  /** Throws OBJECT_UNKNOWN, OBJECT_CHANGED, OBJECT_INVALID or OBJECT_CONFLICT. */
  async replace(object: ObjectName, key: string, given: unknown, condition: Condition, author: Author): Promise<Written> {
    const offences = this.#check(object, given, 'replace');
    return this.#write(author, (transaction) => {
      const row = this.get(object, key);
      this.#assertMatch(object, row, condition);
      const value = given as Value;
      const idField = object === 'Component' ? 'UID' : 'id';
      const told = value?.[idField];
      if (typeof told === 'string' && told.toLowerCase() !== row.id) offences.push({ pointer: `/${idField}`, detail: `it is ${row.id} and cannot be changed` });
      if (offences.length > 0) throw refusalOf(object, { offences, conflicts: [] });
      const trouble = putObject(this.#making(transaction), object, row.id, tidied(value));
      if (isTrouble(trouble)) throw refusalOf(object, trouble);
      return this.#written(object, this.#set.get(object, row.id)!);
    });
  }

  /** Throws OBJECT_UNKNOWN or OBJECT_CHANGED. */
  async remove(object: ObjectName, key: string, condition: Condition, author: Author): Promise<void> {
    await this.#write(author, (transaction) => {
      const row = this.get(object, key);
      this.#assertMatch(object, row, condition);
      removeObject(transaction, object, row);
    });
  }

  /** Several writes that are kept together. */
  async together<T>(author: Author, work: (write: TogetherWrite) => T): Promise<T> {
    return this.#write(author, (transaction) => {
      const making = this.#making(transaction);
      return work({
        set: this.#set, newId: making.newId,
        put: (object, id, value) => {
          const unsound = unsoundIn(value);
          if (unsound.length > 0) throw refusalOf(object, { offences: unsound, conflicts: [] });
          const trouble = putObject(making, object, id, tidied(value));
          if (isTrouble(trouble)) throw refusalOf(object, trouble);
        },
        remove: (object, row) => removeObject(transaction, object, row),
      });
    });
  }

  /** Checks without writing. */
  check(object: ObjectName, given: unknown, how: 'create' | 'replace'): Offence[] {
    return this.#check(object, given, how);
  }

  #check(object: ObjectName, given: unknown, how: 'create' | 'replace'): Offence[] {
    const offences = this.parts.validators[object][how](given);
    const further = [...unsoundIn(given), ...offencesOf(object, given, this.parts.strictXnames)];
    if (offences.length === 0) return further;
    const pointers = new Set(offences.map(({ pointer }) => pointer));
    return [...offences, ...further.filter(({ pointer }) => !pointers.has(pointer))];
  }

  #createOne(transaction: Transaction, object: ObjectName, given: Value): { id: string } | Trouble {
    const start = transaction.changes.length;
    const value = tidied(given);
    const told = (object === 'Component' ? value['UID'] : value['id']) as string | undefined;
    const adopted = this.#inferredBmc(object, value);
    const id = told ?? adopted?.id ?? this.parts.ids.uuid();
    const taken = adopted?.id === id ? undefined : this.#set.get(object, id);
    const trouble = taken
      ? { offences: [], conflicts: [{ object, id, field: 'id', value: id, pointer: object === 'Component' ? '/UID' : '/id' }, ...this.#set.clashes(object, id, value).map((clash) => pointed(clash))] }
      : putObject(this.#making(transaction), object, id, value);
    if (!isTrouble(trouble)) return { id };
    transaction.rollBack(start);
    return trouble;
  }

  #written(object: ObjectName, row: Row): Written {
    return { id: row.id, view: viewOf(this.#set, object, row), etag: etagOf(this.#set, object, row) };
  }

  /** A BMC that so far only followed from the xname of a node becomes the one that is created. */
  #inferredBmc(object: ObjectName, { xname }: Value): Row | undefined {
    if (object !== 'BMC' || typeof xname !== 'string') return undefined;
    const row = this.#set.find('BMC', 'xname', canonicalXname(xname));
    return row?.value['inferred'] === true ? row : undefined;
  }

  #assertMatch(object: ObjectName, row: Row, condition: Condition): void {
    if (condition === undefined || condition.trim() === '*') return;
    const etag = etagOf(this.#set, object, row);
    if (!condition.split(',').some((each) => each.trim() === etag)) throw new Fault('OBJECT_CHANGED', { object, id: row.id, etag });
  }

  #making(transaction: Transaction) {
    const { ids, cipher } = this.parts;
    return { transaction, newId: () => ids.uuid(), encrypt: (password: string, bmcId: string) => cipher.encrypt(password, bmcId) };
  }

  /** All or nothing, in memory and on the disk. */
  async #write<T>(author: Author, work: (transaction: Transaction) => T): Promise<T> {
    while (this.#held || !this.#set.isReady) await (this.#held ?? this.#set.ready);
    if (!this.#keeper) throw new Fault('INVENTORY_UNAVAILABLE', { reason: 'it is being restored' });
    const first = this.#seq + 1;
    const at = new Date(this.parts.clock.now()).toISOString();
    const transaction = new Transaction({ set: this.#set, at, author, nextSeq: () => (this.#seq += 1) });
    let result: T;
    try {
      result = work(transaction);
    } catch (error) {
      transaction.rollBack();
      throw error;
    }
    const { changes } = transaction;
    if (changes.length > 0) await this.#keep(this.#keeper, changes, first);
    return result;
  }

  async #keep(keeper: Keeper, changes: Change[], first: number): Promise<void> {
    this.#pending.push(changes);
    try {
      await keeper.append(changes, first, this.#seq);
    } catch (cause) {
      throw new Fault('INVENTORY_NOT_WRITTEN', { reason: (cause as NodeJS.ErrnoException).code ?? 'the disk refuses it' }, { cause });
    }
    this.#pending.splice(this.#pending.indexOf(changes), 1);
  }
}

export interface TogetherWrite {
  set: WorkingSet;
  newId(): string;
  put(object: ObjectName, id: string, value: Value): void;
  remove(object: ObjectName, row: Row): void;
}

function findByName(set: WorkingSet, object: ObjectName, key: string): Row | undefined {
  if (object === 'ComputeNode') return set.find(object, 'xname', canonicalXname(key)) ?? set.find(object, 'domain_node', key);
  if (object === 'BMC') return set.find(object, 'xname', canonicalXname(key)) ?? set.find(object, 'mac', canonicalMac(key));
  if (object === 'NetworkInterface') return set.find(object, 'mac', canonicalMac(key));
  if (object === 'Component') return set.find(object, 'ID', canonicalXname(key));
  return set.find(object, 'name', key);
}

function refuseAny(object: ObjectName, made: ({ id: string } | Trouble)[], isArray: boolean): void {
  const trouble: Trouble = { offences: [], conflicts: [] };
  made.forEach((each, index) => {
    if (!('offences' in each)) return;
    const { offences, conflicts } = atIndex(each, isArray ? index : undefined);
    trouble.offences.push(...offences);
    trouble.conflicts.push(...conflicts);
  });
  if (isTrouble(trouble)) throw refusalOf(object, trouble);
}

/**
 * A session's data as one request sees it: what was there, overlaid by what the request itself wrote.
 * Nothing reaches the store before the handler has answered; then the overlay leaves as one list of writes,
 * one for each key touched. Reading is asynchronous because a large session is fetched key by key.
 */
import type { SessionAccess } from '../session/call.js';
import type { Write } from '../store/store.js';
import { checkKey, decodeValue, encodeValue, type Value } from './value.js';

export interface ReadOnlyEdgeDB {
  /** The value of a key, text or bytes as it was set; undefined when absent. Rejects when the key holds a list. */
  get<T extends Value = string>(key: string): Promise<T | undefined>;
  has(key: string): Promise<boolean>;
  /** The keys in order. */
  keys(): Promise<string[]>;
  /** The values of a list in order; [] when absent. Rejects when the key holds a single value. */
  getList<T extends Value = string>(key: string): Promise<T[]>;
}

export interface EdgeDB extends ReadOnlyEdgeDB {
  /** Faults: VALUE_TOO_LARGE, KEY_INVALID (so do all that write). */
  set(key: string, value: Value): Promise<void>;
  delete(key: string): Promise<void>;
  /** Adds to the end of a list; a key that is absent, or holds a single value, becomes a new list. */
  addToList(key: string, ...values: Value[]): Promise<void>;
  setList(key: string, values: readonly Value[]): Promise<void>;
  /** The session may be forgotten when nobody used it for so many seconds; 0 means never. */
  expire(seconds: number): Promise<void>;
}

export type Stored = Buffer | Buffer[] | undefined;
/** `rest` are values to append to whatever list was there before the request. */
type Touched = { stored: Stored } | { rest: Buffer[] };

export class SessionEdgeDB implements EdgeDB {
  /** Idle time to live that the handler asked for. */
  ttlMs: number | undefined;
  /** What reading the session failed with: it outweighs whatever the handler made of it. */
  failure: unknown;
  #touched: Map<string, Touched> | undefined;
  #closed = false;

  constructor(private readonly access: SessionAccess, private readonly readOnly: boolean) {}

  async get<T extends Value = string>(key: string): Promise<T | undefined> {
    const found = this.#read(key);
    const stored = found instanceof Promise ? await found : found;
    if (Array.isArray(stored)) throw new TypeError(`Key ${key} holds a list: read it with getList`);
    return stored && decodeValue(stored) as T;
  }

  async has(key: string): Promise<boolean> {
    const touched = this.#touched?.get(key);
    if (touched) return 'rest' in touched || touched.stored !== undefined;
    return await this.#read(key) !== undefined;
  }

  async keys(): Promise<string[]> {
    this.#checkOpen();
    const { data } = this.access;
    const keys = new Set(data ? data.keys() : await this.#fetched(this.access.fetchKeys()));
    for (const [key, touched] of this.#touched ?? []) {
      if ('rest' in touched || touched.stored !== undefined) keys.add(key);
      else keys.delete(key);
    }
    return [...keys].sort();
  }

  async getList<T extends Value = string>(key: string): Promise<T[]> {
    const stored = await this.#read(key) ?? [];
    if (!Array.isArray(stored)) throw new TypeError(`Key ${key} holds a single value: read it with get`);
    return stored.map(decodeValue) as T[];
  }

  async set(key: string, value: Value): Promise<void> {
    this.#touch(key, { stored: encodeValue(key, value) });
  }

  async delete(key: string): Promise<void> {
    this.#touch(key, { stored: undefined });
    // What was never there need not be deleted; a request without effect leaves the version as it is.
    if (this.access.data && !this.access.data.has(key)) this.#touched?.delete(key);
  }

  async addToList(key: string, ...values: Value[]): Promise<void> {
    const added = values.map((value) => encodeValue(key, value));
    const touched = this.#touched?.get(key);
    if (!touched) this.#touch(key, { rest: added });
    else if ('rest' in touched) this.#touch(key, { rest: touched.rest.concat(added) });
    else this.#touch(key, { stored: Array.isArray(touched.stored) ? touched.stored.concat(added) : added });
  }

  async setList(key: string, values: readonly Value[]): Promise<void> {
    this.#touch(key, { stored: values.map((value) => encodeValue(key, value)) });
  }

  async expire(seconds: number): Promise<void> {
    this.#checkWritable();
    if (!Number.isFinite(seconds) || seconds < 0) throw new RangeError('expire takes a number of seconds, 0 or more');
    this.ttlMs = Math.round(seconds * 1000);
  }

  /** Ends the handler's use and gives what it wrote, one write a key. */
  finish(): Write[] {
    this.#closed = true;
    const writes: Write[] = [];
    for (const [key, touched] of this.#touched ?? []) {
      if ('rest' in touched) writes.push({ op: 'append', key, values: touched.rest });
      else if (touched.stored === undefined) writes.push({ op: 'delete', key });
      else if (Array.isArray(touched.stored)) writes.push({ op: 'setList', key, values: touched.stored });
      else writes.push({ op: 'set', key, value: touched.stored });
    }
    return writes;
  }

  /** At once where the session's data is here: a promise costs more than the rest of the read. */
  #read(key: string): Stored | Promise<Stored> {
    this.#checkOpen();
    checkKey(key);
    const touched = this.#touched?.get(key);
    if (touched && 'stored' in touched) return touched.stored;
    const { data } = this.access;
    if (data) return overlaid(data.get(key), touched);
    return this.#fetched(this.access.fetch(key)).then((before) => overlaid(before, touched));
  }

  async #fetched<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  #touch(key: string, touched: Touched): void {
    this.#checkWritable();
    checkKey(key);
    (this.#touched ??= new Map()).set(key, touched);
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.readOnly) throw new TypeError('A ReadOnlyOffloadable function must not write to its session');
  }

  #checkOpen(): void {
    if (this.#closed) throw new TypeError('The request has been answered: await every use of edgeDB before returning');
  }
}

/** What a key has after values were appended to what was there before. */
function overlaid(before: Stored, touched: { rest: Buffer[] } | undefined): Stored {
  if (!touched) return before;
  return Array.isArray(before) ? before.concat(touched.rest) : touched.rest;
}

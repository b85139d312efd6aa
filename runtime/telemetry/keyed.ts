/**
 * Values under keys, by time: analytics, and application data, each owner's apart. The last write wins for each key and
 * time. Where there is a disk for them, the older ones leave memory when it is full, but for the latest of each key.
 */
import { Fault } from '../model/faults.js';
import type { NameFilter } from './names.js';
import { OWN } from './points.js';
import type { KeyedPoint } from './read-put.js';
import type { Range } from './read-query.js';

export interface KeyedRow {
  timestamp: number;
  val: number | string;
  storedMs: number;
}

export interface KeyedValues {
  key: string;
  values: { timestamp: number; val: number | string }[];
}

const ROW_BYTES = 96;
const KEY_BYTES = 200;
/** A full region gives up so much at once. */
const CUT_SHARE = 0.15;
const ALL: Range = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER - 1 };

export interface KeyedOptions {
  node: string;
  what: string;
  maxBytes: number;
  /** True: rows that have no room are on disk as well, and leave memory; false: they are refused. */
  spills(): boolean;
}

export class Keyed {
  private readonly shelves = new Map<string, Map<string, KeyedRow[]>>();
  bytes = 0;
  /** Rows from here on are all in memory. */
  floorMs = 0;
  /** Keys whose latest value is looked for on disk, by owner. */
  readonly sought = new Map<string, Set<string>>();
  /** What cannot leave: the keys, and the latest row of each. */
  private leastBytes = 0;

  constructor(private readonly options: KeyedOptions) {}

  /** @returns true when older rows had to leave. Throws TELEMETRY_FULL before anything is stored. */
  put(points: readonly KeyedPoint[], nowMs: number, owner = OWN): boolean {
    this.assertRoom(points, owner);
    for (const point of points) this.restore({ ...point, storedMs: nowMs }, owner);
    return this.makeRoom();
  }

  /** Puts it in without a look at the room. */
  restore({ key, val, timestamp, storedMs }: KeyedPoint & { storedMs: number }, owner = OWN): void {
    let shelf = this.shelves.get(owner);
    if (!shelf) this.shelves.set(owner, shelf = new Map());
    const rows = shelf.get(key) ?? [];
    const isNewest = rows.length === 0 || timestamp >= rows.at(-1)!.timestamp;
    if (timestamp < this.floorMs && !isNewest) return;
    if (rows.length === 0) shelf.set(key, rows);
    const at = indexOf(rows, timestamp);
    this.splice(key, rows, at, rows[at]?.timestamp === timestamp ? 1 : 0, [{ timestamp, val, storedMs }]);
  }

  /** Without a range the latest value of each key. Of a range what is in memory, and below the floor nothing. */
  get(keys: NameFilter | undefined, range: Range | undefined, owner = OWN): KeyedValues[] {
    const found: KeyedValues[] = [];
    for (const [key, rows] of this.matching(keys, owner)) {
      const wanted = range ? rows.slice(indexOf(rows, Math.max(range.fromMs, this.floorMs)), indexOf(rows, range.toMs + 1)) : rows.slice(-1);
      if (wanted.length > 0) found.push({ key, values: wanted.map(({ timestamp, val }) => ({ timestamp, val })) });
    }
    return found;
  }

  keys(filter: NameFilter | undefined, owner = OWN): string[] {
    return [...this.matching(filter, owner)].map(([key]) => key);
  }

  /** @returns keys whose latest value went and that have none in memory now that is the latest for certain: those are sought */
  delete(keys: readonly string[], range: Range | undefined, owner = OWN): string[] {
    const sought: string[] = [];
    for (const key of keys) {
      const rows = this.shelves.get(owner)?.get(key);
      if (!rows) continue;
      const { fromMs, toMs } = range ?? ALL;
      const lastMs = rows.at(-1)!.timestamp;
      const from = indexOf(rows, fromMs);
      this.splice(key, rows, from, indexOf(rows, toMs + 1) - from);
      if (rows.length === 0) this.forget(key, owner);
      if (range && lastMs >= fromMs && lastMs <= toMs && (rows.at(-1)?.timestamp ?? -1) < this.floorMs) sought.push(key);
    }
    if (sought.length > 0) this.seek(sought, owner);
    return sought;
  }

  seek(keys: readonly string[], owner: string): void {
    const known = this.sought.get(owner) ?? new Set();
    for (const key of keys) known.add(key);
    this.sought.set(owner, known);
  }

  /** What the disk has of keys that were sought. */
  settle(keys: readonly string[], found: readonly (KeyedPoint & { storedMs: number })[], owner: string): void {
    const known = this.sought.get(owner);
    for (const row of found) if (known?.has(row.key)) this.restore(row, owner);
    for (const key of keys) known?.delete(key);
    if (known?.size === 0) this.sought.delete(owner);
  }

  /** Forgets rows that were stored before the time. */
  evict(beforeMs: number): void {
    for (const [owner, shelf] of this.shelves) {
      for (const [key, rows] of shelf) {
        const kept = rows.filter(({ storedMs }) => storedMs >= beforeMs);
        if (kept.length < rows.length) this.splice(key, rows, 0, rows.length, kept);
        if (rows.length === 0) this.forget(key, owner);
      }
    }
  }

  owners(): Iterable<string> {
    return this.shelves.keys();
  }

  /** The latest row of each key. */
  * latest(): Iterable<{ owner: string; key: string } & KeyedRow> {
    for (const [owner, shelf] of this.shelves) for (const [key, rows] of shelf) yield { owner, key, ...rows.at(-1)! };
  }

  /** @returns true when the floor rose. What lies below it must be on disk. */
  makeRoom(): boolean {
    const { maxBytes, spills } = this.options;
    if (this.bytes <= maxBytes || !spills()) return false;
    const older = [...this.shelves.values()].flatMap((shelf) => [...shelf.values()].flatMap((rows) => rows.slice(0, -1)))
      .sort((left, right) => left.timestamp - right.timestamp);
    let excess = this.bytes - Math.max(maxBytes * (1 - CUT_SHARE), this.leastBytes);
    let { floorMs } = this;
    for (const { timestamp, val } of older) {
      if (excess <= 0) break;
      excess -= rowBytes(val);
      floorMs = Math.max(floorMs, timestamp + 1);
    }
    this.raiseFloor(floorMs);
    return true;
  }

  raiseFloor(floorMs: number): void {
    this.floorMs = Math.max(this.floorMs, floorMs);
    for (const shelf of this.shelves.values()) {
      for (const [key, rows] of shelf) this.splice(key, rows, 0, Math.min(indexOf(rows, this.floorMs), rows.length - 1));
    }
  }

  private assertRoom(points: readonly KeyedPoint[], owner: string): void {
    const { node, what, maxBytes, spills } = this.options;
    const shelf = this.shelves.get(owner);
    let more = 0;
    if (spills()) {
      const newest = new Map<string, KeyedPoint>();
      for (const point of points) if (point.timestamp >= (newest.get(point.key)?.timestamp ?? -1)) newest.set(point.key, point);
      for (const point of newest.values()) {
        const last = shelf?.get(point.key)?.at(-1);
        if (!last) more += costOf(point);
        else if (point.timestamp >= last.timestamp) more += rowBytes(point.val) - rowBytes(last.val);
      }
      if (this.leastBytes + more <= maxBytes) return;
    } else {
      for (const point of points) {
        const rows = shelf?.get(point.key);
        const same = rows?.[indexOf(rows, point.timestamp)];
        more += same?.timestamp === point.timestamp ? rowBytes(point.val) - rowBytes(same.val) : costOf(point);
      }
      if (this.bytes + more <= maxBytes) return;
    }
    throw new Fault('TELEMETRY_FULL', { node, limit: maxBytes, what: `bytes of ${what}` });
  }

  /** Changes the rows of a key, and counts what that comes to; a key without rows costs nothing. */
  private splice(key: string, rows: KeyedRow[], from: number, count: number, added: readonly KeyedRow[] = []): void {
    const least = leastOf(key, rows);
    const hadRows = rows.length > 0;
    const behind = rows.splice(from);
    const gone = behind.splice(0, count);
    for (const row of added) rows.push(row);
    for (const row of behind) rows.push(row);
    for (const { val } of added) this.bytes += rowBytes(val);
    for (const { val } of gone) this.bytes -= rowBytes(val);
    if (hadRows !== rows.length > 0) this.bytes += (hadRows ? -1 : 1) * keyBytes(key);
    this.leastBytes += leastOf(key, rows) - least;
  }

  private forget(key: string, owner: string): void {
    const shelf = this.shelves.get(owner)!;
    shelf.delete(key);
    if (shelf.size === 0) this.shelves.delete(owner);
  }

  private* matching(keys: NameFilter | undefined, owner: string): Iterable<[string, KeyedRow[]]> {
    const shelf = this.shelves.get(owner);
    if (!shelf) return;
    if (keys?.isExact) {
      for (const key of keys.exact) {
        const rows = shelf.get(key);
        if (rows) yield [key, rows];
      }
      return;
    }
    for (const entry of shelf) if (!keys || keys.matches(entry[0])) yield entry;
  }
}

/** Index of the first row at or after the time. */
function indexOf(rows: readonly KeyedRow[], atMs: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.timestamp < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function rowBytes(val: number | string): number {
  return ROW_BYTES + (typeof val === 'string' ? 2 * val.length : 0);
}

function keyBytes(key: string): number {
  return KEY_BYTES + 2 * key.length;
}

function costOf({ key, val }: KeyedPoint): number {
  return keyBytes(key) + rowBytes(val);
}

function leastOf(key: string, rows: readonly KeyedRow[]): number {
  return rows.length === 0 ? 0 : keyBytes(key) + rowBytes(rows.at(-1)!.val);
}

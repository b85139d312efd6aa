/** Values under keys, by time: analytics, and application data. The last write wins for each (key, time). */
import { Fault } from '../model/faults.js';
import type { NameFilter } from './names.js';
import type { KeyedPoint } from './read-put.js';
import type { Range } from './read-query.js';

interface Row {
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

export class Keyed {
  private readonly rows = new Map<string, Row[]>();
  bytes = 0;

  constructor(private readonly options: { node: string; what: string; maxBytes: number }) {}

  /** Throws TELEMETRY_FULL before anything is stored. */
  put(points: readonly KeyedPoint[], nowMs: number): void {
    const { node, what, maxBytes } = this.options;
    const more = points.reduce((bytes, point) => bytes + costOf(point), 0);
    if (this.bytes + more > maxBytes) throw new Fault('TELEMETRY_FULL', { node, limit: maxBytes, what: `bytes of ${what}` });
    for (const point of points) this.putOne(point, nowMs);
  }

  private putOne(point: KeyedPoint, storedMs: number): void {
    const { key, val, timestamp } = point;
    let rows = this.rows.get(key);
    if (!rows) {
      this.rows.set(key, rows = []);
      this.bytes += KEY_BYTES + 2 * key.length;
    }
    const at = indexOf(rows, timestamp);
    const row = { timestamp, val, storedMs };
    const before = rows[at]?.timestamp === timestamp ? rows[at] : undefined;
    rows.splice(at, before ? 1 : 0, row);
    this.bytes += rowBytes(val) - (before ? rowBytes(before.val) : 0);
  }

  /** Without a range the latest value of each key. */
  get(keys: NameFilter | undefined, range: Range | undefined): KeyedValues[] {
    const found: KeyedValues[] = [];
    for (const [key, rows] of this.matching(keys)) {
      const wanted = range ? rows.slice(indexOf(rows, range.fromMs), indexOf(rows, range.toMs + 1)) : rows.slice(-1);
      if (wanted.length > 0) found.push({ key, values: wanted.map(({ timestamp, val }) => ({ timestamp, val })) });
    }
    return found;
  }

  /** @returns rows that went */
  delete(keys: NameFilter, range: Range | undefined): number {
    let deleted = 0;
    for (const [key, rows] of this.matching(keys)) {
      const from = range ? indexOf(rows, range.fromMs) : 0;
      const to = range ? indexOf(rows, range.toMs + 1) : rows.length;
      deleted += this.drop(key, rows, from, to);
    }
    return deleted;
  }

  /** Rows that were stored before the time. */
  evict(beforeMs: number): void {
    for (const [key, rows] of this.rows) {
      const kept = rows.filter(({ storedMs }) => storedMs >= beforeMs);
      if (kept.length === rows.length) continue;
      this.bytes -= rows.reduce((bytes, row) => bytes + (row.storedMs < beforeMs ? rowBytes(row.val) : 0), 0);
      rows.splice(0, rows.length, ...kept);
      this.forgetIfEmpty(key, rows);
    }
  }

  * all(): Iterable<KeyedPoint & { storedMs: number }> {
    for (const [key, rows] of this.rows) for (const row of rows) yield { key, ...row };
  }

  private drop(key: string, rows: Row[], from: number, to: number): number {
    const gone = rows.splice(from, to - from);
    for (const { val } of gone) this.bytes -= rowBytes(val);
    this.forgetIfEmpty(key, rows);
    return gone.length;
  }

  private forgetIfEmpty(key: string, rows: Row[]): void {
    if (rows.length > 0) return;
    this.rows.delete(key);
    this.bytes -= KEY_BYTES + 2 * key.length;
  }

  private* matching(keys: NameFilter | undefined): Iterable<[string, Row[]]> {
    if (keys?.isExact) {
      for (const key of keys.exact) {
        const rows = this.rows.get(key);
        if (rows) yield [key, rows];
      }
      return;
    }
    for (const entry of this.rows) if (!keys || keys.matches(entry[0])) yield entry;
  }
}

/** Index of the first row at or after the time. */
function indexOf(rows: readonly Row[], atMs: number): number {
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

function costOf({ key, val }: KeyedPoint): number {
  return KEY_BYTES + 2 * key.length + rowBytes(val);
}

/**
 * Monitoring data in memory: every series with its latest value, and the points from `floorMs` on.
 * What lies before the floor is in the history on disk alone; the floor rises when the region of memory is full.
 */
import { Fault } from '../model/faults.js';
import { MAX_GONE_SERIES, MAX_SERIES } from '../model/limits.js';
import type { Point } from './read-put.js';
import type { Range, Selection } from './read-query.js';
import { columnsOf } from './records.js';
import { type Meta, Series, seriesBytes } from './series.js';
import { Shelf } from './shelf.js';
import { pointSlabs } from './slabs.js';

/** A full region gives up so much at once, so that it is not cut a little at every batch. */
const CUT_SHARE = 0.15;
export const OWN = '';

export interface PointsOptions {
  node: string;
  /** Region of the points. */
  pointBytes: number;
  /** Region of the series and their latest values. */
  seriesBytes: number;
  maxSeries?: number;
}

/** A batch as it was stored: what the log and a replica get. */
export interface StoredBatch {
  owner: string;
  ids: Uint32Array;
  times: Float64Array;
  values: Float64Array;
  /** Its record in the log, with these columns in it; missing where it was put together otherwise. */
  record?: Buffer;
  /** Series that are new or of which more is known now. */
  learnt: Series[];
}

export class Points {
  readonly byId = new Map<number, Series>();
  readonly shelves = new Map<string, Shelf>();
  readonly slabs = pointSlabs();
  /** Points from here on are all in memory. */
  floorMs = 0;
  /** While older points are being brought back: from here on, points are put into memory already. */
  warmingMs = Infinity;
  pointBytesUsed = 0;
  seriesBytesUsed = 0;
  /** Counts changes of what is known about the node's own series. */
  metaVersion = 0;
  /** Own series that went, by the version at which they did; what is older than `forgottenVersion` is not remembered. */
  gone: { version: number; entityID: string; metricID: string }[] = [];
  forgottenVersion = 0;
  private nextId = 1;
  private seeking = 0;

  constructor(private readonly options: PointsOptions) {
    this.shelves.set(OWN, new Shelf(OWN));
  }

  get lastId(): number {
    return this.nextId - 1;
  }

  /** Ids up to this one are never given again: points of a series that is gone may still lie somewhere. */
  reserve(id: number): void {
    this.nextId = Math.max(this.nextId, id + 1);
  }

  get own(): Shelf {
    return this.shelves.get(OWN)!;
  }

  get size(): number {
    return this.byId.size;
  }

  shelf(owner: string): Shelf {
    const known = this.shelves.get(owner);
    if (known) return known;
    const fresh = new Shelf(owner);
    this.shelves.set(owner, fresh);
    return fresh;
  }

  /** Throws TELEMETRY_FULL before anything is stored. */
  put(points: readonly Point[], owner: string, nowMs: number): StoredBatch {
    const shelf = this.shelf(owner);
    const { length } = points;
    const batch: StoredBatch = { owner, ...columnsOf(length), learnt: [] };
    const found: (Series | undefined)[] = [];
    let isNews = false;
    for (let at = 0; at < length; at += 1) {
      const { entityID, metricID, meta } = points[at]!;
      const series = shelf.find(entityID, metricID);
      found.push(series);
      if (series === undefined || (meta !== undefined && !isNews && series.growthBy(meta) > 0)) isNews = true;
    }
    if (isNews) this.assertRoom(points, found);
    const keptMs = Math.min(this.floorMs, this.warmingMs);
    for (let at = 0; at < length; at += 1) {
      const { entityID, metricID, val, timestamp, meta } = points[at]!;
      let series = found[at];
      if (series === undefined) {
        series = shelf.find(entityID, metricID) ?? this.create(shelf, entityID, metricID);
        if (series.storedMs === 0) batch.learnt.push(series);
      }
      if (meta !== undefined && this.teach(series, meta) && batch.learnt[batch.learnt.length - 1] !== series) batch.learnt.push(series);
      this.store(series, timestamp, val, nowMs, keptMs);
      batch.ids[at] = series.id;
      batch.times[at] = timestamp;
      batch.values[at] = val;
    }
    return batch;
  }

  /** Points of series that are known: from the log, from a replica's owner. */
  putColumns(ids: Uint32Array, times: Float64Array, values: Float64Array, nowMs: number): void {
    const keptMs = Math.min(this.floorMs, this.warmingMs);
    for (let at = 0; at < ids.length; at += 1) {
      const series = this.byId.get(ids[at]!);
      if (series) this.store(series, times[at]!, values[at]!, nowMs, keptMs);
    }
  }

  private store(series: Series, atMs: number, value: number, nowMs: number, keptMs: number): void {
    if (atMs >= keptMs) this.pointBytesUsed += series.column.put(atMs, value);
    if (atMs >= series.latestMs) {
      series.latestMs = atMs;
      series.latestValue = value;
    }
    series.storedMs = nowMs;
  }

  /** A series as the files have it. */
  restore(id: number, entityID: string, metricID: string, owner: string): Series {
    const known = this.byId.get(id);
    if (known) return known;
    const series = new Series(id, entityID, metricID, owner, this.slabs);
    this.shelf(owner).add(series);
    this.byId.set(id, series);
    this.seriesBytesUsed += series.bytes;
    if (id >= this.nextId) this.nextId = id + 1;
    this.noteChange(series);
    return series;
  }

  private noteChange(series: Series): void {
    if (series.owner === OWN) series.version = this.metaVersion += 1;
  }

  /** @returns true when that is news of the series */
  teach(series: Series, meta: Meta): boolean {
    const before = series.bytes;
    if (!series.learn(meta)) return false;
    this.seriesBytesUsed += series.bytes - before;
    this.noteChange(series);
    return true;
  }

  find(owner: string, entityID: string, metricID: string): Series | undefined {
    return this.shelves.get(owner)?.find(entityID, metricID);
  }

  select(owner: string, selection: Selection): Series[] {
    return this.shelves.get(owner)?.select(selection) ?? [];
  }

  private create(shelf: Shelf, entityID: string, metricID: string): Series {
    return this.restore(this.nextId, entityID, metricID, shelf.owner);
  }

  /** Throws TELEMETRY_FULL when what the points have new does not fit. */
  private assertRoom(points: readonly Point[], found: readonly (Series | undefined)[]): void {
    const { node, seriesBytes: region, maxSeries = MAX_SERIES } = this.options;
    const counted = new Set<string | Series>();
    let fresh = 0;
    let bytes = this.seriesBytesUsed;
    for (let at = 0; at < points.length; at += 1) {
      const { entityID, metricID, meta } = points[at]!;
      const series = found[at];
      if (series !== undefined && meta === undefined) continue;
      const key = series ?? `${entityID.length}:${entityID}${metricID}`;
      if (counted.has(key)) continue;
      if (series === undefined) fresh += 1;
      counted.add(key);
      bytes += series === undefined ? seriesBytes({ entityID, metricID }, meta) : series.growthBy(meta!);
    }
    if (this.byId.size + fresh > maxSeries) throw new Fault('TELEMETRY_FULL', { node, limit: maxSeries, what: 'series' });
    if (bytes > region) throw new Fault('TELEMETRY_FULL', { node, limit: region, what: 'bytes of series and what is known of them' });
  }

  // ── Room ─────────────────────────────────────────────────────────────────────────────────────

  /** True when the floor rose. Whatever lies below it must be in the history. */
  makeRoom(): boolean {
    if (this.pointBytesUsed <= this.options.pointBytes) return false;
    const pieces = [...this.byId.values()].flatMap(({ column }) => column.pieces())
      .sort((left, right) => left.lastMs - right.lastMs);
    let excess = this.pointBytesUsed - this.options.pointBytes * (1 - CUT_SHARE);
    let floorMs = this.floorMs;
    for (const { lastMs, bytes } of pieces) {
      if (excess <= 0) break;
      excess -= bytes;
      floorMs = lastMs + 1;
    }
    this.raiseFloor(floorMs);
    return true;
  }

  raiseFloor(floorMs: number): void {
    this.floorMs = Math.max(this.floorMs, floorMs);
    this.warmingMs = Infinity;
    for (const { column } of this.byId.values()) this.pointBytesUsed -= column.dropBefore(this.floorMs);
  }

  /** Forgets latest values that were stored before the time; the series and their history stay. @returns how many */
  evictLatest(beforeMs: number): number {
    let evicted = 0;
    for (const series of this.byId.values()) {
      if (!series.hasLatest || series.storedMs >= beforeMs) continue;
      series.latestMs = -1;
      evicted += 1;
    }
    return evicted;
  }

  /**
   * Deletes points of the series, all of them or those of the range. A series without a range to it is gone itself.
   * @returns series whose latest value went, and that have none in memory that is the latest for certain
   */
  delete(series: readonly Series[], range: Range | undefined): Series[] {
    if (range === undefined) for (const each of series) this.forget(each);
    return range === undefined ? [] : series.filter((each) => this.deleteRange(each, range));
  }

  private deleteRange(series: Series, { fromMs, toMs }: Range): boolean {
    this.pointBytesUsed -= series.column.delete(fromMs, toMs);
    const isLost = series.hasLatest ? series.latestMs >= fromMs && series.latestMs <= toMs : series.sought > 0;
    if (!isLost) return false;
    const left = series.column.latest();
    const isKnown = left !== undefined && left.atMs >= this.floorMs;
    series.latestMs = isKnown ? left.atMs : -1;
    series.latestValue = isKnown ? left.value : 0;
    series.sought = isKnown ? 0 : (this.seeking += 1);
    return !isKnown;
  }

  /** Its latest value has to be looked for. */
  seek(series: Series): void {
    series.sought = this.seeking += 1;
  }

  /** The greatest point that the disk has of a series, unless something was deleted since it was looked for. */
  settleLatest(series: Series, sought: number, found: { atMs: number; value: number } | undefined): void {
    if (series.sought !== sought) return;
    series.sought = 0;
    if (!found || found.atMs <= series.latestMs) return;
    series.latestMs = found.atMs;
    series.latestValue = found.value;
  }

  private forget(series: Series): void {
    if (!this.byId.delete(series.id)) return;
    this.pointBytesUsed -= series.column.clear();
    this.seriesBytesUsed -= series.bytes;
    if (series.owner === OWN) {
      this.gone.push({ version: this.metaVersion += 1, entityID: series.entityID, metricID: series.metricID });
      if (this.gone.length > 2 * MAX_GONE_SERIES) this.forgottenVersion = this.gone.splice(0, MAX_GONE_SERIES).at(-1)!.version;
    }
    const shelf = this.shelves.get(series.owner)!;
    shelf.remove(series);
    if (shelf.size === 0 && shelf.owner !== OWN) this.shelves.delete(shelf.owner);
  }
}

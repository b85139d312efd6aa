/** Everything that one node keeps: monitoring data of its own and of those it is a replica of, analytics, application data. */
import type { Clock } from '../base/clock.js';
import { Fault } from '../model/faults.js';
import { MAX_GROUPS_PER_ANSWER, MAX_POINTS_PER_ANSWER } from '../model/limits.js';
import { combine, emptyAggregate } from './aggregate.js';
import type { Partial, SeriesValues } from './answers.js';
import type { Disk } from './disk.js';
import { Keyed } from './keyed.js';
import { OWN, Points, type StoredBatch } from './points.js';
import type { KeyedPoint, Point } from './read-put.js';
import type { AggregateQuestion, KeyQuestion, Range, Selection } from './read-query.js';
import type { Series } from './series.js';
import type { TelemetrySettings } from './settings.js';

export interface StorageParts {
  node: string;
  settings: TelemetrySettings;
  clock: Clock;
  disk?: Disk;
  /** Told of every batch of the node's own, in order. */
  onStored?(batch: StoredBatch): void;
  /** Told of what is deleted of the node's own, in order with the batches. */
  onDeleted?(series: readonly Series[], range: Range | undefined): void;
}

/** Of the region of what is on disk: points in memory, analytics; the rest is the database's own. */
const POINTS_SHARE = 0.72;
const ANALYTICS_SHARE = 0.1;
/** Of the region of what is in memory only: series and latest values, application data. */
const SERIES_SHARE = 0.75;

export class Storage {
  readonly points: Points;
  readonly analytics: Keyed;
  readonly app: Keyed;

  constructor(private readonly parts: StorageParts) {
    const { node, settings } = parts;
    this.points = new Points({ node, pointBytes: settings.persistentBytes * POINTS_SHARE, seriesBytes: settings.memoryBytes * SERIES_SHARE });
    this.analytics = new Keyed({ node, what: 'analytics', maxBytes: settings.persistentBytes * ANALYTICS_SHARE });
    this.app = new Keyed({ node, what: 'application data', maxBytes: settings.memoryBytes * (1 - SERIES_SHARE) });
  }

  set disk(disk: Disk | undefined) {
    this.parts.disk = disk;
  }

  // ── Writing ──────────────────────────────────────────────────────────────────────────────────

  /** In memory at once; a promise when the acknowledgement waits for the disk. Throws TELEMETRY_FULL with nothing stored. */
  put(points: readonly Point[], owner = OWN): Promise<void> | undefined {
    const batch = this.points.put(points, owner, this.parts.clock.now());
    if (owner === OWN) this.parts.onStored?.(batch);
    const kept = this.parts.disk?.stored(batch);
    if (this.points.makeRoom()) this.parts.disk?.onFloorRaised();
    return kept;
  }

  putAnalytics(points: readonly KeyedPoint[]): Promise<void> | undefined {
    const nowMs = this.parts.clock.now();
    this.analytics.put(points, nowMs);
    return this.parts.disk?.analytics(points, nowMs);
  }

  putApp(points: readonly KeyedPoint[]): void {
    this.app.put(points, this.parts.clock.now());
  }

  /** @returns series that had or lost something */
  async delete(selection: Selection, range: Range | undefined, owner = OWN): Promise<number> {
    return this.deleteSeries(this.points.select(owner, selection), range);
  }

  async deleteSeries(series: readonly Series[], range: Range | undefined): Promise<number> {
    if (series.length === 0) return 0;
    this.points.delete(series, range);
    const own = series.filter(({ owner }) => owner === OWN);
    if (own.length > 0) this.parts.onDeleted?.(own, range);
    await this.parts.disk?.deletion({ ids: series.map(({ id }) => id), ...(range && { range }) });
    return series.length;
  }

  async deleteAnalytics({ keys, range }: KeyQuestion): Promise<number> {
    const names = [...new Set(this.analytics.get(keys, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER - 1 }).map(({ key }) => key))];
    const deleted = this.analytics.delete(keys!, range);
    if (deleted > 0) await this.parts.disk?.analyticsDeletion(names, range);
    return deleted;
  }

  // ── Reading ──────────────────────────────────────────────────────────────────────────────────

  select(selection: Selection, owner = OWN): Series[] {
    return this.points.select(owner, selection);
  }

  /** Series that have points in the range. Throws ANSWER_TOO_LARGE. */
  async range(series: readonly Series[], range: Range): Promise<SeriesValues[]> {
    const cold = this.coldPart(range);
    if (!cold) return this.hotRange(series, range);
    const older = await this.parts.disk!.range(series.map(({ id }) => id), cold, MAX_POINTS_PER_ANSWER);
    if (older.series.length > MAX_POINTS_PER_ANSWER) throw new Fault('ANSWER_TOO_LARGE', { limit: MAX_POINTS_PER_ANSWER, what: 'points' });
    const parts = new Map<number, number[]>();
    for (let at = 0; at < older.series.length; at += 1) {
      const pairs = parts.get(older.series[at]!);
      if (pairs) pairs.push(older.times[at]!, older.values[at]!);
      else parts.set(older.series[at]!, [older.times[at]!, older.values[at]!]);
    }
    return this.hotRange(series, { fromMs: cold.toMs + 1, toMs: range.toMs }, parts, older.series.length);
  }

  /** The first points of one series in the range, at most so many. */
  async rangePart(series: Series, range: Range, most: number): Promise<SeriesValues[]> {
    const cold = this.coldPart(range);
    const older = cold && await this.parts.disk!.range([series.id], cold, most);
    const count = Math.min(older?.series.length ?? 0, most);
    const pairs = new Float64Array(most * 2);
    for (let at = 0; at < count; at += 1) pairs.set([older!.times[at]!, older!.values[at]!], at * 2);
    let filled = count;
    series.column.eachPart(cold ? cold.toMs + 1 : range.fromMs, range.toMs, (chunk, from, to) => {
      const end = Math.min(to, from + most - filled);
      if (end <= from) return;
      pairs.set(chunk.data.subarray(from * 2, end * 2), filled * 2);
      filled += end - from;
    });
    return filled === 0 ? [] : [{ series, pairs: pairs.subarray(0, filled * 2) }];
  }

  private hotRange(series: readonly Series[], { fromMs, toMs }: Range, before = new Map<number, number[]>(), counted = 0): SeriesValues[] {
    const found: SeriesValues[] = [];
    let count = counted;
    for (const each of series) {
      const parts: ArrayLike<number>[] = [];
      const older = before.get(each.id);
      if (older) parts.push(older);
      each.column.eachPart(fromMs, toMs, (chunk, from, to) => {
        count += to - from;
        if (count > MAX_POINTS_PER_ANSWER) throw new Fault('ANSWER_TOO_LARGE', { limit: MAX_POINTS_PER_ANSWER, what: 'points' });
        parts.push(chunk.data.subarray(from * 2, to * 2));
      });
      if (parts.length > 0) found.push({ series: each, pairs: joined(parts) });
    }
    return found;
  }

  /** What the aggregate of the question comes to here, by its groups. */
  async aggregate(question: AggregateQuestion, owner = OWN): Promise<Partial[]> {
    const { range, by, agg } = question;
    const series = this.points.select(owner, question);
    const isPercentile = typeof agg === 'object';
    if (!range) return groupsOfLatest(series.filter(({ hasLatest }) => hasLatest), by.series, isPercentile);
    if (isPercentile) return groupsOfValues(await this.range(series, range), by);
    const cold = this.coldPart(range);
    const hot: Range = cold ? { fromMs: cold.toMs + 1, toMs: range.toMs } : range;
    const groups = new Groups();
    for (const each of series) {
      if (by.bucketMs !== undefined) bucketsOf(groups, each, hot, by.bucketMs, by.series);
      else each.column.addTo(groups.of(by.series ? each : undefined).aggregate, hot.fromMs, hot.toMs);
    }
    if (cold) {
      for (const { series: id, bucketMs, aggregate } of await this.parts.disk!.aggregate(series.map((each) => each.id), cold, by)) {
        combine(groups.of(id === undefined ? undefined : this.points.byId.get(id), bucketMs).aggregate, aggregate);
      }
    }
    return groups.list.filter(({ aggregate }) => aggregate.count > 0);
  }

  /** The part of the range that is on disk alone. */
  private coldPart({ fromMs, toMs }: Range): Range | undefined {
    const { floorMs } = this.points;
    if (fromMs >= floorMs || !this.parts.disk?.hasPoints()) return undefined;
    return { fromMs, toMs: Math.min(toMs, floorMs - 1) };
  }

  // ── Age ──────────────────────────────────────────────────────────────────────────────────────

  /** Forgets what was stored in memory longer ago than the eviction time: by when it came, not by the time that it is about. */
  evict(): number {
    const beforeMs = this.parts.clock.now() - this.parts.settings.evictionMs;
    this.app.evict(beforeMs);
    return this.points.evictLatest(beforeMs);
  }
}

function joined(parts: ArrayLike<number>[]): Float64Array {
  // A copy even of one part: the answer may be put together after the next write.
  const pairs = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    pairs.set(part, at);
    at += part.length;
  }
  return pairs;
}

class Groups {
  readonly list: Partial[] = [];
  private readonly byKey = new Map<string, Partial>();

  of(series: Series | undefined, bucketMs?: number): Partial {
    const key = `${series?.id ?? ''}/${bucketMs ?? ''}`;
    const known = this.byKey.get(key);
    if (known) return known;
    if (this.list.length >= MAX_GROUPS_PER_ANSWER) throw new Fault('ANSWER_TOO_LARGE', { limit: MAX_GROUPS_PER_ANSWER, what: 'groups' });
    const fresh: Partial = {
      ...(series && { series: [series.metricID, series.entityID] as [string, string] }), ...(bucketMs !== undefined && { bucketMs }), aggregate: emptyAggregate(),
    };
    this.byKey.set(key, fresh);
    this.list.push(fresh);
    return fresh;
  }
}

/** Buckets begin at multiples of their length since 1970. */
function bucketsOf(groups: Groups, series: Series, { fromMs, toMs }: Range, bucketMs: number, bySeries: boolean): void {
  const of = bySeries ? series : undefined;
  series.column.eachPart(fromMs, toMs, (chunk, from, to) => {
    for (let at = from; at < to;) {
      const beginMs = Math.floor(chunk.data[at * 2]! / bucketMs) * bucketMs;
      const end = Math.min(chunk.indexOf(beginMs + bucketMs), to);
      chunk.addPartTo(groups.of(of, beginMs).aggregate, at, end);
      at = end;
    }
  });
}

function groupsOfLatest(series: readonly Series[], bySeries: boolean, withValues: boolean): Partial[] {
  const groups = new Groups();
  for (const each of series) {
    const group = groups.of(bySeries ? each : undefined);
    const value = each.latestValue;
    combine(group.aggregate, { count: 1, sum: value, min: value, max: value });
    if (withValues) (group.values ??= []).push(Float64Array.of(value));
  }
  return groups.list;
}

function groupsOfValues(found: readonly SeriesValues[], by: AggregateQuestion['by']): Partial[] {
  const groups = new Groups();
  const collected = new Map<Partial, number[]>();
  for (const { series, pairs } of found) {
    for (let at = 0; at < pairs.length; at += 2) {
      const bucketMs = by.bucketMs === undefined ? undefined : Math.floor(pairs[at]! / by.bucketMs) * by.bucketMs;
      const group = groups.of(by.series ? series : undefined, bucketMs);
      group.aggregate.count += 1;
      const values = collected.get(group);
      if (values) values.push(pairs[at + 1]!);
      else collected.set(group, [pairs[at + 1]!]);
    }
  }
  for (const [group, values] of collected) group.values = [Float64Array.from(values)];
  return groups.list;
}


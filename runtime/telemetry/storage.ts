/** Everything that one node keeps: monitoring data of its own and of those it is a replica of, analytics, application data. */
import type { Clock } from '../base/clock.js';
import { Fault } from '../model/faults.js';
import { MAX_GROUPS_PER_ANSWER, MAX_POINTS_PER_ANSWER } from '../model/limits.js';
import { combine, emptyAggregate, type PlainAgg } from './aggregate.js';
import type { Partial, SeriesValues } from './answers.js';
import type { Disk } from './disk.js';
import { Keyed, type KeyedValues } from './keyed.js';
import { type Divided, Passes } from './passes.js';
import { OWN, Points, type StoredBatch } from './points.js';
import type { KeyedPoint, Point } from './read-put.js';
import type { AggregateQuestion, KeyQuestion, Range, Selection } from './read-query.js';
import type { Series } from './series.js';
import { Slices, type Wanted } from './slices.js';
import type { TelemetrySettings } from './settings.js';

export interface StorageParts {
  node: string;
  settings: TelemetrySettings;
  clock: Clock;
  disk?: Disk;
  /** Told of every point of the node's own, whoever put it, once it is stored. */
  onPoints?(points: readonly Point[]): void;
  /** Told of every batch of the node's own, in order. */
  onStored?(batch: StoredBatch): void;
  /** Told of what is deleted of the node's own, in order with the batches. */
  onDeleted?(series: readonly Series[], range: Range | undefined): void;
  /** Told of what happens to the node's own analytics and application data. */
  onKeyed?(kind: 'analytics' | 'app', change: KeyedChange): void;
}

/** What was put under keys, or what was deleted of them. */
export type KeyedChange = { put: readonly KeyedPoint[] } | { gone: readonly string[]; range?: Range };

/** Of the region of what is on disk: points in memory, analytics; the rest is the database's own. */
const POINTS_SHARE = 0.87;
const ANALYTICS_SHARE = 0.08;
/** Of the region of what is in memory only: series and latest values, application data. */
const SERIES_SHARE = 0.75;

/** What the points have to be looked at for, beside their count. */
const WANTED: Record<PlainAgg, Wanted> = { sum: 'sum', avg: 'sum', count: 'count', min: 'extremes', max: 'extremes' };

export class Storage {
  readonly points: Points;
  readonly analytics: Keyed;
  readonly app: Keyed;
  private readonly passes = new Passes({ select: (selection, owner) => this.points.select(owner, selection), divide: (range) => this.divided(range) });

  constructor(private readonly parts: StorageParts) {
    const { node, settings } = parts;
    this.points = new Points({ node, pointBytes: settings.persistentBytes * POINTS_SHARE, seriesBytes: settings.memoryBytes * SERIES_SHARE });
    this.analytics = new Keyed({ node, what: 'analytics', maxBytes: settings.persistentBytes * ANALYTICS_SHARE, spills: () => settings.history });
    this.app = new Keyed({ node, what: 'application data', maxBytes: settings.memoryBytes * (1 - SERIES_SHARE), spills: () => false });
  }

  set disk(disk: Disk | undefined) {
    this.parts.disk = disk;
  }

  // ── Writing ──────────────────────────────────────────────────────────────────────────────────

  /** In memory at once; a promise when the acknowledgement waits for the disk. Throws TELEMETRY_FULL or HISTORY_UNAVAILABLE with nothing stored. */
  put(points: readonly Point[], owner = OWN): Promise<void> | undefined {
    this.parts.disk?.assertWritable();
    const batch = this.points.put(points, owner, this.parts.clock.now());
    if (owner === OWN) {
      this.parts.onStored?.(batch);
      this.parts.onPoints?.(points);
    }
    const kept = this.parts.disk?.stored(batch);
    if (this.points.makeRoom()) this.parts.disk?.onFloorRaised();
    return kept;
  }

  putAnalytics(points: readonly KeyedPoint[], owner = OWN): Promise<void> | undefined {
    this.parts.disk?.assertWritable();
    const nowMs = this.parts.clock.now();
    const hasCut = this.analytics.put(points, nowMs, owner);
    if (owner === OWN) this.parts.onKeyed?.('analytics', { put: points });
    const kept = this.parts.disk?.analytics(points, nowMs, owner);
    if (hasCut) this.parts.disk?.onAnalyticsFloorRaised();
    return kept;
  }

  putApp(points: readonly KeyedPoint[], owner = OWN): void {
    this.app.put(points, this.parts.clock.now(), owner);
    if (owner === OWN) this.parts.onKeyed?.('app', { put: points });
  }

  /** @returns series that had or lost something */
  async delete(selection: Selection, range: Range | undefined, owner = OWN): Promise<number> {
    return this.deleteSeries(this.points.select(owner, selection), range);
  }

  async deleteSeries(series: readonly Series[], range: Range | undefined): Promise<number> {
    if (series.length === 0) return 0;
    this.parts.disk?.assertWritable();
    const lost = this.points.delete(series, range);
    const own = series.filter(({ owner }) => owner === OWN);
    if (own.length > 0) this.parts.onDeleted?.(own, range);
    await this.parts.disk?.deletion({ ids: series.map(({ id }) => id), ...(range && { range }) });
    await this.seekLatest(lost);
    return series.length;
  }

  /** Of series whose latest value was deleted: the greatest point that is left. */
  async seekLatest(series: readonly Series[], disk = this.parts.disk): Promise<void> {
    if (series.length === 0 || !disk?.hasPoints()) return;
    const sought = new Map(series.map((each) => [each, each.sought]));
    const { series: ids, times, values } = await disk.latest(series.map(({ id }) => id));
    const found = new Map(Array.from(ids, (id, at) => [id, { atMs: times[at]!, value: values[at]! }]));
    for (const [each, version] of sought) this.points.settleLatest(each, version, found.get(each.id));
  }

  /** @returns keys that had or lost something */
  async deleteKeyed(kind: 'analytics' | 'app', names: readonly string[], range: Range | undefined, owner = OWN): Promise<number> {
    if (names.length === 0) return 0;
    if (kind === 'analytics') this.parts.disk?.assertWritable();
    const lost = this[kind].delete(names, range, owner);
    if (owner === OWN) this.parts.onKeyed?.(kind, { gone: names, ...(range && { range }) });
    if (kind === 'app') return names.length;
    await this.parts.disk?.analyticsDeletion(names, range, owner);
    await this.seekAnalytics(lost, owner);
    return names.length;
  }

  /** The rows are below the floor, and the latest of their keys. */
  async seekAnalytics(keys: readonly string[], owner: string, disk = this.parts.disk): Promise<void> {
    if (keys.length === 0 || !disk) return;
    this.analytics.settle(keys, await disk.analyticsLatest(keys, owner), owner);
  }

  /** Those of whom this node is a replica. */
  owners(): string[] {
    return [...new Set([...this.points.shelves.keys(), ...this.analytics.owners(), ...this.app.owners()])].filter((owner) => owner !== OWN);
  }

  async forgetOwner(owner: string): Promise<void> {
    await this.delete({ filters: {} }, undefined, owner);
    for (const kind of ['analytics', 'app'] as const) await this.deleteKeyed(kind, this[kind].keys(undefined, owner), undefined, owner);
  }

  // ── Reading ──────────────────────────────────────────────────────────────────────────────────

  /** The latest value of a series of the node's own. */
  latest(entityID: string, metricID: string): number | undefined {
    const series = this.points.find(OWN, entityID, metricID);
    return series?.hasLatest ? series.latestValue : undefined;
  }

  select(selection: Selection, owner = OWN): Series[] {
    return this.points.select(owner, selection);
  }

  /** Series that have points in the range. Throws ANSWER_TOO_LARGE. */
  async range(series: readonly Series[], range: Range): Promise<SeriesValues[]> {
    const cold = this.coldPart(range);
    // What is in memory comes first, in one moment with the floor: it may rise while the disk is asked.
    const hot = this.hotRange(series, cold ? { fromMs: cold.toMs + 1, toMs: range.toMs } : range);
    if (!cold) return hot.found;
    const older = await this.parts.disk!.range(series.map(({ id }) => id), cold, MAX_POINTS_PER_ANSWER);
    if (older.series.length + hot.count > MAX_POINTS_PER_ANSWER) throw new Fault('ANSWER_TOO_LARGE', { limit: MAX_POINTS_PER_ANSWER, what: 'points' });
    const parts = new Map<number, number[]>();
    for (let at = 0; at < older.series.length; at += 1) {
      const pairs = parts.get(older.series[at]!);
      if (pairs) pairs.push(older.times[at]!, older.values[at]!);
      else parts.set(older.series[at]!, [older.times[at]!, older.values[at]!]);
    }
    const younger = new Map(hot.found.map((each) => [each.series, each.pairs]));
    return series.flatMap((each) => {
      const both = [parts.get(each.id), younger.get(each)].filter((pairs) => pairs !== undefined);
      return both.length === 0 ? [] : [{ series: each, pairs: joined(both) }];
    });
  }

  /** The first points of one series in the range, at most so many. */
  async rangePart(series: Series, range: Range, most: number): Promise<SeriesValues[]> {
    const cold = this.coldPart(range);
    const younger: ArrayLike<number>[] = [];
    let count = 0;
    series.column.eachPart(cold ? cold.toMs + 1 : range.fromMs, range.toMs, (chunk, from, to) => {
      const end = Math.min(to, from + most - count);
      if (end <= from) return;
      younger.push(chunk.pairs(from, end));
      count += end - from;
    });
    const older = cold && await this.parts.disk!.range([series.id], cold, most);
    const pairs: number[] = [];
    for (let at = 0; at < (older?.series.length ?? 0); at += 1) pairs.push(older!.times[at]!, older!.values[at]!);
    const all = joined([pairs, ...younger]).subarray(0, most * 2);
    return all.length === 0 ? [] : [{ series, pairs: all }];
  }

  private hotRange(series: readonly Series[], { fromMs, toMs }: Range): { found: SeriesValues[]; count: number } {
    const found: SeriesValues[] = [];
    let count = 0;
    for (const each of series) {
      const parts: Float64Array[] = [];
      each.column.eachPart(fromMs, toMs, (chunk, from, to) => {
        count += to - from;
        if (count > MAX_POINTS_PER_ANSWER) throw new Fault('ANSWER_TOO_LARGE', { limit: MAX_POINTS_PER_ANSWER, what: 'points' });
        parts.push(chunk.pairs(from, to));
      });
      if (parts.length > 0) found.push({ series: each, pairs: joined(parts) });
    }
    return { found, count };
  }

  /** Analytics or application data by key and time. Throws ANSWER_TOO_LARGE. */
  async keyed(kind: 'analytics' | 'app', { keys, range }: Pick<KeyQuestion, 'keys' | 'range'>, owner = OWN): Promise<KeyedValues[]> {
    const hot = this[kind].get(keys, range, owner);
    const { floorMs } = this[kind];
    const { disk } = this.parts;
    if (kind === 'app' || !disk || !range || range.fromMs >= floorMs) return hot;
    const names = this.analytics.keys(keys, owner);
    if (names.length === 0) return hot;
    const older = await disk.analyticsRange(names, { fromMs: range.fromMs, toMs: Math.min(range.toMs, floorMs - 1) }, owner, MAX_POINTS_PER_ANSWER + 1);
    if (older.length > MAX_POINTS_PER_ANSWER) throw new Fault('ANSWER_TOO_LARGE', { limit: MAX_POINTS_PER_ANSWER, what: 'values' });
    const found = new Map<string, KeyedValues['values']>();
    for (const { key, timestamp, val } of older) {
      const values = found.get(key);
      if (values) values.push({ timestamp, val });
      else found.set(key, [{ timestamp, val }]);
    }
    for (const { key, values } of hot) found.set(key, [...found.get(key) ?? [], ...values]);
    return names.flatMap((key) => found.has(key) ? [{ key, values: found.get(key)! }] : []);
  }

  /** What the aggregate of the question comes to here, by its groups. */
  async aggregate(question: AggregateQuestion, owner = OWN): Promise<Partial[]> {
    const { range, by, agg } = question;
    const isPercentile = typeof agg === 'object';
    if (range && !isPercentile && !by.series && by.bucketMs === undefined) return this.whole(question, range, owner);
    const series = this.points.select(owner, question);
    if (!range) return groupsOfLatest(series.filter(({ hasLatest }) => hasLatest), by.series, isPercentile);
    if (isPercentile) return groupsOfValues(await this.range(series, range), by);
    const { cold, hot } = this.divided(range);
    const groups = new Groups();
    const slices = Slices.of([{ ...hot, wanted: 'all' }]);
    for (const each of series) {
      if (by.bucketMs !== undefined) bucketsOf(groups, each, hot, by.bucketMs, by.series);
      else {
        each.column.addTo(slices);
        slices.tell(groups.of(each).aggregate, hot);
        slices.clear();
      }
    }
    if (cold) {
      for (const { series: id, bucketMs, aggregate } of await this.parts.disk!.aggregate(series.map((each) => each.id), cold, by)) {
        combine(groups.of(id === undefined ? undefined : this.points.byId.get(id), bucketMs).aggregate, aggregate);
      }
    }
    return groups.list.filter(({ aggregate }) => aggregate.count > 0);
  }

  /** One sum of all of it: what most questions are about. */
  private async whole(question: AggregateQuestion, range: Range, owner: string): Promise<Partial[]> {
    const { series, aggregate, cold } = await this.passes.ask(question, owner, range, WANTED[question.agg as PlainAgg]);
    if (cold) for (const part of await this.parts.disk!.aggregate(series.map(({ id }) => id), cold, { series: false })) combine(aggregate, part.aggregate);
    return aggregate.count > 0 ? [{ aggregate }] : [];
  }

  private divided(range: Range): Divided {
    const cold = this.coldPart(range);
    return cold ? { cold, hot: { fromMs: cold.toMs + 1, toMs: range.toMs } } : { hot: range };
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
    // What the disk could not tell when it was asked, it may tell now.
    this.seekLatest([...this.points.byId.values()].filter(({ sought }) => sought > 0)).catch(() => undefined);
    return this.points.evictLatest(beforeMs);
  }
}

function joined(parts: ArrayLike<number>[]): Float64Array {
  if (parts.length === 1 && parts[0] instanceof Float64Array) return parts[0];
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
      const beginMs = Math.floor(chunk.timeAt(at) / bucketMs) * bucketMs;
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


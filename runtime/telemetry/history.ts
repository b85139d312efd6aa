/**
 * What is kept on disk. Points go to a log of the node's own, flushed for many at once; a log that has grown large goes
 * whole into the database, in its thread, in one transaction. Analytics do the same with a log of theirs; series have a
 * file. A node that stores little never opens the database at all.
 */
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../base/atomic-file.js';
import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { syncFolder } from '../base/sync.js';
import { Fault } from '../model/faults.js';
import { ANALYTICS_LOG_BYTES, MAX_UNWRITTEN_BYTES, TELEMETRY_LOG_BYTES } from '../model/limits.js';
import { Committer } from './append-file.js';
import type { ColdGroup, ColdPoints, ColdRow, Deletion, Disk } from './disk.js';
import { HistoryClient } from './history-client.js';
import type { Progress } from './history-protocol.js';
import { readLatest, writeLatest } from './latest-file.js';
import type { Points, StoredBatch } from './points.js';
import type { KeyedPoint } from './read-put.js';
import type { Range } from './read-query.js';
import { DELETION, deletionRecord, pointsRecord, recordsOf, sealedPoints } from './records.js';
import { SegmentLog } from './segment-log.js';
import type { Series } from './series.js';
import { linesOf, readLines, SeriesFile } from './series-file.js';
import type { TelemetrySettings } from './settings.js';
import type { Storage } from './storage.js';
import { Warming } from './warming.js';

export interface HistoryParts {
  node: string;
  folder: string;
  storage: Storage;
  settings: TelemetrySettings;
  clock: Clock;
  log: Log;
  logBytes?: number;
}

export type AnalyticsLine = { put: KeyedPoint[]; storedMs: number; owner: string } | { gone: string[]; owner: string; fromMs?: number; toMs?: number };

const NOTHING: Progress = { applied: 0, maxMs: -1, analyticsApplied: 0, analyticsMaxMs: -1 };
/** Of the region of what is on disk; the least of it is counted beside the regions. */
const DATABASE_SHARE = 0.05;
const MIN_DATABASE_MB = 48;

export class History implements Disk {
  readonly client: HistoryClient;
  private readonly points: Points;
  private readonly committer: Committer;
  private readonly pointsLog: SegmentLog;
  private readonly analyticsLog: SegmentLog;
  private readonly series: SeriesFile;
  private progress: Progress = NOTHING;
  private readonly warming: Warming;

  constructor(private readonly parts: HistoryParts) {
    const { node, folder, settings, clock, log, storage } = parts;
    this.points = storage.points;
    const memoryMb = Math.max(Math.floor(settings.persistentBytes * DATABASE_SHARE / 1024 / 1024), MIN_DATABASE_MB);
    this.client = new HistoryClient(node, { folder, memoryMb });
    this.committer = new Committer({
      files: () => [this.series.file, ...this.analyticsLog.files, ...this.pointsLog.files], durable: settings.durability === 'flush', clock,
      onError: (error) => log.error({ reason: error.message }, 'telemetry cannot be written to the disk; it is tried again'),
      onRecovered: () => log.info({}, 'telemetry is written to the disk again'),
    });
    const commit = () => this.committer.commit();
    this.series = new SeriesFile({ path: join(folder, 'series.jsonl'), points: this.points, log });
    this.pointsLog = new SegmentLog({
      folder, name: 'points', fullBytes: parts.logBytes ?? TELEMETRY_LOG_BYTES, commit, log,
      apply: async (segment, file) => {
        const { maxMs } = await this.client.call('apply', { segment, file });
        await writeLatest(join(folder, 'latest.bin'), this.points.byId);
        await this.note({ applied: segment, maxMs });
      },
    });
    this.analyticsLog = new SegmentLog({
      folder, name: 'analytics', fullBytes: ANALYTICS_LOG_BYTES, commit, log,
      apply: async (segment, file) => {
        const { maxMs } = await this.client.call('applyAnalytics', { segment, file });
        const { analytics } = storage;
        const sought = [...analytics.sought].flatMap(([owner, keys]) => [...keys].map((key) => ({ owner, key })));
        await writeAtomically(this.keysFile, [...analytics.latest(), ...sought].map((row) => `${JSON.stringify(row)}\n`).join(''));
        await this.note({ analyticsApplied: segment, analyticsMaxMs: maxMs });
      },
    });
    this.warming = new Warming({ points: this.points, client: this.client, log, pointBytes: settings.persistentBytes });
  }

  get folder(): string {
    return this.parts.folder;
  }

  // ── Start and end ────────────────────────────────────────────────────────────────────────────

  async open(): Promise<void> {
    const { folder, storage } = this.parts;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) if (name.startsWith('export-')) await rm(join(folder, name));
    this.progress = await this.readProgress();
    await this.series.open();
    const lost = new Set<Series>(await readLatest(join(folder, 'latest.bin'), this.points.byId));
    this.points.floorMs = this.progress.maxMs + 1;
    for (const series of lost) this.points.seek(series);
    await this.pointsLog.open(this.progress.applied, (content) => this.replay(content, lost));
    await this.openAnalytics();
    if (this.points.makeRoom()) this.onFloorRaised();
    this.pointsLog.catchUp();
    this.analyticsLog.catchUp();
    await storage.seekLatest([...lost].filter((series) => series.sought > 0 && this.points.byId.has(series.id)), this);
    for (const [owner, keys] of storage.analytics.sought) await storage.seekAnalytics([...keys], owner, this);
  }

  async close(): Promise<void> {
    await this.committer.close();
    await Promise.all([this.pointsLog.close(), this.analyticsLog.close()]);
    await this.client.close();
    await this.series.file.close();
  }

  /** The node's own note, or, when there is none but a database, what the database says. */
  private async readProgress(): Promise<Progress> {
    const { folder, log } = this.parts;
    const noted = await readFile(join(folder, 'applied.json'), 'utf8').then((text) => ({ ...NOTHING, ...JSON.parse(text) as Progress }), () => undefined);
    if (noted) return noted;
    if (!await access(join(folder, 'history.duckdb')).then(() => true, () => false)) return NOTHING;
    log.warn({ folder }, 'the note of what is in the database is gone: the database is asked');
    return this.client.call('progress', undefined);
  }

  private async note(news: Partial<Progress>): Promise<void> {
    this.progress = { ...this.progress, ...news };
    await writeAtomically(join(this.folder, 'applied.json'), JSON.stringify(this.progress));
    // The log is removed next: not before this is there for good.
    await syncFolder(this.folder);
  }

  /** @returns bytes until the first record that is torn */
  private replay(content: Buffer, lost: Set<Series>): number {
    let whole = 0;
    for (const { record, end } of recordsOf(content)) {
      whole = end;
      if (record.kind !== DELETION) {
        this.points.putColumns(record.ids, record.times, record.values, record.storedMs);
        this.pointsLog.hasTail ||= record.times.some((atMs) => atMs < this.points.floorMs);
        continue;
      }
      const series = record.ids.map((id) => this.points.byId.get(id)).filter((each) => each !== undefined);
      const { fromMs, toMs } = record;
      for (const each of this.points.delete(series, fromMs === undefined ? undefined : { fromMs, toMs: toMs! })) lost.add(each);
      this.pointsLog.hasTail = true;
    }
    return whole;
  }

  private async openAnalytics(): Promise<void> {
    const { storage: { analytics }, clock, settings } = this.parts;
    analytics.floorMs = this.progress.analyticsMaxMs + 1;
    const kept = this.progress.analyticsApplied === 0 ? [] : (await readLines<{ owner: string } & Partial<ColdRow> & { key: string }>(this.keysFile)).values;
    const known = kept.length > 0 || this.progress.analyticsApplied === 0 ? kept : await this.client.call('analyticsLatest', { owner: '' });
    for (const { owner, ...row } of known) {
      if (row.timestamp === undefined) analytics.seek([row.key], owner);
      else analytics.restore(row as ColdRow, owner);
    }
    // A single file without a number is what a former version kept.
    await rename(join(this.folder, 'analytics.jsonl'), join(this.folder, 'analytics-1.log')).catch(() => undefined);
    await this.analyticsLog.open(this.progress.analyticsApplied, (content) => {
      const { values, bytes } = linesOf<AnalyticsLine>(content);
      for (const line of values) this.takeUp(line);
      return bytes;
    });
    analytics.evict(clock.now() - settings.retentionMs);
    if (analytics.makeRoom()) this.onAnalyticsFloorRaised();
  }

  private takeUp(line: AnalyticsLine): void {
    const { analytics } = this.parts.storage;
    const { owner = '' } = line;
    if ('put' in line) {
      for (const point of line.put) analytics.restore({ ...point, storedMs: line.storedMs }, owner);
      this.analyticsLog.hasTail ||= line.put.some(({ timestamp }) => timestamp < analytics.floorMs);
      return;
    }
    const range = line.fromMs === undefined ? undefined : { fromMs: line.fromMs, toMs: line.toMs! };
    this.analyticsLog.hasTail = true;
    analytics.delete(line.gone, range, owner);
  }

  private get keysFile(): string {
    return join(this.folder, 'analytics-keys.jsonl');
  }

  // ── Writing ──────────────────────────────────────────────────────────────────────────────────

  assertWritable(): void {
    const { failure } = this.committer;
    if (!failure) return;
    const { node, settings } = this.parts;
    const waiting = this.pointsLog.pendingBytes + this.analyticsLog.pendingBytes;
    if (settings.durability === 'flush' || waiting > MAX_UNWRITTEN_BYTES) throw new Fault('HISTORY_UNAVAILABLE', { node, reason: `it cannot be written (${codeOf(failure)})` }, { cause: failure });
  }

  stored({ ids, times, values, learnt, record }: StoredBatch): Promise<void> | undefined {
    this.series.learnt(learnt);
    if (ids.length > 0) {
      const nowMs = this.parts.clock.now();
      this.pointsLog.append(record ? sealedPoints(record, nowMs) : pointsRecord(nowMs, ids, times, values));
      this.pointsLog.hasTail ||= times.some((atMs) => atMs < this.points.floorMs);
    }
    return this.done(this.pointsLog);
  }

  analytics(put: readonly KeyedPoint[], storedMs: number, owner: string): Promise<void> | undefined {
    const { floorMs } = this.parts.storage.analytics;
    this.analyticsLog.append(Buffer.from(`${JSON.stringify({ put, storedMs, owner })}\n`));
    this.analyticsLog.hasTail ||= put.some(({ timestamp }) => timestamp < floorMs);
    return this.done(this.analyticsLog);
  }

  deletion({ ids, range }: Deletion): Promise<void> {
    this.warming.abandon();
    if (!range) this.series.gone(ids);
    this.pointsLog.append(deletionRecord({ ids, ...(range && { fromMs: range.fromMs, toMs: range.toMs }) }));
    this.pointsLog.hasTail = true;
    return this.written();
  }

  analyticsDeletion(gone: readonly string[], range: Range | undefined, owner: string): Promise<void> {
    this.analyticsLog.append(Buffer.from(`${JSON.stringify({ gone, owner, ...(range && { fromMs: range.fromMs, toMs: range.toMs }) })}\n`));
    this.analyticsLog.hasTail = true;
    return this.written();
  }

  private done(log: SegmentLog): Promise<void> | undefined {
    const written = this.parts.settings.durability === 'flush' ? this.written() : this.committer.soon();
    log.rotateIfFull();
    return written ?? undefined;
  }

  private written(): Promise<void> {
    return this.committer.commit().catch((error: unknown) => {
      throw new Fault('HISTORY_UNAVAILABLE', { node: this.parts.node, reason: `it cannot be written (${codeOf(error)})` }, { cause: error });
    });
  }

  /** Everything that was written before the call is in the database when it resolves. */
  async settle(): Promise<void> {
    await this.pointsLog.settle();
    await this.analyticsLog.settle();
  }

  // ── Reading ──────────────────────────────────────────────────────────────────────────────────

  hasPoints(): boolean {
    return this.pointsLog.applied > 0 || this.pointsLog.hasTail;
  }

  async range(ids: readonly number[], { fromMs, toMs }: Range, limit: number): Promise<ColdPoints> {
    await this.ready(this.pointsLog);
    this.warming.begin();
    return this.client.call('range', { ids: Uint32Array.from(ids), fromMs, toMs, limit });
  }

  async aggregate(ids: readonly number[], { fromMs, toMs }: Range, by: { series: boolean; bucketMs?: number }): Promise<ColdGroup[]> {
    await this.ready(this.pointsLog);
    this.warming.begin();
    return this.client.call('aggregate', { ids: Uint32Array.from(ids), fromMs, toMs, bySeries: by.series, bucketMs: by.bucketMs });
  }

  async latest(ids: readonly number[]): Promise<ColdPoints> {
    await this.ready(this.pointsLog);
    return this.client.call('latest', { ids: Uint32Array.from(ids) });
  }

  async analyticsRange(keys: readonly string[], { fromMs, toMs }: Range, owner: string, limit: number): Promise<ColdRow[]> {
    await this.ready(this.analyticsLog);
    return this.client.call('analyticsRange', { keys, fromMs, toMs, owner, limit });
  }

  async analyticsLatest(keys: readonly string[], owner: string): Promise<ColdRow[]> {
    await this.ready(this.analyticsLog);
    return this.client.call('analyticsLatest', { keys, owner });
  }

  private async ready(log: SegmentLog): Promise<void> {
    try {
      await log.ready();
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw new Fault('HISTORY_UNAVAILABLE', { node: this.parts.node, reason: `a log could not be taken up (${codeOf(error)})` }, { cause: error });
    }
  }

  /** The floor rose: what lay below it may be in logs alone. */
  onFloorRaised(): void {
    this.pointsLog.hasTail = true;
    this.warming.abandon();
  }

  onAnalyticsFloorRaised(): void {
    this.analyticsLog.hasTail = true;
  }

  // ── Age ──────────────────────────────────────────────────────────────────────────────────────

  async tidy(): Promise<void> {
    const { settings, clock, storage } = this.parts;
    const beforeMs = clock.now() - settings.retentionMs;
    storage.analytics.evict(beforeMs);
    await this.series.tidy(this.committer);
    if (this.pointsLog.applied === 0 && this.analyticsLog.applied === 0) return;
    await this.client.call('compact', { minPoints: settings.compactAfterPoints });
    const gone = await this.client.call('retain', { beforeMs });
    if (gone === 0) return;
    // What is in memory does not know when it came: it is given up, and brought back when somebody asks.
    this.pointsLog.hasTail = true;
    this.points.raiseFloor(this.progress.maxMs + 1);
    await this.forgetEmpty();
  }

  /** Series that have neither points nor a latest value are forgotten, so that names of former times do not take the room of new ones. */
  private async forgetEmpty(): Promise<void> {
    await this.pointsLog.settle();
    const candidates = [...this.points.byId.values()].filter(({ hasLatest, sought, column }) => !hasLatest && sought === 0 && column.isEmpty);
    if (candidates.length === 0) return;
    const present = new Set(await this.client.call('series', undefined));
    // Whoever got a point meanwhile has a latest value again.
    const empty = candidates.filter(({ id, hasLatest, column }) => !present.has(id) && !hasLatest && column.isEmpty);
    this.points.delete(empty, undefined);
    this.series.gone(empty.map(({ id }) => id));
    this.committer.soon();
  }
}

/** Without paths. */
function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'it failed';
}

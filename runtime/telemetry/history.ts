/**
 * What is kept on disk. Points go to a log of the node's own, flushed for many at once; a log that has grown large goes
 * whole into the database, in its thread, in one transaction. Series and analytics have files of their own. A node that
 * stores little never opens the database at all.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { TELEMETRY_LOG_BYTES } from '../model/limits.js';
import { AppendFile, Committer } from './append-file.js';
import type { ColdGroup, ColdPoints, Deletion, Disk } from './disk.js';
import { HistoryClient } from './history-client.js';
import { readLatest, writeLatest } from './latest-file.js';
import { NameFilter } from './names.js';
import { OWN, type Points, type StoredBatch } from './points.js';
import type { KeyedPoint } from './read-put.js';
import type { Range } from './read-query.js';
import { DELETION, deletionRecord, pointsRecord, recordsOf } from './records.js';
import type { Meta, Series } from './series.js';
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

interface State {
  /** Logs up to this one are in the database. */
  applied: number;
  /** Greatest time of any point in it. */
  maxMs: number;
}

type SeriesLine = { id: number; owner: string; entityID: string; metricID: string; meta: Meta } | { id: number; gone: true };
type AnalyticsLine = { put: KeyedPoint[]; storedMs: number } | { gone: string[]; fromMs?: number; toMs?: number };

const DATABASE_SHARE = 0.18;
const MIN_DATABASE_MB = 48;

export class History implements Disk {
  readonly client: HistoryClient;
  private readonly points: Points;
  private readonly committer: Committer;
  private wal!: AppendFile;
  private series!: AppendFile;
  private analyticsFile!: AppendFile;
  /** Logs that get no more, and may still have something to write. */
  private full: { number: number; file: AppendFile }[] = [];
  private segment = 1;
  private state: State = { applied: 0, maxMs: -1 };
  /** Points below the floor may be in logs that are not in the database yet. */
  private hasColdTail = false;
  private applying: Promise<void> = Promise.resolve();
  private readonly warming: Warming;

  constructor(private readonly parts: HistoryParts) {
    const { node, folder, settings, clock, log, storage } = parts;
    this.points = storage.points;
    const memoryMb = Math.max(Math.floor(settings.persistentBytes * DATABASE_SHARE / 1024 / 1024), MIN_DATABASE_MB);
    this.client = new HistoryClient(node, { folder, memoryMb });
    this.committer = new Committer({
      files: () => [this.series, this.analyticsFile, ...this.full.map(({ file }) => file), this.wal], durable: settings.durability === 'flush', clock,
      onError: (error) => log.error({ reason: error.message }, 'telemetry cannot be written to the disk'),
    });
    this.warming = new Warming({ points: this.points, client: this.client, log, pointBytes: settings.persistentBytes });
  }

  get folder(): string {
    return this.parts.folder;
  }

  // ── Start and end ────────────────────────────────────────────────────────────────────────────

  async open(): Promise<void> {
    const { folder } = this.parts;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    this.state = await readJson<State>(join(folder, 'applied.json')) ?? this.state;
    await this.restoreSeries();
    await this.restoreAnalytics();
    await readLatest(join(folder, 'latest.bin'), this.points.byId);
    this.points.floorMs = this.state.maxMs + 1;
    await this.replay();
  }

  async close(): Promise<void> {
    await this.committer.close();
    await this.applying.catch(() => undefined);
    await this.client.close();
    await Promise.all([...this.full.map(({ file }) => file), this.wal, this.series, this.analyticsFile].map((file) => file.close()));
  }

  private async replay(): Promise<void> {
    const { folder } = this.parts;
    const logs = (await readdir(folder)).flatMap((name) => Number(/^points-(\d+)\.log$/.exec(name)?.[1] ?? 0) || []).sort((left, right) => left - right);
    for (const number of logs) {
      if (number <= this.state.applied) {
        await rm(this.logFile(number));
        continue;
      }
      this.replayLog(await readFile(this.logFile(number)));
      this.segment = number + 1;
    }
    this.segment = Math.max(this.segment, this.state.applied + 1);
    this.wal = await AppendFile.open(this.logFile(this.segment));
    const old = logs.filter((number) => number > this.state.applied);
    // A log that may end in a torn record gets no more: it goes to the database as it is, but only once there is enough to be worth it.
    if (old.length > 3) this.applyAll();
    this.hasColdTail = old.length > 0;
  }

  private replayLog(log: Buffer): void {
    for (const record of recordsOf(log)) {
      if (record.kind !== DELETION) this.points.putColumns(record.ids, record.times, record.values, record.storedMs);
      else {
        const series = record.ids.map((id) => this.points.byId.get(id)).filter((each) => each !== undefined);
        this.points.delete(series, record.fromMs === undefined ? undefined : { fromMs: record.fromMs, toMs: record.toMs! });
      }
    }
  }

  private async restoreSeries(): Promise<void> {
    const path = join(this.parts.folder, 'series.jsonl');
    let count = 0;
    for (const line of await readLines<SeriesLine>(path)) {
      count += 1;
      if ('gone' in line) {
        const series = this.points.byId.get(line.id);
        if (series) this.points.delete([series], undefined);
        this.points.reserve(line.id);
      } else this.points.restore(line.id, line.entityID, line.metricID, line.owner).learn(line.meta);
    }
    if (count > 2 * this.points.size + 1_000) await this.rewriteSeries(path);
    this.series = await AppendFile.open(path);
  }

  private async rewriteSeries(path: string): Promise<void> {
    const { byId, lastId } = this.points;
    const lines = [...byId.values()].map(seriesLine);
    // The greatest id that was ever given stays known.
    if (!byId.has(lastId)) lines.push(JSON.stringify({ id: lastId, gone: true }));
    await writeFile(`${path}.new`, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  private async restoreAnalytics(): Promise<void> {
    const path = join(this.parts.folder, 'analytics.jsonl');
    const { analytics } = this.parts.storage;
    let lines = 0;
    for (const line of await readLines<AnalyticsLine>(path)) {
      lines += 1;
      if ('put' in line) analytics.put(line.put, line.storedMs);
      else analytics.delete(NameFilter.of(line.gone), line.fromMs === undefined ? undefined : { fromMs: line.fromMs, toMs: line.toMs! });
    }
    analytics.evict(this.parts.clock.now() - this.parts.settings.retentionMs);
    const rows = [...analytics.all()];
    if (lines > 2 * rows.length + 1_000) {
      await writeFile(`${path}.new`, rows.map(({ storedMs, ...point }) => `${JSON.stringify({ put: [point], storedMs })}\n`).join(''), { mode: 0o600 });
      await rename(`${path}.new`, path);
    }
    this.analyticsFile = await AppendFile.open(path);
  }

  // ── Writing ──────────────────────────────────────────────────────────────────────────────────

  stored({ ids, times, values, learnt }: StoredBatch): Promise<void> | undefined {
    for (const series of learnt) this.series.pending.push(Buffer.from(`${seriesLine(series)}\n`));
    if (ids.length > 0) {
      const record = pointsRecord(this.parts.clock.now(), ids, times, values);
      this.wal.pending.push(record);
      this.wal.bytes += record.length;
      if (!this.hasColdTail) this.hasColdTail = times.some((atMs) => atMs < this.points.floorMs);
    }
    const done = this.done();
    if (this.wal.bytes >= (this.parts.logBytes ?? TELEMETRY_LOG_BYTES)) this.rotate();
    return done;
  }

  analytics(put: readonly KeyedPoint[], storedMs: number): Promise<void> | undefined {
    this.analyticsFile.pending.push(Buffer.from(`${JSON.stringify({ put, storedMs })}\n`));
    return this.done();
  }

  deletion({ ids, range }: Deletion): Promise<void> {
    this.warming.abandon();
    if (!range) for (const id of ids) this.series.pending.push(Buffer.from(`${JSON.stringify({ id, gone: true })}\n`));
    const record = deletionRecord({ ids, ...(range && { fromMs: range.fromMs, toMs: range.toMs }) });
    this.wal.pending.push(record);
    this.wal.bytes += record.length;
    this.hasColdTail = true;
    return this.committer.commit();
  }

  analyticsDeletion(gone: string[], range: Range | undefined): Promise<void> {
    this.analyticsFile.pending.push(Buffer.from(`${JSON.stringify({ gone, ...(range && { fromMs: range.fromMs, toMs: range.toMs }) })}\n`));
    return this.committer.commit();
  }

  private done(): Promise<void> | undefined {
    if (this.parts.settings.durability === 'flush') return this.committer.commit();
    this.committer.soon();
    return undefined;
  }

  // ── From the log into the database ───────────────────────────────────────────────────────────

  /** The log is closed, a new one begun, and the closed one put into the database. */
  private rotate(): void {
    const full = this.wal;
    if (full.bytes === 0) return;
    this.segment += 1;
    // The new one is opened by the write that needs it; what the full one still has to write goes before.
    this.full.push({ number: this.segment - 1, file: full });
    this.wal = AppendFile.later(this.logFile(this.segment));
    this.applyAll();
  }

  private applyAll(): void {
    const last = this.segment - 1;
    this.applying = this.applying.then(async () => {
      await this.committer.commit();
      for (const { file } of this.full.filter(({ number }) => number <= last)) await file.close();
      this.full = this.full.filter(({ number }) => number > last);
      for (let number = this.state.applied + 1; number <= last; number += 1) await this.apply(number);
    }).catch((error: unknown) => this.parts.log.error({ reason: (error as Error).message }, 'the history could not take up a log; it is tried again with the next'));
  }

  private async apply(segment: number): Promise<void> {
    const { folder } = this.parts;
    const { maxMs } = await this.client.call('apply', { segment, file: this.logFile(segment) });
    await writeLatest(join(folder, 'latest.bin'), this.points.byId);
    this.state = { applied: segment, maxMs };
    await writeFile(join(folder, 'applied.json.new'), JSON.stringify(this.state), { mode: 0o600 });
    await rename(join(folder, 'applied.json.new'), join(folder, 'applied.json'));
    await rm(this.logFile(segment), { force: true });
  }

  /** Everything that was written before the call is in the database when it resolves. */
  async settle(): Promise<void> {
    await this.committer.commit();
    if (this.wal.bytes > 0) this.rotate();
    else this.applyAll();
    await this.applying;
  }

  // ── Reading ──────────────────────────────────────────────────────────────────────────────────

  hasPoints(): boolean {
    return this.state.applied > 0 || this.hasColdTail;
  }

  async range(ids: readonly number[], { fromMs, toMs }: Range, limit: number): Promise<ColdPoints> {
    await this.beforeCold();
    return this.client.call('range', { ids: Uint32Array.from(ids), fromMs, toMs, limit });
  }

  async aggregate(ids: readonly number[], { fromMs, toMs }: Range, by: { series: boolean; bucketMs?: number }): Promise<ColdGroup[]> {
    await this.beforeCold();
    return this.client.call('aggregate', { ids: Uint32Array.from(ids), fromMs, toMs, bySeries: by.series, bucketMs: by.bucketMs });
  }

  private async beforeCold(): Promise<void> {
    if (this.hasColdTail) {
      this.hasColdTail = false;
      await this.settle();
    }
    this.warming.begin();
  }

  /** The floor rose: what lay below it may be in logs alone. */
  onFloorRaised(): void {
    this.hasColdTail = true;
    this.warming.abandon();
  }

  // ── Age ──────────────────────────────────────────────────────────────────────────────────────

  async tidy(): Promise<void> {
    const { settings, clock, storage } = this.parts;
    storage.analytics.evict(clock.now() - settings.retentionMs);
    if (this.state.applied === 0) return;
    await this.client.call('compact', { minPoints: settings.compactAfterPoints });
    const gone = await this.client.call('retain', { beforeMs: clock.now() - settings.retentionMs });
    if (gone === 0) return;
    // What is in memory does not know when it came: it is given up, and brought back when somebody asks.
    this.hasColdTail = true;
    this.points.raiseFloor(this.state.maxMs + 1);
  }

  private logFile(number: number): string {
    return join(this.parts.folder, `points-${number}.log`);
  }
}

function seriesLine({ id, owner, entityID, metricID, meta }: Series): string {
  return JSON.stringify({ id, owner: owner || OWN, entityID, metricID, meta });
}

async function readJson<T>(path: string): Promise<T | undefined> {
  return readFile(path, 'utf8').then((text) => JSON.parse(text) as T, () => undefined);
}

/** The lines up to the first that is torn. */
async function readLines<T>(path: string): Promise<T[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines: T[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      lines.push(JSON.parse(line) as T);
    } catch {
      break;
    }
  }
  return lines;
}

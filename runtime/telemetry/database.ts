/**
 * The history on disk, in DuckDB: the table `points` of what has come lately, and one Parquet file for each day that is
 * over. Runs in a thread of its own. Every row carries its place in the order of writing, so that of several points of
 * one series and time the last written one is told, wherever they lie.
 */
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BIGINT, DOUBLE, type DuckDBConnection, DuckDBDataChunk, DuckDBInstance, INTEGER } from '@duckdb/node-api';
import { MAX_GROUPS_PER_ANSWER } from '../model/limits.js';
import { AnalyticsTable } from './analytics-table.js';
import type { ColdGroup, ColdPoints, ColdRow } from './disk.js';
import type { Applied, Dimensions, HistoryCalls, HistoryOptions, Progress } from './history-protocol.js';
import { DELETION, type PointsRecord, recordsIn } from './records.js';

const DAY_MS = 86_400_000;
/** A day becomes a file when it has this part of what makes the table large. */
const POINTS_TO_A_FILE = 1_000;
const VECTOR = 2_048;
/** Rows of a log that are in memory at once on their way into the table: a row group of the database's. */
const APPEND_ROWS = 122_880;
const PART_ROWS = 65_536;
const POINT_TYPES = [INTEGER, BIGINT, DOUBLE, BIGINT];

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS points(series INTEGER, ts BIGINT, val DOUBLE, seq BIGINT);
  CREATE TABLE IF NOT EXISTS segments(segment BIGINT, stored_ms BIGINT);
  CREATE TABLE IF NOT EXISTS days(day BIGINT, file VARCHAR, max_seq BIGINT);
  CREATE TEMP TABLE wanted(series INTEGER);
`;

/** The numbers of a column; those of 64 bits are read as BigInt, and written by their halves. */
type Items = { items: { [index: number]: number; buffer: ArrayBuffer; byteOffset: number; length: number }; flush(): void };

export class Database {
  private readonly analytics: AnalyticsTable;

  private constructor(private readonly instance: DuckDBInstance, private readonly db: DuckDBConnection, private readonly folder: string) {
    this.analytics = new AnalyticsTable(db);
  }

  static async open({ folder, memoryMb }: HistoryOptions): Promise<Database> {
    mkdirSync(join(folder, 'days'), { recursive: true, mode: 0o700 });
    const instance = await DuckDBInstance.create(join(folder, 'history.duckdb'), {
      memory_limit: `${memoryMb}MB`, threads: '1', temp_directory: join(folder, 'tmp'), preserve_insertion_order: 'true',
    });
    const db = await instance.connect();
    await db.run(SCHEMA);
    const database = new Database(instance, db, folder);
    await database.analytics.open();
    return database;
  }

  close(): void {
    this.db.closeSync();
    this.instance.closeSync();
  }

  // ── Writing ──────────────────────────────────────────────────────────────────────────────────

  /** A log, as it lies on the disk: in one transaction with the note that it is in, so never twice and never half. */
  async apply({ segment, file }: HistoryCalls['apply']['ask']): Promise<Applied> {
    const known = await this.rows(`SELECT 1 FROM segments WHERE segment = ${segment}`);
    if (known.length === 0) {
      await this.inTransaction(() => this.applyLog(segment, file));
    }
    return { maxMs: await this.maxMs() };
  }

  async applyAnalytics({ segment, file }: HistoryCalls['applyAnalytics']['ask']): Promise<Applied> {
    const log = await readFile(file);
    await this.inTransaction(() => this.analytics.apply(segment, log));
    return { maxMs: await this.analytics.maxMs() };
  }

  analyticsRange(ask: HistoryCalls['analyticsRange']['ask']): Promise<ColdRow[]> {
    return this.analytics.range(ask);
  }

  analyticsLatest(ask: HistoryCalls['analyticsLatest']['ask']): Promise<(ColdRow & { owner: string })[]> {
    return this.analytics.latest(ask);
  }

  private async inTransaction(work: () => Promise<void>): Promise<void> {
    await this.db.run('BEGIN');
    try {
      await work();
      await this.db.run('COMMIT');
    } catch (error) {
      await this.db.run('ROLLBACK');
      throw error;
    }
  }

  private async applyLog(segment: number, file: string): Promise<void> {
    let storedMs = 0;
    let row = 0;
    let batch: PointsRecord[] = [];
    let waiting = 0;
    const append = async () => {
      if (waiting > 0) await this.append(batch, segment, row);
      row += waiting;
      waiting = 0;
      batch = [];
    };
    for await (const record of recordsIn(file)) {
      if (record.kind !== DELETION) {
        batch.push(record);
        waiting += record.ids.length;
        storedMs = Math.max(storedMs, record.storedMs);
        if (waiting >= APPEND_ROWS) await append();
        continue;
      }
      await append();
      await this.delete(record.ids, record.fromMs, record.toMs);
    }
    await append();
    await this.db.run(`INSERT INTO segments VALUES (${segment}, ${Math.round(storedMs)})`);
  }

  private async append(batch: readonly PointsRecord[], segment: number, firstRow: number): Promise<void> {
    const appender = await this.db.createAppender('points');
    const chunk = DuckDBDataChunk.create(POINT_TYPES, VECTOR);
    const vectors = columnsOf(chunk);
    const halves = halvesOf(vectors);
    let filled = 0;
    let row = firstRow;
    const flush = () => {
      for (const vector of vectors) vector.flush();
      // Only the last chunk is not full; what was written behind its rows does not count.
      if (filled < VECTOR) chunk.rowCount = filled;
      appender.appendDataChunk(chunk);
      filled = 0;
    };
    for (const { ids, times, values } of batch) {
      for (let at = 0; at < ids.length; at += 1) {
        vectors[0]!.items[filled] = ids[at]!;
        const time = times[at]!;
        halves.times[filled * 2] = time % 0x1_0000_0000;
        halves.times[filled * 2 + 1] = Math.floor(time / 0x1_0000_0000);
        vectors[2]!.items[filled] = values[at]!;
        halves.places[filled * 2] = row;
        halves.places[filled * 2 + 1] = segment;
        row += 1;
        if ((filled += 1) === VECTOR) flush();
      }
    }
    if (filled > 0) flush();
    appender.flushSync();
    appender.closeSync();
  }

  private async delete(ids: readonly number[], fromMs = 0, toMs = Number.MAX_SAFE_INTEGER): Promise<void> {
    await this.want(Uint32Array.from(ids));
    const which = `ts BETWEEN ${fromMs} AND ${toMs} AND series IN (SELECT series FROM wanted)`;
    await this.db.run(`DELETE FROM points WHERE ${which}`);
    for (const { day, file } of await this.days()) {
      if (day * DAY_MS > toMs || (day + 1) * DAY_MS <= fromMs) continue;
      const [{ hit } = { hit: 0 }] = await this.rows<{ hit: number }>(`SELECT count(*)::DOUBLE AS hit FROM read_parquet(${text(file)}) WHERE ${which}`);
      if (hit === 0) continue;
      await this.db.run(`COPY (SELECT * FROM read_parquet(${text(file)}) WHERE NOT (${which}) ORDER BY series, ts) TO ${text(`${file}.new`)} (FORMAT parquet)`);
      renameSync(`${file}.new`, file);
    }
  }

  // ── Reading ──────────────────────────────────────────────────────────────────────────────────

  async range({ ids, fromMs, toMs, limit }: HistoryCalls['range']['ask']): Promise<ColdPoints> {
    await this.want(ids);
    const parts: ColdPoints[] = [];
    await this.stream(`${await this.latestWritten(fromMs, toMs)} ORDER BY series, ts LIMIT ${limit + 1}`, (part) => parts.push(part));
    return joinedParts(parts);
  }

  async latest({ ids }: HistoryCalls['latest']['ask']): Promise<ColdPoints> {
    await this.want(ids);
    const parts: ColdPoints[] = [];
    const source = await this.source();
    await this.stream(`SELECT series, ts, arg_max(val, seq) AS val FROM (${source})
      JOIN (SELECT series, max(ts) AS ts FROM (${source}) WHERE series IN (SELECT series FROM wanted) GROUP BY series) USING (series, ts) GROUP BY series, ts`, (part) => parts.push(part));
    return joinedParts(parts);
  }

  async series(): Promise<Uint32Array> {
    return Uint32Array.from(await this.rows<{ series: number }>(`SELECT DISTINCT series FROM (${await this.source()})`), ({ series }) => series);
  }

  async progress(): Promise<Progress> {
    const [row] = await this.rows<{ applied: number | null }>('SELECT max(segment)::DOUBLE AS applied FROM segments');
    return { applied: row?.applied ?? 0, maxMs: await this.maxMs(), analyticsApplied: await this.analytics.applied(), analyticsMaxMs: await this.analytics.maxMs() };
  }

  async aggregate({ ids, fromMs, toMs, bySeries, bucketMs }: HistoryCalls['aggregate']['ask']): Promise<ColdGroup[]> {
    await this.want(ids);
    const groups = [...(bySeries ? ['series'] : []), ...(bucketMs === undefined ? [] : ['bucket'])];
    const bucket = bucketMs === undefined ? '' : `, (ts // ${bucketMs} * ${bucketMs})::DOUBLE AS bucket`;
    const rows = await this.rows<{ series?: number; bucket?: number; n: number; sum: number; min: number; max: number }>(
      `SELECT ${[...groups, 'count(*)::DOUBLE AS n', 'sum(val) AS sum', 'min(val) AS min', 'max(val) AS max'].join(', ')}
       FROM (SELECT series, val${bucket} FROM (${await this.latestWritten(fromMs, toMs)})) ${groups.length > 0 ? `GROUP BY ${groups.join(', ')} LIMIT ${MAX_GROUPS_PER_ANSWER + 1}` : ''}`);
    return rows.filter(({ n }) => n > 0).map(({ series, bucket: bucketAt, n, sum, min, max }) => ({
      ...(series !== undefined && { series }), ...(bucketAt !== undefined && { bucketMs: bucketAt }), aggregate: { count: n, sum, min, max },
    }));
  }

  async dimensions({ points, atOnce }: HistoryCalls['dimensions']['ask']): Promise<Dimensions> {
    const source = await this.source();
    const [row] = await this.rows<{ n: number }>(`SELECT count(*)::DOUBLE AS n FROM (${source})`);
    const { n } = row!;
    const shares: number[] = [];
    for (let count = atOnce; count < Math.min(n, points); count += atOnce) shares.push(1 - count / n);
    const cuts = shares.length === 0 ? [] : await this.rows<{ at: number }>(`SELECT unnest(approx_quantile(ts, [${shares.join(', ')}]))::DOUBLE AS at FROM (${source})`);
    // Everything has room: the last part goes down to the beginning of time.
    return { points: n, cuts: [...cuts.map(({ at }) => Math.ceil(at)), ...(n > 0 && n <= points ? [0] : [])] };
  }

  /** Everything of the range in the order of writing, so that who puts it in one after the other gets the last written. */
  async load({ fromMs, toMs }: HistoryCalls['load']['ask'], onPart: (part: ColdPoints) => void): Promise<undefined> {
    const where = `WHERE ts BETWEEN ${fromMs} AND ${toMs}`;
    for (const { file } of await this.days()) await this.stream(`SELECT series, ts, val FROM read_parquet(${text(file)}) ${where}`, onPart);
    await this.stream(`SELECT series, ts, val FROM points ${where}`, onPart);
    return undefined;
  }

  /** Points from one file, the names of their series from another: joined, and written as Parquet. Groups are in one file. */
  async export({ names, points, file }: HistoryCalls['export']['ask']): Promise<undefined> {
    const json = (columns: string) => `read_json(${text(names)}, format = 'newline_delimited', columns = {${columns}})`;
    const of = "node: 'VARCHAR', metricID: 'VARCHAR', entityID: 'VARCHAR'";
    const source = points === undefined ? `SELECT * FROM ${json(`${of}, "timestamp": 'BIGINT', value: 'DOUBLE', count: 'BIGINT'`)}` : `
      SELECT n."metricID", n."entityID", n.node, p.ts AS "timestamp", p.val
      FROM read_csv(${text(points)}, header = false, auto_detect = false, columns = {'series': 'INTEGER', 'ts': 'BIGINT', 'val': 'DOUBLE'}) p
      JOIN ${json(`id: 'INTEGER', ${of}`)} n ON n.id = p.series ORDER BY ALL`;
    await this.db.run(`COPY (${source}) TO ${text(file)} (FORMAT parquet)`);
    return undefined;
  }

  // ── Age ──────────────────────────────────────────────────────────────────────────────────────

  /** Days that are over (a later one has points) leave the table for a Parquet file of their own. @returns days written */
  async compact({ minPoints }: HistoryCalls['compact']['ask']): Promise<number> {
    const days = await this.rows<{ day: number; n: number }>(`SELECT (ts // ${DAY_MS})::DOUBLE AS day, count(*)::DOUBLE AS n FROM points GROUP BY ALL ORDER BY ALL`);
    if (days.reduce((sum, { n }) => sum + n, 0) < minPoints) return 0;
    // A file for a handful of points would cost every question more than it saves.
    const over = days.slice(0, -1).filter(({ n }) => n >= minPoints / POINTS_TO_A_FILE);
    for (const { day } of over) await this.compactDay(day);
    await this.db.run('CHECKPOINT');
    return over.length;
  }

  private async compactDay(day: number): Promise<void> {
    const file = join(this.folder, 'days', `${new Date(day * DAY_MS).toISOString().slice(0, 10)}.parquet`);
    const isThere = (await this.days()).some((each) => each.day === day);
    const which = `ts BETWEEN ${day * DAY_MS} AND ${(day + 1) * DAY_MS - 1}`;
    const source = `SELECT * FROM points WHERE ${which}${isThere ? ` UNION ALL SELECT * FROM read_parquet(${text(file)})` : ''}`;
    await this.db.run(`COPY (SELECT series, ts, arg_max(val, seq) AS val, max(seq) AS seq FROM (${source}) GROUP BY series, ts ORDER BY series, ts) TO ${text(`${file}.new`)} (FORMAT parquet)`);
    // Should the process end here, the day's points are in the file and in the table: told once, because of their places in the order.
    renameSync(`${file}.new`, file);
    await this.db.run('BEGIN');
    await this.db.run(`DELETE FROM points WHERE ${which}`);
    await this.db.run(`DELETE FROM days WHERE day = ${day}`);
    await this.db.run(`INSERT INTO days SELECT ${day}, ${text(file)}, max(seq) FROM read_parquet(${text(file)})`);
    await this.db.run('COMMIT');
  }

  /** What was stored before the time goes, log by log. @returns logs that went */
  async retain({ beforeMs }: HistoryCalls['retain']['ask']): Promise<number> {
    await this.analytics.retain(beforeMs);
    const [row] = await this.rows<{ last: number | null }>(`SELECT max(segment)::DOUBLE AS last FROM segments WHERE stored_ms < ${beforeMs}`);
    if (row?.last === null || row?.last === undefined) return 0;
    const before = `${BigInt(row.last + 1) << 32n}`;
    const before_ = `seq < ${before}`;
    const [{ gone } = { gone: 0 }] = await this.rows<{ gone: number }>(`SELECT count(*)::DOUBLE AS gone FROM (${await this.source()}) WHERE ${before_}`);
    if (gone === 0) return 0;
    await this.db.run(`DELETE FROM points WHERE ${before_}`);
    for (const { file } of await this.days()) {
      await this.db.run(`COPY (SELECT * FROM read_parquet(${text(file)}) WHERE NOT (${before_}) ORDER BY series, ts) TO ${text(`${file}.new`)} (FORMAT parquet)`);
      renameSync(`${file}.new`, file);
      const [{ left } = { left: 0 }] = await this.rows<{ left: number }>(`SELECT count(*)::DOUBLE AS left FROM read_parquet(${text(file)})`);
      if (left > 0) continue;
      await this.db.run(`DELETE FROM days WHERE file = ${text(file)}`);
      rmSync(file);
    }
    return gone;
  }

  // ── Parts ────────────────────────────────────────────────────────────────────────────────────

  private async source(): Promise<string> {
    const files = (await this.days()).map(({ file }) => text(file));
    return `SELECT * FROM points${files.length > 0 ? ` UNION ALL SELECT * FROM read_parquet([${files.join(', ')}])` : ''}`;
  }

  private async latestWritten(fromMs: number, toMs: number): Promise<string> {
    return `SELECT series, ts, arg_max(val, seq) AS val FROM (${await this.source()})
      WHERE ts BETWEEN ${fromMs} AND ${toMs} AND series IN (SELECT series FROM wanted) GROUP BY series, ts`;
  }

  private async days(): Promise<{ day: number; file: string }[]> {
    const present = new Set(readdirSync(join(this.folder, 'days')));
    const rows = await this.rows<{ day: number; file: string }>('SELECT day::DOUBLE AS day, file FROM days ORDER BY day');
    return rows.map(({ day, file }) => ({ day, file: join(this.folder, 'days', file.split('/').at(-1)!) })).filter(({ file }) => present.has(file.split('/').at(-1)!));
  }

  private async maxMs(): Promise<number> {
    const [row] = await this.rows<{ most: number | null }>(`SELECT max(ts)::DOUBLE AS most FROM (${await this.source()})`);
    return row?.most ?? -1;
  }

  /** The series of a question go in by the appender: no name and no number of a client's is ever part of a statement. */
  private async want(ids: Uint32Array): Promise<void> {
    await this.db.run('DELETE FROM wanted');
    const appender = await this.db.createAppender('wanted', undefined, 'temp');
    for (const id of ids) {
      appender.appendInteger(id);
      appender.endRow();
    }
    appender.flushSync();
    appender.closeSync();
  }

  private async rows<T>(sql: string): Promise<T[]> {
    return (await (await this.db.runAndReadAll(sql)).getRowObjects()) as T[];
  }

  private async stream(sql: string, onPart: (part: ColdPoints) => void): Promise<void> {
    const result = await this.db.stream(sql);
    let part = emptyPart();
    let filled = 0;
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) break;
      const [series, times, values] = [0, 1, 2].map((column) => (chunk.getColumnVector(column) as unknown as Items).items);
      for (let at = 0; at < chunk.rowCount; at += 1) {
        part.series[filled] = series![at]!;
        part.times[filled] = Number(times![at]!);
        part.values[filled] = values![at]!;
        if ((filled += 1) < PART_ROWS) continue;
        onPart(part);
        part = emptyPart();
        filled = 0;
      }
    }
    if (filled > 0) onPart({ series: part.series.slice(0, filled), times: part.times.slice(0, filled), values: part.values.slice(0, filled) });
  }
}

function emptyPart(): ColdPoints {
  return { series: new Uint32Array(PART_ROWS), times: new Float64Array(PART_ROWS), values: new Float64Array(PART_ROWS) };
}

function joinedParts(parts: ColdPoints[]): ColdPoints {
  const count = parts.reduce((sum, { series }) => sum + series.length, 0);
  const all = { series: new Uint32Array(count), times: new Float64Array(count), values: new Float64Array(count) };
  let at = 0;
  for (const { series, times, values } of parts) {
    all.series.set(series, at);
    all.times.set(times, at);
    all.values.set(values, at);
    at += series.length;
  }
  return all;
}

function columnsOf(chunk: DuckDBDataChunk): Items[] {
  return POINT_TYPES.map((_, column) => chunk.getColumnVector(column) as unknown as Items);
}

/** 64-bit numbers as two halves, because to make a BigInt of each costs more than everything else. */
function halvesOf(vectors: Items[]): { times: Int32Array; places: Int32Array } {
  const of = ({ items }: Items) => new Int32Array(items.buffer, items.byteOffset, items.length * 2);
  return { times: of(vectors[1]!), places: of(vectors[3]!) };
}

/** A path as SQL writes it. */
function text(path: string): string {
  return `'${path.replaceAll('\'', '\'\'')}'`;
}

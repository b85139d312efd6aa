/**
 * Analytics in the database: values under keys of every owner, the last written of each key and time the one that counts.
 * Names and texts are kept as JSON, which has a way to write every character that JavaScript has.
 */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { ColdRow } from './disk.js';
import type { AnalyticsLine } from './history.js';
import type { HistoryCalls } from './history-protocol.js';
import { linesOf } from './series-file.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS analytics(owner VARCHAR, key VARCHAR, ts BIGINT, num DOUBLE, txt VARCHAR, stored_ms BIGINT, seq BIGINT);
  CREATE TABLE IF NOT EXISTS analytics_segments(segment BIGINT);
  CREATE TEMP TABLE wanted_keys(key VARCHAR);
`;

interface Row {
  owner: string;
  key: string;
  ts: number;
  num: number | null;
  txt: string | null;
  stored: number;
}

type Put = Extract<AnalyticsLine, { put: unknown }>;

/** The last written of each key and time. */
const ROWS = 'SELECT owner, key, ts::DOUBLE AS ts, arg_max(struct_pack(num, txt, stored_ms), seq) AS last FROM analytics';
const SHOWN = 'owner, key, ts, last.num AS num, last.txt AS txt, last.stored_ms::DOUBLE AS stored';

export class AnalyticsTable {
  constructor(private readonly db: DuckDBConnection) {}

  async open(): Promise<void> {
    await this.db.run(SCHEMA);
  }

  /** Within a transaction, and only once. */
  async apply(segment: number, log: Buffer): Promise<void> {
    const known = await this.rows(`SELECT 1 FROM analytics_segments WHERE segment = ${segment}`);
    if (known.length > 0) return;
    let row = 0;
    let batch: Put[] = [];
    for (const line of [...linesOf<AnalyticsLine>(log).values, undefined]) {
      if (line && 'put' in line) {
        batch.push(line);
        continue;
      }
      if (batch.length > 0) row = await this.append(batch, segment, row);
      batch = [];
      if (line) await this.delete(line.gone, line.owner, line.fromMs, line.toMs);
    }
    await this.db.run(`INSERT INTO analytics_segments VALUES (${segment})`);
  }

  async range({ keys, fromMs, toMs, owner, limit }: HistoryCalls['analyticsRange']['ask']): Promise<ColdRow[]> {
    await this.want(keys);
    const rows = await this.rows<Row>(`SELECT ${SHOWN} FROM (${ROWS} WHERE owner = $1 AND ts BETWEEN ${fromMs} AND ${toMs}
      AND key IN (SELECT key FROM wanted_keys) GROUP BY owner, key, ts) ORDER BY key, ts LIMIT ${limit}`, [owner]);
    return rows.map(rowOf);
  }

  async latest({ keys, owner }: HistoryCalls['analyticsLatest']['ask']): Promise<(ColdRow & { owner: string })[]> {
    if (keys) await this.want(keys);
    const which = keys ? 'WHERE owner = $1 AND key IN (SELECT key FROM wanted_keys)' : '';
    const rows = await this.rows<Row>(`SELECT ${SHOWN} FROM (${ROWS} JOIN (SELECT owner, key, max(ts) AS ts FROM analytics ${which} GROUP BY owner, key)
      USING (owner, key, ts) GROUP BY owner, key, ts)`, keys ? [owner] : []);
    return rows.map((row) => ({ owner: row.owner, ...rowOf(row) }));
  }

  async maxMs(): Promise<number> {
    const [row] = await this.rows<{ most: number | null }>('SELECT max(ts)::DOUBLE AS most FROM analytics');
    return row?.most ?? -1;
  }

  async applied(): Promise<number> {
    const [row] = await this.rows<{ last: number | null }>('SELECT max(segment)::DOUBLE AS last FROM analytics_segments');
    return row?.last ?? 0;
  }

  async retain(beforeMs: number): Promise<void> {
    await this.db.run(`DELETE FROM analytics WHERE stored_ms < ${beforeMs}`);
  }

  private async append(batch: readonly Put[], segment: number, firstRow: number): Promise<number> {
    const appender = await this.db.createAppender('analytics');
    let row = firstRow;
    for (const { put, storedMs, owner } of batch) {
      for (const { key, val, timestamp } of put) {
        appender.appendVarchar(owner);
        appender.appendVarchar(JSON.stringify(key));
        appender.appendBigInt(BigInt(timestamp));
        if (typeof val === 'number') appender.appendDouble(val);
        else appender.appendNull();
        if (typeof val === 'string') appender.appendVarchar(JSON.stringify(val));
        else appender.appendNull();
        appender.appendBigInt(BigInt(Math.round(storedMs)));
        appender.appendBigInt(BigInt(segment) * 0x1_0000_0000n + BigInt(row));
        appender.endRow();
        row += 1;
      }
    }
    appender.flushSync();
    appender.closeSync();
    return row;
  }

  private async delete(keys: readonly string[], owner: string, fromMs = 0, toMs = Number.MAX_SAFE_INTEGER): Promise<void> {
    await this.want(keys);
    await this.db.run(`DELETE FROM analytics WHERE owner = $1 AND ts BETWEEN ${fromMs} AND ${toMs} AND key IN (SELECT key FROM wanted_keys)`, [owner]);
  }

  private async want(keys: readonly string[]): Promise<void> {
    await this.db.run('DELETE FROM wanted_keys');
    const appender = await this.db.createAppender('wanted_keys', undefined, 'temp');
    for (const key of keys) {
      appender.appendVarchar(JSON.stringify(key));
      appender.endRow();
    }
    appender.flushSync();
    appender.closeSync();
  }

  private async rows<T>(sql: string, values: DuckDBValue[] = []): Promise<T[]> {
    return (await (await this.db.runAndReadAll(sql, values)).getRowObjects()) as T[];
  }
}

function rowOf({ key, ts, num, txt, stored }: Row): ColdRow {
  return { key: JSON.parse(key) as string, timestamp: ts, val: num ?? JSON.parse(txt!) as string, storedMs: stored };
}

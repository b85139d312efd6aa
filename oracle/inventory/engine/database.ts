/** The DuckDB side of the inventory: tables that follow the journal, Parquet files, queries. Runs in the engine's thread. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBBlobVector, type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance, type DuckDBResult, JsonDuckDBValueConverter } from '@duckdb/node-api';
import { OBJECT_NAMES, type ObjectName } from '../../../runtime/model/inventory/objects.js';
import { canonicalMac, canonicalXname } from '../../../runtime/model/inventory/xname.js';
import { MAX_QUERY_BYTES } from '../../../runtime/model/limits.js';
import { EARLY_FIELDS } from '../state/indexes.js';
import { syncFile } from '../../../runtime/base/sync.js';
import { type Column, hasSecret, keyOf, ROW_COLUMNS, SECRET_COLUMN, tableColumns, VALUE_COLUMNS } from './columns.js';
import { diffSql } from './diff.js';
import { literal, quoted } from './quote.js';
import { type Visible, refusalOfQuery } from './guard.js';
import type { Difference, EngineConfig, OpenedSource, QueryAnswer, RowBlock, SnapshotPlace, SourcePlace, TableDescription, TableFacts } from './messages.js';
import { RemoteSources } from './remote-sources.js';

/** Said to the client as it is. */
export class QueryRefusal extends Error {
  constructor(message: string, readonly refused: 'query' | 'time') {
    super(message);
  }
}

/** One object of the journal may be as large as a body. */
const MAX_LINE_BYTES = 40 * 1024 * 1024;

export class Database {
  #shown: SnapshotPlace[] = [];
  readonly #remote: RemoteSources;
  #asking: DuckDBConnection | undefined;
  #hidden: ReadonlySet<string> = new Set();
  #askingFunctions: ReadonlySet<string> = new Set();
  #reader: DuckDBConnection | undefined;
  #reading: { object: ObjectName; result: DuckDBResult } | undefined;
  #toRead: ObjectName[] = [];
  #readFolder = '';

  private constructor(private readonly instance: DuckDBInstance, private readonly connection: DuckDBConnection) {
    this.#remote = new RemoteSources(connection);
  }

  static async open(config: EngineConfig): Promise<{ database: Database; remote: OpenedSource[] }> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(config.threads), memory_limit: `${config.memoryMb}MB`, temp_directory: '', autoinstall_known_extensions: 'false', autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    const database = new Database(instance, connection);
    const remote = await database.#remote.open(config);
    database.#hidden = await database.#names('SELECT lower(view_name) FROM duckdb_views() WHERE internal');
    database.#askingFunctions = await database.#names(`SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type = 'macro' AND contains(lower(macro_definition), 'select')`);
    await connection.run(`SET enable_external_access = false`);
    await connection.run(`SET lock_configuration = true`);
    for (const object of OBJECT_NAMES) await connection.run(createTable(object, quoted(object)));
    return { database, remote };
  }

  sources(places: SourcePlace[]): Promise<void> {
    return this.#remote.take(places);
  }

  async load(snapshot: SnapshotPlace | undefined): Promise<void> {
    await this.#atomically(async () => {
      for (const object of OBJECT_NAMES) {
        await this.connection.run(`DELETE FROM ${quoted(object)}`);
        if (snapshot) await this.connection.run(`INSERT INTO ${quoted(object)} BY NAME SELECT ${(await this.#commonColumns(object, snapshot.folder)).map(({ name }) => quoted(name)).join(', ')} FROM read_parquet(${fileOf(snapshot.folder, object)})`);
      }
    });
  }

  /** The last change of each object counts. */
  async ingest(files: string[], after: number): Promise<void> {
    if (files.length === 0) return;
    const list = files.map(literal).join(', ');
    await this.connection.run(`CREATE OR REPLACE TEMP TABLE changes AS
      SELECT t, id, s, b, x, v FROM read_json([${list}], format = 'newline_delimited', maximum_object_size = ${MAX_LINE_BYTES},
        columns = {t: 'VARCHAR', id: 'VARCHAR', s: 'BIGINT', b: 'BIGINT', x: 'VARCHAR', v: 'JSON', o: 'VARCHAR'})
      WHERE o IS NULL AND s > ${after}
      QUALIFY row_number() OVER (PARTITION BY t, id ORDER BY s DESC) = 1`);
    await this.#atomically(async () => {
      for (const object of OBJECT_NAMES) {
        const isChanged = `t = ${literal(object)}`;
        await this.connection.run(`DELETE FROM ${quoted(object)} WHERE ${quoted(keyOf(object))} IN (SELECT id FROM changes WHERE ${isChanged})`);
        const shape = JSON.stringify(Object.fromEntries(VALUE_COLUMNS[object].map(({ name, type }) => [name, type])));
        const names = VALUE_COLUMNS[object].map(({ name }) => `value.${quoted(name)}`).join(', ');
        await this.connection.run(`INSERT INTO ${quoted(object)}
          SELECT ${names}, s, b${hasSecret(object) ? ', x' : ''}
          FROM (SELECT json_transform(v, ${literal(shape)}) AS value, s, b, x FROM changes WHERE ${isChanged} AND v IS NOT NULL)`);
      }
    });
    await this.connection.run('DROP TABLE changes');
  }

  async write(folder: string): Promise<Record<ObjectName, TableFacts>> {
    const facts: Partial<Record<ObjectName, TableFacts>> = {};
    for (const object of OBJECT_NAMES) {
      const file = join(folder, `${object}.parquet`);
      await this.connection.run(`COPY ${quoted(object)} TO ${literal(file)} (FORMAT parquet)`);
      const rows = await this.#value(`SELECT count(*)::DOUBLE FROM ${quoted(object)}`) as number;
      await syncFile(file);
      facts[object] = { rows, ...await factsOf(file) };
    }
    return facts as Record<ObjectName, TableFacts>;
  }

  async verify(folder: string, facts: Partial<Record<ObjectName, TableFacts>>): Promise<void> {
    for (const object of OBJECT_NAMES) {
      const wanted = facts[object];
      if (!wanted) throw new Error(`its manifest does not name ${object}.parquet`);
      const file = join(folder, `${object}.parquet`);
      const { size } = await stat(file).catch(() => ({ size: -1 }));
      if (size < 0) throw new Error(`${object}.parquet is missing`);
      if (size !== wanted.bytes) throw new Error(`${object}.parquet has ${size} bytes instead of ${wanted.bytes}`);
      if ((await factsOf(file)).sha256 !== wanted.sha256) throw new Error(`${object}.parquet is not what was written`);
    }
  }

  /** On a connection of its own: another statement would end what is being read. */
  async read({ folder }: SnapshotPlace): Promise<void> {
    this.#reader ??= await this.instance.connect();
    this.#toRead = [...OBJECT_NAMES];
    this.#reading = undefined;
    this.#readFolder = folder;
  }

  async next(): Promise<RowBlock | undefined> {
    for (;;) {
      if (!this.#reading) {
        const object = this.#toRead.shift();
        if (!object) return undefined;
        this.#reading = { object, result: await this.#reader!.stream(await this.#rowsSql(object, this.#readFolder)) };
      }
      const { object, result } = this.#reading;
      const chunk = await result.fetchChunk();
      if (chunk && chunk.rowCount > 0) return { object, ...packed(chunk) };
      this.#reading = undefined;
    }
  }

  async find({ folder }: SnapshotPlace, object: ObjectName, key: string): Promise<RowBlock[]> {
    const some = async (of: ObjectName, where: string) => this.#blocks(of, `${await this.#rowsSql(of, folder)} WHERE ${where}`);
    const id = `${quoted(keyOf(object))} = ${literal(key.toLowerCase())}`;
    const named = SPELLED[object].map(({ field, spelled }) => `${quoted(field)} IN (${literal(key)}, ${literal(spelled(key))})`);
    let found = await some(object, id);
    if (found.length === 0 && named.length > 0) found = await some(object, named.join(' OR '));
    if (found.length === 0 || object !== 'ComputeNode') return found;
    const source = `read_parquet(${fileOf(folder, object)})`;
    const nodes = `(SELECT id FROM ${source} WHERE ${[id, ...named].join(' OR ')})`;
    const bmcs = `(SELECT bmc_id FROM ${source} WHERE ${[id, ...named].join(' OR ')})`;
    return [...found, ...await some('BMC', `id IN ${bmcs}`), ...await some('NetworkInterface', `compute_node_id IN ${nodes}`)];
  }

  async #rowsSql(object: ObjectName, folder: string): Promise<string> {
    const columns = await this.#commonColumns(object, folder);
    return `SELECT encode(concat(${headSql(object, columns)}, chr(9), ${valueSql(columns)})) FROM read_parquet(${fileOf(folder, object)})`;
  }

  async #blocks(object: ObjectName, sql: string): Promise<RowBlock[]> {
    const chunks = await (await this.connection.run(sql)).fetchAllChunks();
    return chunks.filter(({ rowCount }) => rowCount > 0).map((chunk) => ({ object, ...packed(chunk) }));
  }

  /** Each as a schema of its name, and all together as `history`. */
  async show(snapshots: SnapshotPlace[]): Promise<void> {
    for (const { name } of this.#shown) if (!snapshots.some((each) => each.name === name)) await this.connection.run(`DROP SCHEMA ${quoted(name)} CASCADE`);
    for (const { name, folder } of snapshots) {
      if (this.#shown.some((each) => each.name === name)) continue;
      await this.connection.run(`CREATE SCHEMA ${quoted(name)}`);
      for (const object of OBJECT_NAMES) await this.connection.run(`CREATE VIEW ${quoted(name)}.${quoted(object)} AS SELECT * FROM read_parquet(${fileOf(folder, object)})`);
    }
    this.#shown = snapshots;
    await this.connection.run('DROP SCHEMA IF EXISTS history CASCADE');
    await this.connection.run('CREATE SCHEMA history');
    for (const object of OBJECT_NAMES) {
      const parts = snapshots.map(({ name }) => `SELECT ${literal(name)} AS snapshot, * FROM ${quoted(name)}.${quoted(object)}`);
      if (parts.length > 0) await this.connection.run(`CREATE VIEW history.${quoted(object)} AS ${parts.join(' UNION ALL BY NAME ')}`);
    }
  }

  async query(sql: string, limits: { rows: number; ms: number }): Promise<QueryAnswer> {
    const prepared = await this.connection.prepare('SELECT json_serialize_sql($1::VARCHAR)::VARCHAR');
    prepared.bindVarchar(1, sql);
    const [[serialized]] = (await prepared.runAndReadAll()).getRows() as [[string]];
    const refusal = refusalOfQuery(serialized, this.#visible());
    if (refusal !== undefined) throw new QueryRefusal(refusal, 'query');
    try {
      return await this.#stoppable(limits.ms, async (connection) => {
        await connection.run('BEGIN TRANSACTION READ ONLY');
        return answerOf(await connection.stream(sql), limits.rows);
      });
    } catch (error) {
      throw error instanceof QueryRefusal ? error : new QueryRefusal((error as Error).message.split('\n')[0]!, 'query');
    }
  }

  /** On a connection of its own, so that stopping it stops nothing else. @param work asks `inTime` before each of several queries */
  async #stoppable<T>(ms: number, work: (connection: DuckDBConnection, inTime: () => void) => Promise<T>): Promise<T> {
    const connection = this.#asking = await this.instance.connect();
    let isLate = ms <= 0;
    const timer = setTimeout(() => {
      isLate = true;
      connection.interrupt();
    }, ms);
    try {
      return await work(connection, () => {
        if (isLate) throw new QueryRefusal('', 'time');
      });
    } catch (error) {
      throw isLate && !(error instanceof QueryRefusal) ? new QueryRefusal('', 'time') : error;
    } finally {
      clearTimeout(timer);
      this.#asking = undefined;
      connection.closeSync();
    }
  }

  /** The query that runs, if there is one. */
  interrupt(): void {
    this.#asking?.interrupt();
  }

  async tables(): Promise<TableDescription[]> {
    const { tables, schemas, catalogs } = this.#visible();
    const reader = await this.connection.runAndReadAll('SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns() ORDER BY ALL');
    const found = new Map<string, TableDescription>();
    for (const [catalog, schema, table, name, type] of reader.getRows() as string[][]) {
      const isRemote = catalogs.includes(catalog!.toLowerCase());
      const isOwn = catalog === 'memory' && (schema === 'main' ? tables.includes(table!.toLowerCase()) : schemas.includes(schema!.toLowerCase()));
      if ((!isRemote && !isOwn) || this.#remote.isShortName(catalog!, schema!, table!)) continue;
      const key = `${catalog}.${schema}.${table}`;
      const place = isRemote && schema !== 'main' ? `${catalog}.${schema}` : isRemote ? catalog! : schema!;
      if (!found.has(key)) found.set(key, { schema: place, table: table!, columns: [] });
      found.get(key)!.columns.push({ name: name!, type: type! });
    }
    return [...found.values()];
  }

  diff(from: SnapshotPlace, to: SnapshotPlace | undefined, objects: ObjectName[], { differences: limit, ms }: { differences: number; ms: number }) {
    return this.#stoppable(ms, (connection, inTime) => this.#differences(connection, inTime, [from, to], objects, limit));
  }

  async #differences(connection: DuckDBConnection, inTime: () => void, [from, to]: [SnapshotPlace, SnapshotPlace | undefined], objects: ObjectName[], limit: number) {
    const differences: Difference[] = [];
    const counts: Record<string, Record<string, number>> = {};
    for (const object of objects) {
      const sources = [fileSource(from.folder, object), to ? fileSource(to.folder, object) : quoted(object)] as const;
      inTime();
      const counted = await connection.runAndReadAll(diffSql(object, ...sources, 'counts'));
      counts[object] = Object.fromEntries((counted.getRows() as [string, bigint][]).map(([kind, count]) => [kind, Number(count)]));
      if (differences.length >= limit) continue;
      inTime();
      const rows = await connection.runAndReadAll(`${diffSql(object, ...sources, 'rows')} LIMIT ${limit - differences.length}`);
      for (const [id, kind, before, after] of rows.getRows() as [string, Difference['kind'], string | null, string | null][]) {
        differences.push({ object, id, kind, ...(before !== null && { before: shown(before) }), ...(after !== null && { after: shown(after) }) });
      }
    }
    return { differences, counts };
  }

  close(): void {
    this.#reader?.closeSync();
    this.connection.closeSync();
    this.instance.closeSync();
  }

  #visible(): Visible {
    const { views, catalogs, missing } = this.#remote;
    return {
      tables: OBJECT_NAMES.map((name) => name.toLowerCase()),
      schemas: ['history', ...(views.length > 0 ? ['remote'] : []), ...this.#shown.map(({ name }) => name.toLowerCase())],
      missing, catalogs, hidden: this.#hidden, asking: this.#askingFunctions,
    };
  }

  /** A snapshot of another version may lack a column, or have one that is gone. */
  async #commonColumns(object: ObjectName, folder: string): Promise<Column[]> {
    const reader = await this.connection.runAndReadAll(`DESCRIBE SELECT * FROM read_parquet(${fileOf(folder, object)})`);
    const there = new Set((reader.getRows() as string[][]).map(([name]) => name!.toLowerCase()));
    return tableColumns(object).filter(({ name }) => there.has(name.toLowerCase()));
  }

  async #atomically(work: () => Promise<void>): Promise<void> {
    await this.connection.run('BEGIN TRANSACTION');
    try {
      await work();
      await this.connection.run('COMMIT');
    } catch (error) {
      await this.connection.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  async #names(sql: string): Promise<ReadonlySet<string>> {
    return new Set((await this.connection.runAndReadAll(sql)).getRows().map(([name]) => String(name)));
  }

  async #value(sql: string): Promise<unknown> {
    return (await this.connection.runAndReadAll(sql)).getRows()[0]![0];
  }
}

/** Row by row, because a few values may be larger than everything else in memory. */
async function answerOf(result: DuckDBResult, mostRows: number): Promise<QueryAnswer> {
  const names = result.deduplicatedColumnNames();
  const types = result.columnTypes();
  const answer: QueryAnswer = { columns: names.map((name, index) => ({ name, type: String(types[index]) })), rows: [], truncated: false };
  let bytes = 0;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    const vectors = names.map((_, column) => chunk!.getColumnVector(column));
    for (let index = 0; index < chunk.rowCount; index += 1) {
      if (answer.rows.length === mostRows) return { ...answer, truncated: true };
      const cells = vectors.map((vector, column) => JsonDuckDBValueConverter(vector.getItem(index), types[column]!, JsonDuckDBValueConverter));
      bytes += JSON.stringify(cells).length;
      if (bytes > MAX_QUERY_BYTES && answer.rows.length === 0) throw new QueryRefusal(`a row of its answer has more than ${MAX_QUERY_BYTES} bytes`, 'query');
      if (bytes > MAX_QUERY_BYTES) return { ...answer, truncated: true };
      answer.rows.push(Object.fromEntries(names.map((name, column) => [name, cells[column]])));
    }
  }
  return answer;
}

function createTable(object: ObjectName, name: string): string {
  return `CREATE TABLE ${name} (${tableColumns(object).map((column) => `${quoted(column.name)} ${column.type}`).join(', ')})`;
}

function fileOf(folder: string, object: ObjectName): string {
  return literal(join(folder, `${object}.parquet`));
}

/** Names by which an object is found before its indexes are there, where they are spelled as asked for or as they are compared. */
const SPELLED: Record<ObjectName, { field: string; spelled(key: string): string }[]> = {
  ComputeNode: [{ field: 'xname', spelled: canonicalXname }], NetworkInterface: [{ field: 'mac_address', spelled: canonicalMac }],
  BMC: [{ field: 'xname', spelled: canonicalXname }, { field: 'mac_address', spelled: canonicalMac }], Component: [{ field: 'ID', spelled: canonicalXname }], NodeCollection: [{ field: 'name', spelled: (key) => key }],
};

const TAB = 9;
const COMMA = 44;
const LINE_FEED = 10;

/** Heads and values of a chunk, each in one piece. JSON has no tab but in strings, where it is escaped. */
function packed(chunk: DuckDBDataChunk): { heads: Uint8Array; values: Uint8Array } {
  const vector = chunk.getColumnVector(0) as DuckDBBlobVector;
  const lines = Array.from({ length: chunk.rowCount }, (_, index) => vector.getItemBytes(index)!);
  const tabs = lines.map((line) => line.indexOf(TAB));
  const headBytes = tabs.reduce((sum, tab) => sum + tab + 1, 0);
  const heads = new Uint8Array(headBytes);
  const values = new Uint8Array(lines.reduce((sum, { length }) => sum + length, 0) - headBytes + lines.length);
  let [head, value] = [0, 0];
  for (const [index, line] of lines.entries()) {
    const tab = tabs[index]!;
    heads.set(line.subarray(0, tab), head);
    heads[(head += tab + 1) - 1] = COMMA;
    values.set(line.subarray(tab + 1), value);
    values[(value += line.length - tab) - 1] = LINE_FEED;
  }
  return { heads, values };
}

/** Number, birth, ciphertext, and of the value what finds it. */
function headSql(object: ObjectName, columns: Column[]): string {
  const secret = columns.some(({ name }) => name === SECRET_COLUMN.name) ? `coalesce(to_json(${quoted(SECRET_COLUMN.name)})::VARCHAR, 'null')` : `'null'`;
  return `concat('[', seq, ',', born, ',', ${secret}, ',', ${valueSql(columns.filter(({ name }) => name === keyOf(object) || EARLY_FIELDS[object].includes(name)))}, ']')`;
}

/** A value as JSON. Fields that are missing are left out: whatever is put together with NULL is NULL, and concat leaves that out. */
function valueSql(columns: Column[]): string {
  const fields = columns.filter(({ name }) => !ROW_NAMES.includes(name))
    .map(({ name, type }) => `${literal(`,${JSON.stringify(name)}:`)} || ${type === 'VARCHAR' || type === 'DOUBLE' ? `to_json(${quoted(name)})` : quoted(name)}::VARCHAR`);
  return `concat('{', substr(concat(${fields.join(', ')}), 2), '}')`;
}

const ROW_NAMES = [...ROW_COLUMNS, SECRET_COLUMN].map(({ name }) => name);

function fileSource(folder: string, object: ObjectName): string {
  return `read_parquet(${fileOf(folder, object)})`;
}

function shown(json: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(JSON.parse(json) as Record<string, unknown>).filter(([, value]) => value !== null));
}

async function factsOf(file: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

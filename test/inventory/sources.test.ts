import { execFile } from 'node:child_process';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'chai';
import { systemClock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';
import type { InventorySettings } from '../../oracle/inventory/settings.js';
import { withoutPassword } from '../../oracle/inventory/sources/copy-postgres.js';
import { startInventory, type TestInventory } from './support.js';

const run = promisify(execFile);

describe('queries over sources besides the inventory', () => {
  let folder: string;
  let inventory: TestInventory | undefined;
  let server: Server | undefined;
  let asked: IncomingMessage[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sources-'));
    asked = [];
  });

  afterEach(async () => {
    await inventory?.close();
    inventory = undefined;
    server?.close();
    server?.closeAllConnections();
    server = undefined;
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const duckdb = async (file: string, ...statements: string[]) => {
    const instance = await DuckDBInstance.create(file);
    const connection = await instance.connect();
    for (const statement of statements) await connection.run(statement);
    connection.closeSync();
    instance.closeSync();
  };
  const parquet = async (name: string, query: string) => {
    const file = join(folder, name);
    await duckdb(':memory:', `COPY (${query}) TO '${file}' (FORMAT parquet)`);
    return file;
  };
  const serve = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
    server = createServer((request, response) => {
      asked.push(request);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const start = async (remote: NonNullable<InventorySettings['remote']>, more: Parameters<typeof startInventory>[0] = {}) => {
    inventory = await startInventory({ settings: { remote }, ...more });
  };
  const sql = async (query: string, more: object = {}) => inventory!.call('POST', '/inventory/sql', { query, ...more });
  const rows = async (query: string) => {
    const { status, body, text } = await sql(query);
    expect(status, text).to.equal(200);
    return body.rows;
  };
  const refusal = async (query: string) => {
    const { status, body } = await sql(query);
    expect([status, body.code], query).to.deep.equal([400, 'QUERY_REFUSED']);
    return body.detail as string;
  };

  it('read a Parquet file of another machine, which is fetched from the one address that is allowed', async () => {
    const bytes = await readFile(await parquet('lake.parquet', 'SELECT 7 AS rack, \'hot\' AS aisle'));
    const at = await serve((_request, response) => response.writeHead(200, { etag: '"1"' }).end(bytes));
    await start([{ name: 'lake', kind: 'parquet', at: `http://reader:s3cret@${at}/lake.parquet` }]);
    expect(await rows('SELECT rack, aisle FROM remote.lake')).to.deep.equal([{ rack: 7, aisle: 'hot' }]);
    expect(asked[0]!.headers.authorization).to.equal(`Basic ${Buffer.from('reader:s3cret').toString('base64')}`);
    const views = (await inventory!.call('GET', '/inventory/sql/views')).body;
    expect(views.find(({ schema }: any) => schema === 'remote')).to.deep.equal({ schema: 'remote', table: 'lake', columns: [{ name: 'aisle', type: 'VARCHAR' }, { name: 'rack', type: 'INTEGER' }] });
    expect(await refusal(`SELECT * FROM read_parquet('http://${at}/lake.parquet')`)).to.include('read_parquet');
    expect(await refusal(`SELECT * FROM 'http://${at}/lake.parquet'`)).to.include('there is no table');
    const [file] = await readdir(join(inventory!.folder, 'remote'));
    expect(await refusal(`SELECT * FROM '${join(inventory!.folder, 'remote', file!)}'`)).to.include('there is no table');
    expect(asked).to.have.length(1);
  });

  it('fetch it again after a while, and not when it is what it was', async () => {
    const [old, fresh] = [await readFile(await parquet('old.parquet', 'SELECT 1 AS n')), await readFile(await parquet('fresh.parquet', 'SELECT 2 AS n, true AS more'))];
    let now: Buffer | undefined = old;
    const at = await serve((request, response) => {
      const etag = now === old ? '"old"' : '"fresh"';
      if (now === undefined) response.writeHead(503).end();
      else if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
      else response.writeHead(200, { etag }).end(now);
    });
    const clock = { ...systemClock, ms: Date.parse('2026-03-01T10:00:00Z'), now() {
      return this.ms;
    } };
    await start([{ name: 'lake', kind: 'parquet', at: `http://${at}/` }], { clock });
    for (const wanted of [1, 1]) expect(await rows('SELECT n FROM remote.lake')).to.deep.equal([{ n: wanted }]);
    expect(asked).to.have.length(1);
    clock.ms += 3_600_000;
    expect(await rows('SELECT n FROM remote.lake')).to.deep.equal([{ n: 1 }]);
    expect(asked).to.have.length(2);
    clock.ms += 3_600_000;
    now = fresh;
    expect(await rows('SELECT n, more FROM remote.lake')).to.deep.equal([{ n: 2, more: true }]);
    expect(await readdir(join(inventory!.folder, 'remote'))).to.have.length(1);
    clock.ms += 3_600_000;
    now = undefined;
    expect(await refusal('SELECT n FROM remote.lake')).to.include('the source of remote.lake cannot be had: it answers 503');
    now = fresh;
    expect(await rows('SELECT n FROM remote.lake')).to.deep.equal([{ n: 2 }]);
  });

  it('ask only for what is new with the name that the present file has', async () => {
    let etag: string | undefined = '"1"';
    const bytes = await readFile(await parquet('lake.parquet', 'SELECT 1 AS n'));
    const at = await serve((_request, response) => response.writeHead(200, etag === undefined ? {} : { etag }).end(bytes));
    await start([{ name: 'lake', kind: 'parquet', at: `http://${at}/` }], { sourceLimits: { bytes: 1 << 20, ms: 30_000, freshMs: 0 } });
    for (const next of [undefined, '"2"', '"2"']) {
      await rows('SELECT n FROM remote.lake');
      etag = next;
    }
    await rows('SELECT n FROM remote.lake');
    expect(asked.map(({ headers }) => headers['if-none-match'])).to.deep.equal([undefined, '"1"', undefined, '"2"']);
  });

  it('say why a file cannot be had, and never where it is; who does not name it does not wait for it', async () => {
    const logged: string[] = [];
    const at = await serve((request, response) => {
      if (request.url === '/large') response.writeHead(200, { 'content-length': 5_000 }).end(Buffer.alloc(5_000));
      if (request.url === '/endless') response.writeHead(200).end(Buffer.alloc(5_000));
      if (request.url === '/moved') response.writeHead(302, { location: '/secret-of-elsewhere' }).end();
      if (request.url === '/text') response.writeHead(200).end('this is no Parquet at all');
    });
    const names = ['large', 'endless', 'moved', 'text'];
    await start([...names.map((name) => ({ name, kind: 'parquet' as const, at: `http://u:secret-of-a-source@${at}/${name}` })), { name: 'nobody', kind: 'parquet', at: 'http://127.0.0.1:9/secret-of-nobody' }], {
      sourceLimits: { bytes: 4_000, ms: 30_000, freshMs: 60_000 }, log: { ...silentLog, warn: (...words: unknown[]) => void logged.push(JSON.stringify(words)) },
    });
    expect(await rows('SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
    expect(asked).to.have.length(0);
    const reasons: Record<string, RegExp> = {
      large: /more than 4000 bytes/, endless: /more than 4000 bytes/, moved: /another address/, text: /No magic bytes|too small|not a valid/i, nobody: /cannot be reached/,
    };
    for (const [name, reason] of Object.entries(reasons)) expect(await refusal(`SELECT * FROM remote.${name}`), name).to.match(reason).and.not.include('secret-of').and.not.include('/remote/');
    expect(logged.join('\n')).to.include('"source":"moved"').and.not.include('secret-of');
    expect(asked.map(({ url }) => url)).to.not.include('/secret-of-elsewhere');
  });

  it('wait no longer than their time for a file that never comes', async () => {
    const at = await serve(() => undefined);
    await start([{ name: 'never', kind: 'parquet', at: `http://${at}/secret-of-a-source` }], { sourceLimits: { bytes: 4_000, ms: 20, freshMs: 60_000 } });
    expect(await refusal('SELECT * FROM remote.never')).to.include('it took longer than 20 ms');
  });

  it('read a folder of Parquet files, and DuckDB files here and elsewhere', async () => {
    await mkdir(join(folder, 'days', 'one'), { recursive: true });
    for (const [index, name] of ['days/a.parquet', 'days/one/b.parquet'].entries()) await parquet(name, `SELECT ${index} AS day`);
    const file = join(folder, 'racks.duckdb');
    await duckdb(file, 'CREATE TABLE racks AS SELECT 42 AS u', 'CREATE SCHEMA more', 'CREATE TABLE more.aisles AS SELECT \'hot\' AS name');
    const bytes = await readFile(file);
    const at = await serve((_request, response) => response.writeHead(200).end(bytes));
    await start([
      { name: 'days', kind: 'parquet', at: join(folder, 'days', '**', '*.parquet') }, { name: 'racks', kind: 'duckdb', at: file }, { name: 'far', kind: 'duckdb', at: `http://${at}/racks.duckdb` },
    ]);
    expect(await rows('SELECT day FROM remote.days ORDER BY day')).to.deep.equal([{ day: 0 }, { day: 1 }]);
    expect(await rows('SELECT u, name FROM racks.racks, far.more.aisles')).to.deep.equal([{ u: 42, name: 'hot' }]);
    for (const query of ['DELETE FROM racks.racks', 'SELECT * FROM racks.information_schema.tables', 'SELECT * FROM far.sqlite_master']) expect((await sql(query)).status, query).to.equal(400);
  });

  it('read an SQLite file, whose tables are copied where DuckDB has no extension for it', async function () {
    if (!await run('sqlite3', ['-version']).then(() => true, () => false)) this.skip();
    const file = join(folder, 'cmdb.sqlite');
    const write = (text: string) => run('sqlite3', [file, text]);
    await write(`CREATE TABLE "rack ""units""" (u INTEGER, owner TEXT, watts REAL, "odd column" , mark BLOB);
      INSERT INTO "rack ""units""" VALUES (9007199254740993, 'ann', 1.5, 'x', x'00ff'), (NULL, '007', 2, 3, NULL);
      CREATE TABLE empty (a INTEGER); CREATE VIEW total AS SELECT count(*) AS n FROM "rack ""units""";`);
    await start([{ name: 'cmdb', kind: 'sqlite', at: file }, { name: 'gone', kind: 'sqlite', at: join(folder, 'gone.sqlite') }], { sourceLimits: { bytes: 1 << 20, ms: 30_000, freshMs: 0 } });
    expect(await rows('SELECT u::VARCHAR AS u, owner, watts, "odd column" AS odd, hex(mark) AS mark FROM cmdb."rack ""units""" ORDER BY watts')).to.deep.equal([
      { u: '9007199254740993', owner: 'ann', watts: 1.5, odd: 'x', mark: '00FF' }, { u: null, owner: '007', watts: 2, odd: '3', mark: null },
    ]);
    expect(await rows('SELECT n FROM cmdb.main.total')).to.deep.equal([{ n: '2' }]);
    expect(await rows('SELECT count(*)::INT AS n FROM cmdb.empty')).to.deep.equal([{ n: 0 }]);
    await write('INSERT INTO empty VALUES (1), (2)');
    expect(await rows('SELECT sum(a)::INT AS n FROM cmdb.empty')).to.deep.equal([{ n: 3 }]);
    expect(await readdir(join(inventory!.folder, 'remote'))).to.have.length(1);
    expect(await refusal('SELECT * FROM gone.t')).to.include('ENOENT').and.not.include(folder);
    await copyFile(await parquet('no.parquet', 'SELECT 1'), file);
    expect(await refusal('SELECT * FROM cmdb.empty')).to.include('sqlite3 could not read it');
    expect((await sql('SELECT * FROM cmdb.sqlite_master')).status).to.equal(400);
  });

  it('give the password of a Postgres to its tool where no other user sees it', () => {
    expect(withoutPassword('postgresql://ann:p%40ss@db.example:5433/cmdb?sslmode=require')).to.deep.equal({ address: 'postgresql://ann@db.example:5433/cmdb?sslmode=require', password: 'p@ss' });
    expect(withoutPassword('host=db port=5433 password=\'a b\\\'c\' dbname=cmdb')).to.deep.equal({ address: 'host=db port=5433 dbname=cmdb', password: 'a b\'c' });
    expect(withoutPassword('host=db dbname=cmdb')).to.deep.equal({ address: 'host=db dbname=cmdb' });
    // Whatever psql takes and no URL is.
    expect(withoutPassword('postgres://ann:p%40ss@one:5432,two:5433/cmdb')).to.deep.equal({ address: 'postgres://ann@one:5432,two:5433/cmdb', password: 'p@ss' });
    expect(withoutPassword('postgresql://ann:secret@/cmdb?host=/run/postgresql')).to.deep.equal({ address: 'postgresql://ann@/cmdb?host=/run/postgresql', password: 'secret' });
    expect(withoutPassword('postgresql:///cmdb?user=ann&password=se%20cret&host=db')).to.deep.equal({ address: 'postgresql:///cmdb?user=ann&host=db', password: 'se cret' });
    expect(withoutPassword('postgresql://db/cmdb?password=secret')).to.deep.equal({ address: 'postgresql://db/cmdb', password: 'secret' });
    expect(withoutPassword('postgresql://ann@db/cmdb')).to.deep.equal({ address: 'postgresql://ann@db/cmdb' });
  });

  it('find a table of a Postgres that was copied with its schema, and without one where Postgres does', async () => {
    // Stands for psql: tells what there is, then writes a file for each table.
    await writeFile(join(folder, 'psql'), `#!/bin/sh
      orders=$(cat)
      case "$orders" in
        *pg_relation_size*) printf '10\\n["public","racks",[["id","integer"],["name","text"]]]\\n["sales","orders",[["n","integer"]]]\\n' ;;
        *) printf '%s\\n' "$orders" | sed -n "s/^.o '\\(.*\\)'$/\\1/p" | while read -r file; do case "$file" in *0.csv) printf '"1","a"\\n' > "$file" ;; *) printf '"5"\\n' > "$file" ;; esac; done ;;
      esac\n`, { mode: 0o755 });
    const path = process.env['PATH'];
    process.env['PATH'] = `${folder}:${path}`;
    try {
      await start([{ name: 'pg', kind: 'postgres', at: 'host=127.0.0.1 port=9' }], { sourceLimits: { bytes: 1 << 20, ms: 30_000, freshMs: 0 } });
      for (const table of ['pg.racks', 'pg.public.racks']) expect(await rows(`SELECT id::INT AS id, name FROM ${table}`), table).to.deep.equal([{ id: 1, name: 'a' }]);
      expect(await rows('SELECT n::INT AS n FROM pg.sales.orders')).to.deep.equal([{ n: 5 }]);
      const views = (await inventory!.call('GET', '/inventory/sql/views')).body;
      expect(views.filter(({ schema }: any) => schema.startsWith('pg')).map(({ schema, table }: any) => `${schema}.${table}`)).to.deep.equal(['pg.public.racks', 'pg.sales.orders']);
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('are none where a tool of theirs is missing: the answer says which', async () => {
    const path = process.env['PATH'];
    await writeFile(join(folder, 'a.sqlite'), '');
    await start([{ name: 'lite', kind: 'sqlite', at: join(folder, 'a.sqlite') }, { name: 'pg', kind: 'postgres', at: 'host=127.0.0.1 port=9 password=secret-of-pg' }]);
    try {
      process.env['PATH'] = join(folder, 'nothing');
      expect(await refusal('SELECT * FROM lite.t')).to.include('sqlite3 could not be run (ENOENT)');
      expect(await refusal('SELECT * FROM pg.public.t')).to.include('psql could not be run (ENOENT)').and.not.include('secret-of');
    } finally {
      process.env['PATH'] = path;
    }
  });
});

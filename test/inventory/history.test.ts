import { expect } from 'chai';
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../runtime/base/clock.js';
import { systemClock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';
import { QUERY_STOP_MS } from '../../runtime/model/limits.js';
import { nodeAt, startInventory, type TestInventory } from './support.js';

const BMC = { xname: 'x1000c0s0b0', mac_address: '02:aa:00:00:00:01', username: 'root', password: 'initial0' };
const EVERYTHING = {
  ComputeNode: {
    ...nodeAt(0), description: 'with "quotes", a line\nfeed and ünïcödë', boot_data: { kernel_url: 'http://boot/kernel', kernel_command_line: 'quiet' },
    cloud_init_data: { userdata: { users: ['a', { b: null }] } }, network_interfaces: [{ interface_name: 'eth0', mac_address: '02:00:00:00:01:00', ipv6_address: 'fd00::1', extended_data: { speed: 10.5 } }],
    status: { power_state: { on: true, last_updated: '2026-01-01T00:00:00Z' } }, hardware: { core_count: 8, clock_mhz: 2400.5, memory_mb: -1, has_tpm: false, sources: { core_count: 'os' } },
    bmc: BMC,
  },
  Component: { ID: 'x1000c0s0b0n0', NID: 7, Enabled: false, State: 'Ready' },
  NodeCollection: { name: 'blue', type: 'tenant', nodes: ['x1000c0s0b0n0', 'x1000c0s0b0n1'] },
};

/** A clock whose time stands still until it is set. */
function setClock(startMs: number): Clock & { ms: number } {
  return { ...systemClock, ms: startMs, now() {
    return this.ms;
  } };
}

describe('the inventory on the disk', () => {
  let inventory: TestInventory;

  afterEach(() => inventory.close());

  const post = async (path: string, body: unknown = {}) => {
    const answer = await inventory.call('POST', `/inventory${path}`, body);
    expect(answer.status, answer.text).to.be.oneOf([200, 201]);
    return answer.body;
  };
  const all = async (query = '') => Object.fromEntries(await Promise.all(['ComputeNode', 'NetworkInterface', 'BMC', 'Component', 'NodeCollection'].map(
    async (object) => [object, (await inventory.call('GET', `/inventory/${object}${query}`)).body])));
  const createEverything = async () => {
    for (const [object, body] of Object.entries(EVERYTHING)) await post(`/${object}`, body);
  };
  const snapshotFolder = () => join(inventory.folder, 'snapshots');
  const sql = (query: string, more: object = {}) => inventory.call('POST', '/inventory/sql', { query, ...more });

  describe('comes back', () => {
    it('from its journal as it was, ETags and passwords too', async () => {
      inventory = await startInventory();
      await createEverything();
      await inventory.call('DELETE', '/inventory/Component/x1000c0s0b0n0');
      const before = await all();
      const { headers } = await inventory.call('GET', '/ComputeNode/x1000c0s0b0n0');
      const { secret } = inventory.running.inventory.get('BMC', 'x1000c0s0b0');
      await inventory.crash();
      expect(await all()).to.deep.equal(before);
      expect((await inventory.call('GET', '/ComputeNode/x1000c0s0b0n0')).headers.get('etag')).to.equal(headers.get('etag'));
      expect(inventory.running.inventory.get('BMC', 'x1000c0s0b0').secret).to.equal(secret);
    });

    it('from a snapshot and what the journal has since', async () => {
      inventory = await startInventory();
      await createEverything();
      const snapshot = await post('/snapshots');
      expect(snapshot.name).to.match(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$/);
      expect(Object.fromEntries(Object.entries<any>(snapshot.tables).map(([name, { rows }]) => [name, rows]))).to.deep.equal({ ComputeNode: 1, NetworkInterface: 1, BMC: 1, Component: 1, NodeCollection: 1 });
      await post('/ComputeNode', nodeAt(9));
      await inventory.call('PUT', '/inventory/NodeCollection/blue', { ...EVERYTHING.NodeCollection, description: 'changed' });
      const before = await all();
      await inventory.crash();
      expect(await all()).to.deep.equal(before);
    });

    it('from the snapshot before and the journal when the newest is torn, and loses nothing', async () => {
      inventory = await startInventory();
      await createEverything();
      await post('/snapshots');
      await post('/ComputeNode', nodeAt(1));
      await post('/snapshots');
      await post('/ComputeNode', nodeAt(2));
      const before = await all();
      for (const tear of [
        (folder: string) => truncate(join(folder, 'ComputeNode.parquet'), 100),
        async (folder: string) => {
          const file = join(folder, 'BMC.parquet');
          const bytes = await readFile(file);
          bytes[bytes.length >> 1]! ^= 1;
          await writeFile(file, bytes);
        },
      ]) {
        const newest = (await inventory.call('GET', '/inventory/snapshots')).body.at(-1).name;
        await tear(join(snapshotFolder(), newest));
        await inventory.crash();
        expect(await all()).to.deep.equal(before);
        expect((await readdir(join(snapshotFolder(), 'damaged')))).to.include(newest);
        await post('/snapshots');
      }
    });

    it('without a batch whose end is torn off, and with every whole one', async () => {
      inventory = await startInventory();
      await post('/ComputeNode', [nodeAt(0), nodeAt(1)]);
      const journal = join(inventory.folder, 'journal');
      const [name] = await readdir(journal);
      const whole = await readFile(join(journal, name!));
      await post('/ComputeNode', [nodeAt(2), nodeAt(3)]);
      const both = await readFile(join(journal, name!));
      for (const cut of [both.length - 1, both.length - 40, whole.length + 10, whole.length + 400]) {
        const other = await startInventory();
        await writeFile(join(other.folder, 'journal', name!), both.subarray(0, cut));
        await other.crash();
        expect((await other.call('GET', '/ComputeNode')).body.map(({ hostname }: any) => hostname), `cut at ${cut}`).to.deep.equal(['nid000000', 'nid000001']);
        await other.call('POST', '/inventory/ComputeNode', nodeAt(5));
        await other.crash();
        expect((await other.call('GET', '/ComputeNode')).body).to.have.length(3);
        await other.close();
      }
    });

    it('empty when there is nothing', async () => {
      inventory = await startInventory();
      expect((await inventory.call('GET', '/inventory')).body).to.include({ seq: 0, snapshots: 0 });
    });
  });

  describe('keeps secrets', () => {
    it('as ciphertext in journal, Parquet and SQL, with a key only its owner reads', async () => {
      inventory = await startInventory();
      await createEverything();
      const { name } = await post('/snapshots');
      const folders = [join(inventory.folder, 'journal'), join(snapshotFolder(), name)];
      for (const folder of folders) {
        for (const file of await readdir(folder)) expect((await readFile(join(folder, file))).includes('initial0'), file).to.equal(false);
      }
      const { body } = await sql('SELECT password FROM BMC');
      expect(body.rows[0].password).to.match(/^v1:/);
      const key = join(inventory.folder, 'key');
      expect((await stat(key)).mode & 0o777).to.equal(0o600);
      expect((await stat(join(inventory.folder, 'journal'))).mode & 0o077).to.equal(0);
    });
  });

  describe('keeps its history', () => {
    it('as many snapshots as it is told, and of the journal what the last two do not have', async () => {
      inventory = await startInventory({ settings: { snapshots: { keep: 3 } } });
      const made: string[] = [];
      for (let index = 0; index < 5; index += 1) {
        await post('/ComputeNode', nodeAt(index));
        made.push((await post('/snapshots')).name);
      }
      expect((await inventory.call('GET', '/inventory/snapshots')).body.map(({ name }: any) => name)).to.deep.equal(made.slice(2));
      expect((await readdir(snapshotFolder())).sort()).to.deep.equal(made.slice(2));
      expect(await readdir(join(inventory.folder, 'journal'))).to.have.length(1);
    });

    it('one by itself when something has changed, and none when nothing has', async () => {
      const due: (() => void)[] = [];
      const clock: Clock = { ...systemClock, setTimeout: (task, ms) => (ms === 60_000 ? due.push(task) : systemClock.setTimeout(task, ms)) };
      inventory = await startInventory({ clock, settings: { snapshots: { everySeconds: 60 } } });
      const turn = async () => {
        const before = due.length;
        due.at(-1)!();
        while (due.length === before) await new Promise((resolve) => setImmediate(resolve));
        return (await inventory.call('GET', '/inventory/snapshots')).body.length;
      };
      expect(await turn()).to.equal(0);
      await post('/ComputeNode', nodeAt(0));
      expect(await turn()).to.equal(1);
      expect(await turn()).to.equal(1);
    });

    it('a last one at its end', async () => {
      inventory = await startInventory();
      await post('/ComputeNode', nodeAt(0));
      await inventory.restart();
      const { body } = await inventory.call('GET', '/inventory/snapshots');
      expect(body.map(({ reason }: any) => reason)).to.deep.equal(['shutdown']);
    });

    it('and answers lists and objects as they were at a time', async () => {
      const clock = setClock(Date.parse('2026-03-01T10:00:00Z'));
      inventory = await startInventory({ clock });
      const node = await post('/ComputeNode', nodeAt(0));
      await post('/snapshots');
      clock.ms += 3_600_000;
      await inventory.call('PUT', `/inventory/ComputeNode/${node.id}`, { ...nodeAt(0), hostname: 'renamed' });
      await post('/ComputeNode', nodeAt(1));
      await post('/snapshots');
      const at = async (asOf: string) => (await inventory.call('GET', `/ComputeNode?asOf=${asOf}&sort=hostname`)).body.map(({ hostname }: any) => hostname);
      expect(await at('2026-03-01T10:30:00Z')).to.deep.equal(['nid000000']);
      expect(await at('2026-03-01T11:00:00.000Z')).to.deep.equal(['nid000001', 'renamed']);
      expect((await inventory.call('GET', '/ComputeNode/x1000c0s0b0n0?asOf=2026-03-01T10-00-00.000Z')).body.hostname).to.equal('nid000000');
      expect((await inventory.call('GET', '/ComputeNode?asOf=2026-03-01T09:00:00Z')).status).to.equal(404);
      expect((await inventory.call('GET', '/ComputeNode?asOf=yesterday')).status).to.equal(400);
    });

    it('and says what was added, removed and changed between two times', async () => {
      inventory = await startInventory();
      const [first, second] = await post('/ComputeNode', [nodeAt(0), nodeAt(4)]);
      const { name } = await post('/snapshots');
      await inventory.call('PUT', `/inventory/ComputeNode/${first.id}`, { ...nodeAt(0), description: 'new' });
      await inventory.call('DELETE', `/inventory/ComputeNode/${second.id}`);
      const third = await post('/ComputeNode', nodeAt(8));
      const { body } = await inventory.call('GET', `/inventory/diff?from=${name}&object=ComputeNode`);
      expect(body.counts).to.deep.equal({ ComputeNode: { added: 1, removed: 1, changed: 1 } });
      const kinds = Object.fromEntries(body.differences.map(({ id, kind }: any) => [id, kind]));
      expect(kinds).to.deep.equal({ [first.id]: 'changed', [second.id]: 'removed', [third.id]: 'added' });
      expect(body.differences.find(({ kind }: any) => kind === 'changed').after).to.include({ description: 'new' });
      expect((await inventory.call('GET', `/inventory/diff?from=${name}&to=${name}`)).body.differences).to.deep.equal([]);
    });

    it('and takes no longer for what was changed between two times than for a query', async () => {
      inventory = await startInventory();
      await post('/ComputeNode', [nodeAt(0), nodeAt(4)]);
      const { name } = await post('/snapshots');
      const { keeping } = inventory.running;
      const late = await keeping.diff(name, 'current', ['ComputeNode'], 10, 0).then(() => 'answered', (error: { code: string }) => error.code);
      expect(late).to.equal('QUERY_TOO_LONG');
      expect((await keeping.diff(name, 'current', ['ComputeNode'], 10)).differences).to.deep.equal([]);
    });

    it('and goes back to a snapshot, keeping what was there as one', async () => {
      inventory = await startInventory({ settings: { snapshots: { keep: 2 } } });
      await createEverything();
      const then = await all();
      const { name } = await post('/snapshots');
      await post('/ComputeNode', nodeAt(1));
      await inventory.call('DELETE', '/inventory/NodeCollection/blue');
      const restored = await post(`/snapshots/${name}/restore`);
      expect(restored.restored).to.equal(name);
      expect(await all()).to.deep.equal(then);
      await post('/ComputeNode', nodeAt(3));
      await inventory.call('DELETE', '/inventory/ComputeNode/x1000c0s0b0n3');
      await inventory.crash();
      expect((await all())['NodeCollection']).to.deep.equal(then['NodeCollection']);
      expect((await sql('SELECT count(*) AS n FROM NodeCollection')).body.rows).to.deep.equal([{ n: '1' }]);
      const snapshots = (await inventory.call('GET', '/inventory/snapshots')).body;
      expect(snapshots.length).to.be.at.most(2);
      expect((await inventory.call('POST', '/inventory/snapshots/nothing/restore', {})).body.code).to.equal('SNAPSHOT_UNKNOWN');
    });
  });

  describe('answers queries', () => {
    it('over the current tables and every snapshot', async () => {
      inventory = await startInventory();
      await createEverything();
      const { name } = await post('/snapshots');
      await post('/ComputeNode', nodeAt(1));
      expect((await sql('SELECT count(*)::INT AS n FROM ComputeNode')).body.rows).to.deep.equal([{ n: 2 }]);
      expect((await sql(`SELECT count(*)::INT AS n FROM "${name}".ComputeNode`)).body.rows).to.deep.equal([{ n: 1 }]);
      expect((await sql('SELECT snapshot, hostname FROM history.ComputeNode')).body.rows).to.deep.equal([{ snapshot: name, hostname: 'nid000000' }]);
      const joined = await sql('WITH n AS (SELECT * FROM ComputeNode) SELECT n.hostname, i.interface_name, b.username FROM n JOIN NetworkInterface i ON i.compute_node_id = n.id JOIN BMC b ON b.id = n.bmc_id');
      expect(joined.body.rows).to.deep.equal([{ hostname: 'nid000000', interface_name: 'eth0', username: 'root' }]);
      const { body } = await inventory.call('GET', '/inventory/sql/views');
      expect(body.filter(({ schema }: any) => schema === 'main').map(({ table }: any) => table)).to.have.members(['ComputeNode', 'NetworkInterface', 'BMC', 'Component', 'NodeCollection']);
    });

    it('of administrators alone, and only reads', async () => {
      inventory = await startInventory();
      await createEverything();
      expect((await inventory.call('POST', '/inventory/sql', { query: 'SELECT 1' }, {})).status).to.equal(401);
      const { name } = await post('/snapshots');
      const refused = [
        'DELETE FROM ComputeNode', 'DROP TABLE BMC', 'SELECT 1; SELECT 2', 'SET threads = 1', 'PRAGMA database_list', 'ATTACH \'/tmp/x\'', 'COPY BMC TO \'/tmp/x.csv\'',
        'SELECT * FROM read_text(\'/etc/hostname\')', `SELECT * FROM read_text('${join(inventory.folder, 'key')}')`, `SELECT * FROM read_parquet('${join(snapshotFolder(), name, 'BMC.parquet')}')`,
        `SELECT * FROM '${join(snapshotFolder(), name, 'BMC.parquet')}'`, `SELECT * FROM glob('${inventory.folder}/**')`, 'SELECT * FROM duckdb_settings()', 'SELECT * FROM information_schema.tables',
        'SELECT current_setting(\'allowed_directories\')', 'SELECT getenv(\'HOME\')', 'SELECT * FROM query(\'SELECT 1\')', 'SHOW TABLES',
        'SELECT (SELECT content FROM read_text(\'/etc/hostname\'))', 'WITH "/etc/passwd.csv" AS (SELECT 1) SELECT * FROM "/etc/passwd.csv"', 'SELECT * FROM pragma_table_info(\'BMC\')',
        // Where a name of a WITH does not hold, the database's own view of that name would be read.
        'SELECT b.* FROM (WITH duckdb_databases AS (SELECT 1) SELECT 1) a, duckdb_databases b', 'WITH duckdb_views AS (SELECT * FROM duckdb_views) SELECT * FROM duckdb_views', 'SELECT pg_get_viewdef(1)',
        'SELECT sleep_ms(1)', 'SELECT (FROM duckdb_views SELECT sql LIMIT 1)', `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}`, `SELECT '${'x'.repeat(65_536)}'`,
        'INSTALL httpfs', 'CALL pragma_version()', 'EXPLAIN ANALYZE SELECT 1', '', 'nonsense',
      ];
      for (const query of refused) {
        const { status, body } = await sql(query);
        expect([status, body.code], query.slice(0, 100)).to.be.deep.oneOf([[400, 'QUERY_REFUSED'], [400, 'PARAMETER_INVALID']]);
      }
      expect((await sql('SELECT count(*)::INT AS n FROM ComputeNode -- ; DROP TABLE BMC')).body.rows).to.deep.equal([{ n: 1 }]);
    });

    it('up to a number of rows and for some time', async () => {
      inventory = await startInventory();
      const limited = await sql('SELECT range AS i FROM range(100)', { maxRows: 3 });
      expect(limited.body).to.deep.include({ truncated: true, rows: [{ i: '0' }, { i: '1' }, { i: '2' }] });
      expect((await sql('SELECT range AS i FROM range(3)', { maxRows: 3 })).body.truncated).to.equal(false);
      const long = await sql('SELECT count(*) FROM range(1000000000) a, range(1000000000) b', { timeoutMs: 50 });
      expect([long.status, long.body.code]).to.deep.equal([504, 'QUERY_TOO_LONG']);
      expect((await sql('SELECT 1 AS one')).body.rows).to.deep.equal([{ one: 1 }]);
      for (const maxRows of ['3', true, [3], null, 0, 1.5]) expect((await sql('SELECT 1', { maxRows })).body.code, String(maxRows)).to.equal('PARAMETER_INVALID');
    });

    it('of so many bytes at most, and none whose first row has more', async () => {
      inventory = await startInventory();
      const large = await sql('SELECT repeat(\'x\', 1000000) AS a FROM range(100)');
      expect(large.status, large.text.slice(0, 300)).to.equal(200);
      expect(large.body.truncated).to.equal(true);
      expect(large.body.rows.length).to.equal(16);
      const huge = await sql('SELECT repeat(\'x\', 17000000) AS a');
      expect([huge.status, huge.body.code]).to.deep.equal([400, 'QUERY_REFUSED']);
    });

    it('with another engine when one cannot be stopped', async () => {
      // The time after which an engine is given up comes at once.
      const clock: Clock = { ...systemClock, setTimeout: (task, ms) => (ms === 9_000 + QUERY_STOP_MS ? setImmediate(task) : systemClock.setTimeout(task, ms)), clearTimeout: (timer) => systemClock.clearTimeout(timer) };
      inventory = await startInventory({ clock });
      await post('/ComputeNode', nodeAt(0));
      expect((await sql('SELECT count(*) AS n FROM range(30000000)', { timeoutMs: 9_000 })).body.code).to.equal('QUERY_TOO_LONG');
      expect((await sql('SELECT count(*)::INT AS n FROM ComputeNode')).body.rows).to.deep.equal([{ n: 1 }]);
      expect((await post('/snapshots')).tables.ComputeNode.rows).to.equal(1);
    });

    it('and says of a source that cannot be had why, without its address', async () => {
      const remote = [
        { name: 'lite', kind: 'sqlite' as const, at: '/nowhere/at/all.db' }, { name: 'pg', kind: 'postgres' as const, at: 'host=127.0.0.1 port=9 password=secret-of-pg' },
        { name: 'web', kind: 'parquet' as const, at: 'https://127.0.0.1:9/secret-of-web.parquet' }, { name: 'gone', kind: 'parquet' as const, at: '/nowhere/secret-of-gone.parquet' },
      ];
      const logged: string[] = [];
      inventory = await startInventory({ settings: { remote }, log: { ...silentLog, warn: (...words: unknown[]) => void logged.push(JSON.stringify(words)) } });
      for (const table of ['lite.t', 'pg.public.t', 'remote.web', 'remote.gone']) {
        const { body } = await sql(`SELECT * FROM ${table}`);
        expect(body.code, table).to.equal('QUERY_REFUSED');
        expect(body.detail).to.include(`the source of ${table} cannot be had`).and.not.include('secret-of');
      }
      expect(logged.join('\n')).to.include('"source":"pg"').and.not.include('secret-of');
    });

    it('and reads other Parquet files and databases only where they are allowed', async () => {
      const other = await startInventory();
      await other.call('POST', '/inventory/ComputeNode', nodeAt(7));
      const { body: { name } } = await other.call('POST', '/inventory/snapshots', {});
      const at = join(other.folder, 'snapshots', name, 'ComputeNode.parquet');
      inventory = await startInventory({ settings: { remote: [{ name: 'lake', kind: 'parquet', at }, { name: 'gone', kind: 'duckdb', at: '/nowhere/at.all' }] } });
      expect((await sql('SELECT hostname FROM remote.lake')).body.rows).to.deep.equal([{ hostname: 'nid000007' }]);
      expect((await sql(`SELECT * FROM read_parquet('${at}')`)).status).to.equal(400);
      expect((await sql('SELECT * FROM gone.t')).status).to.equal(400);
      await other.close();
    });
  });
});

import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import { createInventory } from '../../oracle/inventory/create-inventory.js';
import { etagOf, viewOf } from '../../oracle/inventory/state/view.js';
import { basicHeader } from '../../runtime/base/credentials.js';
import { listenOn } from '../../runtime/base/listen.js';
import { systemClock } from '../../runtime/base/clock.js';
import { sha256Hex } from '../../runtime/base/peer-signature.js';
import { systemIds } from '../../runtime/base/ids.js';
import { silentLog } from '../../runtime/base/log.js';
import type { ObjectName } from '../../runtime/model/inventory/objects.js';
import { ADMIN, nodeAt, startInventory, type TestInventory } from './support.js';

describe('the start of an inventory', () => {
  let inventory: TestInventory;

  beforeEach(async () => {
    inventory = await startInventory();
  });

  afterEach(() => inventory.close());

  const post = async (path: string, body: unknown = {}) => {
    const answer = await inventory.call('POST', `/inventory${path}`, body);
    expect(answer.status, answer.text).to.equal(201);
    return answer.body;
  };
  const card = (index: number) => ({ interface_name: 'eth0', mac_address: `02:00:00:00:05:0${index}` });

  it('answers single objects before everything is brought back, unless the journal has changed them since the snapshot', async () => {
    const bmc = { mac_address: '02:aa:00:00:00:01', username: 'root', password: 'initial0' };
    const nodes = await post('/ComputeNode', [{ ...nodeAt(0), network_interfaces: [card(0)], bmc }, nodeAt(4), { ...nodeAt(8), network_interfaces: [card(1)] }, nodeAt(12), nodeAt(16)]);
    await post('/Component', { ID: 'x1000c0s0b0n0', NID: 3 });
    await post('/NodeCollection', { name: 'blue', type: 'job', nodes: ['x1000c0s0b0n0'] });
    await post('/snapshots');
    const put = (path: string, body: object) => inventory.call('PUT', `/inventory${path}`, body);
    await put('/ComputeNode/x1000c0s1b0n0', { ...nodeAt(4), description: 'changed' });
    await inventory.call('DELETE', `/inventory/NetworkInterface/${nodes[2].network_interfaces[0].id}`);
    await post('/NetworkInterface', { ...card(2), compute_node_id: nodes[3].id });
    await inventory.call('DELETE', '/inventory/ComputeNode/x1000c0s4b0n0');
    await post('/ComputeNode', nodeAt(20));

    const asked: [object: ObjectName, key: string, isEarly: boolean][] = [
      ['ComputeNode', 'x1000c0s0b0n0', true], ['ComputeNode', nodes[0].id.toUpperCase(), true], ['ComputeNode', 'X1000C00S00B0N0', true], ['BMC', 'x1000c0s0b0', true], ['BMC', '02-AA-00-00-00-01', true],
      ['NetworkInterface', '02:00:00:00:05:00', true], ['Component', 'x1000c0s0b0n0', true], ['NodeCollection', 'blue', true],
      ['ComputeNode', 'x1000c0s1b0n0', false], ['ComputeNode', nodes[2].id, false], ['ComputeNode', 'x1000c0s3b0n0', false], ['ComputeNode', 'x1000c0s4b0n0', false], ['ComputeNode', 'x1000c0s5b0n0', false],
      ['ComputeNode', '\'; --', false], ['BMC', '__proto__', false],
    ];
    const shown = (set: TestInventory['running']['inventory']['set'], object: ObjectName, key: string) => {
      const row = inventory.running.inventory.find(object, key, set);
      return row && [etagOf(set, object, row), viewOf(set, object, row), row.secret];
    };
    const wanted = asked.map(([object, key]) => shown(inventory.running.inventory.set, object, key));
    await inventory.running.keeping.end();
    const started = await createInventory({ folder: inventory.folder, settings: {}, clock: systemClock, ids: systemIds, log: silentLog });
    const { set } = started.inventory;
    expect(set.isWhole).to.equal(false);
    const found = await Promise.all(asked.map(([object, key]) => started.inventory.setFor(object, key)));
    for (const [index, [object, key, isEarly]] of asked.entries()) {
      expect(found[index] === set, `${object} ${key} is waited for`).to.equal(!isEarly);
      expect(shown(found[index]!, object, key), `${object} ${key}`).to.deep.equal(wanted[index]);
      expect(shown(set, object, key), `${object} ${key}`).to.deep.equal(wanted[index]);
    }
    await started.keeping.end();
    await inventory.crash();
  });

  it('that fails for good is said with 503 to everybody, and why to the log', async () => {
    await post('/ComputeNode', nodeAt(0));
    await post('/snapshots');
    await inventory.running.keeping.end();
    const snapshots = join(inventory.folder, 'snapshots');
    const [name] = await readdir(snapshots);
    const file = (of: string) => join(snapshots, name!, of);
    // As its manifest says, and still nothing that can be read; and there is no place to set it aside.
    const content = Buffer.from('no table at all');
    await writeFile(file('ComputeNode.parquet'), content);
    const manifest = JSON.parse(await readFile(file('manifest.json'), 'utf8'));
    manifest.tables.ComputeNode = { rows: 1, bytes: content.length, sha256: sha256Hex(content) };
    await writeFile(file('manifest.json'), JSON.stringify(manifest));
    await writeFile(join(snapshots, 'damaged'), '');
    const told: string[] = [];
    const log = { ...silentLog, error: (...words: unknown[]) => void told.push(JSON.stringify(words)) };
    const broken = await createInventory({ folder: inventory.folder, settings: {}, credentials: ADMIN, clock: systemClock, ids: systemIds, log });
    const server = createServer((request, response) => broken.serve(request, response));
    const url = await listenOn(server, '127.0.0.1', 0);
    for (const path of ['/inventory/ComputeNode', '/inventory/domain.yml']) {
      const answer = await fetch(url + path, { headers: { authorization: basicHeader(ADMIN) } });
      expect([answer.status, (await answer.json() as { code: string }).code], path).to.deep.equal([503, 'INVENTORY_UNAVAILABLE']);
    }
    expect(told.at(-1)).to.include('could not be brought back').and.match(/EEXIST|ENOTDIR/);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    await broken.keeping.end();
  });

  it('takes no change from the journal that does not follow upon the snapshot, and keeps it for people', async () => {
    await post('/ComputeNode', nodeAt(0));
    await post('/snapshots');
    for (const index of [1, 2]) {
      await post('/ComputeNode', nodeAt(index));
      await post('/snapshots');
    }
    await post('/ComputeNode', nodeAt(3));
    const snapshots = (await inventory.call('GET', '/inventory/snapshots')).body.map(({ name }: { name: string }) => name);
    for (const name of snapshots.slice(1)) await truncate(join(inventory.folder, 'snapshots', name, 'ComputeNode.parquet'), 50);
    const told: string[] = [];
    await inventory.crash({ log: { ...silentLog, error: (...words: unknown[]) => void told.push(JSON.stringify(words)) } });
    expect((await inventory.call('GET', '/ComputeNode')).body.map(({ hostname }: any) => hostname)).to.deep.equal(['nid000000']);
    expect(told.join()).to.include('does not begin where the snapshot ends');
    const damaged = join(inventory.folder, 'journal', 'damaged');
    const kept = await Promise.all((await readdir(damaged)).map((name) => readFile(join(damaged, name), 'utf8')));
    expect(kept.join('')).to.include('nid000002').and.include('nid000003');
    await post('/ComputeNode', nodeAt(5));
    await inventory.crash();
    expect((await inventory.call('GET', '/ComputeNode')).body).to.have.length(2);
  });

  it('reads a journal of a former version, whose batches do not name the change before', async () => {
    await post('/ComputeNode', [nodeAt(0), nodeAt(1)]);
    await post('/ComputeNode', nodeAt(2));
    await inventory.running.keeping.end();
    const folder = join(inventory.folder, 'journal');
    const [name] = await readdir(folder);
    await writeFile(join(folder, name!), (await readFile(join(folder, name!), 'utf8')).replaceAll(/"p":\d+,/g, ''));
    await inventory.crash();
    expect((await inventory.call('GET', '/ComputeNode')).body).to.have.length(3);
  });

  it('and its end do not wait for a query: it is stopped, and the last snapshot is made', async () => {
    await post('/ComputeNode', nodeAt(0));
    await inventory.call('POST', '/inventory/sql', { query: 'SELECT 1' });
    const asked = inventory.running.keeping.query('SELECT count(*) FROM range(1000000000) a, range(1000000000) b', { rows: 1, ms: 10_000 }).then(() => '', ({ code }: { code: string }) => code);
    await inventory.restart();
    expect(await asked).to.equal('INVENTORY_UNAVAILABLE');
    expect((await inventory.call('GET', '/inventory/snapshots')).body.map(({ reason }: { reason: string }) => reason)).to.deep.equal(['shutdown']);
  });
});

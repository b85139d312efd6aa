import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { basicHeader } from '../../runtime/base/credentials.js';
import { openJournalFile } from '../../oracle/inventory/keep/journal.js';
import { ADMIN, nodeAt, startInventory } from './support.js';

const SERVER = new URL('serve.js', import.meta.url).pathname;

describe('the inventory after a crash', () => {
  let folder: string;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crash-'));
  });

  afterEach(async () => {
    child?.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('has every change that was acknowledged, and every batch whole or not at all', async () => {
    child = fork(SERVER, [folder]);
    const [{ url }] = await once(child, 'message') as [{ url: string }];
    const acknowledged: number[] = [];
    const batch = 20;
    let next = 0;
    const writer = async () => {
      for (;;) {
        const start = (next += batch) - batch;
        const body = JSON.stringify(Array.from({ length: batch }, (_, index) => nodeAt(start + index)));
        const answer = await fetch(`${url}/inventory/ComputeNode`, { method: 'POST', headers: { authorization: basicHeader(ADMIN), 'content-type': 'application/json' }, body }).catch(() => undefined);
        if (!answer) return;
        expect(answer.status).to.equal(201);
        acknowledged.push(start);
        // In the middle of the others' writes.
        if (acknowledged.length === 12) child!.kill('SIGKILL');
      }
    };
    await Promise.all([writer(), writer(), writer(), writer()]);
    const inventory = await startInventory({ folder });
    const names = new Set([...inventory.running.inventory.set.tables.ComputeNode.values()].map(({ value }) => value['hostname']));
    for (const start of acknowledged) for (let index = start; index < start + batch; index += 1) expect(names.has(nodeAt(index)['hostname']), `nid ${index}`).to.equal(true);
    for (let start = 0; start < next; start += batch) {
      const found = Array.from({ length: batch }, (_, index) => names.has(nodeAt(start + index)['hostname'])).filter(Boolean).length;
      expect(found, `batch at ${start}`).to.be.oneOf([0, batch]);
    }
    await inventory.close();
  });

  it('in the middle of a snapshot has everything all the same, and nothing is left of that snapshot', async () => {
    child = fork(SERVER, [folder]);
    const [{ url }] = await once(child, 'message') as [{ url: string }];
    const headers = { authorization: basicHeader(ADMIN), 'content-type': 'application/json' };
    const post = (path: string, body: unknown) => fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const snapshots = join(folder, 'snapshots');
    const drafts = async () => (await readdir(snapshots).catch(() => [])).filter((name) => name.startsWith('.'));
    expect((await post('/inventory/ComputeNode', Array.from({ length: 2_000 }, (_, index) => nodeAt(index)))).status).to.equal(201);
    let isOver = false;
    const making = post('/inventory/snapshots', {}).catch(() => undefined).finally(() => {
      isOver = true;
    });
    while (!isOver && (await drafts()).length === 0) await new Promise((resolve) => setImmediate(resolve));
    child.kill('SIGKILL');
    await making;
    const inventory = await startInventory({ folder });
    expect((await inventory.call('GET', '/inventory')).body.objects.ComputeNode).to.equal(2_000);
    expect((await inventory.call('GET', '/ComputeNode?hostname=nid001999')).body).to.have.length(1);
    expect(await drafts()).to.deep.equal([]);
    expect((await inventory.call('POST', '/inventory/snapshots', {})).body.tables.ComputeNode.rows).to.equal(2_000);
    await inventory.close();
  });

  it('and after a disk that fails has nothing of what was refused, and takes changes again when the disk does', async () => {
    let fails = false;
    const inventory = await startInventory({
      folder,
      async openJournalFile(file) {
        const real = await openJournalFile(file);
        return { ...real, write: (bytes) => (fails ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : real.write(bytes)) };
      },
    });
    await inventory.call('POST', '/inventory/ComputeNode', nodeAt(0));
    fails = true;
    const answers = await Promise.all([1, 2, 3].map((index) => inventory.call('POST', '/inventory/ComputeNode', nodeAt(index))));
    expect(answers.map(({ status, body }) => [status, body.code])).to.deep.equal(Array.from({ length: 3 }, () => [507, 'INVENTORY_NOT_WRITTEN']));
    expect((await inventory.call('GET', '/ComputeNode')).body).to.have.length(1);
    fails = false;
    expect((await inventory.call('POST', '/inventory/ComputeNode', nodeAt(2))).status).to.equal(201);
    await inventory.crash();
    expect((await inventory.call('GET', '/ComputeNode')).body.map(({ hostname }: any) => hostname)).to.deep.equal(['nid000000', 'nid000002']);
    await inventory.close();
  });
});

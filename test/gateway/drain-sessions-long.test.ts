/** What becomes of a node's sessions when it is told to stop: two nodes with everything that is theirs. */
import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFunction } from '../../runtime/base/bundle.js';
import { basicHeader } from '../../runtime/base/credentials.js';
import { silentLog } from '../../runtime/base/log.js';
import { systemClock } from '../../runtime/base/clock.js';
import { Fault } from '../../runtime/model/faults.js';
import { startNode, type RunningNode } from '../../runtime/node.js';
import { moveAll } from '../../runtime/offload/leave.js';

const AUTHORIZATION = basicHeader({ user: 'admin', password: 'sesame' });

describe('The sessions of a node that is told to stop', function () {
  this.timeout(300_000);
  let folder: string;
  const running: RunningNode[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drain-'));
    await Promise.all([writeFile(join(folder, 'password'), 'sesame'), writeFile(join(folder, 'key'), 'k'.repeat(64))]);
  });
  afterEach(async () => {
    for (const node of running.splice(0)) await node.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  async function start(name: string, options: { parentUrl?: string; drain?: 'keep' | 'move' } = {}): Promise<RunningNode> {
    const node = await startNode({
      name, level: 'edge', host: '127.0.0.1', port: 0, domainId: 'd', labels: {}, store: 'embedded', stateDir: join(folder, name), adminUser: 'admin',
      adminPasswordFile: join(folder, 'password'), peerKeyFile: join(folder, 'key'), log: 'info', drainMs: 20_000, ...options,
    });
    running.push(node);
    return node;
  }

  const end = async (node: RunningNode) => {
    running.splice(running.indexOf(node), 1);
    await node.close();
  };

  async function tree(drain: 'keep' | 'move'): Promise<{ top: RunningNode; leaf: RunningNode }> {
    const top = await start('top');
    const leaf = await start('leaf', { parentUrl: top.url, drain });
    const { sha256, code } = await bundleFunction('functions/shopping-cart', 'shopping-cart');
    const headers = { authorization: AUTHORIZATION };
    await fetch(`${top.url}/system/bundles/${sha256}`, { method: 'PUT', headers, body: new Uint8Array(code) });
    const deployed = await fetch(`${top.url}/system/functions?wait=subtree`, {
      method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify({ service: 'shopping-cart', image: `bundle:${sha256}`, envVars: { exec_timeout: '3m' } }),
    });
    expect((await deployed.json() as { pending: string[] }).pending).to.deep.equal([]);
    return { top, leaf };
  }

  const cart = (node: RunningNode, session: string, product?: string) => fetch(`${node.url}/function/shopping-cart${product ? `?product=${product}` : ''}`, {
    method: product ? 'POST' : 'GET', headers: { 'x-session': session },
  });

  it('go to its parent where it is told to move them, and are served there', async () => {
    const { top, leaf } = await tree('move');
    for (const session of ['anna', 'bea', 'carl']) expect((await cart(leaf, session, 'apple')).status).to.equal(200);
    await end(leaf);
    for (const session of ['anna', 'bea', 'carl']) {
      const answer = await cart(top, session, 'pear');
      expect([answer.status, await answer.json()]).to.deep.equal([200, { products: ['apple', 'pear'] }]);
    }
    expect(await readFile(join(folder, 'leaf', 'node.log'), 'utf8')).to.include('"moved":3');
  });

  it('stay in its store otherwise, and are there when it is back', async () => {
    const { top, leaf } = await tree('keep');
    await cart(leaf, 'anna', 'apple');
    await end(leaf);
    const back = await start('leaf', { parentUrl: top.url });
    expect(await (await cart(back, 'anna')).json()).to.deep.equal({ products: ['apple'] });
  });

  it('stay where the parent does not take them, and where the time is over', async () => {
    const parts = { clock: systemClock, log: silentLog };
    const refusing = { offload: async () => { throw new Fault('NO_CAPACITY', { reason: 'all reject' }); } };
    expect(await moveAll({ ...parts, offload: refusing, withinMs: 60_000 })).to.equal(0);
    expect(await moveAll({ ...parts, offload: { offload: () => new Promise<never>(() => undefined) }, withinMs: 1 })).to.equal(0);
  });
});

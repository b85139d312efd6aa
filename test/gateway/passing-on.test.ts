import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import type { Child } from '../../runtime/gateway/passing-on.js';
import { ADMIN, chunksOf, sha256, startNode, type NodeOptions, type TestNode } from './support.js';

describe('Deployments in the tree', () => {
  const nodes: TestNode[] = [];
  const folders: string[] = [];
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.close()));
    await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true, maxRetries: 10 })));
  });
  const start = async (name: string, level: string, children: TestNode[] = [], options: NodeOptions = {}) => {
    const below = children.map((child): Child => ({ name: nameOf(child), url: child.url }));
    const node = await startNode({ name, level, children: () => below, ...options });
    names.set(node, name);
    nodes.push(node);
    return node;
  };
  const names = new Map<TestNode, string>();
  const nameOf = (node: TestNode) => names.get(node)!;
  const CODE = 'export default () => 1';
  const deploy = async (node: TestNode, body: object = {}, query = '?wait=subtree') => {
    await node.bundles.write(sha256(CODE), chunksOf(CODE));
    return request(node.url).post(`/system/functions${query}`).set('Authorization', ADMIN)
      .send({ service: 'cart', image: `bundle:${sha256(CODE)}`, ...body }).expect(202);
  };
  const tree = async () => {
    const leaves = [await start('milan-001', 'edge'), await start('milan-002', 'edge')] as const;
    const city = await start('milan', 'city', [...leaves]);
    return { leaves, city, cloud: await start('cloud', 'cloud', [city]) };
  };
  const running = (all: TestNode[]) => all.filter((node) => node.deployments.find('cart')).map(nameOf);

  it('reach every node below, with their bundle', async () => {
    const { cloud } = await tree();
    const { body } = await deploy(cloud);
    expect((body as { nodes: string[] }).nodes.sort()).to.deep.equal(['cloud', 'milan', 'milan-001', 'milan-002']);
    expect((body as { pending: string[] }).pending).to.deep.equal([]);
    expect(running(nodes)).to.have.length(4);
  });

  it('run only where their constraints hold, and are passed on through nodes where they do not', async () => {
    const { cloud } = await tree();
    await deploy(cloud, { constraints: ['level=edge', 'node=milan*', 'node!=milan-002'] });
    expect(running(nodes)).to.deep.equal(['milan-001']);
  });

  it('stay where they are with scope=node', async () => {
    const { city } = await tree();
    await deploy(city, {}, '?wait=subtree&scope=node');
    expect(running(nodes)).to.deep.equal(['milan']);
  });

  it('reach a node also beside one that it does not take', async () => {
    const cloud = await start('cloud', 'cloud');
    await deploy(cloud);
    // As a node of another version may know it.
    const odd = { service: 'odd', image: `bundle:${sha256(CODE)}`, envVars: { 'a=b': 'c' } };
    await cloud.deployments.apply({ ...odd, atMs: 1 });
    const above = await start('milan', 'city', [], { parentUrl: cloud.url });
    await above.passingOn.catchUp();
    expect(above.deployments.names()).to.deep.equal(['cart']);
    const below = await start('turin', 'city');
    await below.bundles.write(sha256(CODE), chunksOf(CODE));
    const { body } = await cloud.peers.call(below.url, 'PUT', '/peer/deployments', { entries: [odd, ...cloud.deployments.entries().filter(({ service }) => service === 'cart')] });
    expect(body).to.deep.include({ accepted: ['cart'] });
    expect((body as { failed: { function: string; code: string }[] }).failed.map((each) => [each.function, each.code])).to.deep.equal([['odd', 'PARAMETER_INVALID']]);
  });

  it('are removed below as well, and an older word does not bring them back', async () => {
    const { cloud, leaves } = await tree();
    await deploy(cloud);
    const older = cloud.deployments.entry('cart')!;
    await request(cloud.url).delete('/system/functions?wait=subtree').set('Authorization', ADMIN).send({ functionName: 'cart' }).expect(202);
    expect(running(nodes)).to.deep.equal([]);
    expect(await leaves[0].deployments.apply(older)).to.equal(false);
    expect(running(nodes)).to.deep.equal([]);
  });

  it('say which child is still without them', async () => {
    const city = await start('milan', 'city', [], { children: () => [{ name: 'lost', url: 'http://127.0.0.1:1' }] });
    const spread = await city.passingOn.spread(50);
    expect(spread).to.deep.equal({ nodes: ['milan'], pending: ['lost'] });
  });

  it('are fetched from the parent by a node that was down', async () => {
    const cloud = await start('cloud', 'cloud');
    await deploy(cloud);
    await deploy(cloud, { service: 'here-only' }, '?scope=node');
    const late = await start('milan', 'city', [], { parentUrl: cloud.url });
    await late.passingOn.catchUp();
    expect(late.deployments.names()).to.deep.equal(['cart']);
  });

  it('are still there after a restart', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'deployments-'));
    folders.push(stateDir);
    const before = await start('milan', 'city', [], { stateDir });
    await deploy(before);
    await nodes.pop()!.close();
    const after = await start('milan', 'city', [], { stateDir });
    expect(after.deployments.names()).to.deep.equal(['cart']);
  });

  it('are taken from peers only', async () => {
    const node = await start('milan', 'city');
    await request(node.url).put('/peer/deployments').send({ entries: [] }).expect(401);
    await request(node.url).put('/peer/deployments').set('Authorization', ADMIN).send({ entries: [] }).expect(403);
  });
});

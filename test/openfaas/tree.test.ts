import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { systemClock } from '../../runtime/base/clock.js';
import { Namespaces } from '../../runtime/gateway/faas/namespaces.js';
import { createPassedSettings, type PassedSetting } from '../../runtime/gateway/faas/passed-settings.js';
import { Secrets } from '../../runtime/gateway/faas/secrets.js';
import { ADMIN, chunksOf, sha256, startNode, type TestNode } from '../gateway/support.js';

const CODE = 'export default () => 1';

describe('OpenFaaS: secrets and namespaces in the tree', () => {
  const nodes: TestNode[] = [];
  afterEach(async () => {
    await Promise.all(nodes.splice(0).reverse().map((node) => node.close()));
  });
  const start = async (name: string, below: [string, TestNode][] = [], parentUrl?: string) => {
    const children = below.map(([child, { url }]) => ({ name: child, url }));
    const node = await startNode({ name, children: () => children, ...(parentUrl !== undefined && { parentUrl }) });
    nodes.push(node);
    return node;
  };
  const tree = async () => {
    const leaf = await start('milan-001');
    const city = await start('milan', [['milan-001', leaf]]);
    const cloud = await start('cloud', [['milan', city]]);
    return { leaf, city, cloud };
  };
  const as = (node: TestNode, method: 'get' | 'post' | 'put' | 'delete', path: string) => request(node.url)[method](path).set('Authorization', ADMIN);
  const until = async (is: () => boolean | Promise<boolean>) => {
    while (!await is()) await new Promise((resolve) => setImmediate(resolve));
  };
  const valueAt = (node: TestNode, name: string, namespace = 'openfaas-fn') => node.secrets.value({ name, namespace }).then(String, () => undefined);

  it('go down to every node, and so do their changes and their ends', async () => {
    const { leaf, cloud } = await tree();
    await as(cloud, 'post', '/system/namespace/').send({ name: 'dev', labels: { a: 'b' } }).expect(201);
    await as(cloud, 'post', '/system/secrets').send({ name: 'key', namespace: 'dev', value: 'hush' }).expect(201);
    await until(async () => await valueAt(leaf, 'key', 'dev') === 'hush');
    await as(leaf, 'get', '/system/namespace/dev').expect(200, { name: 'dev', labels: { a: 'b' }, annotations: {} });
    await as(cloud, 'put', '/system/secrets').send({ name: 'key', namespace: 'dev', value: 'new' }).expect(202);
    await until(async () => await valueAt(leaf, 'key', 'dev') === 'new');
    await as(cloud, 'delete', '/system/namespace/dev').expect(202);
    await until(async () => (await as(leaf, 'get', '/system/namespaces')).body.length === 1);
    expect(await valueAt(leaf, 'key', 'dev')).to.equal(undefined);
  });

  it('are there before the deployments that need them', async () => {
    const { leaf, cloud } = await tree();
    await cloud.bundles.write(sha256(CODE), chunksOf(CODE));
    await as(cloud, 'post', '/system/secrets').send({ name: 'key', value: 'hush' }).expect(201);
    const { body } = await as(cloud, 'post', '/system/functions?wait=subtree').send({ service: 'f', image: `bundle:${sha256(CODE)}`, secrets: ['key'] }).expect(202);
    expect(body.pending).to.deep.equal([]);
    expect(leaf.deployments.names()).to.deep.equal(['f']);
    expect(leaf.loaded.at(-1)!.envVars).to.deep.equal({ secret_mount_path: leaf.secrets.folderOf('f') });
  });

  it('are fetched by a node that starts later', async () => {
    const cloud = await start('cloud');
    await as(cloud, 'post', '/system/secrets').send({ name: 'key', value: 'hush' }).expect(201);
    const late = await start('late', [], cloud.url);
    await late.passingOn.catchUp();
    expect(await valueAt(late, 'key')).to.equal('hush');
  });

  it('are passed between nodes alone, and sealed', async () => {
    const { cloud } = await tree();
    await as(cloud, 'post', '/system/secrets').send({ name: 'key', value: 'hush-hush' }).expect(201);
    await as(cloud, 'get', '/peer/settings').expect(403);
    await request(cloud.url).get('/peer/settings').expect(401);
    const { body } = await cloud.peers.call(cloud.url, 'GET', '/peer/settings');
    const text = JSON.stringify(body);
    expect(text).to.include('"key"').and.not.to.include('hush-hush').and.not.to.include(Buffer.from('hush-hush').toString('base64'));
  });

  it('are refused when they were sealed with another key, for another name, or are none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'settings-'));
    try {
      const make = async (key: string, at: string) => {
        const parts = { stateDir: join(folder, at), clock: systemClock };
        const [secrets, namespaces] = [new Secrets(parts), new Namespaces(parts)];
        return { secrets, settings: createPassedSettings({ secrets, namespaces, key }) };
      };
      const [from, to, stranger] = [await make('one', 'a'), await make('one', 'b'), await make('two', 'c')];
      await from.secrets.create({ name: 'key', namespace: 'openfaas-fn' }, Buffer.from('hush'));
      const passed = async () => {
        const settings: PassedSetting[] = [];
        for await (const batch of from.settings.batches([...from.settings.times().keys()])) settings.push(...batch.settings);
        return settings;
      };
      const [given] = await passed();
      const failure = async (work: Promise<void>) => work.then(() => 'none', (error: Error) => error.message);
      expect(await failure(stranger.settings.receive([given]))).to.match(/not sealed with this domain's key/);
      expect(await failure(to.settings.receive([{ ...given, word: { ...given!.word, name: 'other' } }]))).to.match(/for this name/);
      for (const wrong of [null, {}, { kind: 'secret' }, { ...given, kind: 'x' }, { ...given, word: { ...given!.word, atMs: 'x' } }, { kind: 'secret', word: given!.word }]) {
        expect(await failure(to.settings.receive([wrong]))).not.to.equal('none');
      }
      await to.settings.receive([given]);
      expect(String(await to.secrets.value({ name: 'key', namespace: 'openfaas-fn' }))).to.equal('hush');
      await from.secrets.replace({ name: 'key', namespace: 'openfaas-fn' }, Buffer.from('new'));
      await to.settings.receive(await passed());
      await to.settings.receive([given]);
      expect(String(await to.secrets.value({ name: 'key', namespace: 'openfaas-fn' }))).to.equal('new');
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    }
  });
});

import { expect } from 'chai';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { ADMIN, chunksOf, respond, sha256, signal, startNode, type TestNode } from '../gateway/support.js';

describe('OpenFaaS: secrets', () => {
  let node: TestNode;
  beforeEach(async () => { node = await startNode(); });
  afterEach(() => node.close());
  const as = (method: 'get' | 'post' | 'put' | 'delete', path: string) => request(node.url)[method](path).set('Authorization', ADMIN);
  const mounted = (functionName: string, name: string) => readFile(join(node.secrets.folderOf(functionName), name), 'utf8');

  it('are made, listed without their values, replaced and removed', async () => {
    await as('get', '/system/secrets').expect(200, []);
    await as('post', '/system/secrets').send({ name: 'api-key', value: 'hush' }).expect(201, '');
    await as('post', '/system/secrets').send({ name: 'api-key', value: 'other' }).expect(409);
    await as('put', '/system/secrets').send({ name: 'api-key', value: 'hush2' }).expect(202);
    const { text } = await as('get', '/system/secrets').expect(200, [{ name: 'api-key', namespace: 'openfaas-fn' }]);
    expect(text).not.to.include('hush');
    await as('delete', '/system/secrets').send({ name: 'api-key' }).expect(202);
    await as('delete', '/system/secrets').send({ name: 'api-key' }).expect(404);
    await as('put', '/system/secrets').send({ name: 'api-key', value: 'x' }).expect(404);
    await as('get', '/system/secrets').expect(200, []);
  });

  it('have bytes as well as texts, and the bytes win', async () => {
    const bytes = Buffer.from([0, 255, 10, 128]);
    await as('post', '/system/secrets').send({ name: 'raw', value: 'text', rawValue: bytes.toString('base64') }).expect(201);
    expect(await node.secrets.value({ name: 'raw', namespace: 'openfaas-fn' })).to.deep.equal(bytes);
    await as('post', '/system/secrets').send({ name: 'bad', rawValue: 'not base64!' }).expect(400);
  });

  it('are one set for each namespace', async () => {
    await as('post', '/system/namespace/').send({ name: 'dev' }).expect(201);
    await as('post', '/system/secrets').send({ name: 'a', value: 'one' }).expect(201);
    await as('post', '/system/secrets').send({ name: 'a', namespace: 'dev', value: 'two' }).expect(201);
    await as('get', '/system/secrets?namespace=dev').expect(200, [{ name: 'a', namespace: 'dev' }]);
    await as('post', '/system/secrets').send({ name: 'a', namespace: 'nowhere', value: 'x' }).expect(404);
    await as('delete', '/system/secrets').send({ name: 'a', namespace: 'dev' }).expect(202);
    expect(String(await node.secrets.value({ name: 'a', namespace: 'openfaas-fn' }))).to.equal('one');
  });

  it('are refused with a name that is none, without a value, and when they are too large', async () => {
    for (const name of ['', '..', '../x', 'a/b', 'A', 'a..b', '.a', 'x'.repeat(254), 5, null]) await as('post', '/system/secrets').send({ name, value: 'x' }).expect(400);
    await as('post', '/system/secrets').send({ name: 'a' }).expect(400);
    await as('post', '/system/secrets').send({ name: 'a', value: '' }).expect(400);
    await as('post', '/system/secrets').send({ name: 'a', value: 'x'.repeat(1024 * 1024 + 1) }).expect(413);
    await as('post', '/system/secrets').type('json').send('[').expect(400);
    await as('get', '/system/secrets').expect(200, []);
  });

  it('lie in files that nobody else can read, and never in the list of deployments', async () => {
    await as('post', '/system/secrets').send({ name: 'api-key', value: 'hush' }).expect(201);
    await node.serve('f', () => respond(), 'stateless', { secrets: ['api-key'] });
    const files = [join(node.stateDir, 'secrets', 'openfaas-fn', 'api-key'), join(node.stateDir, 'secrets.json')];
    for (const file of files) expect((await stat(file)).mode & 0o777, file).to.equal(0o600);
    // A container's user may be any; on the machine itself the folder above lets nobody through.
    expect((await stat(join(node.secrets.folderOf('f'), 'api-key'))).mode & 0o777).to.equal(0o644);
    expect((await stat(join(node.secrets.folderOf('f'), '..'))).mode & 0o777).to.equal(0o700);
    expect(await readFile(join(node.stateDir, 'deployments.json'), 'utf8')).not.to.include('hush');
    expect(await readFile(join(node.stateDir, 'secrets.json'), 'utf8')).not.to.include('hush');
  });

  it('are made once when many make one at the same time, and one named like another\'s draft is another', async () => {
    const made = await Promise.all(['one', 'two', 'three'].map((value) => as('post', '/system/secrets').send({ name: 'race', value })));
    expect(made.map(({ status }) => status).sort()).to.deep.equal([201, 409, 409]);
    const kept = ['one', 'two', 'three'][made.findIndex(({ status }) => status === 201)];
    expect(String(await node.secrets.value({ name: 'race', namespace: 'openfaas-fn' }))).to.equal(kept);
    await as('post', '/system/secrets').send({ name: 'race.draft', value: 'other' }).expect(201);
    await as('put', '/system/secrets').send({ name: 'race', value: 'new' }).expect(202);
    expect(String(await node.secrets.value({ name: 'race.draft', namespace: 'openfaas-fn' }))).to.equal('other');
  });

  it('are as they were when a deployment that names others fails', async () => {
    for (const name of ['one', 'two']) await as('post', '/system/secrets').send({ name, value: name }).expect(201);
    await node.serve('f', () => respond(), 'stateless', { secrets: ['one'] });
    await node.bundles.write(sha256('broken'), chunksOf('broken'));
    for (const [service, secrets] of [['f', ['two']], ['g', ['two']]] as const) {
      await as('post', '/system/functions').send({ service, image: `bundle:${sha256('broken')}`, secrets }).expect(400);
    }
    expect(await mounted('f', 'one')).to.equal('one');
    for (const name of ['f', 'g']) expect(await mounted(name, 'two').catch(() => 'not there')).to.equal('not there');
  });

  it('stay with the calls that are in hand when their function is removed', async () => {
    await as('post', '/system/secrets').send({ name: 'api-key', value: 'hush' }).expect(201);
    const [entered, go] = [signal<void>(), signal<void>()];
    await node.serve('f', async () => {
      entered.give();
      await go.come;
      return respond(await mounted('f', 'api-key'));
    }, 'stateless', { secrets: ['api-key'] });
    const answer = request(node.url).get('/function/f').then(({ text }) => text);
    await entered.come;
    await as('delete', '/system/functions').send({ functionName: 'f' }).expect(202);
    go.give();
    expect(await answer).to.equal('hush');
    while (await mounted('f', 'api-key').then(() => true, () => false)) await new Promise((resolve) => setImmediate(resolve));
  });

  it('are given to the functions that name them, in a folder that their environment names, and follow a change', async () => {
    await as('post', '/system/secrets').send({ name: 'api-key', value: 'hush' }).expect(201);
    await as('post', '/system/secrets').send({ name: 'other', value: 'not for f' }).expect(201);
    await node.serve('f', () => respond(), 'stateless', { secrets: ['api-key'] });
    expect(node.loaded.at(-1)!.envVars).to.deep.equal({ secret_mount_path: node.secrets.folderOf('f') });
    expect(await mounted('f', 'api-key')).to.equal('hush');
    expect(await mounted('f', 'other').catch(() => 'not there')).to.equal('not there');
    await as('put', '/system/secrets').send({ name: 'api-key', value: 'new' }).expect(202);
    expect(await mounted('f', 'api-key')).to.equal('new');
    await as('delete', '/system/functions').send({ functionName: 'f' }).expect(202);
    expect(await mounted('f', 'api-key').catch(() => 'not there')).to.equal('not there');
  });

  it('have to be there before a function is deployed that names them', async () => {
    const code = 'export default () => 1';
    await node.bundles.write(sha256(code), chunksOf(code));
    const deploy = () => as('post', '/system/functions').send({ service: 'f', image: `bundle:${sha256(code)}`, secrets: ['api-key'] });
    await deploy().expect(400).expect(/there is no secret api-key in namespace openfaas-fn/);
    await as('post', '/system/secrets').send({ name: 'api-key', value: 'hush' }).expect(201);
    await deploy().expect(202);
    await as('get', '/system/function/f').expect(200).expect(({ body }) => expect(body.secrets).to.deep.equal(['api-key']));
  });

  it('survive a restart', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'secrets-'));
    try {
      const first = await startNode({ stateDir });
      await request(first.url).post('/system/secrets').set('Authorization', ADMIN).send({ name: 'kept', value: 'hush' }).expect(201);
      await request(first.url).post('/system/namespace/').set('Authorization', ADMIN).send({ name: 'dev' }).expect(201);
      await first.close();
      const second = await startNode({ stateDir });
      await request(second.url).get('/system/secrets').set('Authorization', ADMIN).expect(200, [{ name: 'kept', namespace: 'openfaas-fn' }]);
      await request(second.url).get('/system/namespaces').set('Authorization', ADMIN).expect(200, ['dev', 'openfaas-fn']);
      expect(String(await second.secrets.value({ name: 'kept', namespace: 'openfaas-fn' }))).to.equal('hush');
      await second.close();
    } finally {
      await rm(stateDir, { recursive: true, force: true, maxRetries: 10 });
    }
  });
});

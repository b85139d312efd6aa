import { expect } from 'chai';
import request from 'supertest';
import { ADMIN, chunksOf, respond, sha256, startNode, type NodeOptions, type TestNode } from '../gateway/support.js';

const CODE = 'export default () => 1';
const image = `bundle:${sha256(CODE)}`;

describe('OpenFaaS: functions', () => {
  let node: TestNode;
  const start = async (options: NodeOptions = {}) => {
    node = await startNode(options);
    await node.bundles.write(sha256(CODE), chunksOf(CODE));
  };
  afterEach(() => node.close());
  const as = (method: 'get' | 'post' | 'put' | 'delete', path: string) => request(node.url)[method](path).set('Authorization', ADMIN);
  const deploy = (body: object) => as('post', '/system/functions').send({ image, ...body });

  it('are made by POST, replaced by PUT, and PUT does not make them', async () => {
    await start();
    await as('put', '/system/functions').send({ service: 'echo', image }).expect(404).expect('Content-Type', /^text\/plain/);
    await deploy({ service: 'echo' }).expect(202);
    await as('put', '/system/functions').send({ service: 'echo', image, labels: { a: 'b' } }).expect(202);
    await as('get', '/system/function/echo').expect(200).expect(({ body }) => expect(body.labels).to.deep.equal({ a: 'b' }));
    await deploy({ service: 'echo' }).expect(202);
  });

  it('have a status with every field that clients read', async () => {
    await start();
    const given = {
      service: 'echo', envVars: { mode: 'x' }, labels: { canary: 'true' }, annotations: { topic: 'a' }, constraints: ['level=city'], readOnlyRootFilesystem: true,
    };
    await deploy(given).expect(202);
    const { body } = await as('get', '/system/function/echo').expect(200);
    expect(body).to.deep.include({
      name: 'echo', image, namespace: 'openfaas-fn', envVars: { mode: 'x' }, labels: { canary: 'true' }, annotations: { topic: 'a' }, constraints: ['level=city'],
      readOnlyRootFilesystem: true, replicas: 1, availableReplicas: 1, invocationCount: 0, secrets: [],
    });
    expect(new Date(body.createdAt as string).toISOString()).to.equal(body.createdAt);
    await as('get', '/system/functions').expect(200).expect(({ body: list }) => expect(list).to.deep.equal([body]));
  });

  it('may be given null wherever a client has nothing to say', async () => {
    await start();
    await deploy({ service: 'echo', envVars: null, labels: null, annotations: null, constraints: null, secrets: null, limits: null, requests: null, network: '' }).expect(202);
  });

  it('are removed by their name in the body, with the namespace there or in the query', async () => {
    await start();
    await deploy({ service: 'echo' }).expect(202);
    await as('delete', '/system/functions').send({ functionName: 'other' }).expect(404);
    await as('delete', '/system/functions').send({}).expect(400);
    await as('delete', '/system/functions').send({ functionName: 'echo', namespace: '' }).expect(202);
    await as('get', '/system/function/echo').expect(404);
    await as('delete', '/system/functions').send({ functionName: 'echo' }).expect(404);
  });

  it('are not found where there are none, by any path', async () => {
    await start();
    await as('get', '/system/function/nothing').expect(404);
    await request(node.url).post('/function/nothing').expect(404);
    await request(node.url).get('/function/').expect(404);
  });

  it('need the administrator for everything but their calls', async () => {
    await start();
    const paths = ['functions', 'function/echo', 'secrets', 'namespaces', 'namespace/x', 'info', 'logs?name=echo'];
    for (const path of paths) await request(node.url).get(`/system/${path}`).expect(401).expect('WWW-Authenticate', /^Basic /);
    await request(node.url).get('/system/functions').set('Authorization', 'Bearer ').expect(401);
    await request(node.url).post('/system/functions').send({ service: 'echo', image }).expect(401);
    expect(node.deployments.names()).to.deep.equal([]);
  });

  it('are refused with 400 and a sentence when the body is wrong', async () => {
    await start();
    for (const text of ['{', '[]', '"x"', 'null', '1']) await as('post', '/system/functions').type('json').send(text).expect(400);
    await as('post', '/system/functions').expect(400);
    for (const body of [{ service: '' }, { service: '../x' }, { service: 'A' }, { service: 'a', envVars: [] }, { service: 'a', labels: { x: {} } }, { service: 'a', secrets: 'x' }, { service: 'a', envProcess: 'cat\0x' }]) {
      await deploy(body).expect(400).expect(({ text }) => expect(text).to.match(/^The parameter \w+ is wrong/));
    }
    for (const namespace of ['..', 'A', 'a/b', 5]) await deploy({ service: 'a', namespace }).expect(400);
  });

  describe('in namespaces', () => {
    it('are told apart by them, in the administration and in their calls', async () => {
      await start({ behaviours: {} });
      await as('post', '/system/namespace/').send({ name: 'staging' }).expect(201);
      await node.serve('echo', () => respond('default'));
      await node.serve('echo', () => respond('staging'), 'stateless', { namespace: 'staging' });
      await request(node.url).get('/function/echo').expect(200, 'default');
      await request(node.url).get('/function/echo.openfaas-fn').expect(200, 'default');
      await request(node.url).get('/function/echo.staging').expect(200, 'staging');
      await request(node.url).get('/function/echo.nowhere').expect(404);
      const names = async (query: string) => (await as('get', `/system/functions${query}`).expect(200)).body.map((each: { name: string; namespace: string }) => `${each.name} ${each.namespace}`);
      expect(await names('')).to.deep.equal(['echo openfaas-fn']);
      expect(await names('?namespace=staging')).to.deep.equal(['echo staging']);
      expect(await names('?namespace=empty')).to.deep.equal([]);
      await as('get', '/system/function/echo?namespace=staging').expect(200).expect(({ body }) => expect(body).to.include({ name: 'echo', namespace: 'staging' }));
      await as('delete', '/system/functions?namespace=staging').send({ functionName: 'echo' }).expect(202);
      await request(node.url).get('/function/echo.staging').expect(404);
      await request(node.url).get('/function/echo').expect(200, 'default');
    });

    it('take the namespace from the body or from the query, and it has to be there', async () => {
      await start();
      await deploy({ service: 'echo', namespace: 'dev' }).expect(404);
      await as('post', '/system/namespace/').send({ name: 'dev' }).expect(201);
      await deploy({ service: 'echo', namespace: 'dev' }).expect(202);
      await as('post', '/system/functions?namespace=dev').send({ service: 'other', image }).expect(202);
      expect(node.deployments.names()).to.deep.equal(['echo.dev', 'other.dev']);
      await as('delete', '/system/functions').send({ functionName: 'other', namespace: 'dev' }).expect(202);
      expect(node.deployments.names()).to.deep.equal(['echo.dev']);
    });

    it('are counted under their whole name, the default namespace left out', async () => {
      await start();
      await as('post', '/system/namespace/').send({ name: 'dev' }).expect(201);
      await node.serve('echo', () => respond(), 'stateless', { namespace: 'dev' });
      await request(node.url).get('/function/echo.dev').expect(200);
      await request(node.url).get('/metrics').expect(/gateway_function_invocation_total\{function_name="echo.dev",code="200"\} 1\n/);
    });
  });
});

describe('OpenFaaS: namespaces', () => {
  let node: TestNode;
  beforeEach(async () => { node = await startNode(); });
  afterEach(() => node.close());
  const as = (method: 'get' | 'post' | 'put' | 'delete', path: string) => request(node.url)[method](path).set('Authorization', ADMIN);

  it('are listed, the default one always', async () => {
    await as('get', '/system/namespaces').expect(200, ['openfaas-fn']);
    await as('post', '/system/namespace/').send({ name: 'staging', labels: { openfaas: '1' } }).expect(201);
    await as('get', '/system/namespaces').expect(200, ['openfaas-fn', 'staging']);
  });

  it('are made, read, replaced and removed', async () => {
    await as('post', '/system/namespace/dev').send({ name: 'dev', labels: { team: 'a' }, annotations: { x: 'y' } }).expect(201);
    await as('post', '/system/namespace/').send({ name: 'dev' }).expect(409);
    await as('get', '/system/namespace/dev').expect(200, { name: 'dev', labels: { team: 'a' }, annotations: { x: 'y' } });
    await as('put', '/system/namespace/dev').send({ name: 'dev', labels: { team: 'b' } }).expect(202);
    await as('get', '/system/namespace/dev').expect(200, { name: 'dev', labels: { team: 'b' }, annotations: {} });
    await as('delete', '/system/namespace/dev').send({ name: 'dev' }).expect(202);
    await as('get', '/system/namespace/dev').expect(404);
    await as('put', '/system/namespace/dev').send({ name: 'dev' }).expect(404);
    await as('delete', '/system/namespace/dev').expect(404);
  });

  it('are refused with a bad name, and kept while functions are in them', async () => {
    for (const name of ['', 'A', 'a.b', '-a', 'x'.repeat(64)]) await as('post', '/system/namespace/').send({ name }).expect(400);
    await as('post', '/system/namespace/dev').send({ name: 'other' }).expect(400);
    await as('post', '/system/namespace/').send({ name: 'dev', labels: 'x' }).expect(400);
    await as('delete', '/system/namespace/openfaas-fn').expect(409);
    await as('post', '/system/namespace/').send({ name: 'dev' }).expect(201);
    await node.serve('echo', () => respond(), 'stateless', { namespace: 'dev' });
    await as('delete', '/system/namespace/dev').expect(409).expect(/it has the functions echo\.dev/);
  });
});

/**
 * The requests that faas-cli sends, byte for byte in the form of its HTTP client, command by command, and what it reads of each
 * answer. `npm run test:faas-cli` runs the same commands of a real one.
 */
import { expect } from 'chai';
import { ADMIN, chunksOf, respond, sendRaw, sha256, startNode, type TestNode } from '../gateway/support.js';

const CODE = 'export default () => 1';
const IMAGE = `bundle:${sha256(CODE)}`;
const AGENT = 'faas-cli/0.17.8';

interface Exchange {
  method?: string;
  path: string;
  /** As Go marshals it; a text goes as it is. */
  body?: object | string;
  type?: string;
  agent?: string;
  /** Undefined: none is sent. */
  authorization?: string | undefined;
  headers?: string[];
}

interface Answer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

describe('OpenFaaS: faas-cli', () => {
  let node: TestNode;
  beforeEach(async () => {
    node = await startNode({ fallback: ({ request: { method, path, query, body, headers } }) => respond(`${method} ${path}?${query} ${body.toString()} ${String(headers['authorization'])}`) });
    await node.bundles.write(sha256(CODE), chunksOf(CODE));
  });
  afterEach(() => node.close());

  /** Headers in the order of Go's client: Host, User-Agent, Content-Length, then the others by name. */
  async function send(exchange: Exchange): Promise<Answer> {
    const { method = 'GET', path, body, type = 'application/json', agent = AGENT, headers = [] } = exchange;
    const authorization = 'authorization' in exchange ? exchange.authorization : ADMIN;
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const lines = [
      `${method} ${path} HTTP/1.1`, `Host: ${new URL(node.url).host}`, `User-Agent: ${agent}`,
      ...(body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(text)}`]), ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
      ...(body === undefined || type === '' ? [] : [`Content-Type: ${type}`]), ...headers, 'Accept-Encoding: gzip', 'Connection: close',
    ];
    const answer = await sendRaw(node.url, `${lines.join('\r\n')}\r\n\r\n${text}`);
    const [head, ...rest] = answer.split('\r\n\r\n');
    const [first, ...fields] = head!.split('\r\n');
    return {
      status: Number(first!.split(' ')[1]), body: rest.join('\r\n\r\n'),
      headers: new Map(fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 1).trim()])),
    };
  }
  const statusOf = async (exchange: Exchange) => (await send(exchange)).status;
  const jsonOf = async (exchange: Exchange) => {
    const { status, body } = await send(exchange);
    expect(status, body).to.equal(200);
    return JSON.parse(body) as never;
  };
  /** As it marshals a function: pointers to maps that are not there become null. */
  const spec = (extra: object = {}) => ({ service: 'echo', image: IMAGE, labels: null, annotations: null, ...extra });
  const deploy = (method: string, extra: object = {}): Exchange => ({ method, path: '/system/functions', body: spec(extra) });

  it('login: tries the credentials at the list of functions, by an agent without a name', async () => {
    const login = (authorization: string): Exchange => ({ path: '/system/functions', agent: 'Go-http-client/1.1', authorization });
    expect(await statusOf(login(ADMIN))).to.equal(200);
    expect(await statusOf(login('Basic d3Jvbmc6d3Jvbmc='))).to.equal(401);
  });

  it('without a login: sends an empty bearer token, and is told to log in', async () => {
    for (const path of ['/system/functions', '/system/info', '/system/secrets', '/system/namespaces', '/system/logs?follow=true&name=echo&tail=-1']) {
      expect(await statusOf({ path, authorization: 'Bearer ' })).to.equal(401);
    }
    expect(await statusOf({ ...deploy('PUT'), authorization: 'Bearer ' })).to.equal(401);
  });

  it('deploy: replaces, and makes the function when that says 404', async () => {
    expect(await statusOf(deploy('PUT'))).to.equal(404);
    expect(await statusOf(deploy('POST'))).to.equal(202);
    const labels = { 'com.openfaas.scale.min': '1' };
    expect(await statusOf(deploy('PUT', { envVars: { a: 'b' }, labels, annotations: {}, limits: { memory: '128Mi' }, requests: { cpu: '100m' }, constraints: ['level=city'] }))).to.equal(202);
    expect(await jsonOf({ path: '/system/function/echo' })).to.deep.include({ envVars: { a: 'b' }, labels });
  });

  it('deploy --replace --update=false: removes, whether it is there or not, and makes', async () => {
    const remove: Exchange = { method: 'DELETE', path: '/system/functions', body: { functionName: 'echo', namespace: '' } };
    expect(await statusOf(remove)).to.equal(404);
    expect(await statusOf(deploy('POST'))).to.equal(202);
    expect(await statusOf(remove)).to.equal(202);
    expect(await statusOf(deploy('POST'))).to.equal(202);
  });

  it('deploy --namespace: names it in the body', async () => {
    expect(await statusOf({ method: 'POST', path: '/system/namespace/', body: { name: 'dev', annotations: {}, labels: { openfaas: '1' } } })).to.equal(201);
    expect(await statusOf(deploy('PUT', { namespace: 'dev' }))).to.equal(404);
    expect(await statusOf(deploy('POST', { namespace: 'dev' }))).to.equal(202);
    expect(await jsonOf({ path: '/system/functions?namespace=dev' })).to.have.length(1);
    expect(await jsonOf({ path: '/system/functions' })).to.have.length(0);
    expect(await jsonOf({ path: '/system/function/echo?namespace=dev' })).to.include({ name: 'echo', namespace: 'dev' });
    expect((await send({ method: 'POST', path: '/function/echo.dev', body: 'x', type: 'text/plain', authorization: undefined })).body).to.match(/^POST \? x/);
    expect(await statusOf({ method: 'DELETE', path: '/system/functions', body: { functionName: 'echo', namespace: 'dev' } })).to.equal(202);
  });

  it('remove of older versions: names the namespace in the query', async () => {
    expect(await statusOf({ method: 'POST', path: '/system/namespace/', body: { name: 'dev' } })).to.equal(201);
    expect(await statusOf(deploy('POST', { namespace: 'dev' }))).to.equal(202);
    expect(await statusOf({ method: 'DELETE', path: '/system/functions?namespace=dev', body: { functionName: 'echo' } })).to.equal(202);
    expect(node.deployments.names()).to.deep.equal([]);
  });

  it('store deploy: sends what the store says of the function, its process too', async () => {
    const body = spec({ service: 'nodeinfo', envProcess: 'node main.js', labels: { 'com.openfaas.ui.ext': 'json' }, annotations: { 'com.openfaas.store': 'yes' }, network: '', readOnlyRootFilesystem: true });
    expect(await statusOf({ method: 'PUT', path: '/system/functions', body })).to.equal(404);
    expect(await statusOf({ method: 'POST', path: '/system/functions', body })).to.equal(202);
    expect(await jsonOf({ path: '/system/function/nodeinfo' })).to.include({ envProcess: 'node main.js', readOnlyRootFilesystem: true });
  });

  it('list and describe: read names, images, counts and replicas', async () => {
    await send(deploy('POST'));
    await send({ method: 'POST', path: '/function/echo', body: '', type: 'text/plain', authorization: undefined });
    const [status] = await jsonOf({ path: '/system/functions' }) as object[];
    expect(status).to.include({ name: 'echo', image: IMAGE, invocationCount: 1, replicas: 1, availableReplicas: 1 });
    expect(await jsonOf({ path: '/system/function/echo' })).to.deep.equal(status);
    expect(await jsonOf({ path: '/system/function/echo?usage=1' })).to.include({ name: 'echo' });
    expect(await statusOf({ path: '/system/function/nothing' })).to.equal(404);
  });

  it('ready: asks whether the gateway, or a function, is there', async () => {
    expect(await statusOf({ path: '/healthz', agent: 'Go-http-client/1.1', authorization: undefined })).to.equal(200);
    await send(deploy('POST'));
    expect((await jsonOf({ path: '/system/function/echo' }) as { availableReplicas: number }).availableReplicas).to.be.above(0);
  });

  it('invoke: sends method, query, headers and body, and never the login', async () => {
    await send(deploy('POST'));
    const invoke = (extra: Partial<Exchange>): Exchange => ({ method: 'POST', path: '/function/echo', body: 'hello', type: 'text/plain', authorization: undefined, ...extra });
    expect(await send(invoke({}))).to.include({ status: 200, body: 'POST ? hello undefined' });
    expect((await send(invoke({ method: 'PUT', path: '/function/echo?a=b&c=d', headers: ['X-Custom: 1'] }))).body).to.equal('PUT ?a=b&c=d hello undefined');
    expect(await statusOf(invoke({ path: '/function/nothing' }))).to.equal(404);
  });

  it('invoke --async: is told that it is queued', async () => {
    await send(deploy('POST'));
    const answer = await send({ method: 'POST', path: '/async-function/echo', body: 'hello', type: 'text/plain', authorization: undefined });
    expect(answer.status).to.equal(202);
    expect(answer.headers.get('x-call-id')).to.be.a('string');
  });

  it('logs: reads one document a line until the end', async () => {
    await send(deploy('POST'));
    for (const text of ['one', 'two']) node.logs.append('echo', text);
    const { status, headers, body } = await send({ path: '/system/logs?follow=false&name=echo&since=2020-01-01T00%3A00%3A00Z&tail=1' });
    expect(status).to.equal(200);
    expect(headers.get('content-type')).to.equal('application/x-ndjson');
    const [line] = body.split('\r\n').flatMap((chunk) => chunk.split('\n')).filter((each) => each.startsWith('{'));
    expect(JSON.parse(line!)).to.include({ name: 'echo', namespace: 'openfaas-fn', text: 'two' });
  });

  it('secret create, list, update and remove: names and values in the body, and no value comes back', async () => {
    const secret = (method: string, body: object): Exchange => ({ method, path: '/system/secrets', body });
    expect(await statusOf(secret('POST', { name: 'key', value: 'hush', rawValue: Buffer.from('hush').toString('base64') }))).to.equal(201);
    expect(await statusOf(secret('POST', { name: 'key', value: 'hush' }))).to.equal(409);
    expect(await statusOf(secret('PUT', { name: 'key', value: 'other' }))).to.equal(202);
    expect(await jsonOf({ path: '/system/secrets' })).to.deep.equal([{ name: 'key', namespace: 'openfaas-fn' }]);
    expect(await jsonOf({ path: '/system/secrets?namespace=openfaas-fn' })).to.have.length(1);
    expect(await statusOf(secret('DELETE', { name: 'key' }))).to.equal(202);
    expect(await statusOf(secret('DELETE', { name: 'key' }))).to.equal(404);
    expect(await statusOf(secret('PUT', { name: 'key', value: 'x' }))).to.equal(404);
  });

  it('namespaces: reads a list of names', async () => {
    expect(await jsonOf({ path: '/system/namespaces' })).to.deep.equal(['openfaas-fn']);
  });

  it('namespace create, get, update and delete: the name in the path, and in the body too', async () => {
    const dev = { name: 'dev', labels: { openfaas: '1' }, annotations: { team: 'a' } };
    expect(await statusOf({ method: 'POST', path: '/system/namespace/', body: dev })).to.equal(201);
    expect(await jsonOf({ path: '/system/namespace/dev' })).to.deep.equal(dev);
    expect(await statusOf({ method: 'PUT', path: '/system/namespace/dev', body: { name: 'dev', labels: { openfaas: '1', more: 'b' } } })).to.equal(202);
    expect(await jsonOf({ path: '/system/namespace/dev' })).to.deep.include({ labels: { openfaas: '1', more: 'b' } });
    const remove = { method: 'DELETE', path: '/system/namespace/dev', body: { name: 'dev', labels: { openfaas: '1' } } };
    expect(await statusOf(remove)).to.equal(202);
    expect(await statusOf(remove)).to.equal(404);
    expect(await statusOf({ path: '/system/namespace/dev' })).to.equal(404);
    expect(await statusOf({ method: 'PUT', path: '/system/namespace/dev', body: dev })).to.equal(404);
  });

  it('the SDK: sends bodies whose type it does not name, and the namespace of a scaling in the body', async () => {
    const untyped = (method: string, path: string, body: object): Exchange => ({ method, path, body, type: '', agent: 'Go-http-client/1.1' });
    expect(await statusOf(untyped('POST', '/system/functions', spec()))).to.equal(202);
    expect(await statusOf(untyped('POST', '/system/scale-function/echo', { serviceName: 'echo', replicas: 0, namespace: 'openfaas-fn' }))).to.equal(202);
    expect(await jsonOf({ path: '/system/function/echo' })).to.include({ replicas: 0 });
    expect(await statusOf(untyped('POST', '/system/scale-function/echo', { serviceName: 'echo', replicas: 1, namespace: 'dev' }))).to.equal(404);
    expect(await statusOf(untyped('DELETE', '/system/functions', { functionName: 'echo', namespace: 'openfaas-fn' }))).to.equal(202);
    expect(await statusOf(untyped('DELETE', '/system/functions', { functionName: '' }))).to.equal(400);
  });

  it('version: reads provider and versions', async () => {
    const info = await jsonOf({ path: '/system/info' }) as { provider: object; version: object };
    expect(info.provider).to.include.keys('provider', 'version', 'orchestration');
    expect(info.version).to.include.keys('release', 'sha', 'commit_message');
  });
});

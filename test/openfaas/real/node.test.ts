import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { basicHeader } from '../../../runtime/base/credentials.js';
import { bundleFunction } from '../../../runtime/base/bundle.js';
import { type RunningNode, startNode } from '../../../runtime/node.js';

const CREDENTIALS = { user: 'chef', password: 'sesame' };

describe('OpenFaaS: a whole node', () => {
  let folder: string;
  let node: RunningNode;
  const start = () => startNode({
    name: 'cloud', level: 'cloud', host: '127.0.0.1', port: 0, domainId: 'test', labels: {}, store: 'memory', stateDir: join(folder, 'state'), adminUser: 'admin',
    adminPasswordFile: join(folder, 'admin-password'), peerKeyFile: join(folder, 'peer-key'), metricsPort: 0, log: 'silent',
  });
  const call = (method: string, path: string, body?: object | Buffer) => fetch(node.url + path, {
    method, headers: { authorization: basicHeader(CREDENTIALS), ...(Buffer.isBuffer(body) && { 'content-type': 'application/octet-stream' }) },
    ...(body && { body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body) }),
  });
  const status = async () => (await call('GET', '/system/function/pages')).json() as Promise<{ replicas: number; availableReplicas: number }>;
  const until = async (is: () => Promise<boolean>) => {
    while (!await is()) await new Promise((next) => setImmediate(next));
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'openfaas-'));
    await writeFile(join(folder, 'basic-auth-user'), CREDENTIALS.user);
    await writeFile(join(folder, 'basic-auth-password'), CREDENTIALS.password);
    await writeFile(join(folder, 'peer-key'), 'k'.repeat(32));
    node = await start();
    const { sha256, code } = await bundleFunction(resolve('test/openfaas/real/pages'), 'pages');
    expect((await call('PUT', `/system/bundles/${sha256}`, code)).status).to.equal(201);
    expect((await call('POST', '/system/secrets', { name: 'key', value: 'hush' })).status).to.equal(201);
    const labels = { 'com.openfaas.scale.min': '2', 'com.openfaas.scale.max': '3' };
    expect((await call('POST', '/system/functions', { service: 'pages', image: `bundle:${sha256}`, secrets: ['key'], labels, envVars: { exec_timeout: '3m' } })).status).to.equal(202);
  });
  after(async () => {
    await node.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('has as many processes of a function as its labels ask for', async () => {
    await until(async () => (await status()).availableReplicas === 2);
    expect(await status()).to.include({ replicas: 2, availableReplicas: 2 });
  });

  it('gives a function its secret, also a new one', async () => {
    expect(await (await call('GET', '/function/pages')).text()).to.match(/^hush \d+$/);
    expect((await call('PUT', '/system/secrets', { name: 'key', value: 'new' })).status).to.equal(202);
    expect(await (await call('GET', '/function/pages')).text()).to.match(/^new \d+$/);
  });

  it('has what the function logged and printed', async () => {
    await call('GET', '/function/pages/logged');
    const texts = async () => (await (await call('GET', '/system/logs?name=pages')).text()).split('\n').filter(Boolean).map((line) => (JSON.parse(line) as { text: string }).text);
    await until(async () => (await texts()).includes('printed as well'));
    expect(await texts()).to.include('asked for /logged');
  });

  it('ends all processes of a function, and begins again with a call', async () => {
    expect((await call('POST', '/system/scale-function/pages', { serviceName: 'pages', replicas: 0 })).status).to.equal(202);
    expect(await status()).to.include({ replicas: 0, availableReplicas: 0 });
    expect((await call('GET', '/function/pages')).status).to.equal(200);
    await until(async () => (await status()).availableReplicas === 2);
  });

  it('makes an asynchronous call', async () => {
    const accepted = await call('POST', '/async-function/pages/later');
    expect(accepted.status).to.equal(202);
    const id = accepted.headers.get('x-call-id')!;
    const state = async () => (await (await call('GET', `/async-calls/${id}`)).json() as { state: string }).state;
    await until(async () => await state() === 'done');
  });

  it('has its metrics on a port of their own', async () => {
    const text = await (await fetch(`${node.metricsUrl}/metrics`)).text();
    expect(text).to.include('gateway_service_count{function_name="pages"}');
    expect(text).to.include('queue_worker_messages_processed_total{queue_name="faas-request"} 1\n');
  });

  it('keeps functions, secrets and namespaces over a restart', async () => {
    expect((await call('POST', '/system/namespace/', { name: 'dev' })).status).to.equal(201);
    await node.close();
    node = await start();
    expect(await (await call('GET', '/system/secrets')).json()).to.deep.equal([{ name: 'key', namespace: 'openfaas-fn' }]);
    expect(await (await call('GET', '/system/namespaces')).json()).to.deep.equal(['dev', 'openfaas-fn']);
    expect(await (await call('GET', '/function/pages')).text()).to.match(/^new \d+$/);
  });
});

import { expect } from 'chai';
import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { ADMIN, respond, sendRaw, signal, startNode, type NodeOptions, type TestNode } from '../gateway/support.js';

interface Told {
  headers: IncomingHttpHeaders;
  body: string;
}

/** Where callbacks arrive. */
async function startListener(status: () => number = () => 200): Promise<{ url: string; next(): Promise<Told>; close(): Promise<void> }> {
  const [told, wanted]: [Told[], ((one: Told) => void)[]] = [[], []];
  const server: Server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const one = { headers: incoming.headers, body: Buffer.concat(chunks).toString() };
      const want = wanted.shift();
      if (want) want(one);
      else told.push(one);
      response.writeHead(status()).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/told`,
    next: async () => told.shift() ?? new Promise((resolve) => wanted.push(resolve)),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('OpenFaaS: asynchronous calls', () => {
  let node: TestNode;
  let listener: Awaited<ReturnType<typeof startListener>>;
  const start = async (options: NodeOptions = {}) => {
    node = await startNode(options);
    listener = await startListener();
  };
  afterEach(async () => {
    await node.close();
    await listener.close();
  });
  const as = (method: 'get' | 'post' | 'delete', path: string) => request(node.url)[method](path).set('Authorization', ADMIN);
  const send = (path = 'f', headers: Record<string, string> = {}, body = '') => request(node.url).post(`/async-function/${path}`).set(headers).send(body);
  const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

  it('are taken with 202 and an id, and made as the synchronous ones are', async () => {
    await start();
    const arrived = signal<{ method: string; path: string; query: string; body: string; headers: Record<string, unknown> }>();
    await node.serve('f', ({ request: { method, path, query, body, headers } }) => {
      arrived.give({ method, path, query, body: body.toString(), headers });
      return respond();
    });
    const { headers, text } = await send('f/a/b?c=d', { 'content-type': 'text/plain', 'x-custom': 'yes' }, 'hello').expect(202);
    expect(headers['x-call-id']).to.match(UUID);
    expect(headers['x-start-time']).to.match(/^\d{19}$/);
    expect(text).to.equal('');
    const seen = await arrived.come;
    expect(seen).to.include({ method: 'POST', path: '/a/b', query: 'c=d', body: 'hello' });
    expect(seen.headers).to.include({ 'content-type': 'text/plain', 'x-custom': 'yes', 'x-call-id': headers['x-call-id'] });
  });

  it('tell their callback what the function answered, about whom and how long it took', async () => {
    await start();
    await node.serve('f', ({ request: { body } }) => respond(`got ${body.toString()}`, { status: 201, headers: { 'content-type': 'text/x-told' } }));
    const { headers } = await send('f', { 'x-callback-url': listener.url, 'x-call-id': 'trace-7' }, 'it').expect(202);
    expect(headers['x-call-id']).to.equal('trace-7');
    const told = await listener.next();
    expect(told.body).to.equal('got it');
    expect(told.headers).to.include({ 'x-call-id': 'trace-7', 'x-function-name': 'f', 'x-function-status': '201', 'content-type': 'text/x-told' });
    expect(told.headers['x-duration-seconds']).to.match(/^\d+\.\d+$/);
    expect(told.headers['x-start-time']).to.match(/^\d{19}$/);
  });

  it('tell also of an answer that is an error and is not tried again', async () => {
    await start();
    await node.serve('f', () => respond('no such thing', { status: 404 }));
    await send('f', { 'x-callback-url': listener.url }).expect(202);
    const told = await listener.next();
    expect(told.headers['x-function-status']).to.equal('404');
    expect(told.body).to.equal('no such thing');
  });

  it('are refused for a function that is not there, by any method but POST, and with a callback that is none', async () => {
    await start();
    await node.serve('f', () => respond());
    await send('nothing').expect(404);
    await send('').expect(404);
    await send('force-offload').expect(404);
    for (const method of ['get', 'put', 'delete', 'patch'] as const) await request(node.url)[method]('/async-function/f').expect(405).expect('Allow', 'POST');
    for (const url of ['nowhere', 'ftp://a/b', 'http://', `http://a/${'x'.repeat(3_000)}`]) await send('f', { 'x-callback-url': url }).expect(400);
    await send('f', { 'x-call-id': 'x'.repeat(257) }).expect(400);
  });

  it('are refused before they are read when their body is too large', async () => {
    await start();
    await node.serve('f', () => respond());
    await request(node.url).post('/async-function/f').set('Content-Length', String(100 * 1024 * 1024)).send('').expect(413);
  });

  it('are refused when the queue is full, for one function and for all', async () => {
    await start({ queue: { calls: 3, perFunction: 2, bytes: 4_000 } });
    const hold = signal<void>();
    const wait = async () => {
      await hold.come;
      return respond();
    };
    await node.serve('f', wait);
    await node.serve('g', wait);
    await send('f').expect(202);
    await send('f').expect(202);
    await send('f').expect(429).expect(({ body }) => expect(body).to.include({ code: 'TOO_MANY_QUEUED' }));
    await send('g', {}, 'x'.repeat(4_001)).expect(503).expect('Retry-After', '1').expect(({ body }) => expect(body).to.include({ code: 'QUEUE_FULL' }));
    await send('g').expect(202);
    await send('g').expect(503);
    hold.give();
  });

  it('leave their places to others when they are dead, and of too many dead the oldest go', async () => {
    await start({ queue: { calls: 1, dead: 2 } });
    await node.serve('f', () => respond('', { status: 500 }), 'stateless', { annotations: { 'com.openfaas.retry.attempts': '1' } });
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      const { headers } = await send().expect(202);
      ids.push(headers['x-call-id']!);
      while (node.queue.get(ids.at(-1)!)?.state !== 'dead') await new Promise((resolve) => setImmediate(resolve));
    }
    while (node.queue.get(ids[0]!) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    await as('get', '/system/async-calls?state=dead').expect(200)
      .expect(({ body }) => expect(body.calls.map((call: { id: string }) => call.id)).to.deep.equal(ids.slice(1)));
    await as('get', '/metrics').expect(/^queue_worker_pending_messages\{.*\} 0$/m).expect(/^queue_worker_dead_messages\{.*\} 2$/m);
  });

  it('keep to their function, whatever their path looks like', async () => {
    await start();
    const arrived = signal<string>();
    await node.serve('f', ({ request: { path, query } }) => {
      arrived.give(`${path}?${query}`);
      return respond();
    });
    await sendRaw(node.url, 'POST /async-function/f/../../healthz?a=/../b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    expect(await arrived.come).to.equal('/../../healthz?a=/../b');
  });

  it('are refused when their body does not come in time', async () => {
    await start();
    await node.serve('f', () => respond(), 'stateless', { envVars: { read_timeout: '20ms' } });
    const answer = await sendRaw(node.url, 'POST /async-function/f HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhal');
    expect(answer).to.match(/^HTTP\/1\.1 408 /).and.include('read_timeout').and.include('gateway');
  });

  it('may be sent and asked for by pages that are let in', async () => {
    await start({ cors: { origins: ['https://shop.example'] } });
    await node.serve('f', () => respond());
    const page = { origin: 'https://shop.example' };
    await request(node.url).options('/async-function/f').set({ ...page, 'access-control-request-method': 'POST' }).expect(204)
      .expect('access-control-allow-origin', page.origin).expect('access-control-allow-headers', /X-Callback-Url/);
    const { headers } = await send('f', page).expect(202).expect('access-control-allow-origin', page.origin).expect('access-control-expose-headers', /X-call-id/);
    await request(node.url).get(`/async-calls/${headers['x-call-id']}`).set(page).expect(200).expect('access-control-allow-origin', page.origin);
    await send('nothing', page).expect(404).expect('access-control-allow-origin', page.origin);
    const { headers: other } = await send('f', { origin: 'https://other.example' }).expect(202);
    expect(other['access-control-allow-origin']).to.equal(undefined);
  });

  it('tell nobody at an address of the machine\'s own programs, and only the places that are allowed', async () => {
    await start();
    await node.serve('f', () => respond());
    for (const host of ['169.254.169.254', '2852039166', '0xa9fea9fe', '[fe80::1]', '[::ffff:169.254.169.254]', '[64:ff9b::169.254.1.1]', '0.0.0.0', '[::]', '224.0.0.1', '168.63.129.16']) {
      await send('f', { 'x-callback-url': `http://${host}/latest` }).expect(400).expect(/X-Callback-Url/);
    }
    await node.close();
    await listener.close();
    await start({ callbacks: ['https://*.example.org', 'http://127.0.0.1:*'] });
    await node.serve('f', () => respond());
    for (const url of ['http://example.org/', 'https://example.org/', 'https://a.example.org.evil/', 'http://localhost/', 'http://127.0.0.1.evil:80/']) {
      await send('f', { 'x-callback-url': url }).expect(400);
    }
    await send('f', { 'x-callback-url': listener.url }).expect(202);
    expect((await listener.next()).headers['via']).to.equal('1.1 milan');
  });

  it('are made as many at once as the function takes', async () => {
    await start();
    let [running, most, ended] = [0, 0, 0];
    const all = signal<void>();
    await node.serve('f', async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      ended += 1;
      if (ended === 12) all.give();
      return respond();
    }, 'stateless', { envVars: { max_inflight: '3' } });
    await Promise.all(Array.from({ length: 12 }, () => send('f').expect(202)));
    await all.come;
    expect(most).to.be.at.most(3);
  });

  it('are tried again at the codes that the annotations name, and end when one works', async () => {
    await start();
    let tries = 0;
    const annotations = { 'com.openfaas.retry.attempts': '5', 'com.openfaas.retry.codes': '418', 'com.openfaas.retry.min_wait': '1ms', 'com.openfaas.retry.max_wait': '2ms' };
    await node.serve('f', () => respond('', { status: (tries += 1) < 3 ? 418 : 200 }), 'stateless', { annotations });
    await send('f', { 'x-callback-url': listener.url }).expect(202);
    expect((await listener.next()).headers['x-function-status']).to.equal('200');
    expect(tries).to.equal(3);
  });

  it('are dead when no try has worked: listed, begun anew or dropped by the administrator', async () => {
    await start();
    let status = 503;
    await node.serve('f', () => respond('sorry', { status }), 'stateless', { annotations: { 'com.openfaas.retry.attempts': '2', 'com.openfaas.retry.min_wait': '1ms' } });
    const { headers } = await send('f', { 'x-callback-url': listener.url }).expect(202);
    const id = headers['x-call-id']!;
    expect((await listener.next()).headers['x-function-status']).to.equal('503');
    const state = async () => (await request(node.url).get(`/async-calls/${id}`)).body as { state: string; attempts: number; status: number; reason?: string };
    while ((await state()).state === 'answering') await new Promise((resolve) => setImmediate(resolve));
    expect(await state()).to.include({ state: 'dead', attempts: 2, status: 503, reason: 'the function answered 503, at the last of 2 attempts' });
    await as('get', '/system/async-calls?state=dead').expect(200)
      .expect(({ body }) => expect(body.calls.map((call: { id: string }) => call.id)).to.deep.equal([id]));
    status = 200;
    await as('post', `/system/async-calls/${id}/retry`).expect(202);
    expect((await listener.next()).headers['x-function-status']).to.equal('200');
    while ((await state()).state !== 'done') await new Promise((resolve) => setImmediate(resolve));
    await as('post', `/system/async-calls/${id}/retry`).expect(404);
    await as('get', '/system/async-calls').expect(200, { total: 0, calls: [] });
  });

  it('are dropped by the administrator, whatever they wait for', async () => {
    await start();
    await node.serve('f', () => respond('', { status: 500 }));
    const { headers } = await send().expect(202);
    const id = headers['x-call-id']!;
    while (node.queue.get(id)!.attempts === 0 || node.queue.get(id)!.state === 'running') await new Promise((resolve) => setImmediate(resolve));
    expect(node.queue.get(id)!.state).to.equal('waiting');
    await as('post', `/system/async-calls/${id}/retry`).expect(409);
    await as('delete', `/system/async-calls/${id}`).expect(202);
    await as('delete', `/system/async-calls/${id}`).expect(404);
    await request(node.url).get(`/async-calls/${id}`).expect(404);
    expect(await readdir(join(node.stateDir, 'async-calls'))).to.deep.equal([]);
  });

  it('leave nothing on the disk when they have ended well', async () => {
    await start();
    await node.serve('f', () => respond());
    const { headers } = await send().expect(202);
    const state = async () => ((await request(node.url).get(`/async-calls/${headers['x-call-id']}`)).body as { state: string }).state;
    while (await state() !== 'done') await new Promise((resolve) => setImmediate(resolve));
    while ((await readdir(join(node.stateDir, 'async-calls'))).length > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('keep their administration to the administrator', async () => {
    await start();
    for (const path of ['/system/async-calls', '/system/async-calls/x']) await request(node.url).get(path).expect(401);
    await request(node.url).post('/system/async-calls/x/retry').expect(401);
    await request(node.url).delete('/system/async-calls/x').expect(401);
    await as('get', '/system/async-calls?state=odd').expect(400);
    await as('get', '/system/async-calls?limit=0').expect(400);
    await as('get', '/system/async-calls/x').expect(404);
  });

  it('survive a restart: what waits and what was running is made then', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'async-'));
    try {
      await start({ stateDir });
      const entered = signal<void>();
      await node.serve('f', ({ signal: ended }) => {
        entered.give();
        return new Promise((_, reject) => ended.addEventListener('abort', () => reject(new Error('the node stops'))));
      });
      await send('f/once', { 'x-callback-url': listener.url }, 'kept').expect(202);
      await entered.come;
      await node.close();
      node = await startNode({ stateDir, fallback: ({ request: { path, body } }) => respond(`again ${path} ${body.toString()}`) });
      const told = await listener.next();
      expect(told.body).to.equal('again /once kept');
    } finally {
      await rm(stateDir, { recursive: true, force: true, maxRetries: 10 });
    }
  });

  it('can be asked for after a restart when they have ended, and nothing of what was sent is kept', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'async-'));
    const file = join(stateDir, 'ended-async-calls.ndjson');
    try {
      await start({ stateDir, fallback: () => respond('the answer') });
      await node.serve('f', () => respond('the answer', { status: 201 }));
      const { headers } = await send('f/secret-path', { 'x-call-id': 'trace-9', 'x-secret': 'hush', 'x-callback-url': listener.url }, 'the body').expect(202);
      expect(headers['x-call-id']).to.equal('trace-9');
      await listener.next();
      while (node.queue.get('trace-9')!.state !== 'done') await new Promise((resolve) => setImmediate(resolve));
      await node.close();
      expect(await readFile(file, 'utf8')).to.include('trace-9').and.not.match(/hush|secret|body|the answer/);
      // Its last line may be half written when the machine goes down.
      await appendFile(file, '{"id":"half');
      node = await startNode({ stateDir });
      await request(node.url).get('/async-calls/trace-9').expect(200).expect(({ body }) => expect(body).to.include({ state: 'done', status: 201, attempts: 1, function: 'f' }));
    } finally {
      await rm(stateDir, { recursive: true, force: true, maxRetries: 10 });
    }
  });

  it('are forwarded to where the session is, and take effect once whatever happens', async () => {
    const seen: { requestId?: string; forward?: boolean }[] = [];
    const called = signal<void>();
    await start({
      invoke: async ({ requestId, forward }) => {
        seen.push({ ...(requestId !== undefined && { requestId }), ...(forward !== undefined && { forward }) });
        if (seen.length === 2) called.give();
        return { kind: 'answer', response: respond('', { status: seen.length < 2 ? 503 : 200 }), node: 'milan', epoch: 0, version: 1, replayed: false };
      },
    });
    await node.serve('cart', () => respond(), 'offloadable', { annotations: { 'com.openfaas.retry.min_wait': '1ms' } });
    const { headers } = await send('cart', { 'x-session': 'anna' }).expect(202);
    await called.come;
    expect(seen).to.deep.equal(Array(2).fill({ requestId: headers['x-call-id'], forward: true }));
  });
});

import { expect } from 'chai';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import request from 'supertest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Worker } from '../../runtime/session/call.js';
import { FakeWorker, respond, sendRaw, signal, startNode, type TestNode } from '../gateway/support.js';
import { refused, Talk } from '../sockets/support.js';

/** A worker that speaks WebSocket: it says back what it is told, with where it was told. */
class SocketWorker extends FakeWorker {
  readonly server = new WebSocketServer({ noServer: true });
  drained = false;

  constructor() {
    super('stateless', () => respond('plain'));
  }

  readonly upgrade: NonNullable<Worker['upgrade']> = (call, client, head) => {
    call.signal.addEventListener('abort', () => { this.drained = true; });
    const { path, query } = call.request;
    const asked = Object.assign({}, call.request, { url: `${path}?${query}` });
    this.server.handleUpgrade(asked as never, client as never, head, (socket) => {
      socket.on('message', (message) => socket.send(`${path} ${query} ${String(message)}`));
    });
  };
}

describe('OpenFaaS: connections that ask for another protocol', () => {
  let node: TestNode;
  let worker: SocketWorker;
  beforeEach(async () => {
    node = await startNode();
    worker = new SocketWorker();
    node.provide('chat', worker);
    await node.serve('chat', () => respond());
    await node.serve('plain', ({ request: { method, body, headers } }) => respond(`${method} ${body.toString()} ${String(headers['upgrade'])} ${String(headers['x-a'])}`));
  });
  afterEach(() => node.close());
  const open = async (path: string): Promise<WebSocket> => {
    const socket = new WebSocket(`${node.url.replace('http', 'ws')}${path}`);
    await once(socket, 'open');
    return socket;
  };

  it('go to a function that speaks it, with path and query, both ways', async () => {
    const socket = await open('/function/chat/room/1?name=anna');
    socket.send('hello');
    const [message] = await once(socket, 'message') as [Buffer];
    expect(String(message)).to.equal('/room/1 name=anna hello');
    expect(node.deployments.find('chat')!.inHand).to.equal(1);
    socket.close();
    await once(socket, 'close');
    while (node.deployments.find('chat')!.inHand > 0) await new Promise((resolve) => setImmediate(resolve));
    await request(node.url).get('/metrics').expect(/gateway_function_invocation_total\{function_name="chat",code="101"\} 1\n/);
  });

  it('are answered as ever by a function that does not speak it', async () => {
    const answer = new Promise<number>((resolve, reject) => {
      const socket = new WebSocket(`${node.url.replace('http', 'ws')}/function/plain`);
      socket.on('unexpected-response', (_, response) => {
        resolve(response.statusCode!);
        response.resume();
      });
      socket.on('open', () => reject(new Error('it was opened')));
      socket.on('error', () => undefined);
    });
    expect(await answer).to.equal(200);
  });

  it('are answered as ever when they offer HTTP/2, with their body and on a connection that lives on', async () => {
    const head = (path: string, more: string) => `${path} HTTP/1.1\r\nHost: x\r\nX-A: kept\r\n${more}\r\n`;
    const offer = 'Connection: Upgrade, HTTP2-Settings, keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n';
    const bytes = `${head('POST /function/plain', `${offer}Content-Length: 5\r\n`)}hello${head('GET /function/plain', 'Connection: close\r\n')}`;
    const answer = await sendRaw(node.url, bytes);
    expect(answer).to.match(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).to.include('POST hello undefined kept');
    expect(answer).to.include('GET  undefined kept');
  });

  it('are answered as ever everywhere else', async () => {
    const answer = await sendRaw(node.url, 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n', (text) => text.includes('}'));
    expect(answer).to.match(/^HTTP\/1\.1 200 OK\r\n/);
    const unknown = await sendRaw(node.url, 'GET /function/nothing HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n', (text) => text.includes('}'));
    expect(unknown).to.match(/^HTTP\/1\.1 404 Not Found\r\n/);
  });

  it('are refused beyond what the function takes, and when a worker cannot take them', async () => {
    node.provide('one', Object.assign(new FakeWorker('stateless', () => respond()), { upgrade: () => { throw new Error('no'); } }));
    await node.serve('one', () => respond());
    const ask = (path: string) => sendRaw(node.url, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    expect(await ask('/function/one')).to.match(/^HTTP\/1\.1 500 /);
    while (node.deployments.find('one')!.inHand > 0) await new Promise((resolve) => setImmediate(resolve));
    const busy = new SocketWorker();
    node.provide('busy', busy);
    await node.serve('busy', () => respond(), 'stateless', { envVars: { max_inflight: '1' } });
    const socket = await open('/function/busy');
    expect(await ask('/function/busy')).to.match(/^HTTP\/1\.1 429 /);
    socket.terminate();
  });

  it('are refused to pages that are not let in, before the function sees them', async () => {
    await node.close();
    node = await startNode({ cors: { origins: ['https://shop.example'] } });
    node.provide('chat', worker);
    await node.serve('chat', () => respond());
    const ask = (origin: string) => sendRaw(node.url, [
      'GET /function/chat HTTP/1.1', 'Host: edge.example', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...(origin === '' ? [] : [`Origin: ${origin}`]), '', '',
    ].join('\r\n'), (text) => text.includes('\r\n\r\n'));
    for (const origin of ['', 'https://shop.example', 'http://edge.example']) expect(await ask(origin), origin).to.match(/^HTTP\/1\.1 101 /);
    for (const origin of ['https://evil.example', 'null', 'https://edge.example.evil']) expect(await ask(origin), origin).to.match(/^HTTP\/1\.1 403 /);
    expect(await ask('https://evil.example')).to.match(/^HTTP\/1\.1 403 /);
  });

  it('are refused to pages that are not let in, and bounded message by message, also where the messages are calls', async () => {
    await node.close();
    node = await startNode({ cors: { origins: ['https://shop.example'] } });
    const [begun, released] = [signal<void>(), signal<void>()];
    const talking = new FakeWorker('stateless', async ({ request: { method, body, headers } }) => {
      begun.give();
      await released.come;
      return respond(`${method} ${body.toString()} ${String(headers['x-a'])}`, { headers: { 'content-type': 'text/plain' } });
    });
    node.provide('talk', Object.assign(talking, { sockets: true }));
    await node.serve('talk', () => respond(), 'stateless', { envVars: { max_inflight: '1' } });
    const url = `${node.url}/function/talk`;
    expect((await refused(url, { origin: 'https://evil.example' })).status).to.equal(403);
    const [first, second] = [await Talk.open(url, { origin: 'https://shop.example', headers: { 'X-A': 'b' } }), await Talk.open(url)];
    first.say('one');
    await begun.come;
    second.say('two');
    expect((await second.closed).code).to.equal(4429);
    released.give();
    expect(await first.hears(1)).to.deep.equal(['MESSAGE one b']);
    expect(node.deployments.find('talk')!.inHand).to.equal(0);
    first.end();
    await request(node.url).get('/metrics').expect(/gateway_function_invocation_total\{function_name="talk",code="200"\} 1\n.*code="429"\} 1\n/s);
  });

  it('are told when their function is removed or replaced', async () => {
    for (const end of [() => node.serve('chat', () => respond()), () => node.deployments.apply({ service: 'chat', removed: true, atMs: node.deployments.stamp('chat') })]) {
      worker.drained = false;
      const socket = await open('/function/chat');
      await end();
      expect(worker.drained).to.equal(true);
      socket.terminate();
    }
  });

  it('are told when the node stops, and end with it', async () => {
    const socket = await open('/function/chat');
    const closed = once(socket, 'close');
    await node.gateway.close(50);
    await closed;
    expect(worker.drained).to.equal(true);
  });

  it('leave other requests on the same server alone', async () => {
    const socket = await open('/function/chat');
    await request(node.url).get('/function/plain').set('X-A', 'b').expect(200, 'GET  undefined b');
    socket.terminate();
    await new Promise<void>((resolve, reject) => httpRequest(`${node.url}/function/plain`, (response) => response.resume().on('end', resolve)).on('error', reject).end());
  });
});

import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import WebSocket, { WebSocketServer } from 'ws';
import { systemClock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';
import { rawFault } from '../../runtime/base/raw-answer.js';
import { carried } from '../../runtime/handler/remote/upstream.js';
import { createWorkers, type Workers } from '../../runtime/handler/workers.js';
import { Fault } from '../../runtime/model/faults.js';
import type { Worker } from '../../runtime/session/call.js';
import { call, deployment, faultOf, request } from './support.js';

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function textOf(stream: AsyncIterable<Buffer> | undefined, body: Buffer): Promise<string> {
  const chunks: Buffer[] = [body];
  if (stream) for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('A remote worker', () => {
  let handle: (request: IncomingMessage, response: ServerResponse) => void;
  let upstream: Server;
  let url: string;
  let workers: Workers;
  let sockets: number;

  beforeEach(async () => {
    workers = createWorkers({ clock: systemClock, log: silentLog });
    sockets = 0;
    upstream = createServer((incoming, response) => handle(incoming, response)).on('connection', () => { sockets += 1; });
    url = await listen(upstream);
  });
  afterEach(async () => {
    await workers.close();
    upstream.closeAllConnections();
    upstream.close();
  });

  const load = (at = url): Promise<Worker> => workers.load(deployment('f', { image: 'anything', annotations: { upstream: at } }), undefined);

  it('gets method, path, query, headers and body to where the function runs, and its answer back, over connections that stay', async () => {
    handle = async (incoming, response) => {
      const body = await textOf(incoming as AsyncIterable<Buffer>, Buffer.alloc(0));
      const { method, url: target, headers } = incoming;
      response.writeHead(203, { 'content-type': 'text/x', 'set-cookie': ['a=1', 'b=2'], 'keep-alive': 'timeout=5' });
      response.end(JSON.stringify({ method, target, body, seen: headers['x-seen'], host: headers['x-forwarded-host'], call: headers['x-call-id'], te: headers['te'] }));
    };
    const worker = await load(`${url}/base/`);
    for (const path of ['/a/b', '', '/c', '/d', '/e']) {
      const made = call({
        request: request({ method: 'PUT', path, query: 'q=1', body: Buffer.from('in'), headers: { 'x-seen': 'yes', host: 'edge.example', te: 'trailers', 'content-length': '2' } }),
      });
      const { response } = await worker.run(made);
      expect(response.status).to.equal(203);
      expect(response.headers).to.include({ 'content-type': 'text/x' }).and.to.deep.include({ 'set-cookie': ['a=1', 'b=2'] }).and.not.to.have.any.keys('connection', 'keep-alive');
      expect(JSON.parse(await textOf(response.stream, response.body)))
        .to.deep.equal({ method: 'PUT', target: `/base${path || '/'}?q=1`, body: 'in', seen: 'yes', host: 'edge.example', call: made.callId });
    }
    // The pool may take another one while it has not seen yet that the first is free.
    expect(sockets).to.be.at.most(2);
    await worker.close();
  });

  it('keeps back what belongs to one connection, and whatever that names as its own', () => {
    expect(carried({ connection: 'keep-alive, X-Odd', 'x-odd': '1', upgrade: 'h2c', te: 'trailers', 'x-even': ['1', '2'], gone: undefined })).to.deep.equal({ 'x-even': ['1', '2'] });
  });

  it('streams both ways: the answer to the first piece is here before the second is sent', async () => {
    handle = (incoming, response) => {
      response.writeHead(200);
      incoming.on('data', (chunk: Buffer) => response.write(`<${chunk.toString()}>`)).on('end', () => response.end());
    };
    let send: (word: string) => void = () => undefined;
    async function* pieces(): AsyncIterable<Buffer> {
      yield Buffer.from('one');
      yield Buffer.from(await new Promise<string>((resolve) => { send = resolve; }));
    }
    const worker = await load();
    const { response } = await worker.run(call({ request: request({ method: 'POST', headers: { 'transfer-encoding': 'chunked' }, stream: pieces() }) }));
    const answer = response.stream![Symbol.asyncIterator]();
    expect((await answer.next()).value?.toString()).to.equal('<one>');
    send('two');
    expect((await answer.next()).value?.toString()).to.equal('<two>');
    expect((await answer.next()).done).to.equal(true);
    await worker.close();
  });

  it('passes the first piece on at once also of an answer whose length is known', async () => {
    let goOn: () => void = () => undefined;
    handle = (_, response) => {
      response.writeHead(200, { 'content-length': '6' });
      response.write('one');
      goOn = () => response.end('two');
    };
    const worker = await load();
    const { response } = await worker.run(call());
    const answer = response.stream![Symbol.asyncIterator]();
    expect((await answer.next()).value?.toString()).to.equal('one');
    goOn();
    expect((await answer.next()).value?.toString()).to.equal('two');
    expect((await answer.next()).done).to.equal(true);
    expect(response.headers).to.not.have.property('transfer-encoding');
    await worker.close();
  });

  it('is not led out of its part of the upstream, however the way up is spelled', async () => {
    handle = ({ url: target }, response) => void response.end(target);
    const worker = await load(`${url}/base`);
    const at = (path: string) => worker.run(call({ request: request({ path }) }));
    for (const path of ['/../x', '/a/../../x', '/%2e%2E/x', '/a/..%2f../x', '/..%5cx', '/.././x', '//../x']) expect(await faultOf(at(path)), path).to.include({ code: 'PARAMETER_INVALID', status: 400 });
    for (const path of ['/a/../x', '/..a', '/%2e/x', '/a%2fb/c']) {
      const { response } = await at(path);
      expect(await textOf(response.stream, response.body)).to.equal(`/base${path}`);
    }
    await worker.close();
  });

  it('passes on the id that the client gave its call', async () => {
    handle = (incoming, response) => response.end(String(incoming.headers['x-call-id']));
    const worker = await load();
    const { response } = await worker.run(call({ request: request({ headers: { 'x-call-id': 'trace-1' } }) }));
    expect(await textOf(response.stream, response.body)).to.equal('trace-1');
    await worker.close();
  });

  it('says so when the upstream breaks off, before its answer, within it and within one that streams; and serves the next', async () => {
    handle = ({ url: target }, response) => {
      if (target === '/at-once') return void response.socket!.resetAndDestroy();
      if (target === '/whole') return void response.end('whole');
      response.writeHead(200, target === '/within' ? { 'content-length': '100' } : {});
      response.write('half', () => response.socket!.resetAndDestroy());
    };
    const worker = await load();
    const at = (path: string) => worker.run(call({ request: request({ path }) })).then(({ response }) => textOf(response.stream, response.body));
    for (const path of ['/at-once', '/within', '/stream']) expect(await faultOf(at(path)), path).to.include({ code: 'UPSTREAM_UNREACHABLE' });
    expect(await at('/whole')).to.equal('whole');
    await worker.close();
  });

  it('breaks off there when the client leaves or the time is up', async () => {
    for (const [made, code] of [[call({ signal: AbortSignal.abort() }), 'CLIENT_GONE'], [call({ timeoutMs: 30 }), 'HANDLER_TIMEOUT']] as const) {
      let ended: Promise<unknown> | undefined;
      handle = (incoming) => { ended = once(incoming.socket, 'close'); };
      const worker = await load();
      expect(await faultOf(worker.run(made))).to.include({ code });
      await ended;
      await worker.close();
    }
  });

  it('says what the client\'s body failed with', async () => {
    handle = (incoming) => incoming.resume();
    async function* broken(): AsyncIterable<Buffer> {
      yield Buffer.from('half');
      throw new Fault('REQUEST_TIMEOUT', { limit: 1, setting: 'read_timeout', layer: 'gateway' });
    }
    const worker = await load();
    const made = call({ request: request({ method: 'POST', headers: { 'transfer-encoding': 'chunked' }, stream: broken() }) });
    expect(await faultOf(worker.run(made))).to.include({ code: 'REQUEST_TIMEOUT' });
    await worker.close();
  });

  it('answers 502 where nobody listens, and is refused without a URL', async () => {
    const other = createServer();
    const gone = await listen(other);
    await new Promise((resolve) => other.close(resolve));
    const worker = await load(gone);
    const fault = await faultOf(worker.run(call()));
    // The caller learns nothing of where that is, the log does.
    expect(fault).to.deep.include({ code: 'UPSTREAM_UNREACHABLE', status: 502, details: { function: 'f' } });
    expect(String((fault as Error).cause)).to.equal(`Error: ${gone}: ECONNREFUSED`);
    for (const bad of ['', 'ftp://x', 'x', 'http://', 'file:///etc', 'http://me:secret@localhost/', 'http://localhost/?a=1', 'http://localhost/#a']) expect(await faultOf(load(bad)), bad).to.include({ code: 'DEPLOY_FAILED' });
    await worker.close();
  });

  describe('for a WebSocket', () => {
    let door: Server;
    let doorUrl: string;
    let worker: Worker;
    const draining = new AbortController();
    let told: number[];
    let timeoutMs: number;

    beforeEach(async () => {
      [told, timeoutMs] = [[], 0];
      worker = await load();
      door = createServer().on('upgrade', ({ method, url: target, headers }, client: Duplex, head: Buffer) => {
        const [path = '', query = ''] = target!.split('?');
        worker.upgrade!({
          callId: 'c', signal: draining.signal, timeoutMs, request: request({ method: method!, path, query, headers }), answered: (status) => told.push(status),
          refuse: (error) => void client.end(rawFault(error as Fault)),
        }, client, head);
      });
      doorUrl = (await listen(door)).replace('http', 'ws');
    });
    afterEach(async () => {
      await worker.close();
      door.closeAllConnections();
      door.close();
    });

    it('carries the connection to where the function runs, texts and bytes, until either side closes it', async () => {
      const server = new WebSocketServer({ server: upstream, handleProtocols: () => 'chat' });
      server.on('connection', (socket, incoming) => {
        socket.send(`${incoming.url} ${incoming.headers['x-call-id']}`);
        socket.on('message', (data: Buffer, isBinary) => isBinary ? socket.send(data) : socket.close(4001, data.toString()));
      });
      const client = new WebSocket(`${doorUrl}/room?id=7`, 'chat');
      expect(String((await once(client, 'message'))[0])).to.equal('/room?id=7 c');
      expect(client.protocol).to.equal('chat');
      client.send(Buffer.alloc(100_000, 7));
      expect((await once(client, 'message'))[0]).to.have.lengthOf(100_000);
      client.send('enough');
      const [code, reason] = await once(client, 'close') as [number, Buffer];
      expect([code, String(reason)]).to.deep.equal([4001, 'enough']);
      expect(told).to.deep.equal([101]);
      server.close();
    });

    it('gives the client the answer of a function that does not speak it', async () => {
      upstream.on('upgrade', (_, socket: Duplex) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone'));
      const client = new WebSocket(doorUrl);
      const [, answer] = await once(client, 'unexpected-response') as [unknown, IncomingMessage];
      expect(answer.statusCode).to.equal(404);
      expect(answer.headers['x-call-id']).to.equal('c');
      expect(told).to.deep.equal([404]);
      client.on('error', () => undefined).terminate();
    });

    it('answers 502 where nobody listens', async () => {
      upstream.close();
      upstream.closeAllConnections();
      const client = new WebSocket(doorUrl);
      const [, answer] = await once(client, 'unexpected-response') as [unknown, IncomingMessage];
      expect(answer.statusCode).to.equal(502);
      expect(JSON.parse(await textOf(answer as AsyncIterable<Buffer>, Buffer.alloc(0)))).to.include({ code: 'UPSTREAM_UNREACHABLE' });
      client.on('error', () => undefined).terminate();
    });

    it('answers 504 for a function that never answers, naming the layer', async () => {
      timeoutMs = 50;
      upstream.on('upgrade', (_, socket: Duplex) => socket.on('error', () => undefined).resume());
      const client = new WebSocket(doorUrl);
      const [, answer] = await once(client, 'unexpected-response') as [unknown, IncomingMessage];
      expect(answer.statusCode).to.equal(504);
      expect(JSON.parse(await textOf(answer as AsyncIterable<Buffer>, Buffer.alloc(0)))).to.deep.include({ code: 'HANDLER_TIMEOUT', details: { limit: 50, setting: 'exec_timeout', layer: 'gateway' } });
      client.on('error', () => undefined).terminate();
    });

    it('passes on the id that the client gave its call', async () => {
      const server = new WebSocketServer({ server: upstream });
      server.on('connection', (socket, incoming) => socket.send(String(incoming.headers['x-call-id'])));
      const client = new WebSocket(doorUrl, { headers: { 'x-call-id': 'trace-1' } });
      expect(String((await once(client, 'message'))[0])).to.equal('trace-1');
      client.terminate();
      server.close();
    });

    it('ends when the worker is closed', async () => {
      const server = new WebSocketServer({ server: upstream });
      const client = new WebSocket(doorUrl);
      await once(client, 'open');
      const closed = once(client, 'close');
      await worker.close();
      await closed;
      server.close();
    });
  });
});

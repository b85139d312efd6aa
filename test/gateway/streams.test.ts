/** Bodies that stream through the gateway, over real sockets. */
import { expect } from 'chai';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { request as send } from 'undici';
import { Deployed } from '../../runtime/gateway/deployed.js';
import { entryOf } from '../../runtime/gateway/deployment-rules.js';
import type { Fault } from '../../runtime/model/faults.js';
import type { FunctionResponse, WorkerCall } from '../../runtime/session/call.js';
import { FakeWorker, respond, sendRaw, signal, startNode, type TestNode } from './support.js';

const streaming = (stream: AsyncIterable<Buffer>, options: Partial<FunctionResponse> = {}) => respond('', { stream, ...options });

/** Turns of the event loop in which whatever can go on goes on: both ends of every connection are in this process. */
const QUIET_TURNS = 500;
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
}

/** A client that speaks for itself; `until` resolves when what came so far matches. */
class RawClient {
  text = '';
  readonly closed: Promise<void>;
  #look: () => void = () => undefined;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
      this.#look();
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
  }

  static open(url: string, head: string): RawClient {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.write(head);
    return new RawClient(socket);
  }

  until(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (pattern.test(this.text)) resolve();
      };
      this.#look();
    });
  }
}

describe('Streams through the gateway', () => {
  let node: TestNode;
  beforeEach(async () => { node = await startNode(); });
  afterEach(() => node.close());

  const post = (name: string, more = '') => `POST /function/${name} HTTP/1.1\r\nHost: x\r\n${more}`;
  const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n';
  const bodyOf = (call: WorkerCall) => call.request.stream![Symbol.asyncIterator]();
  const idle = async () => {
    while (node.deployments.find('f')!.inHand > 0) await new Promise(setImmediate);
  };

  it('send each piece of an answer at once, as SSE and ndjson need it', async () => {
    const next = signal<void>();
    await node.serve('f', () => streaming((async function* () {
      yield Buffer.from('data: one\n\n');
      await next.come;
      yield Buffer.from('data: two\n\n');
    })(), { headers: { 'content-type': 'text/event-stream' } }));
    const client = RawClient.open(node.url, 'GET /function/f HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until(/text\/event-stream[^]*data: one\n\n/);
    next.give();
    await client.until(/data: two\n\n[^]*\r\n0\r\n\r\n$/);
    expect(client.text).to.match(/transfer-encoding: chunked/i).and.not.match(/content-length/i);
    client.socket.destroy();
    await idle();
  });

  it('give a body to a function that streams as it comes, and its answer back meanwhile', async () => {
    await node.serve('f', (call) => streaming(call.request.stream!), 'streaming');
    const client = RawClient.open(node.url, post('f', CHUNKED));
    client.socket.write('3\r\none\r\n');
    await client.until(/200 OK[^]*one/);
    client.socket.write('3\r\ntwo\r\n0\r\n\r\n');
    await client.until(/two\r\n0\r\n\r\n$/);
    client.socket.destroy();
  });

  it('carry a body beyond every limit of whole bodies, and hold nothing of it', async () => {
    let bytes = 0;
    await node.serve('f', async (call) => {
      for await (const piece of call.request.stream!) bytes += piece.length;
      return respond(String(bytes));
    }, 'streaming');
    const piece = Buffer.alloc(1024 * 1024);
    const body = (async function* () {
      for (let at = 0; at < 80; at += 1) yield piece;
    })();
    const answer = await send(`${node.url}/function/f`, { method: 'POST', body: Readable.from(body) });
    expect(await answer.body.text()).to.equal(String(80 * piece.length));
  });

  it('take no more from a client than the function reads, and notice that it has gone when the function reads on', async () => {
    const [readOn, broken] = [signal<void>(), signal<string>()];
    await node.serve('f', async (call) => {
      const body = bodyOf(call);
      await body.next();
      await readOn.come;
      try {
        for (;;) await body.next();
      } catch (error) {
        broken.give((error as Fault).code);
        throw error;
      }
    }, 'streaming');
    const client = RawClient.open(node.url, post('f', CHUNKED));
    const piece = `10000\r\n${'x'.repeat(65536)}\r\n`;
    // The kernel's buffers hold some megabytes; then nothing goes any more.
    let sent = 0;
    while (sent < 64 * 1024 * 1024) {
      sent += piece.length;
      if (client.socket.write(piece)) continue;
      const drained = await Promise.race([
        new Promise<boolean>((resolve) => client.socket.once('drain', () => resolve(true))),
        turns(QUIET_TURNS).then(() => false),
      ]);
      if (!drained) break;
    }
    expect(sent).to.be.lessThan(32 * 1024 * 1024);
    client.socket.destroy();
    readOn.give();
    expect(await broken.come).to.equal('CLIENT_GONE');
    await idle();
  });

  it('let a function run no further ahead of a client that does not read', async () => {
    let given = 0;
    const stopped = signal<void>();
    await node.serve('f', () => streaming((async function* () {
      try {
        for (;;) {
          given += 65536;
          yield Buffer.alloc(65536);
        }
      } finally {
        stopped.give();
      }
    })()));
    const client = RawClient.open(node.url, 'GET /function/f HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until(/200 OK/);
    client.socket.pause();
    for (let before = -1; before !== given;) {
      before = given;
      await turns(QUIET_TURNS);
    }
    expect(given).to.be.lessThan(32 * 1024 * 1024);
    client.socket.destroy();
    await stopped.come;
    await idle();
  });

  it('tell the handler when the client goes away, in mid upload and in mid download', async () => {
    const heard = { up: signal<string>(), down: signal<string>() };
    const entered = signal<void>();
    await node.serve('f', async (call) => {
      const which = call.request.query as 'up' | 'down';
      call.signal.addEventListener('abort', () => heard[which].give((call.signal.reason as Fault).code));
      if (which === 'down') {
        return streaming((async function* () {
          for (;;) {
            yield Buffer.from('x');
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        })());
      }
      const body = bodyOf(call);
      await body.next();
      entered.give();
      return body.next().then(() => respond(), (error: unknown) => { throw error; });
    }, 'streaming');
    const up = RawClient.open(node.url, `${post('f?up', CHUNKED)}4\r\nhalf\r\n`);
    await entered.come;
    up.socket.destroy();
    expect(await heard.up.come).to.equal('CLIENT_GONE');
    const down = RawClient.open(node.url, 'GET /function/f?down HTTP/1.1\r\nHost: x\r\n\r\n');
    await down.until(/x/);
    down.socket.destroy();
    expect(await heard.down.come).to.equal('CLIENT_GONE');
    await idle();
  });

  it('break off when they fail in the middle: no client takes half an answer for whole', async () => {
    const heard = signal<void>();
    await node.serve('f', () => streaming((async function* () {
      yield Buffer.from('half');
      // What was on its way when it fails may be lost with the connection.
      await heard.come;
      throw new Error('secret');
    })()));
    const client = RawClient.open(node.url, 'GET /function/f HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until(/200 OK[^]*half/);
    heard.give();
    await client.closed;
    expect(client.text).to.not.match(/0\r\n\r\n$/).and.not.contain('secret');
    expect(await send(`${node.url}/function/f`).then(({ body }) => body.text()).catch(() => 'broken off')).to.equal('broken off');
  });

  it('have no body for HEAD, 204 and 304, and the function is let go', async () => {
    let left = 0;
    await node.serve('f', ({ request }) => streaming((async function* () {
      try {
        yield Buffer.from('never seen');
      } finally {
        left += 1;
      }
    })(), { status: Number(request.query || 200) }));
    for (const [method, query] of [['HEAD', ''], ['GET', '204'], ['GET', '304']]) {
      const answer = await sendRaw(node.url, `${method} /function/f?${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(answer).to.match(/\r\n\r\n$/).and.not.contain('never');
    }
    // A generator that never began has nothing to clean up.
    expect(left).to.equal(0);
    await idle();
  });

  it('ask for an expected body only when the function reads it', async () => {
    await node.serve('f', async (call) => {
      if (call.request.query === 'no') return respond('unread', { status: 403 });
      let text = '';
      for await (const piece of call.request.stream!) text += String(piece);
      return respond(text);
    }, 'streaming');
    const expecting = (query: string) => RawClient.open(node.url, post(`f?${query}`, 'Content-Length: 4\r\nExpect: 100-continue\r\n\r\n'));
    const yes = expecting('');
    await yes.until(/^HTTP\/1.1 100 Continue\r\n\r\n/);
    yes.socket.write('body');
    await yes.until(/200 OK[^]*body/);
    const no = expecting('no');
    await no.until(/unread/);
    expect(no.text).to.match(/^HTTP\/1.1 403 /);
    for (const { socket } of [yes, no]) socket.destroy();
  });

  it('leave a connection usable when the function answered before the whole body', async () => {
    await node.serve('f', () => respond('early'), 'streaming');
    const client = RawClient.open(node.url, `${post('f', CHUNKED)}4\r\nhalf\r\n`);
    await client.until(/early/);
    client.socket.write(`4\r\nrest\r\n0\r\n\r\n${post('f', 'Content-Length: 0\r\n\r\n')}`);
    await client.until(/early[^]*early/);
    client.socket.destroy();
  });

  describe('deadlines', () => {
    const serve = (envVars: Record<string, string>, handle: Parameters<TestNode['serve']>[1], kind: Parameters<TestNode['serve']>[2] = 'streaming') =>
      node.serve('f', handle, kind, { envVars });

    it('refuse a client that does not send its body in time: whole, or the next piece', async () => {
      await serve({ read_timeout: '100ms' }, () => respond(), 'stateless');
      const whole = await sendRaw(node.url, `${post('f', 'Content-Length: 10\r\n\r\n')}half`);
      expect(whole).to.match(/^HTTP\/1.1 408 /).and.contain('read_timeout').and.contain('gateway');
      await serve({ read_timeout: '100ms' }, async (call) => {
        for await (const _ of call.request.stream!) { /* waits */ }
        return respond();
      });
      const piece = await sendRaw(node.url, `${post('f', CHUNKED)}4\r\nhalf\r\n`);
      expect(piece).to.match(/^HTTP\/1.1 408 /).and.contain('REQUEST_TIMEOUT');
    });

    it('break off an answer that its client does not take', async () => {
      const stopped = signal<string>();
      await serve({ write_timeout: '100ms', exec_timeout: '0' }, (call) => {
        call.signal.addEventListener('abort', () => stopped.give((call.signal.reason as Fault).code));
        return streaming((async function* () { for (;;) yield Buffer.alloc(65536); })());
      });
      const client = RawClient.open(node.url, 'GET /function/f HTTP/1.1\r\nHost: x\r\n\r\n');
      await client.until(/200 OK/);
      client.socket.pause();
      expect(await stopped.come).to.equal('ANSWER_TIMEOUT');
      client.socket.resume();
      await client.closed;
      await idle();
    });

    it('end a handler that outlives its worker\'s patience, and name the layer', async () => {
      await serve({ exec_timeout: '1ms' }, () => new Promise(() => undefined), 'stateless');
      const answer = await send(`${node.url}/function/f`);
      expect(answer.statusCode).to.equal(504);
      expect(await answer.body.json()).to.deep.include({ code: 'HANDLER_TIMEOUT', details: { limit: 1, setting: 'exec_timeout', layer: 'gateway' } });
    });

    it('are durations as in OpenFaaS, or the deployment is refused', () => {
      const deploy = (exec_timeout: string) => () => entryOf({ service: 'f', image: `bundle:${'0'.repeat(64)}`, envVars: { exec_timeout } }, 1);
      for (const text of ['10', '10s', '1m30s', '500ms', '1.5h', '0']) deploy(text)();
      for (const text of ['soon', '-1', '10x', '1s5', '']) expect(deploy(text), text).to.throw('duration');
    });
  });

  it('have no more time than a timer can count, however much is asked for', () => {
    for (const asked of [{ annotations: { 'timeout-ms': '999999999999' } }, { envVars: { exec_timeout: '9999h' } }]) {
      const { timeoutMs } = new Deployed({ service: 'f', image: 'x', atMs: 1, ...asked }, new FakeWorker('stateless', () => respond()), undefined as never);
      expect(timeoutMs).to.be.within(86_400_000, 2 ** 31 - 1);
    }
  });

  it('of requests that are no HTTP end with an answer that says so', async () => {
    await node.serve('f', async (call) => {
      for await (const _ of call.request.stream!) { /* all of it */ }
      return respond('whole');
    }, 'streaming');
    for (const broken of ['Transfer-Encoding: chunked\r\n\r\nzz\r\n', 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n', 'Content-Length: -1\r\n\r\n', 'Content-Length: 1\r\nContent-Length: 2\r\n\r\n']) {
      const answer = await sendRaw(node.url, post('f', broken)).catch(() => 'reset');
      expect(answer, broken).to.not.contain('whole');
    }
    await idle();
    expect((await send(`${node.url}/function/f`, { method: 'POST', body: 'x' })).statusCode).to.equal(200);
  });
});

describe('Connections', () => {
  it('whose head does not come are ended with 408', async () => {
    const node = await startNode({ headers: { timeoutMs: 50, checkMs: 20 } });
    const answer = await sendRaw(node.url, 'GET /function/f HTTP/1.1\r\nHost: x\r\nX-slow: ');
    expect(answer).to.match(/^HTTP\/1.1 408 Request Timeout/).and.contain('REQUEST_TIMEOUT');
    await node.close();
  });
});

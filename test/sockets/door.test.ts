/** The door of WebSockets by itself: a worker that the test holds, and a clock that it advances. */
import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ClientOptions, type WebSocket, WebSocketServer } from 'ws';
import { parseFunctionPath } from '../../runtime/base/function-path.js';
import { systemIds } from '../../runtime/base/ids.js';
import { silentLog } from '../../runtime/base/log.js';
import { Gate } from '../../runtime/handler/sockets/gate.js';
import { MessageSocket } from '../../runtime/handler/sockets/message-socket.js';
import { createSocketDoor, type SocketDoor } from '../../runtime/handler/sockets/socket-door.js';
import { Fault } from '../../runtime/model/faults.js';
import { MAX_CLOSE_REASON_BYTES, MAX_SOCKET_MESSAGE_BYTES, MAX_SOCKET_WAITING, SOCKET_PIECE_BYTES, SOCKET_PING_MS } from '../../runtime/model/limits.js';
import type { FunctionResponse, WorkerCall } from '../../runtime/session/call.js';
import { TestClock } from '../domain/test-clock.js';
import { respond, signal } from '../gateway/support.js';
import { refused, Talk } from './support.js';

const TEXT = { 'content-type': 'text/plain' };
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('The door of WebSockets', () => {
  let server: Server;
  let door: SocketDoor;
  let clock: TestClock;
  let url: string;
  let handle: (text: string, call: WorkerCall) => Promise<FunctionResponse> | FunctionResponse;
  let calls: string[];
  const talks: Talk[] = [];

  async function start(options: { sockets?: number; writeMs?: number } = {}): Promise<void> {
    clock = new TestClock();
    calls = [];
    handle = (text) => respond(text, { headers: TEXT });
    door = createSocketDoor({
      node: 'milan', clock, ids: systemIds, log: silentLog, monotonic: () => clock.now(), limits: { sockets: options.sockets ?? 100 },
      sessions: { invoke: () => Promise.reject(new Error('there are no sessions here')) },
    });
    const run = async (call: WorkerCall) => {
      const text = call.request.body.toString();
      calls.push(text);
      return { response: await handle(text, call), writes: [], effects: [], telemetry: [] };
    };
    const target = {
      name: 'chat', writeMs: options.writeMs ?? 0, find: () => ({ worker: { kind: 'stateless' as const, run, close: async () => undefined }, timeoutMs: 0, ttlMs: 0 }),
    };
    server = createServer();
    server.on('upgrade', (request, socket, head) => void door.serve(target, parseFunctionPath(request.url!), request, socket, head));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/function/chat`;
  }

  beforeEach(() => start());
  afterEach(async () => {
    for (const talk of talks.splice(0)) talk.end();
    door.close();
    server.close();
    await once(server, 'close');
  });
  async function open(options: ClientOptions = {}): Promise<Talk> {
    const talk = await Talk.open(url, options);
    talks.push(talk);
    return talk;
  }
  const until = async (holds: () => boolean): Promise<void> => { while (!holds()) await turn(); };
  const connections = () => new Promise<number>((resolve, reject) => server.getConnections((error, count) => error ? reject(error) : resolve(count)));

  it('answers the message in hand when the node stops, takes none behind it, and opens no more', async () => {
    const [begun, released] = [signal<void>(), signal<void>()];
    handle = async (text) => {
      begun.give();
      await released.come;
      return respond(text, { headers: TEXT });
    };
    const [busy, idle] = [await open(), await open()];
    busy.say('one', 'two');
    await begun.come;
    door.drain();
    expect(await idle.closed).to.deep.equal({ code: 1001, reason: 'node milan is shutting down' });
    const answer = await refused(url);
    expect([answer.status, (JSON.parse(answer.body) as { code: string }).code]).to.deep.equal([503, 'DRAINING']);
    released.give();
    expect((await busy.closed).code).to.equal(1001);
    expect([busy.heard, calls]).to.deep.equal([['one'], ['one']]);
  });

  it('takes messages of up to 1 MiB, and closes for one that is larger', async () => {
    const talk = await open();
    const most = 'x'.repeat(MAX_SOCKET_MESSAGE_BYTES);
    expect(await talk.ask(most)).to.equal(most);
    talk.say(`${most}x`);
    expect((await talk.closed).code).to.equal(1009);
    expect(calls.length).to.equal(1);
  });

  it('closes for what is no frame, and for text that is no UTF-8', async () => {
    const garbage = await open();
    const { _socket: raw } = garbage.socket as unknown as { _socket: Socket };
    raw.write(Buffer.alloc(200_000, 0xff));
    expect((await garbage.closed).code).to.equal(1002);
    const text = await open();
    text.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect((await text.closed).code).to.equal(1007);
    expect(calls).to.deep.equal([]);
    expect(await (await open()).ask('still there')).to.equal('still there');
  });

  it('lets no client have more than so many open', async () => {
    door.close();
    server.close();
    await start({ sockets: 1 });
    const first = await open();
    const answer = await refused(url);
    expect([answer.status, (JSON.parse(answer.body) as { code: string }).code]).to.deep.equal([503, 'TOO_MANY_SOCKETS']);
    first.end();
    // There is room once the door, too, has heard that it is closed.
    let next: Talk | undefined;
    while (next === undefined) next = await open().catch(() => undefined);
    expect(await next.ask('there is room')).to.equal('there is room');
  });

  it('says a fault by the code and its sentence, however long', async () => {
    for (const [fault, code] of [[new Fault('BUSY', { waiting: 3 }), 4503], [new Fault('PARAMETER_INVALID', { name: 'é'.repeat(200), reason: 'none' }), 4400]] as const) {
      handle = () => { throw fault; };
      const talk = await open();
      talk.say('hello');
      const closed = await talk.closed;
      expect(closed.code).to.equal(code);
      expect(`${fault.code}: ${fault.message}`.startsWith(closed.reason)).to.equal(true);
      expect(Buffer.byteLength(closed.reason)).to.be.within(20, MAX_CLOSE_REASON_BYTES);
    }
  });

  it('runs what a client sent before it said goodbye', async () => {
    const released = signal<void>();
    const aborted: boolean[] = [];
    handle = async (text, call) => {
      await released.come;
      aborted.push(call.signal.aborted);
      return respond(text);
    };
    const talk = await open();
    talk.say('one', 'two', 'three');
    talk.socket.close(1000);
    await talk.closed;
    released.give();
    await until(() => aborted.length === 3);
    expect([calls, aborted]).to.deep.equal([['one', 'two', 'three'], [false, false, false]]);
  });

  it('tells the function when a client goes without a word, and takes nothing more of it', async () => {
    const [begun, aborted] = [signal<void>(), signal<void>()];
    handle = async (text, call) => {
      call.signal.addEventListener('abort', () => aborted.give());
      begun.give();
      await aborted.come;
      return respond(text);
    };
    const talk = await open();
    talk.say('one', 'two');
    await begun.come;
    talk.end();
    await aborted.come;
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(calls).to.deep.equal(['one']);
  });

  it('pings a client that is silent, and cuts off one that does not answer', async () => {
    const [dead, alive] = [await open({ autoPong: false }), await open()];
    const advance = async (ms: number) => {
      for (const untilMs = clock.nowMs + ms; clock.nowMs < untilMs;) clock.advance();
      await turn();
    };
    const pinged = once(alive.socket, 'ping');
    await advance(SOCKET_PING_MS);
    await pinged;
    // What comes behind its pong says that the pong is here.
    expect(await alive.ask('here')).to.equal('here');
    await advance(SOCKET_PING_MS);
    expect((await dead.closed).code).to.equal(1006);
    expect(await alive.ask('still')).to.equal('still');
  });

  it('cuts off a client that does not take its answers', async () => {
    door.close();
    server.close();
    await start({ writeMs: 10_000 });
    handle = () => respond(Buffer.alloc(64 * 1024 * 1024));
    const talk = await open();
    talk.socket.pause();
    talk.say('one');
    await until(() => calls.length === 1);
    await turn();
    // Long before it would be missed for its silence.
    for (let looks = 0; looks < 4; looks += 1) clock.advance();
    while (await connections() > 0) await turn();
    expect(clock.nowMs).to.be.lessThan(new TestClock().nowMs + SOCKET_PING_MS);
  });
});

describe('A WebSocket whose client floods it', () => {
  it('reads no more than a few hundred messages ahead, and then answers all of them in order', async () => {
    const server = createServer();
    const sockets = new WebSocketServer({ noServer: true });
    const released = signal<void>();
    const opened = signal<{ client: WebSocket; flooded: MessageSocket }>();
    server.on('upgrade', (request, socket: Duplex, head) => sockets.handleUpgrade(request, new Gate(socket, head), Buffer.alloc(0), (client) => {
      opened.give({
        client, flooded: new MessageSocket({ socket: client, writeMs: 0, monotonic: () => 0, run: async ({ body }) => {
          await released.come;
          return { status: 200, headers: TEXT, body };
        } }),
      });
    }));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const talk = await Talk.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const many = Array.from({ length: 30_000 }, (_, index) => String(index % 10));
    const { _socket: raw } = talk.socket as unknown as { _socket: Socket };
    // In one piece, as a client that wants it so can send them.
    raw.cork();
    talk.say(...many);
    raw.uncork();
    const { client, flooded } = await opened.come;
    while (!client.isPaused) await turn();
    let most = 0;
    for (let turns = 0; turns < 200; turns += 1) {
      await turn();
      most = Math.max(most, flooded.waiting);
    }
    // The shortest message has seven bytes.
    expect(most).to.be.within(MAX_SOCKET_WAITING, MAX_SOCKET_WAITING + SOCKET_PIECE_BYTES / 7 + 1);
    released.give();
    expect(await talk.hears(many.length)).to.deep.equal(many);
    talk.end();
    server.close();
    await once(server, 'close');
  });
});

import { expect } from 'chai';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createClient } from 'redis';
import { systemClock } from '../../runtime/base/clock.js';
import type { Log } from '../../runtime/base/log.js';
import type { NodeConfig } from '../../runtime/model/config.js';
import { Fault } from '../../runtime/model/faults.js';
import { openStore } from '../../runtime/store/open.js';
import { LOOKS } from '../../runtime/store/redis/connection.js';
import { openRedisStore, type RedisStore, type RedisStoreOptions } from '../../runtime/store/redis.js';
import { born, bytes, commandsFor, dataOf, NODE, set, shown, START_MS } from '../store/support.js';
import { LossyProxy } from './proxy.js';
import { startServer, type TestServer } from './server.js';

const clock = { now: () => START_MS };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Tries until the store answers again. */
async function recovered(store: RedisStore): Promise<void> {
  for (;;) {
    try {
      await store.ping();
      return;
    } catch (error) {
      expect(error).to.have.property('code', 'STORE_UNAVAILABLE');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const faultOf = (promise: Promise<unknown>): Promise<Fault> => promise.then(() => expect.fail('it answered'), (error: Fault) => error);

describe('a store on Redis in trouble', () => {
  let redis: TestServer;
  let proxy: LossyProxy | undefined;
  // A server that is killed leaves what it has written to the kernel; waiting for the disk would only let a slow one stand still.
  beforeEach(async () => { redis = await startServer({ fsync: 'no' }); });
  afterEach(async () => {
    await proxy?.close();
    proxy = undefined;
    await redis.end();
  });

  it('says that it is not available when its server is killed, comes back by itself, and has every acknowledged commit', async () => {
    const downs: string[] = [];
    const store = await openRedisStore({ node: NODE, clock, url: redis.server.url, onEvent: ({ kind }) => downs.push(kind) });
    await born(store, 'kept', { writes: [set('a', '1')], effects: [{ id: 'e1', body: bytes('x') }] });
    const former = redis.server.pid;
    process.kill(former, 'SIGKILL');
    let fault: Fault | undefined;
    while (!fault) fault = await store.ping().then(() => undefined, (error: Fault) => error);
    expect(fault).to.include({ code: 'STORE_UNAVAILABLE', status: 503, retryable: true });
    expect(fault.details).to.deep.equal({ node: NODE, store: redis.server.url });
    await recovered(store);
    expect(redis.server.pid).not.to.equal(former);
    expect(shown(await dataOf(store, 'kept'))).to.deep.equal([['a', '1']]);
    expect(await store.unfinished()).to.deep.equal(['kept']);
    // The scripts went with the former server: they are loaded again unasked.
    await born(store, 'kept', { writes: [set('a', '2')] });
    expect((await store.slot('kept'))!.version).to.equal(2);
    expect(downs).to.include('down').and.to.include('up');
    await store.close();
  });

  it('never sends a command again whose answer was lost', async () => {
    proxy = new LossyProxy(join(redis.stateDir, 'proxy.sock'), redis.server.socket);
    await proxy.listen();
    const store = await openRedisStore({ node: NODE, clock, url: `unix://${proxy.path}` });
    const c = commandsFor('lost');
    await store.acquire(c.create());
    // Whatever the other connection was still to be answered has been answered by then.
    await store.ping();
    const lost = proxy.loseNextAnswer();
    const fault = await faultOf(store.release(c.release(), { writes: [{ op: 'append', key: 'log', values: [bytes('once')] }] }));
    await lost;
    expect(fault).to.have.property('code', 'STORE_UNAVAILABLE');
    await recovered(store);
    expect((await store.slot('lost'))!.version).to.equal(1);
    expect(shown(await dataOf(store, 'lost'))).to.deep.equal([['log', ['once']]]);
    await store.close();
  });

  /** A store that is reached through the proxy, and whose connections are looked at when a test says so. */
  async function openThrough(options: Partial<RedisStoreOptions> = {}): Promise<{ store: RedisStore; look(): void }> {
    proxy = new LossyProxy(join(redis.stateDir, 'proxy.sock'), redis.server.socket);
    await proxy.listen();
    let look = () => {};
    const looking: RedisStoreOptions['looking'] = (given) => {
      look = given;
      return () => undefined;
    };
    return { store: await openRedisStore({ node: NODE, clock, url: `unix://${proxy.path}`, looking, ...options }), look: () => look() };
  }

  it('does not wait for ever on a connection that was taken and then left without a word', async () => {
    const { store, look } = await openThrough();
    const { passages } = proxy!;
    proxy!.mutesNew = true;
    for (const { client } of passages) client.destroy();
    while (![...passages].some(({ isMute, hasGreeting, kept }) => isMute && hasGreeting && kept.length > 0)) await turn();
    proxy!.mutesNew = false;
    for (let looks = 0; looks < LOOKS; looks += 1) look();
    await recovered(store);
    await store.close();
  });

  it('notices that the connection of its scripts is silent, though the other one answers all the time', async () => {
    const { store, look } = await openThrough();
    await born(store, 's');
    proxy!.passagesWith(true)[0]!.isMute = true;
    const asked = faultOf(store.slot('s'));
    // The first sees what had come before.
    for (let looks = 0; looks < 1 + LOOKS; looks += 1) {
      await store.ping();
      look();
    }
    expect(await asked).to.have.property('code', 'STORE_UNAVAILABLE');
    expect(await store.slot('s')).to.have.property('session', 's');
    await store.close();
  });

  it('answers what its scripts have in hand although the other connection is made anew', async () => {
    const ups: string[] = [];
    const { store } = await openThrough({ onEvent: ({ kind }) => { if (kind === 'up') ups.push(kind); } });
    await born(store, 's');
    const [scripts] = proxy!.passagesWith(true);
    scripts!.isMute = true;
    const asked = store.slot('s');
    while (scripts!.kept.length === 0) await turn();
    const [up, before] = [ups.length, new Set(proxy!.passages)];
    for (const { client } of proxy!.passagesWith(false)) client.destroy();
    // Two more: the other connection, and one for the scripts that are still to come.
    while (ups.length === up || [...proxy!.passages].filter((passage) => !before.has(passage)).length < 2) await turn();
    const others = [];
    while (!proxy!.passagesWith(true).some((passage) => passage !== scripts)) {
      others.push(store.slot('nobody'));
      await turn();
    }
    proxy!.unmute(scripts!);
    expect(await asked).to.have.property('session', 's');
    expect(new Set(await Promise.all(others))).to.deep.equal(new Set([undefined]));
    while (proxy!.passages.has(scripts!)) await turn();
    await store.close();
  });

  it('is not available while its server refuses to write, and is there again afterwards', async () => {
    const admin = createClient({ socket: { path: redis.server.socket, tls: false } });
    await admin.connect();
    const store = await openRedisStore({ node: NODE, clock, url: redis.server.url });
    const troubles: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
      ['OOM', () => admin.configSet('maxmemory', '1'), () => admin.configSet('maxmemory', '0')],
      ['NOREPLICAS', () => admin.configSet('min-replicas-to-write', '3'), () => admin.configSet('min-replicas-to-write', '0')],
      ['READONLY', () => admin.replicaOf('127.0.0.1', 1), () => admin.sendCommand(['REPLICAOF', 'NO', 'ONE'])],
    ];
    for (const [what, begin, end] of troubles) {
      await begin();
      const fault = await store.acquire(commandsFor(what).create()).then(() => expect.fail(`it took it in spite of ${what}`), (error: Fault) => error);
      expect(fault, what).to.include({ code: 'STORE_UNAVAILABLE', status: 503 });
      await end();
      await born(store, what);
    }
    await store.close();
    admin.destroy();
  });

  it('is waited for at a start when it is somebody else\'s and not there yet', async () => {
    const { url } = redis.server;
    await redis.server.stop();
    let later: Promise<void> | undefined;
    // The node's first word about it is what brings the server up.
    const log = { warn: () => { later ??= startServer({ stateDir: redis.stateDir }).then((again) => { redis = again; }); } } as unknown as Log;
    const opened = await openStore({ name: NODE, store: url, stateDir: redis.stateDir } as NodeConfig, { clock: systemClock, log });
    await later;
    expect(await opened.store.slot('nobody')).to.equal(undefined);
    await opened.close();
  });

  it('runs its scripts although somebody has flushed them', async () => {
    const store = await openRedisStore({ node: NODE, clock, url: redis.server.url });
    const other = createClient({ socket: { path: redis.server.socket, tls: false } });
    await other.connect();
    await other.scriptFlush();
    await born(store, 'flushed', { writes: [set('a', '1')] });
    expect((await store.slot('flushed'))!.version).to.equal(1);
    await store.close();
    other.destroy();
  });

  it('has a second connection for its scripts, in the same database, makes it again when it is cut, and closes both', async () => {
    const admin = createClient({ socket: { path: redis.server.socket, tls: false }, database: 3 });
    await admin.connect();
    const others = async () => (await admin.clientList()).filter(({ cmd, db }) => !cmd.startsWith('client') && db === 3);
    const pipes = async () => (await others()).filter(({ cmd }) => cmd.startsWith('evalsha'));
    const store = await openRedisStore({ node: NODE, clock, url: `${redis.server.url}?db=3` });
    await born(store, 'piped');
    const [pipe, ...more] = await pipes();
    expect(more).to.deep.equal([]);
    expect(await admin.exists(`${NODE}/s:piped`)).to.equal(1);
    await admin.clientKill({ filter: 'ID', id: pipe!.id });
    for (let again = await pipes(); again.length === 0 || again[0]!.id === pipe!.id; again = await pipes()) {
      await store.slot('piped').catch((error: unknown) => expect(error).to.have.property('code', 'STORE_UNAVAILABLE'));
    }
    expect((await store.slot('piped'))!.version).to.equal(1);
    await store.close();
    while ((await others()).length > 0) await new Promise((resolve) => setImmediate(resolve));
    admin.destroy();
  });

  it('keeps nodes that share a Redis apart', async () => {
    const [one, two] = await Promise.all(['milan', 'milan/a'].map((node) => openRedisStore({ node, clock, url: redis.server.url })));
    await born(one!, 'a/s', { writes: [set('k', '1')] });
    expect(await two!.slot('s')).to.equal(undefined);
    expect(await two!.slot('a/s')).to.equal(undefined);
    expect((await two!.page(undefined, 10)).slots).to.deep.equal([]);
    await Promise.all([one!.close(), two!.close()]);
  });

  it('is refused where nobody listens', async () => {
    const fault = await faultOf(openRedisStore({ node: NODE, clock, url: `unix://${redis.stateDir}/nobody.sock` }));
    expect(fault).to.include({ code: 'STORE_UNAVAILABLE' });
  });

  it('is refused with a wrong password, which is not repeated', async () => {
    const admin = createClient({ socket: { path: redis.server.socket, tls: false } });
    await admin.connect();
    await admin.configSet('requirepass', 'hunter1');
    admin.destroy();
    const fault = await faultOf(openRedisStore({ node: NODE, clock, url: redis.server.url, password: 'hunter2' }));
    const store = await openRedisStore({ node: NODE, clock, url: redis.server.url, password: 'hunter1' });
    await store.close();
    expect(fault).to.include({ code: 'STORE_UNSUITABLE' });
    expect(`${fault.message} ${JSON.stringify(fault)}`).to.include('user and password').and.not.to.include('hunter2');
  });

  const busy = (text: string) => (socket: Socket) => socket.write(`-${text}\r\n`);
  const impostors: [string, string, string, (socket: Socket) => void][] = [
    ['what speaks HTTP', 'STORE_UNSUITABLE', 'as a Redis does', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')],
    ['what hangs up', 'STORE_UNSUITABLE', 'as a Redis does', (socket) => socket.end()],
    ['a Redis of version 6', 'STORE_UNSUITABLE', 'Redis 6.2.14', answering('redis_version:6.2.14')],
    ['a sentinel', 'STORE_UNSUITABLE', 'a sentinel', answering('redis_version:7.2.4\r\nredis_mode:sentinel')],
    ['a cluster of several shards', 'STORE_UNSUITABLE', 'a cluster of 3 shards', answering('redis_version:7.2.4\r\nredis_mode:cluster\r\ncluster_size:3')],
    ['a server that throws away what it has no room for', 'STORE_UNSUITABLE', 'noeviction is needed', answering('redis_version:7.2.4\r\nmaxmemory:1024\r\nmaxmemory_policy:allkeys-lru')],
    ['a server in protected mode', 'STORE_UNSUITABLE', 'protected mode', busy('DENIED Redis is running in protected mode')],
    ['a user without permissions', 'STORE_UNSUITABLE', 'may not run', busy('NOPERM this user has no permissions')],
    ['a server that still reads its file', 'STORE_UNAVAILABLE', 'does not answer', answering('redis_version:7.2.4\r\nloading:1')],
    ['a server with all its places taken', 'STORE_UNAVAILABLE', 'does not answer', busy('ERR max number of clients reached')],
    ['a server that is busy with a script', 'STORE_UNAVAILABLE', 'does not answer', busy('BUSY Redis is busy running a script')],
    ['a server that says nothing', 'STORE_UNAVAILABLE', 'does not answer', () => undefined],
  ];
  for (const [what, code, reason, answer] of impostors) {
    it(`is refused at ${what}`, async () => {
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket.on('error', () => {}));
        socket.on('data', () => answer(socket));
      });
      const path = join(redis.stateDir, 'impostor.sock');
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const isSilent = what.endsWith('nothing');
      const fault = await faultOf(openRedisStore({ node: NODE, clock, url: `unix://${path}`, ...(isSilent && { greetMs: 50 }) }));
      expect(fault).to.include({ code, retryable: code === 'STORE_UNAVAILABLE' });
      expect(fault.message).to.include(reason);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
  }
});

/** Greets as RESP3 wants it, and says this of itself: one answer is enough for every command after that. */
function answering(about: string): (socket: Socket) => void {
  const info = `# Server\r\n${about}\r\n`;
  return (socket) => socket.write(socket.bytesWritten === 0 ? '%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n' : `$${info.length}\r\n${info}\r\n`);
}

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspectBinary } from '../../runtime/store/server/binary.js';
import { findServer } from '../../runtime/store/server/find.js';
import { packagesOf } from '../../runtime/store/server/packages.js';
import { isAlive, processesWith } from '../../runtime/base/process.js';
import { superviseServer } from '../../runtime/store/server/supervise.js';
import { openRedisStore } from '../../runtime/store/redis.js';
import { born, dataOf, NODE, set, shown, START_MS } from '../store/support.js';
import { requireServer, startServer } from './server.js';

const clock = { now: () => START_MS };

async function fakeServer(folder: string, says: string): Promise<void> {
  await writeFile(join(folder, 'redis-server'), `#!/bin/sh\necho '${says}'\n`);
  await chmod(join(folder, 'redis-server'), 0o755);
}

describe('finding a store server', () => {
  let folder: string;
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'find-')); });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  it('takes an installed one', async () => {
    await fakeServer(folder, 'Redis server v=7.2.4 sha=0:0 malloc=libc bits=64 build=0');
    const found = await findServer({ path: folder, cacheDir: folder, download: false });
    expect(found).to.deep.equal({
      found: true, server: { binary: join(folder, 'redis-server'), env: {}, version: '7.2.4', flavour: 'redis', source: 'path' },
    });
  });

  it('takes any Valkey', async () => {
    await fakeServer(folder, 'Valkey server v=8.1.1 sha=0:0');
    expect(await inspectBinary(join(folder, 'redis-server'), {}, 'path')).to.include({ flavour: 'valkey', version: '8.1.1' });
  });

  it('says why when the installed one is too old, something else, or missing', async () => {
    const reason = async () => {
      const found = await findServer({ path: folder, cacheDir: folder, download: false });
      return found.found ? 'found' : found.reason;
    };
    expect(await reason()).to.include('none on PATH');
    await fakeServer(folder, 'Redis server v=6.2.14 sha=0:0');
    expect(await reason()).to.include('is Redis 6.2.14, 7.0 or newer is needed');
    await fakeServer(folder, 'hello');
    expect(await reason()).to.include('is no Redis or Valkey server');
  });

  it('is bounded in time', async () => {
    const found = await findServer({ path: '', cacheDir: folder, timeoutMs: 1 });
    expect(found).to.have.property('found', false);
  });

  it('knows in which packages a library may be', () => {
    expect(packagesOf('libjemalloc.so.2')).to.deep.equal(['libjemalloc2', 'libjemalloc2t64']);
    expect(packagesOf('libcrypto.so.3')).to.deep.equal(['libssl3', 'libssl3t64']);
    expect(packagesOf('liblua5.1.so.0')).to.deep.equal(['liblua5.1-0', 'liblua5.1-0t64']);
  });
});

describe('a supervised store server', () => {
  it('starts in a folder with a long name and blanks, open to its owner only', async () => {
    const base = await mkdtemp(join(tmpdir(), 'place-'));
    const stateDir = join(base, 'a folder', 'x'.repeat(120));
    const { server, end } = await startServer({ stateDir });
    expect(Buffer.byteLength(server.socket)).to.be.at.most(100);
    expect((await stat(server.socket)).mode & 0o077).to.equal(0);
    expect((await stat(join(stateDir, 'store'))).mode & 0o077).to.equal(0);
    expect(Number(await readFile(server.pidFile, 'utf8'))).to.equal(server.pid);
    await end();
    await rm(base, { recursive: true, force: true, maxRetries: 10 });
  });

  it('is ended by stop, and its data is there again at the next start', async () => {
    const { server, stateDir, end } = await startServer({ fsync: 'no' });
    const store = await openRedisStore({ node: NODE, clock, url: server.url });
    await born(store, 's', { writes: [set('a', '1')] });
    await store.close();
    await server.stop();
    expect(await isAlive(server.pid)).to.equal(false);
    const again = await startServer({ stateDir });
    expect(again.server.adopted).to.equal(false);
    const store2 = await openRedisStore({ node: NODE, clock, url: again.server.url });
    expect(shown(await dataOf(store2, 's'))).to.deep.equal([['a', '1']]);
    await store2.close();
    await again.end();
    await end();
  });

  it('is adopted when it outlived the node that started it, and started again when it dies later', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'adopt-'));
    const modules = ['find', 'supervise'].map((name) => pathToFileURL(join(import.meta.dirname, `../../runtime/store/server/${name}.js`)).href);
    const code = `const { findServer } = await import('${modules[0]}'); const { superviseServer } = await import('${modules[1]}');
      const { server } = await findServer(); const { pid } = await superviseServer({ stateDir: process.argv[1], server });
      console.log(pid); setInterval(() => {}, 1e6);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', code, stateDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(parent.stdout, 'data') as [Buffer];
    const pid = Number(line.toString());
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    expect(await isAlive(pid)).to.equal(true);
    const events = new EventEmitter();
    const { server, end } = await startServer({ stateDir, onEvent: (event) => events.emit(event.kind, event.pid) });
    expect(server).to.include({ adopted: true, pid });
    expect(await processesWith('--pidfile', server.pidFile)).to.deep.equal([pid]);
    const restarted = once(events, 'started');
    process.kill(pid, 'SIGKILL');
    expect(await restarted).to.deep.equal([server.pid]);
    expect(await processesWith('--pidfile', server.pidFile)).to.deep.equal([server.pid]);
    await end();
    expect(await isAlive(server.pid)).to.equal(false);
  });

  it('ends no other process that has its pid file among its arguments', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'reader-'));
    const reader = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e6)', join(stateDir, 'store.pid')], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(reader.stdout, 'data');
    const { end } = await startServer({ stateDir });
    await end();
    expect(await isAlive(reader.pid!)).to.equal(true);
    reader.kill('SIGKILL');
    await once(reader, 'exit');
    await rm(stateDir, { recursive: true, force: true, maxRetries: 10 });
  });

  it('that cannot start says why in its own words', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'broken-'));
    await mkdir(join(stateDir, 'store', 'appendonlydir'), { recursive: true });
    await writeFile(join(stateDir, 'store', 'appendonlydir', 'appendonly.aof.manifest'), 'rubbish\n');
    const error = await superviseServer({ stateDir, server: await requireServer() }).then(() => undefined, (thrown: Error) => thrown);
    expect(error!.message).to.match(/The store server .* ended with 1: .*manifest/i);
    await rm(stateDir, { recursive: true, force: true, maxRetries: 10 });
  });
});

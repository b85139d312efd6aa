import { expect } from 'chai';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { systemClock } from '../../runtime/base/clock.js';
import { type Log, silentLog } from '../../runtime/base/log.js';
import type { NodeConfig } from '../../runtime/model/config.js';
import { openStore } from '../../runtime/store/open.js';
import { requireServer, startServer } from '../redis/server.js';

describe('a node with store: auto', () => {
  let stateDir: string;
  const none = { found: false, reason: 'no store server can be had' } as const;

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'open-'));
  });
  afterEach(() => rm(stateDir, { recursive: true, force: true, maxRetries: 10 }));

  const config = (storeServer: NodeConfig['storeServer']): NodeConfig => ({
    name: 'leaf', level: 'edge', host: '127.0.0.1', port: 0, domainId: 'local', labels: {}, store: 'auto', storeServer, stateDir,
    adminUser: 'admin', adminPasswordFile: '', peerKeyFile: '',
  });
  async function kindWith(storeServer: NodeConfig['storeServer']): Promise<string> {
    const { store, close } = await openStore(config(storeServer), { clock: systemClock, log: silentLog });
    await close();
    return store.kind;
  }

  it('keeps sessions in Redis when a server was found, and embedded when not', async () => {
    expect(await kindWith(none)).to.equal('embedded');
    await rm(join(stateDir, 'store'), { recursive: true });
    expect(await kindWith({ found: true, server: await requireServer() })).to.equal('redis');
  });

  it('stays where its sessions are, though a server can be had now', async () => {
    await kindWith(none);
    expect(await kindWith({ found: true, server: await requireServer() })).to.equal('embedded');
  });

  it('does not start without the sessions that a Redis keeps for it', async () => {
    await mkdir(join(stateDir, 'store', 'appendonlydir'), { recursive: true });
    const error = await kindWith(none).catch((failure: unknown) => failure);
    expect(error).to.be.instanceOf(Error).with.property('message').that.includes('The sessions of node leaf are kept by a Redis');
  });

  it('never says the password of a Redis, which it reads from a file', async () => {
    await writeFile(join(stateDir, 'store-password'), 'secret\n', { mode: 0o600 });
    let said = '';
    // It is waited for, until the time is over: here at once.
    const log = { warn: (facts: object) => { said += JSON.stringify(facts); } } as unknown as Log;
    let passedMs = 0;
    const clock = { ...systemClock, now: () => (passedMs += 40_000) };
    const error = await openStore({ ...config(undefined), store: 'redis://127.0.0.1:1' }, { clock, log }).catch((failure: unknown) => failure);
    expect(error).to.have.property('code', 'STORE_UNAVAILABLE');
    expect(said).to.include('redis://127.0.0.1:1').and.not.include('secret');
    expect(String(error)).to.not.include('secret');
  });

  it('never says a password of an address, whatever it is made of', async () => {
    const server = await startServer();
    const admin = createClient({ socket: { path: server.server.socket, tls: false } });
    await admin.connect();
    await admin.configSet('requirepass', 'p@ss/w:rd@x');
    const listening = createServer((socket) => {
      const there = createConnection(server.server.socket);
      socket.on('error', () => there.destroy()).pipe(there).on('error', () => socket.destroy()).pipe(socket);
    });
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const at = `127.0.0.1:${(listening.address() as AddressInfo).port}`;
    const opened = await openStore({ ...config(undefined), store: `redis://default:p@ss%2Fw:rd@x@${at}` }, { clock: systemClock, log: silentLog });
    expect(opened.url).to.equal(`redis://${at}`);
    await opened.close();
    admin.destroy();
    await new Promise((resolve) => listening.close(resolve));
    await server.end();
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Fault } from '../../runtime/model/faults.js';
import { openEmbeddedStore } from '../../runtime/store/embedded.js';
import { ManualClock, NODE, storeConformance } from './conformance.js';
import { born, commandsFor, dataOf, set, shown } from './support.js';

storeConformance('embedded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'store-'));
  const clock = new ManualClock();
  const openStore = () => openEmbeddedStore({ node: NODE, clock, path: join(folder, 'sessions.mdb') });
  let store = openStore();
  const restart = async () => {
    await store.close();
    store = openStore();
    return store;
  };
  return { store, clock, restart, cleanup: async () => { await store.close(); await rm(folder, { recursive: true, force: true, maxRetries: 10 }); } };
});

describe('the embedded store', () => {
  let folder: string;
  let path: string;
  const openStore = () => openEmbeddedStore({ node: NODE, clock: new ManualClock(), path });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'store-'));
    path = join(folder, 'deeper', 'sessions.mdb');
  });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  it('has everything that a killed process reported as committed, and each commit whole', async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('committer.js', import.meta.url)), path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let reported = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      reported = Number(line);
      if (reported === 60) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).to.equal('SIGKILL');
    const store = openStore();
    const data = Object.fromEntries(shown(await dataOf(store, 'committed')));
    const found = Number(data['last']);
    expect(found).to.be.at.least(reported);
    expect(data['first']).to.equal(data['last']);
    expect(data['all']).to.deep.equal(Array.from({ length: found }, (_, index) => String(index + 1)));
    expect(await store.effects('committed', 1_000_000)).to.have.length(found);
    expect(await store.slot('committed')).to.include({ version: found + 1 });
    // The lease of the former life does not keep the next one waiting.
    expect((await store.acquire(commandsFor('committed').acquire({ boot: 'second-life' }))).kind).to.equal('granted');
    await store.close();
  });

  it('writes many commits at a time, each seen by the next', async () => {
    const store = openStore();
    const sessions = Array.from({ length: 200 }, (_, index) => `session ${index % 50}`);
    await Promise.all([...new Set(sessions)].map((session) => born(store, session)));
    const count = async (session: string, leaseId: string): Promise<void> => {
      const c = commandsFor(session);
      const answer = await store.acquire(c.acquire({ leaseId }));
      if (answer.kind !== 'granted' || answer.loaded?.kind !== 'whole') throw new Error(`not granted: ${answer.kind}`);
      const former = Number(answer.loaded.data.get('count')?.toString() ?? 0);
      // The lease is let go, and taken by the next, before anything of this is on disk.
      const released = store.release(c.release({ leaseId }), { writes: [set('count', String(former + 1))] });
      return released.then(({ kind }) => expect(kind).to.equal('committed')).then(() => undefined);
    };
    const inTurn = (session: string) => sessions.filter((each) => each === session)
      .reduce((before, _, index) => before.then(() => count(session, `lease ${index}`)), Promise.resolve());
    await Promise.all([...new Set(sessions)].map(inTurn));
    await store.close();
    const again = openStore();
    for (const session of new Set(sessions)) expect(shown(await dataOf(again, session))).to.deep.equal([['count', '4']]);
    await again.close();
  });

  it('keeps what was going on when it was closed, and does nothing afterwards', async () => {
    const store = openStore();
    const commit = born(store, 'late', { writes: [set('a', '1')] });
    const lease = await store.acquire(commandsFor('leased').create());
    expect(lease.kind).to.equal('granted');
    await commit;
    await store.close();
    await store.close();
    const error = await store.ping().catch((thrown: unknown) => thrown);
    expect(error).to.have.property('code', 'STORE_UNAVAILABLE');
    const again = openStore();
    expect(shown(await dataOf(again, 'late'))).to.deep.equal([['a', '1']]);
    expect(await again.slot('leased')).to.have.nested.property('lease.id', 'lease-1');
    await again.close();
  });

  it('uses the space of what is replaced and deleted again', async () => {
    const store = openStore();
    const large = Buffer.alloc(1024 * 1024, 7);
    const round = async () => {
      for (let index = 0; index < 8; index += 1) await born(store, 'large', { writes: [set(`key ${index}`, large)] });
      return (await readFile(path)).length;
    };
    const sizes = [];
    for (let index = 0; index < 6; index += 1) sizes.push(await round());
    expect(sizes.at(-1)).to.be.at.most(sizes[1]! * 1.5);
    await store.close();
  });

  it('refuses to open what is not a store', async () => {
    path = join(folder, 'sessions.mdb');
    await writeFile(path, 'x'.repeat(10_000));
    expect(openStore).to.throw(Fault).with.property('code', 'STORE_UNAVAILABLE');
  });
});

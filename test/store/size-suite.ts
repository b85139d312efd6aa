/** The largest session that moves are promised for, and times to live. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { Item, SessionStore } from '../../runtime/store/store.js';
import type { Bench } from './conformance.js';
import { append, born, commandsFor, remove, set, setList, START_MS } from './support.js';

const MB = 1024 * 1024;
const VALUES = 64;
/** Values a command: what one request may write. */
const AT_ONCE = 8;

/** A megabyte that no other value has, all bytes in it. */
function megabyte(seed: number): Buffer {
  const value = Buffer.allocUnsafe(MB);
  for (let at = 0; at < MB; at += 4) value.writeUInt32LE(Math.imul(at + 1, 2_654_435_761 + seed) >>> 0, at);
  return value;
}

async function digestOf(store: SessionStore, session: string): Promise<string> {
  const hash = createHash('sha256');
  for (const key of (await store.readKeys(session)).keys.sort()) hash.update(key).update((await store.readKey(session, key)).value as Buffer);
  return hash.digest('hex');
}

export function sizeSuite(bench: Bench): void {
  it('holds a session of 64 MB, gives it out in parts and takes it in as it was', async () => {
    const { store } = bench;
    const [source, target] = [bench.fresh('huge'), bench.fresh('huge')];
    const keys = Array.from({ length: VALUES }, (_, index) => `value ${String(index).padStart(2, '0')}`);
    for (let at = 0; at < VALUES; at += AT_ONCE) {
      await born(store, source, { writes: keys.slice(at, at + AT_ONCE).map((key, i) => set(key, megabyte(at + i))) });
    }
    const { bytes, version } = (await store.slot(source))!;
    expect({ bytes, version }).to.deep.equal({ bytes: VALUES * (MB + keys[0]!.length), version: VALUES / AT_ONCE });
    await store.run(commandsFor(target).reserve());
    const names = await store.inventory(source);
    for (let at = 0; at < names.length; at += AT_ONCE) await store.stage(target, 'attempt-in', await store.items(source, names.slice(at, at + AT_ONCE)));
    const last: Item = { kind: 'value', key: keys[0]!, value: megabyte(0) };
    expect(await store.commit(commandsFor(target).commit(), [last])).to.have.property('kind', 'committed');
    expect((await store.slot(target))!.bytes).to.equal(bytes);
    expect(await digestOf(store, target)).to.equal(await digestOf(store, source));
    await born(store, source, { writes: keys.map(remove) });
    expect((await store.slot(source))!.bytes).to.equal(0);
  }).timeout(240_000);
  lifeSuite(bench);
}

export function lifeSuite(bench: Bench): void {
  describe('its time to live', () => {
    const alive = async (session: string) => (await bench.store.acquire(commandsFor(session).acquire({ leaseId: 'lease-2' }))).kind;
    const withTtl = async (ttlMs: number) => {
      const session = bench.fresh('ttl');
      await bench.store.acquire(commandsFor(session).create({ create: { incarnation: 'incarnation-a', epoch: 0, ttlMs, knownBy: [], owed: [] } }));
      await bench.store.release(commandsFor(session).release(), { writes: [set('a', '1'), setList('l'), append('m')] });
      return session;
    };
    const after = (ms: number) => { bench.clock.nowMs = START_MS + ms; };

    it('ends it when it has passed, not when it has just run out', async () => {
      const session = await withTtl(100);
      after(100);
      expect(await alive(session)).to.equal('granted');
      await bench.store.run(commandsFor(session).abandon('lease-2'));
      after(201);
      expect(await alive(session)).to.equal('expired');
    });

    it('counts from the last request that was granted or committed', async () => {
      const session = await withTtl(100);
      for (const ms of [90, 180, 270]) {
        after(ms);
        expect(await alive(session)).to.equal('granted');
        await bench.store.release(commandsFor(session).release({ leaseId: 'lease-2', dirty: false }), { writes: [] });
      }
      after(371);
      expect(await alive(session)).to.equal('expired');
    });

    it('is changed by a commit, and 0 is for ever', async () => {
      const session = await withTtl(100);
      await bench.store.acquire(commandsFor(session).acquire());
      await bench.store.release(commandsFor(session).release({ ttlMs: 0 }), { writes: [] });
      after(1_000_000_000);
      expect(await alive(session)).to.equal('granted');
    });

    it('keeps a session that was touched meanwhile from being retired, and its data until then', async () => {
      const session = await withTtl(100);
      const c = commandsFor(session);
      after(50);
      expect(await bench.store.run(c.expire({ forced: false }))).to.deep.equal({ kind: 'refused', reason: 'alive' });
      expect((await bench.store.readKeys(session)).keys.sort()).to.deep.equal(['a', 'l', 'm']);
      after(151);
      expect(await bench.store.run(c.expire({ forced: false }))).to.deep.equal({ kind: 'expired', epoch: 1 });
      expect((await bench.store.readKeys(session)).keys).to.deep.equal([]);
    });
  });
}

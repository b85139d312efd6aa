/** What has gone wrong elsewhere with requests that are sent again, leases that are held too long, and contents that are not what was expected. */
import { expect } from 'chai';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LEASE_MS, RESERVATION_MS } from '../../runtime/model/limits.js';
import { createMemoryStore } from '../../runtime/store/memory.js';
import { openRedisStore } from '../../runtime/store/redis.js';
import type { Item, SessionStore } from '../../runtime/store/store.js';
import { startServer } from '../redis/server.js';
import { answered, born, commandsFor, dataOf, ManualClock, NODE, PARENT, set, setList, shown } from '../store/support.js';
import { codeOf, Domain, FAR_LEAF, LEAF, MILAN, S } from './support.js';

describe('regressions of requests', () => {
  let domain: Domain;
  beforeEach(async () => {
    domain = new Domain();
    await domain.add(LEAF, 'a');
  });

  /**
   * A lease named by the request's own id: the retry, which has the same id, was let in beside the first try,
   * and both committed. A lease's id is fresh for every acquire; of the two one runs and the other gets its answer.
   */
  it('lease by request id reused: two tries at once take effect once and get one answer', async () => {
    domain.world.latency = () => 3;
    const tries = [1, 2, 3].map(() => domain.world.add(LEAF, S, 'b', 'id-1'));
    const answers = await domain.world.during(Promise.all(tries));
    expect(answers.map(({ items }) => items)).to.deep.equal([['a', 'b'], ['a', 'b'], ['a', 'b']]);
    expect(await domain.items()).to.deep.equal(['a', 'b']);
  });

  /** The table of known requests stayed at the old place. */
  it('retry counted twice after a move: the known requests go along', async () => {
    await domain.add(LEAF, 'b', 'id-1');
    await domain.up(LEAF);
    expect((await domain.add(LEAF, 'b', 'id-1')).items).to.deep.equal(['a', 'b']);
    await domain.up(MILAN);
    expect((await domain.add(FAR_LEAF, 'b', 'id-1')).items).to.deep.equal(['a', 'b']);
    expect(await domain.items()).to.deep.equal(['a', 'b']);
  });

  /** A request that took effect after the bulk copy was known to the old place alone. */
  it('retry counted twice after a move: also one that was answered between copy and departure', async () => {
    domain.at('copied', () => domain.world.add(LEAF, S, 'b', 'id-1'));
    await domain.up(LEAF);
    expect(await domain.add(LEAF, 'b', 'id-1')).to.deep.include({ items: ['a', 'b'], node: MILAN });
  });

  /** The write took effect, its answer was lost, the session moved: the retry got another answer than the first would have been. */
  it('lost response: it is given again at the new place, word for word, though others have written since', async () => {
    domain.world.storeWeather = ({ node, method }) => (node === LEAF && method === 'release' ? 'answer-lost' : 'fine');
    expect(await domain.add(LEAF, 'b', 'id-1').catch(codeOf)).to.equal('STORE_UNAVAILABLE');
    domain.heal();
    await domain.up(LEAF);
    await domain.add(LEAF, 'c');
    expect((await domain.add(LEAF, 'b', 'id-1')).items).to.deep.equal(['a', 'b']);
    expect(await domain.items()).to.deep.equal(['a', 'b', 'c']);
  });

  it('lost response: also when the holder died with it', async () => {
    domain.world.storeWeather = ({ node, method }) => (node === LEAF && method === 'release' ? 'answer-lost' : 'fine');
    await domain.add(LEAF, 'b', 'id-1').catch(codeOf);
    domain.heal();
    await domain.world.restart(LEAF);
    expect((await domain.add(LEAF, 'b', 'id-1')).items).to.deep.equal(['a', 'b']);
  });

  /** A client took an id again for something else, and was told that this had happened. */
  it('request id taken again for another request: it is refused, here and at the new place', async () => {
    await domain.add(LEAF, 'b', 'id-1');
    expect(await domain.add(LEAF, 'c', 'id-1').catch(codeOf)).to.equal('REQUEST_ID_REUSED');
    await domain.up(LEAF);
    expect(await domain.add(LEAF, 'c', 'id-1').catch(codeOf)).to.equal('REQUEST_ID_REUSED');
  });
});

describe('regressions of leases and clocks', () => {
  const c = commandsFor('session');
  let clock: ManualClock;
  let store: SessionStore;
  beforeEach(async () => {
    clock = new ManualClock();
    store = createMemoryStore({ node: NODE, clock });
    await born(store, 'session');
  });

  /** A holder that was stopped (SIGSTOP, garbage, sleep) comes back when its lease has run out and another has written. */
  it('paused holder comes back and commits: its release is refused, the other\'s writes stay', async () => {
    await store.acquire(c.acquire({ leaseId: 'slow' }));
    clock.nowMs += LEASE_MS + 1;
    await store.acquire(c.acquire({ leaseId: 'quick', owner: 'another' }));
    await store.release(c.release({ leaseId: 'quick' }), { writes: [set('k', 'quick')] });
    expect(await store.release(c.release({ leaseId: 'slow' }), { writes: [set('k', 'slow')] })).to.deep.equal({ kind: 'refused', reason: 'lease' });
    expect(shown(await dataOf(store, 'session'))).to.deep.equal([['k', 'quick']]);
  });

  it('paused holder comes back and commits: also after the session was away and home again', async () => {
    await store.acquire(c.acquire({ leaseId: 'slow' }));
    clock.nowMs += LEASE_MS + 1;
    expect(await store.depart(c.depart())).to.include({ kind: 'departed' });
    await store.run(c.abort());
    expect(await store.release(c.release({ leaseId: 'slow' }), { writes: [set('k', 'slow')] })).to.include({ kind: 'refused' });
    expect(await store.release(c.release({ leaseId: 'slow', epoch: 1 }), { writes: [set('k', 'slow')] })).to.include({ kind: 'refused' });
  });

  /** The clock ran ahead, the lease was taken over, the clock was put right: by the time on the wall the first lease was good again. */
  it('clock jump makes a lease valid again: who was replaced stays replaced', async () => {
    await store.acquire(c.acquire({ leaseId: 'first' }));
    clock.nowMs += LEASE_MS + 1;
    await store.acquire(c.acquire({ leaseId: 'second', owner: 'another' }));
    clock.nowMs -= LEASE_MS + 1;
    expect(await store.release(c.release({ leaseId: 'first' }), { writes: [set('k', 'first')] })).to.deep.equal({ kind: 'refused', reason: 'lease' });
    expect(await store.release(c.release({ leaseId: 'second' }), { writes: [set('k', 'second')] })).to.include({ kind: 'committed' });
  });

  /** The same for a reservation that was given up. */
  it('clock jump makes a reservation valid again: what was dropped never commits', async () => {
    const guest = commandsFor('guest');
    await store.run(guest.reserve());
    await store.run(guest.departing());
    clock.nowMs += RESERVATION_MS + 1;
    expect(await store.commit(guest.commit(), [])).to.deep.equal({ kind: 'refused', reason: 'deadline' });
    clock.nowMs -= RESERVATION_MS + 1;
    expect(await store.commit(guest.commit(), [])).to.deep.equal({ kind: 'refused', reason: 'reservation' });
  });

  /** A clock that was put back made a lease last for hours. A new life of its owner has the session at once all the same. */
  it('clock put back makes a lease last: its owner\'s next life is not held up by it', async () => {
    clock.nowMs += 3_600_000;
    await store.acquire(c.acquire({ leaseId: 'far' }));
    clock.nowMs -= 3_600_000;
    expect(await store.acquire(c.acquire({ leaseId: 'near', boot: 'second-life' }))).to.include({ kind: 'granted' });
  });
});

describe('regressions of contents', () => {
  /** The ancestor looked sessions up by KEYS pattern: `s` found `s1` too, `*` found everybody's, and a lookup cost as much as there were keys. */
  it('KEYS scans: an id that reads like a pattern is an id, and its session moves alone', async () => {
    const domain = new Domain();
    const ids = ['s', 's1', 's*', '*', 's?', 's[1]', '{s}', 's:1', 'S'];
    for (const id of ids) await domain.add(LEAF, `of ${id}`, undefined, id);
    for (const id of ['*', 's?', 's']) await domain.up(LEAF, id);
    for (const id of ids) {
      expect(await domain.items(LEAF, id), id).to.deep.equal([`of ${id}`]);
      expect(await domain.holders(id), id).to.deep.equal([['*', 's?', 's'].includes(id) ? MILAN : LEAF]);
    }
  });

  it('KEYS scans: no command that goes through all keys is anywhere in the stores', async () => {
    const folder = fileURLToPath(new URL('../../../runtime/store', import.meta.url));
    for (const file of (await readdir(folder, { recursive: true })).filter((name) => /\.(lua|ts)$/.test(name))) {
      expect(await readFile(join(folder, file), 'utf8'), file).not.to.match(/['"`](KEYS|SCAN|FLUSHALL|FLUSHDB)['"`]/);
    }
  });

  /** Values were pasted into scripts and JSON: a quote broke them, a NUL cut them, and one that was code was run. */
  it('values with quotes, NUL and Lua: on Redis and through a move they are the bytes they were', async () => {
    const { server, end } = await startServer({ fsync: 'no' });
    const clock = new ManualClock();
    const source = await openRedisStore({ node: NODE, clock, url: server.url });
    try {
      const nasty = [
        '', '\0', 'a\0b', '"', '\'', '\\', ']]', '"]]..redis.call("FLUSHALL")..[["', '\'); redis.call(\'DEL\', KEYS[1]) --', '${x}', '%s%d%n', '\r\n$5\r\n',
        '{"a":1}', 'null', 'nil', '\ufeff\u202e\u{1f6d2}', '{}', '[]',
      ];
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
      const writes = [...nasty.filter((text) => text !== '').map((text, at) => set(text, nasty[at]!)), set('bytes', bytes), setList('list', ...nasty)];
      const session = '"]]..s\0\'{}';
      const c = commandsFor(session);
      await born(source, session, { writes, reply: answered('"]]', clock.now(), 'an "answer"\0') });
      const before = shown(await dataOf(source, session));
      expect(before).to.have.length(writes.length);
      const target = createMemoryStore({ node: PARENT, clock });
      expect(await source.run(c.copy())).to.include({ kind: 'copying' });
      await target.run(c.reserve({ from: NODE, home: NODE, epoch: 1, attempt: 'attempt-out' }));
      await target.stage(session, 'attempt-out', await source.items(session, await source.inventory(session)) as Item[]);
      const departed = await source.depart(c.depart());
      if (departed.kind !== 'departed') throw new Error(departed.kind);
      await target.run(c.departing('attempt-out'));
      expect(await target.commit(c.commit({ passport: departed.passport, epoch: 1, attempt: 'attempt-out' }), departed.items ?? [])).to.include({ kind: 'committed' });
      expect(shown(await dataOf(target, session))).to.deep.equal(before);
    } finally {
      await source.close();
      await end();
    }
  });
});

import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { Random } from '../../bench/harness/random.js';
import { silentLog } from '../../runtime/base/log.js';
import { takeReplica, unpackMessage } from '../../runtime/telemetry/replica-message.js';
import { type Debt, Link } from '../../runtime/telemetry/replicate.js';
import { telemetrySettings } from '../../runtime/telemetry/settings.js';
import { Storage, type StorageParts } from '../../runtime/telemetry/storage.js';

const OWNER = 'owner';
const clock = { now: () => 1_000, setTimeout: () => 0, clearTimeout: () => undefined };
const storage = (more: Partial<StorageParts> = {}) => new Storage({ node: 'n', settings: telemetrySettings({ history: false }, {}, false), clock, ...more });
const ALL = { fromMs: 0, toMs: 1_000_000 };

/** Everything of an owner, in one order. */
async function contentOf(of: Storage, owner: string): Promise<unknown> {
  const series = of.select({ filters: {} }, owner);
  const points = (await of.range(series, ALL)).map(({ series: { entityID, metricID, meta }, pairs }) => [entityID, metricID, meta, [...pairs]]);
  const latest = series.filter(({ hasLatest }) => hasLatest).map(({ entityID, latestMs, latestValue }) => [entityID, latestMs, latestValue]);
  const keyed = await Promise.all((['analytics', 'app'] as const).map((kind) => of.keyed(kind, { range: ALL }, owner)));
  const sorted = (list: unknown[]) => list.map((each) => JSON.stringify(each)).sort();
  return { points: sorted(points), latest: sorted(latest), keyed: keyed.map(sorted) };
}

describe('a replica', () => {
  let replica: Storage;
  let boot: number;
  let isDown: boolean;
  let sent: number;
  let reports: string[];
  let headListens: boolean;
  let debts: Debt[];
  let link: Link;
  let own: Storage;
  let pause: () => Promise<unknown>;

  const begin = () => {
    link = new Link({
      node: OWNER, replica: 'replica', storage: own, now: clock.now, debts, keepDebts: () => undefined, log: silentLog,
      async send(message) {
        await pause();
        if (isDown) throw new Error('it is down');
        sent += 1;
        const life = String(boot);
        await takeReplica(replica, unpackMessage(message), true);
        await pause();
        return life;
      },
      async report(state) {
        if (!headListens) throw new Error('nobody listens');
        reports.push(state);
      },
    });
  };
  const quiet = async () => {
    for (let round = 0; round < 200; round += 1) {
      await link.check();
      await setImmediate();
    }
  };

  beforeEach(() => {
    replica = storage();
    [boot, isDown, sent, reports, headListens, debts, pause] = [1, false, 0, [], true, [], async () => undefined];
    own = storage({ onStored: (batch) => link.stored(batch), onDeleted: (series, range) => link.deleted(series, range), onKeyed: (kind, change) => link.keyed(kind, change) });
    begin();
  });

  const put = (entityID: string, timestamp: number, val: number) => own.put([{ entityID, metricID: 'm', timestamp, val }]);

  it('has what was there before and what comes, and the head hears that it is live', async () => {
    put('before', 1, 1);
    own.putAnalytics([{ key: 'k', val: 'text', timestamp: 1 }]);
    await quiet();
    put('after', 2, 2);
    own.putApp([{ key: 'a', val: 1, timestamp: 1 }]);
    await quiet();
    expect(await contentOf(replica, OWNER)).to.deep.equal(await contentOf(own, ''));
    expect(await contentOf(replica, '')).to.deep.equal({ points: [], latest: [], keyed: [[], []] });
    expect(reports).to.deep.equal(['live']);
  });

  it('gets a deletion in its place, without everything else once more', async () => {
    for (let at = 0; at < 50; at += 1) put('a', at, at);
    await quiet();
    const before = sent;
    await own.delete({ filters: {} }, { fromMs: 10, toMs: 20 });
    put('a', 15, 99);
    for (let round = 0; round < 20; round += 1) await setImmediate();
    expect(sent - before).to.equal(2);
    expect(await contentOf(replica, OWNER)).to.deep.equal(await contentOf(own, ''));
    expect(debts).to.deep.equal([]);
  });

  it('learns of a deletion that it missed, over a restart of the owner too', async () => {
    put('a', 1, 1);
    put('b', 1, 1);
    await quiet();
    isDown = true;
    await own.delete({ filters: {} }, { fromMs: 1, toMs: 1 });
    await quiet();
    expect(link.state).to.equal('behind');
    link.end();
    begin();
    isDown = false;
    await quiet();
    expect(await contentOf(replica, OWNER)).to.deep.equal(await contentOf(own, ''));
  });

  it('that was started anew is filled in again, because it may have lost something', async () => {
    put('a', 1, 1);
    await quiet();
    replica = storage();
    boot = 2;
    await quiet();
    expect(await contentOf(replica, OWNER)).to.deep.equal(await contentOf(own, ''));
    expect(reports.at(-1)).to.equal('live');
  });

  it('is not filled in again and again while nobody at the head listens', async () => {
    headListens = false;
    put('a', 1, 1);
    await link.check();
    expect(link.state).to.equal('live');
    const before = sent;
    await link.check();
    expect(sent - before, 'one look whether it is still there').to.equal(1);
    headListens = true;
    await link.check();
    expect(reports).to.deep.equal(['live']);
  });

  it('has the same in the end, whatever happens in whatever order', async function random() {
    this.timeout(300_000);
    for (let seed = 1; seed <= 40; seed += 1) {
      const dice = new Random(seed);
      replica = storage();
      own = storage({ onStored: (batch) => link.stored(batch), onDeleted: (series, range) => link.deleted(series, range), onKeyed: (kind, change) => link.keyed(kind, change) });
      const { range, keyed } = own;
      // Reading takes its time, as it does from a disk: what it found is old when it is there.
      own.range = async (...asked) => {
        const found = await range.apply(own, asked);
        await pause();
        return found;
      };
      own.keyed = async (...asked) => {
        const found = await keyed.apply(own, asked);
        await pause();
        return found;
      };
      debts = [];
      pause = async () => {
        for (let turns = dice.below(4); turns > 0; turns -= 1) await setImmediate();
      };
      begin();
      for (let step = 0; step < 150; step += 1) {
        const kind = dice.below(14);
        if (kind < 5) own.put(Array.from({ length: 1 + dice.below(5) }, () => ({ entityID: `e${dice.below(4)}`, metricID: 'm', timestamp: dice.below(20), val: step, meta: { desc: `${dice.below(2)}` } })));
        else if (kind === 5) own.putAnalytics([{ key: `k${dice.below(3)}`, timestamp: dice.below(5), val: step }]);
        else if (kind === 6) own.putApp([{ key: `k${dice.below(3)}`, timestamp: dice.below(5), val: `${step}` }]);
        else if (kind === 7) void own.deleteSeries(own.select({ filters: {} }).filter(() => dice.below(2) === 0), dice.below(2) === 0 ? undefined : { fromMs: dice.below(10), toMs: 10 + dice.below(10) });
        else if (kind === 8) void own.deleteKeyed('analytics', [`k${dice.below(3)}`], dice.below(2) === 0 ? undefined : { fromMs: 1, toMs: 2 });
        else if (kind === 9) isDown = dice.below(2) === 0;
        else if (kind === 10 && dice.below(3) === 0) {
          replica = storage();
          boot += 1;
        } else void link.check();
        await pause();
      }
      isDown = false;
      pause = async () => undefined;
      await quiet();
      expect(await contentOf(replica, OWNER), `seed ${seed}`).to.deep.equal(await contentOf(own, ''));
    }
  });
});

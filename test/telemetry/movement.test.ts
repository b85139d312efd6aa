import { expect } from 'chai';
import { chooseReplicas, type FallEvent, fallsOf, MOVEMENT_DEFAULTS, problemScore, stableScore } from '../../oracle/movement.js';
import { Movement } from '../../oracle/movement-service.js';
import type { Registry } from '../../oracle/registry.js';
import { oracleSettings } from '../../oracle/settings.js';
import type { Clock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';

const DAY_MS = 86_400_000;
const NOW = 30 * DAY_MS;
const event = (node: string, kind: FallEvent['kind'], day: number): FallEvent => ({ node, kind, atMs: day * DAY_MS });
const joined = ['a', 'b', 'c', 'd'].map((node) => event(node, 'joined', 0));

describe('movement', () => {
  it('counts a failure and the restart after it as one fall, and a quick restart as one', () => {
    expect(fallsOf([...joined, event('a', 'failed', 1), event('a', 'restarted', 1), event('a', 'restarted', 2), event('a', 'returned', 3)], 'a')).to.have.length(2);
  });

  it('scores recent falls above old ones, and a node that never fell at 0', () => {
    const at = (day: number) => problemScore([...joined, event('a', 'failed', day)], 'a', NOW);
    expect(problemScore(joined, 'a', NOW)).to.equal(0);
    expect(at(29)).to.be.greaterThan(at(25));
    expect(at(25)).to.be.greaterThan(at(10));
    expect(at(29) / at(10)).to.be.closeTo(MOVEMENT_DEFAULTS.recentWeight / MOVEMENT_DEFAULTS.oldWeight, 1e-9);
  });

  it('scores a node as stabler the longer it stands, the less it fell, and the fewer replicas it keeps', () => {
    const once = [...joined, event('b', 'restarted', 10), event('c', 'failed', 10)];
    expect(stableScore(once, 'a', 0, NOW)!).to.be.greaterThan(stableScore(once, 'b', 0, NOW)!);
    expect(stableScore(once, 'b', 0, NOW)!).to.be.greaterThan(stableScore(once, 'c', 0, NOW)!);
    expect(stableScore(once, 'a', 1, NOW)!).to.be.lessThan(stableScore(once, 'a', 0, NOW)!);
    expect(stableScore(once, 'a', MOVEMENT_DEFAULTS.maxReplicas, NOW)).to.equal(undefined);
    expect(stableScore([...joined, event('a', 'failed', 29), event('a', 'failed', 29.5)], 'a', 0, NOW)).to.equal(undefined);
  });

  it('gives the worst problem the stablest place, and nothing to those who have one already', () => {
    const log = [...joined, event('a', 'failed', 29), event('a', 'returned', 29), event('b', 'failed', 3), event('b', 'returned', 3)];
    const alive = ['a', 'b', 'c', 'd'];
    expect(chooseReplicas(log, alive, [], NOW)).to.deep.equal([{ owner: 'a', replica: 'c' }]);
    const first = [{ owner: 'a', replica: 'c', state: 'live' as const, sinceMs: 0 }];
    expect(chooseReplicas(log, alive, first, NOW)).to.deep.equal([{ owner: 'b', replica: 'd' }]);
    expect(chooseReplicas(joined, alive, [], NOW)).to.deep.equal([]);
    expect(chooseReplicas(log, ['a', 'b', 'd'], first, NOW), 'its replica has failed').to.deep.equal([{ owner: 'a', replica: 'd' }]);
    expect(chooseReplicas(log, ['a'], [], NOW), 'nowhere to go').to.deep.equal([]);
  });

  it('gives a problem a second place when the first is no place for a replica any more, and no third', () => {
    const log = [...joined, event('a', 'failed', 28.9), event('a', 'returned', 29), event('c', 'failed', 29), event('c', 'returned', 29), event('c', 'failed', 29.1), event('c', 'returned', 29.2)];
    const alive = ['a', 'b', 'c', 'd'];
    const at = (owner: string, replica: string) => ({ owner, replica, state: 'live' as const, sinceMs: 0 });
    const others = [at('c', 'b')];
    expect(chooseReplicas(log, alive, [...others, at('a', 'c')], NOW)).to.deep.equal([{ owner: 'a', replica: 'd' }]);
    expect(chooseReplicas(log, alive, [...others, at('a', 'c')], NOW, { ...MOVEMENT_DEFAULTS, maxReplicasOfOwner: 1 })).to.deep.equal([]);
    expect(chooseReplicas(log, alive, [...others, at('a', 'c')], NOW, { ...MOVEMENT_DEFAULTS, problemThreshold: 1 })).to.deep.equal([]);
  });

  it('is looked after as often as PLACEMENT_INTERVAL says, every half hour without it, and never when PLACEMENT is off', async () => {
    const everyMs = async (environment: Record<string, string>) => {
      const waits: number[] = [];
      const clock: Clock = { now: () => NOW, setTimeout: (_, ms) => waits.push(ms), clearTimeout: () => undefined };
      const movement = new Movement({ stateDir: '/nowhere', registry: {} as Registry, clock, log: silentLog, environment });
      await movement.start();
      await movement.close();
      return waits;
    };
    expect(await everyMs({})).to.deep.equal([1_800_000]);
    expect(await everyMs({ PLACEMENT: 'true', PLACEMENT_INTERVAL: '7' })).to.deep.equal([7_000]);
    expect(await everyMs({ PLACEMENT_INTERVAL: 'soon' })).to.deep.equal([1_800_000]);
    expect(await everyMs({ PLACEMENT: 'FALSE' })).to.deep.equal([]);
  });

  it('has its constants from the oracle\'s settings, and refuses what is none of them', () => {
    expect(oracleSettings({ movement: { recentMs: 1_000, maxReplicas: 5 } }).movement).to.deep.equal({ recentMs: 1_000, maxReplicas: 5 });
    expect(oracleSettings({}).movement).to.deep.equal({});
    expect(() => oracleSettings({ movement: { recent: 1 } })).to.throw('movement.recent is none of oldMs');
    expect(() => oracleSettings({ movement: { recentMs: 'long' } })).to.throw('movement.recentMs is a number');
  });

  it('says the same however often it is asked, and leaves the log as it is', () => {
    const log = Object.freeze([...joined, event('a', 'failed', 29)]) as FallEvent[];
    expect(chooseReplicas(log, ['d', 'c', 'b', 'a'], [], NOW)).to.deep.equal(chooseReplicas(log, ['a', 'b', 'c', 'd'], [], NOW));
  });
});

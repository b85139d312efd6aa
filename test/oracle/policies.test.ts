import { expect } from 'chai';
import { POLICY_NAMES, policyNamed } from '../../oracle/policy/policies.js';
import { DEFAULT_SETTINGS } from '../../oracle/policy/settings.js';
import { bestPlacement } from '../../oracle/simulate/best.js';
import { rowOf } from '../../oracle/simulate/report.js';
import { meanOf, play } from '../../oracle/simulate/run.js';
import { syntheticTrace, TRACE_KINDS } from '../../oracle/simulate/trace.js';
import type { Decision } from '../../oracle/view.js';
import { node, session, viewOf } from './views.js';

const moves = (decisions: Decision[]) => decisions.flatMap((each) => each.kind === 'migrate' ? [`${each.session}: ${each.from} → ${each.to}`] : []);

describe('policies', () => {
  const tree = (leaf: object) => [node('cloud', null, { capacity: 16 }), node('city', 'cloud', { capacity: 4 }), node('edge', 'city', { capacity: 2, ...leaf })];

  it('relieve a node above its high mark, and no further than its target', () => {
    const view = viewOf(tree({ busy: 2 }), [1, 2, 3, 4].map((number) => session(`s${number}`, { home: 'edge', requestsPerSecond: 50, serviceMs: 10 })));
    const decisions = policyNamed('load-aware').decide(view);
    expect(moves(decisions)).to.have.length(2);
    expect(moves(decisions).every((move) => move.endsWith('edge → city'))).to.equal(true);
  });

  it('leave a node between its marks alone', () => {
    const view = viewOf(tree({ busy: 1.4 }), [session('s', { home: 'edge', requestsPerSecond: 140, serviceMs: 10 })]);
    for (const name of POLICY_NAMES) expect(moves(policyNamed(name).decide(view)), name).to.deep.equal([]);
  });

  it('give nothing away twice: what is on its way counts as gone, and what is asked for is left alone', () => {
    const sessions = [1, 2, 3, 4].map((number) => session(`s${number}`, { home: 'edge', requestsPerSecond: 50, serviceMs: 10 }));
    const shifted = { ...viewOf(tree({ busy: 2 }), sessions), shifts: () => [{ from: 'edge', to: 'city', demand: 1, bytes: 0, isOpen: true }], isAsked: (id: string) => id === 's1' };
    expect(moves(policyNamed('load-aware').decide(shifted))).to.deep.equal([]);
    const asked = { ...viewOf(tree({ busy: 2 }), sessions), isAsked: (id: string) => id === 's1' };
    expect(moves(policyNamed('load-aware').decide(asked))).to.deep.equal(['s2: edge → city', 's3: edge → city']);
  });

  it('fill a warm node that they have closed for new sessions, but none that an operator closed', () => {
    const sessions = [session('s', { home: 'edge', requestsPerSecond: 200, serviceMs: 10 })];
    const with_ = (city: object) => viewOf([node('cloud', null, { capacity: 16 }), node('city', 'cloud', { capacity: 4, accepting: false, ...city }), node('edge', 'city', { capacity: 2, busy: 2 })], sessions);
    expect(moves(policyNamed('load-aware').decide(with_({})))).to.deep.equal(['s: edge → city']);
    expect(moves(policyNamed('load-aware').decide(with_({ cordonedByOperator: true })))).to.deep.equal(['s: edge → cloud']);
  });

  it('pass a full parent by', () => {
    const nodes = [node('cloud', null, { capacity: 16 }), node('city', 'cloud', { capacity: 4, busy: 3.9 }), node('edge', 'city', { capacity: 2, busy: 2 })];
    const view = viewOf(nodes, [session('s', { home: 'edge', requestsPerSecond: 100, serviceMs: 10 }), session('t', { home: 'edge', requestsPerSecond: 100, serviceMs: 10 })]);
    expect(moves(policyNamed('cheapest-victim').decide(view))).to.deep.equal(['s: edge → cloud']);
  });

  it('never choose a target that lacks the session\'s functions', () => {
    const view = viewOf(tree({ busy: 2 }), [session('s', { home: 'edge', requestsPerSecond: 200, serviceMs: 10 })], (name) => name !== 'city');
    expect(moves(policyNamed('load-aware').decide(view))).to.deep.equal(['s: edge → cloud']);
  });

  it('give the cheapest away first: most load for the bytes', () => {
    const view = viewOf(tree({ busy: 2 }), [
      session('big', { home: 'edge', requestsPerSecond: 110, serviceMs: 10, bytes: 50_000_000 }), session('small', { home: 'edge', requestsPerSecond: 90, serviceMs: 10, bytes: 1_000 }),
    ]);
    expect(moves(policyNamed('cheapest-victim').decide(view))).to.deep.equal(['small: edge → city']);
  });

  it('bring sessions home when there is room, the most asked-for first', () => {
    const view = viewOf(tree({}), [session('s', { home: 'edge', current: 'cloud', requestsPerSecond: 10, serviceMs: 10 }), session('t', { home: 'edge', current: 'cloud', requestsPerSecond: 20, serviceMs: 10 })]);
    expect(moves(policyNamed('balanced').decide(view))).to.deep.equal(['t: cloud → edge', 's: cloud → edge']);
  });

  it('move nothing within its cooldown, nor what an operator has put somewhere', () => {
    const view = viewOf(tree({}), [
      session('fresh', { home: 'edge', current: 'cloud', requestsPerSecond: 10, movedMs: 1_000_000 - DEFAULT_SETTINGS.cooldownMs + 1 }),
      session('pinned', { home: 'edge', current: 'cloud', requestsPerSecond: 10, pinnedUntilMs: 1_000_001 }),
    ]);
    for (const name of POLICY_NAMES) expect(moves(policyNamed(name).decide(view)), name).to.deep.equal([]);
  });

  it('send new sessions past a warm node before old ones move, and open it again when it is cool', () => {
    const warm = policyNamed('redirect-first').decide(viewOf(tree({ busy: 1.6 }), []));
    expect(warm.map(({ kind }) => kind)).to.deep.equal(['cordon']);
    const cool = policyNamed('redirect-first').decide(viewOf(tree({ accepting: false }), []));
    expect(cool.map(({ kind }) => kind)).to.deep.equal(['uncordon']);
  });

  it('leave a node closed that an operator closed', () => {
    const decisions = policyNamed('balanced').decide(viewOf(tree({ accepting: false, cordonedByOperator: true }), []));
    expect(decisions).to.deep.equal([]);
  });

  it('re-home a session to the leaf where its requests arrive', () => {
    const nodes = [...tree({}), node('other', 'city', { capacity: 2 })];
    const view = viewOf(nodes, [session('s', { home: 'edge', requestsPerSecond: 5, serviceMs: 10, arrivals: new Map([['other', 4], ['edge', 1]]) })]);
    const [decision] = policyNamed('follow-demand').decide(view);
    expect(decision).to.include({ kind: 'migrate', session: 's', to: 'other', rehome: true });
  });

  it('free a full store, the longest idle first', () => {
    const view = viewOf(tree({ memoryLimitBytes: 1_000, memoryUsedBytes: 900 }), [
      session('used', { home: 'edge', bytes: 450, lastAccessMs: 2 }), session('idle', { home: 'edge', bytes: 450, lastAccessMs: 1 }),
    ]);
    expect(moves(policyNamed('watermarks').decide(view))).to.deep.equal(['idle: edge → city']);
  });

  it('are refused with marks that would move sessions for ever', () => {
    expect(() => policyNamed('load-aware', { low: 0.7, target: 0.6 })).to.throw(RangeError, 'low < target < high');
    expect(() => policyNamed('nothing')).to.throw(RangeError, 'balanced');
  });
});

describe('the policies\' simulator', () => {
  it('gives the same outcome for the same seed, and another for another', () => {
    const run = (seed: number) => rowOf(play(syntheticTrace({ kind: 'wave', seed, seconds: 20 }), policyNamed('balanced')));
    expect(run(3)).to.deep.equal(run(3));
    expect(run(3)).not.to.deep.equal(run(4));
  });

  it('never moves a session more often in a minute than the cooldown allows, whatever the policy and the trace', () => {
    const most = Math.ceil(60_000 / DEFAULT_SETTINGS.cooldownMs);
    for (const kind of TRACE_KINDS) {
      for (const name of POLICY_NAMES) {
        const { mostMovesAMinute } = play(syntheticTrace({ kind, seed: 9, seconds: 65, sessions: 40, load: 0.3 }), policyNamed(name));
        expect(mostMovesAMinute, `${name} on ${kind}`).to.be.at.most(most);
      }
    }
  });

  it('shows the default policy at less than half of the response time of no policy where one leaf is hot', () => {
    const trace = syntheticTrace({ kind: 'hot-leaf', seed: 21, seconds: 60 });
    const [idle, balanced] = ['none', 'balanced'].map((name) => play(trace, policyNamed(name)));
    expect(meanOf(balanced!.latenciesMs)).to.be.below(meanOf(idle!.latenciesMs) / 2);
    expect(balanced!.rejected).to.be.below(idle!.rejected);
  });

  it('has an exact best placement for small traces, which no fixed placement beats', () => {
    const trace = syntheticTrace({ kind: 'hot-leaf', seed: 5, seconds: 10, sessions: 4 });
    const best = bestPlacement(trace);
    expect(meanOf(best.latenciesMs)).to.be.at.most(meanOf(play(trace, policyNamed('none')).latenciesMs));
    expect(() => bestPlacement(syntheticTrace({ kind: 'even', seed: 1, seconds: 1, sessions: 30 }))).to.throw(RangeError, 'too many');
  });
});

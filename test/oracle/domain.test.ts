import { expect } from 'chai';
import { Domain, type DomainChange } from '../../oracle/domain.js';
import { reportOf as check } from '../../oracle/report-check.js';
import { lidOf } from '../../runtime/base/ids.js';
import { PINNED_MS, SESSION_FORGOTTEN_MS } from '../../runtime/model/limits.js';
import { registered, reportOf, told } from './reports.js';

const NAMESPACE = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';

describe('the oracle\'s books', () => {
  let nowMs: number;
  let changes: DomainChange[];
  let domain: Domain;

  beforeEach(() => {
    nowMs = 1_000_000;
    changes = [];
    domain = new Domain({ namespace: NAMESPACE, now: () => nowMs, onChange: (change) => changes.push(change) });
  });

  const kinds = () => changes.filter(({ kind }) => kind !== 'node').map(({ kind }) => kind);

  it('know a session from its holder\'s report, by its id and by its lid', () => {
    domain.report('edge', reportOf(1, [told('anna')], { isFull: true }));
    expect(domain.session('anna')).to.include({ current: 'edge', home: 'edge', epoch: 0, lid: lidOf('anna', NAMESPACE) });
    expect(domain.byLogicalId(lidOf('anna', NAMESPACE))).to.equal(domain.session('anna'));
    expect(kinds()).to.deep.equal(['session']);
  });

  it('believe the higher epoch, in whatever order reports come', () => {
    domain.report('cloud', reportOf(1, [told('anna', { epoch: 1 })]));
    domain.report('edge', reportOf(1, [told('anna', { epoch: 0 })]));
    expect(domain.session('anna')!.current).to.equal('cloud');
    domain.report('edge', reportOf(2, [], { gone: [{ id: 'anna', epoch: 0 }] }));
    expect(domain.session('anna')!.current).to.equal('cloud');
  });

  it('ask for everything after a gap, a new life of the node, or a start of the oracle', () => {
    expect(domain.report('edge', reportOf(5)).wantsAll).to.equal(true);
    expect(domain.report('edge', reportOf(6)).wantsAll).to.equal(false);
    expect(domain.report('edge', reportOf(8)).wantsAll).to.equal(true);
    expect(domain.report('edge', reportOf(9, [], { boot: 'c' })).wantsAll).to.equal(true);
    expect(domain.report('edge', reportOf(10, [], { boot: 'c', isFull: true })).wantsAll).to.equal(false);
  });

  it('forget what a full report lacks', () => {
    domain.report('edge', reportOf(1, [told('anna'), told('bob')], { isFull: true }));
    domain.report('edge', reportOf(2, [told('bob')], { isFull: true }));
    expect(domain.session('anna')).to.equal(undefined);
    expect(domain.size).to.equal(1);
  });

  it('let the rate of a session that nobody asks for fade', () => {
    domain.report('edge', reportOf(1, [told('anna', { requests: 20, busyMs: 40 })]));
    const before = domain.session('anna')!.requestsPerSecond;
    expect(domain.session('anna')!.serviceMs).to.equal(2);
    nowMs += 2_000;
    domain.report('edge', reportOf(2, [told('anna')]));
    expect(domain.session('anna')!.requestsPerSecond).to.equal(before / 2);
  });

  it('know who asks for a session elsewhere', () => {
    domain.report('edge', reportOf(1, [told('anna')]));
    domain.report('other', reportOf(1, [], { astray: [{ id: 'anna', requests: 10 }] }));
    const view = domain.view([registered('edge', null, 'e')]);
    expect([...view.roaming()].map(({ id }) => id)).to.deep.equal(['anna']);
  });

  it('count a request where it came first, and not again where it was sent on to', () => {
    domain.report('edge', reportOf(1, [told('anna', { requests: 10, redirected: 10, busyMs: 20 })]));
    domain.report('other', reportOf(1, [], { astray: [{ id: 'anna', requests: 10 }] }));
    expect([...domain.session('anna')!.arrivals.keys()]).to.deep.equal(['other']);
    expect(domain.session('anna')!.requestsPerSecond).to.be.above(0);
  });

  it('forget little by little what a node said that says no more of a session', () => {
    domain.report('edge', reportOf(1, [told('anna')]));
    domain.report('other', reportOf(1, [], { astray: [{ id: 'anna', requests: 10 }] }));
    const before = domain.session('anna')!.arrivals.get('other')!;
    nowMs += 3_000;
    domain.forget([]);
    expect(domain.session('anna')!.arrivals.get('other')).to.equal(before / 2);
    for (let time = 0; time < 20; time += 1) {
      nowMs += 3_000;
      domain.forget([]);
    }
    expect([...domain.view([]).roaming()]).to.deep.equal([]);
  });

  it('show what was decided as on its way until the figures of both nodes do', () => {
    domain.report('edge', reportOf(1, [told('anna')]));
    domain.report('cloud', reportOf(1));
    domain.shifts.ask('anna', { from: 'edge', to: 'cloud', demand: 2, bytes: 10 });
    const shifts = () => [...domain.view([]).shifts!()];
    expect(shifts()).to.deep.equal([{ from: 'edge', to: 'cloud', demand: 2, bytes: 10, isOpen: true }]);
    domain.shifts.end('anna', nowMs);
    nowMs += 3_000;
    domain.report('edge', reportOf(2));
    expect(shifts()).to.deep.equal([{ to: 'cloud', demand: 2, bytes: 10, isOpen: false }]);
    domain.report('cloud', reportOf(2));
    expect(shifts()).to.deep.equal([]);
    domain.shifts.ask('bob', { from: 'edge', to: 'cloud', demand: 1, bytes: 1 });
    domain.shifts.end('bob', undefined);
    expect(shifts()).to.deep.equal([]);
  });

  it('leave a session where an operator put it, but not where the policy did', () => {
    domain.report('edge', reportOf(1, [told('anna'), told('bob')]));
    domain.startMove('bob', true);
    // The word of the node that lost it comes first, or last.
    domain.report('edge', reportOf(2, [], { gone: [{ id: 'anna', epoch: 0 }] }));
    domain.report('cloud', reportOf(1, [told('anna', { epoch: 1 }), told('bob', { epoch: 1 })]));
    domain.report('edge', reportOf(3, [], { gone: [{ id: 'bob', epoch: 0 }] }));
    expect(domain.session('anna')!.pinnedUntilMs).to.equal(nowMs + PINNED_MS);
    expect(domain.session('bob')!.pinnedUntilMs).to.equal(undefined);
    expect([...domain.view([]).awayFrom('edge')].map(({ id }) => id)).to.have.members(['anna', 'bob']);
  });

  it('leave a session where an operator put it before it was ever reported, but not one that its home passed on, nor what a new oracle finds away', () => {
    domain.report('edge', reportOf(1, [], { isFull: true }));
    domain.report('cloud', reportOf(1, [told('old', { epoch: 1 })], { isFull: true }));
    domain.report('cloud', reportOf(2, [told('anna', { epoch: 1 })]));
    domain.report('edge', reportOf(2, [], { accepting: false }));
    domain.report('cloud', reportOf(3, [told('bob', { epoch: 1 }), told('own', { home: 'cloud' })]));
    const pinned = ['old', 'anna', 'bob', 'own'].map((id) => domain.session(id)!.pinnedUntilMs);
    expect(pinned).to.deep.equal([undefined, nowMs + PINNED_MS, undefined, undefined]);
  });

  it('take no session for one that was put away that its home may have passed on before it was opened', () => {
    domain.report('edge', reportOf(1, [], { accepting: false, isFull: true }));
    domain.report('cloud', reportOf(1, [], { isFull: true }));
    nowMs += 1;
    // Opened, it tells of it before its parent tells of what it was sent while it was closed.
    domain.report('edge', reportOf(2));
    domain.report('cloud', reportOf(2, [told('born above', { epoch: 1 })]));
    domain.report('cloud', reportOf(3, [told('put there', { epoch: 1 })]));
    expect(['born above', 'put there'].map((id) => domain.session(id)!.pinnedUntilMs)).to.deep.equal([undefined, nowMs + PINNED_MS]);
  });

  it('keep the sessions of a failed node for a while', () => {
    domain.report('edge', reportOf(1, [told('anna')]));
    domain.forget(['edge']);
    nowMs += SESSION_FORGOTTEN_MS + 1;
    domain.forget(['edge']);
    expect(domain.session('anna')).to.equal(undefined);
  });

  it('count a node that rejects as closed by an operator, unless the policy closed it', () => {
    domain.report('edge', reportOf(1, [], { accepting: false }));
    const closedBy = () => domain.view([registered('edge', null, 'e')]).node('edge')!.cordonedByOperator;
    expect(closedBy()).to.equal(true);
    domain.noteStatus('edge', true, 'policy');
    expect(closedBy()).to.equal(false);
    domain.noteStatus('edge', true, 'operator');
    expect(closedBy()).to.equal(true);
  });

  it('refuse a report with a field of a wrong kind, and name it', () => {
    const wrong = { ...reportOf(1), load: { ...reportOf(1).load, busy: 'much' } };
    expect(() => check(wrong)).to.throw('/load/busy');
    expect(() => check({})).to.throw('must have required property');
    expect(check(reportOf(1, [told('anna')]))).to.have.property('number', 1);
  });
});

import { expect } from 'chai';
import type { PeerClient } from '../../runtime/base/http-client.js';
import { createLog } from '../../runtime/base/log.js';
import { detectMachine } from '../../runtime/base/machine.js';
import type { Slot } from '../../runtime/model/record.js';
import type { NodeReport, ReportReply } from '../../runtime/model/report.js';
import { Activity } from '../../runtime/report/activity.js';
import { Reporter } from '../../runtime/report/reporter.js';
import { HEALTH } from '../oracle/reports.js';

const slotOf = (session: string, given: Partial<Slot> = {}) => ({
  session, home: 'edge', epoch: 0, bytes: 10, functions: ['cart'], lastAccessAtMs: 5, state: 'resident', ...given,
}) as Slot;

describe('a node\'s reports to the oracle', () => {
  let slots: Map<string, Slot>;
  let reports: NodeReport[];
  let answer: () => Promise<ReportReply>;
  let activity: Activity;
  let changed: (session: string) => void;
  let tick: () => Promise<void>;
  let reporter: Reporter;
  let work: { requests: number; tookMs: number; inHand: number };
  let nowMs: number;

  beforeEach(async () => {
    slots = new Map([['anna', slotOf('anna')]]);
    reports = [];
    answer = async () => ({ wantsAll: false });
    activity = new Activity();
    work = { requests: 0, tookMs: 0, inHand: 0 };
    nowMs = 0;
    let due: (() => void) | undefined;
    let taken = Promise.resolve();
    const peers = {
      call: (_url: string, _method: string, _path: string, body: unknown) => {
        reports.push(JSON.parse(JSON.stringify(body)) as NodeReport);
        return answer().then((reply) => ({ status: 200, headers: {}, body: reply }));
      },
    } as unknown as PeerClient;
    // The next report is due when its timer is set: that is when the one before is through.
    const clock = {
      now: () => nowMs, clearTimeout: () => undefined,
      setTimeout: (task: () => void) => {
        due = task;
        resolveTaken?.();
      },
    };
    let resolveTaken: (() => void) | undefined;
    tick = async () => {
      taken = new Promise((resolve) => { resolveTaken = resolve; });
      due!();
      await taken;
    };
    reporter = new Reporter({
      node: 'edge', boot: 'b', oracleUrl: 'http://oracle', peers, clock, log: createLog('silent'), activity, labels: {}, machine: await detectMachine('/'), capacity: 4,
      memoryLimitBytes: 0, health: () => HEALTH, workDone: () => ({ ...work, latencyCounts: [] }), accepting: () => true, onSession: (listener) => { changed = listener; }, monotonic: () => nowMs,
      store: { slot: async (session) => slots.get(session), page: async () => ({ slots: [...slots.values()] }) },
    });
    reporter.start();
  });

  afterEach(() => reporter.close());

  const last = () => reports.at(-1)!;

  it('begin with everything, and go on with what changed', async () => {
    await tick();
    expect(last()).to.include({ isFull: true, number: 1 });
    expect(last().sessions.map(({ id }) => id)).to.deep.equal(['anna']);
    expect(last().capabilities).to.have.property('runtimes');
    await tick();
    expect(last()).to.deep.include({ isFull: false, number: 2, sessions: [] });
    expect(last()).not.to.have.property('capabilities');
    slots.set('bob', slotOf('bob'));
    changed('bob');
    await tick();
    expect(last().sessions.map(({ id }) => id)).to.deep.equal(['bob']);
  });

  it('say everything again when the oracle asks, or did not take the last one', async () => {
    answer = async () => ({ wantsAll: true });
    await tick();
    await tick();
    expect(last().isFull).to.equal(true);
    answer = () => Promise.reject(new Error('away'));
    await tick();
    answer = async () => ({ wantsAll: false });
    await tick();
    expect(last().isFull).to.equal(true);
    await tick();
    expect(last().isFull).to.equal(false);
  });

  it('count requests of a session, and tell it without any for a while after', async () => {
    await tick();
    for (let time = 0; time < 3; time += 1) activity.serve('anna', 2);
    await tick();
    expect(last().sessions[0]).to.include({ id: 'anna', requests: 3, busyMs: 6 });
    await tick();
    expect(last().sessions[0]).to.include({ id: 'anna', requests: 0 });
    for (let time = 0; time < 6; time += 1) await tick();
    expect(last().sessions).to.deep.equal([]);
  });

  it('tell how long requests kept a place of the node, and not how long they waited for one', async () => {
    await tick();
    nowMs += 2_000;
    // A hundred in hand where four can be worked on.
    activity.serve('anna', 2_000);
    work = { requests: 100, tookMs: 200_000, inHand: 100 };
    await tick();
    expect(last().sessions[0]).to.include({ requests: 1, busyMs: 80 });
    expect(last().load).to.include({ busy: 4, waiting: 96 });
  });

  it('tell which requests had come by way of another node, and which another node served for this one', async () => {
    await tick();
    activity.serve('anna', 2);
    activity.serve('anna', 2, true);
    activity.serve('passed on', 2);
    await tick();
    expect(last().sessions[0]).to.include({ id: 'anna', requests: 2, redirected: 1 });
    expect(last().astray).to.deep.equal([{ id: 'passed on', requests: 1 }]);
  });

  it('say who left, and who was asked for although elsewhere', async () => {
    await tick();
    slots.set('anna', slotOf('anna', { state: 'remote', epoch: 1 }));
    changed('anna');
    activity.redirect('anna');
    await tick();
    expect(last()).to.deep.include({ gone: [{ id: 'anna', epoch: 0 }], astray: [{ id: 'anna', requests: 1 }] });
  });

  it('say how busy the node was since the last one', async () => {
    await tick();
    nowMs += 2_000;
    work = { requests: 100, tookMs: 4_000, inHand: 9 };
    await tick();
    expect(last().load).to.include({ capacity: 4, busy: 2, waiting: 5, latencyMs: 40 });
  });
});

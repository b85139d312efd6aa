import { expect } from 'chai';
import type { Member } from '../../runtime/handler/process/member.js';
import { Pulse } from '../../runtime/handler/process/pulse.js';
import { ORPHAN_GRACE_MS, PING_EVERY_MS, STALLED_AFTER_MS, STALLS_REMEMBERED_MS, WORKER_IDLE_MS } from '../../runtime/model/limits.js';
import { TestClock } from './support.js';

describe('The pulse of worker processes', () => {
  const time = new TestClock();
  /** For so long nothing of the node ran, its timers neither. */
  let stoodStillMs: number;
  const clock = {
    now: () => time.now() + stoodStillMs, setTimeout: (task: () => void, ms: number) => time.setTimeout(task, ms), clearTimeout: (timer: unknown) => time.clearTimeout(timer),
    pass: (ms: number) => time.pass(ms),
  };
  let member: Partial<Record<keyof Member, unknown>> & { orphans: Set<number>; load: number; looks: number };
  let events: string[];
  let pulse: Pulse;

  beforeEach(() => {
    events = [];
    stoodStillMs = 0;
    member = {
      load: 0, orphans: new Set(), used: true, usedAtMs: clock.now(), leaving: false, overweight: false, stalled: false, looks: 0,
      ping() {
        this.used = false;
        this.pingedAtMs = clock.now();
        this.looks = 0;
        events.push('ping');
      },
    };
    pulse = new Pulse(clock, new Set([member as unknown as Member]), {
      stalled: () => events.push('stalled'),
      tired: () => events.push('tired'),
    });
    pulse.beat();
  });
  afterEach(() => pulse.stop());

  it('asks a process that works, and says when it does not answer', () => {
    member.load = 1;
    clock.pass(PING_EVERY_MS);
    expect(events).to.deep.equal(['ping']);
    clock.pass(STALLED_AFTER_MS);
    expect(events).to.deep.equal(['ping', 'stalled']);
    expect(pulse.stalledLately).to.equal(true);
    member.load = 0;
    clock.pass(STALLS_REMEMBERED_MS);
    expect(pulse.stalledLately).to.equal(false);
  });

  it('does not take a process for one that stands still when the node did, and has not read yet what came meanwhile', () => {
    member.load = 1;
    clock.pass(PING_EVERY_MS);
    stoodStillMs = 10 * STALLED_AFTER_MS;
    clock.pass(PING_EVERY_MS);
    expect(events).to.deep.equal(['ping']);
    clock.pass(STALLED_AFTER_MS - 2 * PING_EVERY_MS);
    expect(events).to.deep.equal(['ping']);
    clock.pass(PING_EVERY_MS);
    expect(events).to.deep.equal(['ping', 'stalled']);
  });

  it('ends a process that nobody used for long, and not before', () => {
    clock.pass(PING_EVERY_MS);
    clock.pass(WORKER_IDLE_MS - 1);
    expect(events).not.to.include('tired');
    clock.pass(2 * WORKER_IDLE_MS);
    expect(events).to.include('tired');
  });

  it('ends a process that grew too big once it has nothing to do', () => {
    member.load = 1;
    member.overweight = true;
    clock.pass(PING_EVERY_MS);
    expect(member.leaving).to.equal(true);
    expect(events).not.to.include('tired');
    member.load = 0;
    member.pingedAtMs = undefined;
    clock.pass(PING_EVERY_MS);
    expect(events).to.include('tired');
  });

  it('ends a process with a handler that goes on long after its call', () => {
    member.load = 1;
    member.orphans.add(1);
    member.orphanedAtMs = clock.now();
    for (let passedMs = 0; passedMs < ORPHAN_GRACE_MS + PING_EVERY_MS; passedMs += PING_EVERY_MS) {
      member.pingedAtMs = undefined;
      expect(events).not.to.include('tired');
      clock.pass(PING_EVERY_MS);
    }
    expect(events).to.include('tired');
  });
});

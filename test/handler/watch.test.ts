import { expect } from 'chai';
import fc from 'fast-check';
import { Guard, Watch, type Watched } from '../../runtime/handler/watch.js';
import type { Fault } from '../../runtime/model/faults.js';
import type { WorkerAnswer } from '../../runtime/session/call.js';
import { TestClock } from './support.js';

const ANSWER: WorkerAnswer = { response: { status: 200, headers: {}, body: Buffer.from('done') }, writes: [], effects: [], telemetry: [] };
const HOUR_MS = 3_600_000;

class Run extends Guard {
  readonly told: string[] = [];

  failed({ code }: Fault): void {
    this.told.push(code);
  }

  stopped(): void {
    this.told.push('stopped');
  }
}

describe('The watch over runs', () => {
  let clock: TestClock;
  let watch: Watch;

  beforeEach(() => {
    clock = new TestClock();
    watch = new Watch(clock);
  });

  const begun = (call: Watched): Run => {
    const run = new Run(call);
    watch.begin(run);
    return run;
  };
  const timed = (timeoutMs: number): Watched => ({ signal: new AbortController().signal, timeoutMs });

  it('costs runs that end at once one timer for all of them, and never asks for their signals', () => {
    const call: Watched = { timeoutMs: 1_000, get signal(): AbortSignal { throw new Error('nobody needs it'); } };
    for (let ms = 0; ms < 100; ms += 1) {
      for (let count = 0; count < 10; count += 1) expect(watch.settle(begun(call))).to.equal(true);
      clock.pass(1);
    }
    expect(clock.timersSet).to.be.at.most(21);
    clock.pass(HOUR_MS);
    expect(clock.waiting).to.equal(0);
  });

  it('holds on to no run that has ended, nor lets an ended one hold on to another', () => {
    const [first, second, third] = [begun(timed(1_000)), begun(timed(1_000)), begun(timed(1_000))];
    watch.settle(second);
    expect([second.newer, second.older, first.newer, third.older]).to.deep.equal([undefined, undefined, third, first]);
    watch.settle(first);
    watch.settle(third);
    expect([first.newer, first.older, third.newer, third.older]).to.deep.equal([undefined, undefined, undefined, undefined]);
  });

  it('gives a run all of its time, and a few milliseconds more at most, whenever it begins', () => {
    for (const pauseMs of [0, 1, 4, 5, 7]) {
      clock.pass(pauseMs);
      const early = begun(timed(100));
      clock.pass(3);
      const late = begun(timed(100));
      clock.pass(96);
      expect(early.told).to.deep.equal([]);
      clock.pass(6);
      expect(early.told).to.deep.equal(['HANDLER_TIMEOUT', 'stopped']);
      clock.pass(3);
      expect(late.told).to.deep.equal(['HANDLER_TIMEOUT', 'stopped']);
    }
  });

  it('lets a run without a limit go on', () => {
    const run = begun(timed(0));
    clock.pass(HOUR_MS);
    expect(run.told).to.deep.equal([]);
    expect(watch.settle(run)).to.equal(true);
  });

  it('tells a run that its client has gone, before it is watched for itself and after', () => {
    const [atOnce, later] = [new AbortController(), new AbortController()];
    const runs = [atOnce, later].map(({ signal }) => begun({ signal, timeoutMs: 0 }));
    atOnce.abort();
    clock.pass(20);
    expect(runs.map(({ told }) => told)).to.deep.equal([['CLIENT_GONE', 'stopped'], []]);
    later.abort();
    expect(runs[1]!.told).to.deep.equal(['CLIENT_GONE', 'stopped']);
    expect(runs.map((run) => watch.settle(run))).to.deep.equal([false, false]);
  });

  it('settles each run once, in whatever order runs begin and end', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.constant('begin'), fc.nat(20), fc.constant('pass')), { maxLength: 200 }), (steps) => {
      const time = new TestClock();
      const watched = new Watch(time);
      const [open, ended]: [Run[], Run[]] = [[], []];
      for (const step of steps) {
        if (step === 'begin') {
          open.push(new Run(timed(500)));
          watched.begin(open.at(-1)!);
        } else if (step === 'pass') time.pass(2);
        else if (typeof step === 'number' && open.length > 0) {
          const [run] = open.splice(step % open.length, 1);
          expect(watched.settle(run!)).to.equal(run!.told.length === 0);
          ended.push(run!);
        }
      }
      const wereOver = ended.map(({ told }) => told.length);
      time.pass(HOUR_MS);
      expect(ended.map(({ told }) => told.length)).to.deep.equal(wereOver);
      expect(open.every(({ told }) => told.join() === 'HANDLER_TIMEOUT,stopped')).to.equal(true);
      expect(time.waiting).to.equal(0);
    }));
  });

  it('settles as the promise of a run does, if that is in time', async () => {
    expect(await watch.over(Promise.resolve(ANSWER), timed(100), () => expect.fail('it was in time'))).to.equal(ANSWER);
    const failed = await watch.over(Promise.reject(new Error('no')), timed(100), () => expect.fail('it was in time')).catch((error: Error) => error.message);
    expect(failed).to.equal('no');
    let stopped = 0;
    const late = watch.over(new Promise(() => undefined), timed(100), () => { stopped += 1; }).catch(({ code }: Fault) => code);
    clock.pass(200);
    expect(await late).to.equal('HANDLER_TIMEOUT');
    expect(stopped).to.equal(1);
  });

  it('lets go of an answer that begins to stream too late', async () => {
    let left = false;
    let begin!: (answer: WorkerAnswer) => void;
    const running = new Promise<WorkerAnswer>((resolve) => { begin = resolve; });
    const late = watch.over(running, timed(100), () => undefined).catch(({ code }: Fault) => code);
    clock.pass(200);
    const stream = { [Symbol.asyncIterator]: () => stream, next: () => Promise.resolve({ done: true as const, value: undefined }), return: async () => { left = true; return { done: true as const, value: undefined }; } };
    begin({ ...ANSWER, response: { ...ANSWER.response, stream } });
    expect(await late).to.equal('HANDLER_TIMEOUT');
    await running;
    await Promise.resolve();
    expect(left).to.equal(true);
  });
});

import { expect } from 'chai';
import { ALL_GUARDS, type Guards } from '../../runtime/model/guards.js';
import { type Plan, planOf } from './plan.js';
import { isShrinkable, kindOf, showPlan, shrink, sizeOf } from './shrink.js';
import { Simulation } from './simulation.js';

describe('a guard of the protocol switched off', function planted() {
  this.timeout(600_000);

  /** Guards that every second seed or so misses, each in a way of its own; which seeds do so depends on how many messages a move has. */
  const PLANTED: { guard: keyof Guards; kind: string }[] = [
    { guard: 'requestIdDedupe', kind: 'item twice' },
    { guard: 'updateEpochCompare', kind: 'epoch fell' },
    { guard: 'deleteAfterConfirm', kind: 'item lost' },
    { guard: 'stubFollowsRecord', kind: 'never served' },
  ];
  const MOST_SEEDS = 30;
  const stormy = (seed: number) => planOf({ seed, size: 150, nodes: 4, sessions: 2, chances: { network: 0.12, store: 0.02 }, tries: 60, deliveries: 'by id' });
  /** The first seed that shows it without the guard, and holds with it. */
  async function found(guards: Guards, kind: string, change: Partial<Plan> = {}) {
    for (let seed = 1; seed <= MOST_SEEDS; seed += 1) {
      const plan = stormy(seed);
      const report = await new Simulation({ ...plan, ...change }, guards).run();
      if (!report.violations.some((violation) => kindOf(violation) === kind)) continue;
      if ((await new Simulation(plan).run()).violations.length === 0) return { plan, report };
    }
    throw new Error(`none of ${MOST_SEEDS} seeds shows: ${kind}`);
  }

  /** Making small ends by itself, however far it has come. */
  const BOUNDS = { runs: 100, steps: 150_000 };

  it('is found where receivers have forgotten ids and know of no order: effects that happen twice', async () => {
    const { plan } = await found(ALL_GUARDS, 'ledger differs', { deliveries: 'by nothing' });
    expect((await new Simulation({ ...plan, deliveries: 'by place' }).run()).violations).to.deep.equal([]);
    expect((await new Simulation({ ...plan, deliveries: 'by id' }).run()).violations).to.deep.equal([]);
  });

  for (const { guard, kind } of PLANTED) {
    it(`is found by the simulation, and a few actions are left of the plan that shows it: ${guard}`, async () => {
      const guards = { ...ALL_GUARDS, [guard]: false };
      const { plan, report } = await found(guards, kind);
      const small = await shrink(plan, report, { guards, ...BOUNDS });
      expect(small.report.violations.map(kindOf)).to.include(kind);
      expect(sizeOf(small.plan), showPlan(small.plan).join('\n')).to.be.below(60);
      expect(sizeOf(small.plan) * 3).to.be.below(sizeOf({ ...plan, faults: report.faults }));
      expect((await new Simulation(small.plan, guards).run()).violations, 'it shows again').to.deep.equal(small.report.violations);
      expect((await new Simulation(small.plan).run()).violations, 'with the guard it holds').to.deep.equal([]);
    });
  }

  it('is made small within bounds of runs, of steps and of time', async () => {
    const guards = { ...ALL_GUARDS, requestIdDedupe: false };
    const { plan, report } = await found(guards, 'item twice');
    const [one, none, late] = [await shrink(plan, report, { guards, runs: 1 }), await shrink(plan, report, { guards, steps: 0 }), await shrink(plan, report, { guards, isOver: () => true })];
    expect([one.runs, none.runs, late.runs]).to.deep.equal([1, 0, 0]);
    expect(none.report).to.equal(report);
  });

  it('is not looked for in a history that could not be judged', async () => {
    const plan = stormy(1);
    const report = { ...await new Simulation(plan).run(), violations: ['history undecided: session s0: undecided'] };
    expect(isShrinkable(report)).to.equal(false);
    expect((await shrink(plan, report)).runs).to.equal(0);
    expect(isShrinkable({ ...report, violations: [...report.violations, 'item lost: s0 lost i1'] })).to.equal(true);
  });

  it('ends a run at its bound of steps, or when there is no time left, and says so', async () => {
    const short = await new Simulation(stormy(1), undefined, { steps: 100 }).run();
    expect({ isCutShort: short.isCutShort, violations: short.violations }).to.deep.equal({ isCutShort: true, violations: [] });
    expect(short.steps).to.be.within(100, 110);
    expect((await new Simulation(stormy(1), undefined, { isOver: () => true }).run()).isCutShort).to.equal(true);
  });
});

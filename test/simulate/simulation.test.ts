import { expect } from 'chai';
import { ALL_GUARDS, type Guards } from '../../runtime/model/guards.js';
import { namesOf, planOf } from './plan.js';
import { kindOf, showPlan, shrink, sizeOf } from './shrink.js';
import { simulate, Simulation } from './simulation.js';

const LIMIT_MS = 120_000;

describe('the domain under a seeded storm of moves, lost calls and crashes', function storms() {
  this.timeout(LIMIT_MS);

  for (const seed of [1, 3, 60]) {
    it(`keeps every invariant, and every history linearizable, with seed ${seed}`, async () => {
      const report = await simulate({ seed, size: 400 });
      expect(report.violations).to.deep.equal([]);
      expect(report.moves, 'moves that succeeded').to.be.greaterThan(10);
      expect(report.crashes, 'crashes').to.be.greaterThan(1);
      expect(report.misfortunes, 'pauses, stores that were down, steps of clocks').to.be.greaterThan(1);
      expect(report.lostCalls, 'lost and late calls').to.be.greaterThan(0);
      expect(report.storeFailures, 'failed calls of a store').to.be.greaterThan(0);
      expect(report.reads, 'reads').to.be.greaterThan(20);
      expect(report.acknowledged, 'acknowledged writes').to.be.greaterThan(100);
      expect(report.judged, 'operations in the history').to.be.at.least(report.acknowledged);
      expect(report.delivered, 'effects at the root').to.be.at.least(report.acknowledged);
    });
  }

  it('runs the same way again for the same seed', async () => {
    expect(await simulate({ seed: 7, size: 150 })).to.deep.equal(await simulate({ seed: 7, size: 150 }));
  });

  it('makes trees of two to seven nodes', () => {
    const sizes = new Set(Array.from({ length: 200 }, (_, seed) => namesOf(planOf({ seed, size: 1 }).tree).length));
    expect([...sizes].sort()).to.deep.equal([2, 3, 4, 5, 6, 7]);
  });
});

describe('a guard of the protocol switched off', function planted() {
  this.timeout(LIMIT_MS);

  /** Seeds that show it soon; `npm run simulate -- --without GUARD` finds more. */
  const PLANTED: { guard: keyof Guards; seed: number }[] = [
    { guard: 'requestIdDedupe', seed: 1 },
  ];

  for (const { guard, seed } of PLANTED) {
    it(`is found by the simulation, and a few actions are left of the plan that shows it: ${guard}`, async () => {
      const guards = { ...ALL_GUARDS, [guard]: false };
      const plan = planOf({ seed, size: 150, nodes: 4, sessions: 2, chances: { network: 0.12, store: 0.02 } });
      const report = await new Simulation(plan, guards).run();
      expect(report.violations, 'the fault shows').to.have.length.above(0);
      const small = await shrink(plan, report, { guards, runs: 120 });
      expect(small.report.violations.map(kindOf)).to.include(kindOf(report.violations[0]!));
      expect(sizeOf(small.plan), showPlan(small.plan).join('\n')).to.be.below(30);
      expect((await new Simulation(small.plan, guards).run()).violations, 'it shows again').to.deep.equal(small.report.violations);
      expect((await new Simulation(small.plan).run()).violations, 'with the guard it holds').to.deep.equal([]);
    });
  }
});

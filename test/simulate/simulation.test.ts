import { expect } from 'chai';
import { namesOf } from '../domain/trees.js';
import { planOf } from './plan.js';
import { simulate } from './simulation.js';

describe('the domain under a seeded storm of moves, lost calls and crashes', function storms() {
  this.timeout(300_000);

  for (const seed of [1, 2, 3, 60]) {
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

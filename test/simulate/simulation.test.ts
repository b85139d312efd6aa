import { expect } from 'chai';
import { simulate } from './simulation.js';

describe('the domain under a seeded storm of moves, lost calls and crashes', () => {
  for (const seed of [1, 2, 3, 60, 115, 5055]) {
    it(`keeps every invariant with seed ${seed}`, async () => {
      const report = await simulate({ seed, steps: 800 });
      expect(report.violations).to.deep.equal([]);
      expect(report.moves, 'moves that succeeded').to.be.greaterThan(5);
      expect(report.crashes, 'crashes').to.be.greaterThan(1);
      expect(report.lostCalls, 'lost calls').to.be.greaterThan(0);
      expect(report.storeFailures, 'failed calls of a store').to.be.greaterThan(0);
      expect(report.reads, 'reads').to.be.greaterThan(20);
      expect(report.acknowledged, 'acknowledged writes').to.be.greaterThan(200);
      expect(report.delivered, 'effects at the root').to.be.at.least(report.acknowledged);
    });
  }

  it('runs the same way again for the same seed', async () => {
    expect(await simulate({ seed: 7, steps: 300 })).to.deep.equal(await simulate({ seed: 7, steps: 300 }));
  });
});

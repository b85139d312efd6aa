import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { ALL_GUARDS } from '../../runtime/model/guards.js';
import { Fingerprints } from './fingerprints.js';
import { NEGATIVES, runNegative } from './negatives.js';
import { runScenario, scenario, SCENARIOS, type Scenario } from './scenarios.js';

/** States a scenario: the whole of it is explored by `npm run model`. */
const MAX_STATES = 5_000;

describe('Model check of the step function', function () {
  this.timeout(300_000);

  for (const one of SCENARIOS) {
    it(`keeps every invariant near the start of ${one.name}`, () => {
      const run = runScenario(one, { maxStates: MAX_STATES, liveness: true });
      expect(run.found, JSON.stringify(run.found, null, 2)).to.equal(undefined);
      expect(run.states).to.be.greaterThan(30);
    });
  }

  it('sees moves that commit, requests that are replayed and quiet ends when it explores a whole scenario', () => {
    const run = runScenario(scenario('an update owed, then a move with a lost message'), { maxStates: 200_000, liveness: true });
    expect(run.found, JSON.stringify(run.found, null, 2)).to.equal(undefined);
    expect(run.isComplete).to.equal(true);
    expect(run.quiet).to.be.greaterThan(0);
    for (const name of ['move', 'acknowledged', 'ask:committed', 'ask:fenced', 'abort:aborted', 'acquire:hold']) {
      expect(run.coverage.get(name), name).to.be.greaterThan(0);
    }
  });

  const besideClients: Scenario = {
    ...scenario('effects with a crash, a lost lease and a failing handler'), name: 'effects beside two clients', entries: [[0], [0]], budget: { duplicate: 1 },
  };
  const named = ['two moves at once', 'two requests and a lost lease', 'the short way with a crash and a duplicated message'].map(scenario);
  for (const one of [...named, besideClients]) {
    it(`reaches as many states up to names as it tells apart without symmetry: ${one.name}`, () => {
      const all = runScenario(one, { maxStates: 50_000, liveness: true, symmetry: false });
      const reduced = runScenario(one, { maxStates: 50_000, liveness: true });
      expect(all.isComplete && reduced.isComplete).to.equal(true);
      expect(reduced.states).to.equal(all.classes);
      expect(all.states).to.be.greaterThan(reduced.states);
      expect(reduced.depth).to.equal(all.depth);
    });
  }

  it('has a counterexample for every guard', () => {
    expect(Object.keys(ALL_GUARDS).filter((name) => !NEGATIVES.some(({ guard }) => guard === name))).to.deep.equal([]);
  });

  it('knows of no guard that the documentation does not name', async () => {
    const text = await readFile(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
    expect(Object.keys(ALL_GUARDS).filter((name) => !text.includes(`\`${name}\``))).to.deep.equal([]);
  });

  for (const negative of NEGATIVES) {
    it(`notices the absence of ${negative.guard} in ${negative.scenario}, in steps that do no harm with it`, () => {
      const result = runNegative(negative);
      expect(result.noticed, `nothing breaks without ${negative.guard}`).to.equal(true);
      expect(result.holds, `${result.withGuard}\n${result.steps.join('\n')}`).to.equal(true);
    });
  }
});

describe('A set of fingerprints', () => {
  it('numbers what is new in order and knows what it has seen, also after it grew', () => {
    const set = new Fingerprints(4);
    for (let i = 0; i < 1_000; i++) expect(set.add(i % 7, i)).to.equal(-1 - i);
    for (let i = 0; i < 1_000; i++) expect(set.add(i % 7, i)).to.equal(i);
    expect(set.size).to.equal(1_000);
  });
});

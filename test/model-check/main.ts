/**
 * `npm run model [-- --full] [-- --scenario NAME] [-- --minutes N] [-- --max-states N]`: explores every scenario, prints the number of
 * reachable states, and ends with 1 when an invariant breaks (with the steps that lead there), when
 * something that should have happened never did, or when a guard's absence goes unnoticed. The whole bounds are larger than a
 * machine: each scenario goes, breadth first, as far as its share of the minutes and of the states lets it, and says how far that was.
 */
import { parseArgs } from 'node:util';
import { missing } from './coverage.js';
import { NEGATIVES, runNegative } from './negatives.js';
import { runScenario, SCENARIOS, WHOLE, type Scenario } from './scenarios.js';

const { values } = parseArgs({
  options: { full: { type: 'boolean' }, scenario: { type: 'string' }, 'max-states': { type: 'string' }, minutes: { type: 'string' } },
});
/** Forty to a hundred bytes each: what 6 GB hold. */
const maxStates = Number(values['max-states'] ?? (values.full ? 60_000_000 : 3_000_000));
const minutes = Number(values.minutes ?? (values.full ? 120 : Infinity));
const isWanted = ({ name }: Scenario) => !values.scenario || name.includes(values.scenario);
const whole = values.full ? WHOLE.filter(isWanted) : [];

const coverage = new Map<string, number>();
let [states, depth, failures, collisions] = [0, 0, 0, 0];

function report(one: Scenario, untilMs = Infinity): void {
  const startMs = performance.now();
  const run = runScenario(one, { maxStates, liveness: true, untilMs }, undefined, coverage);
  states += run.states;
  depth = Math.max(depth, run.depth);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  const budget = Object.entries(one.budget).map(([name, count]) => `${name} ${count}`).join(', ');
  console.log(`${one.name} (${budget}): ${run.states} states, ${run.quiet} quiet, depth ${run.depth}, ${seconds} s`);
  if (!run.isComplete && !run.found) console.log(`  not complete: every state within ${run.completeDepth} steps of the start, and part of those beyond`);
  collisions += run.states ** 2 / 2 ** 65;
  if (!run.found) return;
  failures += 1;
  console.log(`  VIOLATION: ${run.found.violation}`);
  run.found.steps.forEach((step, i) => console.log(`  ${i + 1}. ${step}`));
}

for (const one of SCENARIOS.filter(isWanted)) report(one);
// Each whole scenario has its share of the time that is left.
whole.forEach((one, i) => report(one, performance.now() + (minutes * 60_000 - performance.now()) / (whole.length - i)));

if (!values.scenario) {
  const never = missing(coverage);
  if (never.length > 0) console.log(`never happened: ${never.join(', ')}`);
  failures += never.length;
  for (const negative of NEGATIVES) {
    const result = runNegative(negative);
    console.log(`without ${negative.guard}: ${result.noticed ? result.violation : 'NOT NOTICED'} (${result.steps.length} steps)`);
    result.steps.forEach((step, i) => console.log(`  ${i + 1}. ${step}`));
    if (result.noticed) console.log(`  with it: ${result.withGuard}`);
    if (!result.noticed || !result.holds) failures += 1;
  }
}
// States are kept as 64-bit fingerprints: two that share one would be taken for one.
console.log(`probability that two states were taken for one: below ${collisions.toExponential(1)}`);
console.log(`${states} reachable states, depth ${depth}`);
process.exit(failures > 0 ? 1 : 0);

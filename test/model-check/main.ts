/**
 * `npm run model [-- --full] [-- --scenario NAME]`: explores every scenario, prints the number of
 * reachable states, and ends with 1 when an invariant breaks (with the steps that lead there), when
 * something that should have happened never did, or when a guard's absence goes unnoticed.
 */
import { parseArgs } from 'node:util';
import { missing } from './coverage.js';
import { NEGATIVES, runNegative } from './negatives.js';
import { FULL, runScenario, SCENARIOS, type Scenario } from './scenarios.js';

const { values } = parseArgs({ options: { full: { type: 'boolean' }, scenario: { type: 'string' }, 'max-states': { type: 'string' } } });
const maxStates = Number(values['max-states'] ?? (values.full ? 150_000_000 : 3_000_000));
const chosen = (values.full ? FULL : SCENARIOS).filter(({ name }) => !values.scenario || name.includes(values.scenario));

const coverage = new Map<string, number>();
let [states, depth, failures] = [0, 0, 0];

function report(one: Scenario): void {
  const startMs = performance.now();
  const run = runScenario(one, { maxStates, liveness: true }, undefined, coverage);
  states += run.states;
  depth = Math.max(depth, run.depth);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  const budget = Object.entries(one.budget).map(([name, count]) => `${name} ${count}`).join(', ');
  console.log(`${one.name} (${budget}): ${run.states} states, ${run.quiet} quiet, depth ${run.depth}, ${seconds} s`);
  if (!run.isComplete && !run.found) console.log('  not complete: the bound on states was reached');
  if (!run.found) return;
  failures += 1;
  console.log(`  VIOLATION: ${run.found.violation}`);
  run.found.steps.forEach((step, i) => console.log(`  ${i + 1}. ${step}`));
}

for (const one of chosen) report(one);

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
console.log(`${states} reachable states, depth ${depth}`);
process.exit(failures > 0 ? 1 : 0);

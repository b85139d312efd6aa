/** `npm run simulate -- --seed N --steps N [--runs N]`: runs seeds one after the other and says how to see a failing one again. */
import { parseArgs } from 'node:util';
import { simulate } from './simulation.js';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, steps: { type: 'string', default: '2000' }, runs: { type: 'string', default: '1' }, seconds: { type: 'string' } },
});
const [first, steps, runs] = [Number(values.seed), Number(values.steps), Number(values.runs)];
const endMs = values.seconds ? Date.now() + Number(values.seconds) * 1_000 : Number.POSITIVE_INFINITY;
let [done, total] = [0, 0];
for (let seed = first; (values.seconds ? Date.now() < endMs : seed < first + runs); seed += 1) {
  const report = await simulate({ seed, steps }).catch((error: unknown) => {
    console.error(`again: npm run simulate -- --seed ${seed} --steps ${steps}`);
    throw error;
  });
  done += 1;
  total += report.steps;
  if (report.violations.length > 0) {
    console.error(JSON.stringify(report, null, 2));
    console.error(`again: npm run simulate -- --seed ${seed} --steps ${steps}`);
    process.exit(1);
  }
  if (!values.seconds) console.log(JSON.stringify(report));
}
console.log(`${done} seeds, ${total} steps, no violation`);

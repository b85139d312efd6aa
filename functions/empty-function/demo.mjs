/** What a call costs that does nothing. */
import { demo, expect, say } from '../demo.mjs';

await demo(async (domain) => {
  const [leaf] = domain.leaves;
  const times = [];
  const statuses = new Set();
  for (let turn = 0; turn < 50; turn += 1) {
    const startMs = performance.now();
    statuses.add((await domain.call(leaf, 'empty-function')).status);
    times.push(performance.now() - startMs);
  }
  say(`median of 50 calls, one after the other: ${times.sort((a, b) => a - b)[25].toFixed(2)} ms`);
  expect('statuses', [...statuses], [200]);
});

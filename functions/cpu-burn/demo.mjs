/** Two long calls at once, and a short one beside them that need not wait. */
import { demo, expect, say } from '../demo.mjs';

await demo(async (domain) => {
  const [leaf] = domain.leaves;
  const long = [300, 300].map((ms) => domain.call(leaf, `cpu-burn?ms=${ms}`));
  const { body } = await domain.call(leaf, 'cpu-burn?ms=1');
  say(`a call of 1 ms, beside two of 300 ms: ${body.rounds} rounds`);
  expect('all answered', (await Promise.all(long)).map(({ status }) => status), [200, 200]);
});

/** A session grows to a megabyte and moves; what that takes is printed. */
import { demo, expect, say } from '../demo.mjs';

await demo(async (domain) => {
  const [leaf] = domain.leaves;
  const session = domain.fresh('log');
  for (let turn = 0; turn < 10; turn += 1) await domain.call(leaf, 'stateful-append?bytes=100000', { method: 'POST', session });
  const startMs = performance.now();
  await domain.offload(leaf, session);
  say(`a session of 1 MB moved from ${leaf.name} to ${domain.above(leaf).name} in ${(performance.now() - startMs).toFixed(0)} ms`);
  await domain.call(leaf, 'stateful-append', { method: 'POST', session, body: 'the end' });
  const { body, node } = await domain.call(leaf, 'stateful-append', { session });
  expect(`at ${node}`, body, { entries: 11, bytes: 1_000_007 });
});

/** Somebody speaks at a small node; the session moves to a bigger one, and what was said is there. */
import { randomBytes } from 'node:crypto';
import { demo, expect, say } from '../demo.mjs';

await demo(async (domain) => {
  const [leaf] = domain.leaves;
  const session = domain.fresh('speaker');
  const said = [];
  for (const turn of [1, 2, 3]) {
    const { body, node } = await domain.call(leaf, 'speech-history', { method: 'POST', session, body: randomBytes(20_000) });
    say(`${node}: ${body.transcript} (${body.ms} ms of processor time)`);
    said.push(body.transcript);
    if (turn === 1) await domain.offload(leaf, session);
  }
  const { body, node } = await domain.call(leaf, 'speech-history', { session });
  expect(`the history at ${node}`, body.history, said);
});

/** People below one parent search; what they look for is known there, and only there. */
import { demo, say, until } from '../demo.mjs';

await demo(async (domain) => {
  const [first] = domain.leaves;
  const parent = domain.above(first);
  const leaves = domain.leaves.filter(({ parent: name }) => name === parent.name);
  const term = domain.fresh('bicycle');
  for (const leaf of leaves) {
    const session = domain.fresh('user');
    await domain.call(leaf, `search?q=${term}`, { method: 'POST', session });
    await domain.offload(leaf, session);
    await domain.call(leaf, `search?q=${term}`, { method: 'POST', session });
    say(`${session} has searched twice for ${term}, at ${leaf.name} and at ${parent.name}`);
  }
  const count = async () => {
    const { body } = await domain.call(parent, 'search-analytics?minutes=10&top=100', { session: `propagate:search-analytics@${parent.name}` });
    return body.terms?.find((each) => each.term === term)?.count;
  };
  await until(`searches for it in the last 10 minutes, known at ${parent.name}`, count, 2 * leaves.length);
});

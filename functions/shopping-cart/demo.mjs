/** Carts below two parents are filled while they move and requests are repeated; the counters above have each product exactly once. */
import { randomUUID } from 'node:crypto';
import { demo, expect, say, until } from '../demo.mjs';

await demo(async (domain) => {
  const carts = domain.leaves.map((leaf) => ({ leaf, session: domain.fresh(`cart-at-${leaf.name}`) }));
  const product = domain.fresh('apple');
  const add = ({ leaf, session }, requestId = randomUUID()) =>
    domain.call(leaf, `shopping-cart?product=${product}`, { method: 'POST', session, requestId });

  for (const cart of carts) {
    await add(cart);
    await domain.offload(cart.leaf, cart.session);
    const requestId = randomUUID();
    await add(cart, requestId);
    await add(cart, requestId);
    say(`${cart.session} has moved up to ${domain.above(cart.leaf).name}; the second product was sent twice`);
    await domain.onload(cart.leaf, cart.session);
    await add(cart);
    const { body } = await domain.call(cart.leaf, 'shopping-cart', { session: cart.session });
    expect(cart.session, body.products, [product, product, product]);
  }
  for (const parent of new Set(carts.map(({ leaf }) => domain.above(leaf)))) {
    const below = carts.filter(({ leaf }) => leaf.parent === parent.name).length;
    const count = async () => {
      const { body } = await domain.call(parent, 'products-counter', { session: `propagate:products-counter@${parent.name}` });
      return body.products?.[product];
    };
    await until(`counted at ${parent.name}, over ${below} carts`, count, 3 * below);
  }
});

import { expect } from 'chai';
import { testContext, testRequest } from 'xylem';
import { testDomain } from 'xylem/testing';
import ProductsCounter from '../products-counter/handler.js';
import ShoppingCart from './handler.js';

describe('shopping-cart', () => {
  const cart = new ShoppingCart();

  it('keeps what is added in order, duplicates too', async () => {
    const context = testContext();
    for (const product of ['apple', 'pear', 'apple']) {
      await cart.handleOffload(testRequest({ method: 'POST', query: { product } }), context);
    }
    expect(await cart.handleOffload(testRequest(), context)).to.deep.equal({ products: ['apple', 'pear', 'apple'] });
  });

  it('answers an empty cart to who has added nothing', async () => {
    expect(await cart.handleOffload(testRequest(), testContext())).to.deep.equal({ products: [] });
  });

  it('propagates each added product once, and only to a level it was given', async () => {
    const told: unknown[][] = [];
    const propagate = (...what: unknown[]) => void told.push(what);
    const add = testRequest({ method: 'POST', query: { product: 'apple' } });
    await cart.handleOffload(add, testContext({ propagate }));
    expect(told).to.deep.equal([]);
    const context = testContext({ propagate, env: { COUNTER_LEVEL: 'city' } });
    expect(await cart.handleOffload(add, context)).to.deep.equal({ products: ['apple'] });
    await cart.handleOffload(testRequest(), context);
    expect(told).to.deep.equal([['apple', 'city', 'products-counter']]);
  });

  it('refuses to add nothing', async () => {
    expect(await cart.handleOffload(testRequest({ method: 'POST' }), testContext())).to.include({ status: 400 });
  });

  it('is counted once for each add over all carts below one parent, while carts and counter move and requests are repeated', async () => {
    const domain = testDomain({ 'shopping-cart': ShoppingCart, 'products-counter': ProductsCounter }, { env: { COUNTER_LEVEL: 'city' } });
    const counter = 'propagate:products-counter@city';
    const add = (session: string, product: string, requestId: string) =>
      domain.call('shopping-cart', { session, method: 'POST', query: { product }, requestId });
    for (const [turn, place] of ['city', 'cloud', 'edge'].entries()) {
      for (const session of ['anna', 'ben']) {
        const requestId = `6a1e7a0e-52ad-4c5f-9d6d-${session === 'anna' ? 'a' : 'b'}0000000000${turn}`;
        await add(session, 'apple', requestId);
        await domain.move(session, place);
        expect((await add(session, 'apple', requestId)).replayed).to.equal(true);
      }
      await domain.settle();
      await domain.move(counter, place === 'edge' ? 'city' : 'cloud');
    }
    await domain.settle();
    expect((await domain.call('products-counter', { session: counter })).json()).to.deep.equal({ products: { apple: 6 } });
    expect(await domain.dataOf('anna')).to.deep.equal({ products: ['apple', 'apple', 'apple'] });
    domain.close();
  });
});

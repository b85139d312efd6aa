import { expect } from 'chai';
import { testContext, testRequest } from 'xylem';
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
});

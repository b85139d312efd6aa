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

  it('refuses to add nothing', async () => {
    expect(await cart.handleOffload(testRequest({ method: 'POST' }), testContext())).to.include({ status: 400 });
  });
});

import { expect } from 'chai';
import { testContext, testRequest } from 'xylem';
import ProductsCounter from './handler.js';

describe('products-counter', () => {
  const counter = new ProductsCounter();

  it('counts each product by itself', async () => {
    const context = testContext();
    for (const body of ['apple', 'pear', 'apple', '__proto__']) await counter.handleOffload(testRequest({ method: 'POST', body }), context);
    const { products } = await counter.handleOffload(testRequest(), context) as { products: Record<string, number> };
    expect(JSON.parse(JSON.stringify(Object.entries(products).sort()))).to.deep.equal([['__proto__', 1], ['apple', 2], ['pear', 1]]);
  });

  it('refuses to count nothing', async () => {
    expect(await counter.handleOffload(testRequest({ method: 'POST' }), testContext())).to.include({ status: 400 });
  });
});

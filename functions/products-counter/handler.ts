/** Counts products over all carts below this node: what is propagated here is a product; GET tells the counts. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

const COUNT = 'count/';

export default class ProductsCounter extends Offloadable {
  async handleOffload(request: HandlerRequest, { edgeDB }: HandlerContext): Promise<unknown> {
    if (request.method === 'POST') {
      const product = request.text();
      if (!product) return { status: 400, body: { message: 'The body names the product' } };
      const count = Number(await edgeDB.get(COUNT + product) ?? 0) + 1;
      await edgeDB.set(COUNT + product, String(count));
      return { product, count };
    }
    if (request.method !== 'GET') return { status: 405, headers: { allow: 'GET, POST' } };
    const products: Record<string, number> = Object.create(null);
    for (const key of await edgeDB.keys()) {
      if (key.startsWith(COUNT)) products[key.slice(COUNT.length)] = Number(await edgeDB.get(key));
    }
    return { products };
  }
}

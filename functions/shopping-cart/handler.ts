/** A cart in a session: POST ?product=P adds P, GET tells what is in it. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

const PRODUCTS = 'products';

export default class ShoppingCart extends Offloadable {
  async handleOffload(request: HandlerRequest, { edgeDB }: HandlerContext): Promise<unknown> {
    if (request.method === 'POST') {
      const product = request.query.get('product');
      if (!product) return { status: 400, body: { message: 'Name the product: ?product=apple' } };
      await edgeDB.addToList(PRODUCTS, product);
    } else if (request.method !== 'GET') {
      return { status: 405, headers: { allow: 'GET, POST' } };
    }
    return { products: await edgeDB.getList(PRODUCTS) };
  }
}

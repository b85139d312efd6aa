/** A cart in a session: POST ?product=P adds P, GET tells what is in it. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

const PRODUCTS = 'products';
/** Told of each product that is added, at the level that the environment names; nobody is when it names none. */
const COUNTER = 'products-counter';

export default class ShoppingCart extends Offloadable {
  async handleOffload(request: HandlerRequest, context: HandlerContext): Promise<unknown> {
    const { edgeDB, env } = context;
    if (request.method === 'POST') {
      const product = request.query.get('product');
      if (!product) return { status: 400, body: { message: 'Name the product: ?product=apple' } };
      await edgeDB.addToList(PRODUCTS, product);
      if (env.COUNTER_LEVEL) context.propagate(product, env.COUNTER_LEVEL, COUNTER);
    } else if (request.method !== 'GET') {
      return { status: 405, headers: { allow: 'GET, POST' } };
    }
    return { products: await edgeDB.getList(PRODUCTS) };
  }
}

/**
 * A client as simple as one may be: it calls its node, follows 307, and sends the same request again
 * (same request id) after a 503. What it was told is kept, to be compared with the cart in the end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { headerOf, Http } from '../../bench/harness/http.js';
import type { Random } from '../../bench/harness/random.js';

export interface Tally {
  requests: number;
  acknowledged: number;
  replayed: number;
  unavailable: number;
  connectionErrors: number;
  /** Requests by the number of redirects in a row. */
  redirects: number[];
  violations: string[];
}

export interface CartClientOptions {
  session: string;
  /** Address of the node that the client knows. */
  origin: string;
  http: Http;
  random: Random;
  tally: Tally;
  /** A node may be killed: a broken connection is then answered by sending the same again. */
  toleratesLoss: boolean;
  function?: string;
  /** Longest time for one product. */
  patienceMs?: number;
}

const MAX_REDIRECTS = 4;
/** What a node may say for one that was killed: it could not be asked, or a request did not end in its time. The same may be sent again under its id. */
const OF_THE_DEAD = ['PEER_UNREACHABLE', 'HANDLER_TIMEOUT'];

export function emptyTally(): Tally {
  return { requests: 0, acknowledged: 0, replayed: 0, unavailable: 0, connectionErrors: 0, redirects: [], violations: [] };
}

export class CartClient {
  /** Carts as they were acknowledged, one an acknowledgement. */
  readonly acknowledged: { product: string; products: string[] }[] = [];

  constructor(readonly options: CartClientOptions) {}

  /** Adds one product; resolves when that is acknowledged. */
  async add(product: string): Promise<void> {
    const products = await this.#until('POST', `?product=${encodeURIComponent(product)}`, { 'x-session-request-id': this.options.random.uuid() });
    this.acknowledged.push({ product, products });
    this.options.tally.acknowledged += 1;
    if (products.at(-1) !== product) this.#violates(`${product} was acknowledged with a cart that ends with ${products.at(-1)}`);
  }

  /** The cart as it is now. */
  read(): Promise<string[]> {
    return this.#until('GET', '', {});
  }

  async #until(method: string, query: string, headers: Record<string, string>): Promise<string[]> {
    const { patienceMs = 180_000, random } = this.options;
    const untilMs = Date.now() + patienceMs;
    let last = '';
    for (let tries = 0; Date.now() < untilMs; tries += 1) {
      const outcome = await this.#once(method, query, headers);
      if (Array.isArray(outcome)) return outcome;
      last = outcome;
      await sleep(10 + random.below(Math.min(20 * (tries + 1), 200)));
    }
    throw new Error(`${this.options.session}: ${method} ${query} was not served within ${patienceMs} ms; last: ${last}`);
  }

  /** One try from the client's own node on. @returns the cart, or why it has to be tried again */
  async #once(method: string, query: string, headers: Record<string, string>): Promise<string[] | string> {
    const { session, origin, http, tally, toleratesLoss } = this.options;
    let url = `${origin}/function/${this.options.function ?? 'shopping-cart'}${query}`;
    const path: string[] = [];
    for (let redirects = 0; ; redirects += 1) {
      tally.requests += 1;
      path.push(url);
      const answer = await http.send({ method, url, headers: { ...headers, 'x-session': session } }).catch((error: Error) => error);
      if (answer instanceof Error) {
        tally.connectionErrors += 1;
        if (!toleratesLoss) this.#violates(`${method} ${url}: ${answer.message}`);
        return answer.message;
      }
      if (answer.status === 307) {
        if (redirects >= MAX_REDIRECTS) {
          this.#violates(`more than ${MAX_REDIRECTS} redirects in a row: ${path.join(' → ')}`);
          return 'too many redirects';
        }
        url = new URL(headerOf(answer, 'location')!, url).href;
        continue;
      }
      tally.redirects[redirects] = (tally.redirects[redirects] ?? 0) + 1;
      if (answer.status === 503) {
        tally.unavailable += 1;
        if (headerOf(answer, 'retry-after') === undefined) this.#violates(`503 without Retry-After from ${url}`);
        return `503 ${answer.body.toString()}`;
      }
      if (answer.status !== 200) {
        const text = answer.body.toString();
        if (!toleratesLoss || !OF_THE_DEAD.some((code) => text.includes(`"${code}"`))) this.#violates(`${method} ${path.join(' → ')}: ${answer.status} ${text}`);
        return `${answer.status} ${text}`;
      }
      if (headerOf(answer, 'x-session-replayed') !== undefined) tally.replayed += 1;
      return (JSON.parse(answer.body.toString()) as { products: string[] }).products;
    }
  }

  #violates(what: string): void {
    this.options.tally.violations.push(`${this.options.session}: ${what}`);
  }
}

/**
 * Compares a session's last cart with everything that was acknowledged: each product exactly once,
 * and each cart that a client was shown is how the last one begins.
 * @returns what is wrong, in words
 */
export function faultsOf(session: string, cart: string[], clients: CartClient[]): string[] {
  const faults: string[] = [];
  const acknowledged = clients.flatMap((client) => client.acknowledged);
  if (new Set(cart).size !== cart.length) {
    faults.push(`${session}: products counted twice: ${cart.filter((product, at) => cart.indexOf(product) !== at).slice(0, 5).join(', ')}`);
  }
  const held = new Set(cart);
  const lost = acknowledged.filter(({ product }) => !held.has(product));
  if (lost.length > 0) faults.push(`${session}: acknowledged and lost: ${lost.slice(0, 5).map(({ product }) => product).join(', ')}`);
  if (cart.length > acknowledged.length) faults.push(`${session}: ${cart.length} products, only ${acknowledged.length} were acknowledged`);
  for (const { product, products } of acknowledged) {
    if (products.every((shown, at) => cart[at] === shown)) continue;
    faults.push(`${session}: the cart shown with ${product} is not how the last one begins`);
    break;
  }
  return faults;
}

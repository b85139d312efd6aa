/** A page of another origin calls functions with `fetch`, follows its session from node to node, and keeps it. */
import { expect } from 'chai';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { Tree } from '../../bench/harness/tree.js';
import { launchOrSkip, PageServer, PATIENCE_MS } from './support.js';

interface Result {
  status?: number;
  redirected?: boolean;
  url?: string;
  text?: string;
  location?: string;
  epoch?: string;
  version?: string;
  failed?: string;
}

const CART = { name: 'shopping-cart', folder: fileURLToPath(new URL('../../../functions/shopping-cart', import.meta.url)) };
const NOTES = `import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';
  export default class extends Offloadable {
    async handleOffload(request: HandlerRequest, { edgeDB }: HandlerContext) {
      await edgeDB.addToList('notes', request.text());
      return edgeDB.getList('notes');
    }
  }`;

describe('A page in a browser', function () {
  this.timeout(300_000);
  let folder: string;
  let tree: Tree;
  let browser: Browser;
  let friend: PageServer;
  let stranger: PageServer;
  let page: Page;

  before(async function () {
    browser = await launchOrSkip(this);
    folder = await mkdtemp(join(tmpdir(), 'browser-'));
    const notes = join(folder, 'notes');
    await mkdir(notes);
    await writeFile(join(notes, 'handler.ts'), NOTES);
    [friend, stranger] = await Promise.all([PageServer.open(), PageServer.open()]);
    tree = new Tree({
      plans: [{ name: 'cloud', level: 'cloud' }, { name: 'milan', level: 'city', parent: 'cloud' }], store: 'memory',
      functions: [CART, { name: 'notes', folder: notes }], cors: { origins: [friend.origin] },
    });
    await tree.start();
  });
  after(async () => {
    await browser?.close();
    friend?.close();
    stranger?.close();
    await tree?.stop();
    if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  beforeEach(async () => {
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
  });
  afterEach(() => page?.close());

  const urlOf = (node: string, path: string) => `${tree.node(node).url}/function/${path}`;
  const call = (url: string, options: { method?: string; headers?: Record<string, string>; body?: string }): Promise<Result> =>
    page.evaluate(([to, how]) => (globalThis as unknown as { call(to: string, how: object): Promise<Result> }).call(to, how), [url, options] as const);
  const offload = (session: string) => tree.move(tree.node('milan'), `/function/force-offload?session=${session}`);

  it('calls a stateful function, is redirected when its session was offloaded, and keeps it', async () => {
    await page.goto(friend.origin);
    const anna = { 'X-session': 'anna' };
    const first = await call(urlOf('milan', 'shopping-cart?product=apple'), { headers: anna });
    expect(first).to.include({ status: 200, redirected: false, location: 'milan', epoch: '0' });
    expect(JSON.parse(first.text!)).to.deep.equal({ products: ['apple'] });
    await offload('anna');
    const second = await call(urlOf('milan', 'shopping-cart?product=pear'), { headers: { ...anna, 'X-session-version': first.version! } });
    expect(second).to.include({ status: 200, redirected: true, location: 'cloud' });
    expect(Number(second.epoch)).to.be.above(0);
    expect(JSON.parse(second.text!)).to.deep.equal({ products: ['apple', 'pear'] });
    const third = await call(urlOf('milan', 'shopping-cart'), { method: 'GET', headers: anna });
    expect(JSON.parse(third.text!)).to.deep.equal({ products: ['apple', 'pear'] });
    if (process.env['SCREENSHOT']) await page.screenshot({ path: process.env['SCREENSHOT'] });
  });

  it('sends its body and its request id along, once in effect', async () => {
    await page.goto(friend.origin);
    const headers = { 'X-session': 'bruno', 'Content-Type': 'text/plain' };
    expect((await call(urlOf('milan', 'notes'), { headers, body: 'caffè' })).text).to.equal('["caffè"]');
    await offload('bruno');
    const withId = { ...headers, 'X-session-request-id': '0f9a1c52-8a0e-4a6c-9a55-0d6b9d2f1a11' };
    const sent = await call(urlOf('milan', 'notes'), { headers: withId, body: 'latte' });
    expect(sent).to.include({ redirected: true, location: 'cloud', text: '["caffè","latte"]' });
    expect((await call(urlOf('milan', 'notes'), { headers: withId, body: 'latte' })).text).to.equal('["caffè","latte"]');
  });

  it('does without redirects where it asks the node to forward', async () => {
    await page.goto(friend.origin);
    const headers = { 'X-session': 'carla', 'X-session-redirect': 'forward' };
    await call(urlOf('milan', 'notes'), { headers, body: 'one' });
    await offload('carla');
    expect(await call(urlOf('milan', 'notes'), { headers, body: 'two' })).to.include({ redirected: false, location: 'cloud', text: '["one","two"]' });
  });

  it('reads the fault of a node as any other answer', async () => {
    await page.goto(friend.origin);
    for (const [path, code] of [['shopping-cart', 'SESSION_MISSING'], ['nothing-here', 'FUNCTION_UNKNOWN']]) {
      expect(JSON.parse((await call(urlOf('milan', path!), {})).text!)).to.include({ code });
    }
  });

  it('of an origin that is not let in gets nowhere, at no node and with no mark', async () => {
    await page.goto(stranger.origin);
    const headers = { 'X-session': 'anna' };
    const marked = 'shopping-cart?product=stolen&session-origin=9999999999999.aHR0cDovL3g.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    for (const path of ['shopping-cart?product=stolen', marked]) {
      for (const node of ['milan', 'cloud']) expect((await call(urlOf(node, path), { headers })).failed).to.contain('Failed to fetch');
    }
    // A sandboxed frame says `null`, as a redirected request does.
    const frame = await page.evaluate((url) => (globalThis as unknown as { callSandboxed(to: string): Promise<string> }).callSandboxed(url),
      urlOf('cloud', 'shopping-cart?product=stolen'));
    expect(frame).to.contain('Failed to fetch');
    const cart = await fetch(urlOf('cloud', 'shopping-cart'), { headers });
    expect(await cart.json()).to.deep.equal({ products: ['apple', 'pear'] });
  });
});

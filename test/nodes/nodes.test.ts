/** What a domain promises, on six real nodes: processes of their own, with stores on disk, spoken to by HTTP and by the command line. */
import { expect } from 'chai';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../bench/harness/random.js';
import { SIX_NODES, Tree } from '../../bench/harness/tree.js';
import { Shell } from '../cli/support.js';
import { Relay } from '../nemesis/relay.js';

const LIST = `import { Offloadable } from 'xylem';
  export default class extends Offloadable {
    async handleOffload(request, { edgeDB }) {
      if (request.method === 'POST') await edgeDB.addToList('items', request.query.get('item'));
      return { items: await edgeDB.getList('items') };
    }
  }`;
/** Says no to what it is sent until it is opened. */
const SHOP = `import { Offloadable } from 'xylem';
  export default class extends Offloadable {
    async handleOffload(request, { edgeDB }) {
      if (request.path === '/open') await edgeDB.set('open', 'yes');
      else if (request.method === 'POST' && (await edgeDB.get('open')) !== 'yes') return { status: 400, body: 'closed' };
      else if (request.method === 'POST') await edgeDB.addToList('orders', request.query.get('order'));
      return { orders: await edgeDB.getList('orders') };
    }
  }`;
const BUYER = `import { Offloadable } from 'xylem';
  export default class extends Offloadable {
    handleOffload(request, context) {
      context.call('shop', 'the shop', { query: { order: request.query.get('order') } });
      return 'ordered';
    }
  }`;
/** Longer than anything here takes, on whatever machine. */
const PATIENCE_MS = 120_000;

interface Letter { letter: string; node: string; session: string; reason: string }

describe('six real nodes', function suite() {
  this.timeout(2 * PATIENCE_MS);
  let folder: string;
  let tree: Tree;
  let shell: Shell;
  let relay: Relay;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nodes-'));
    for (const [name, code] of [['list', LIST], ['shop', SHOP], ['buyer', BUYER]] as const) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'handler.js'), code);
    }
    tree = new Tree({
      plans: SIX_NODES, store: 'embedded',
      functions: ['list', 'shop', 'buyer'].map((name) => ({ name, folder: join(folder, name), annotations: { worker: 'inline' } })),
      frontOf: async ({ name }) => {
        if (name !== 'cloud') return undefined;
        const { relay: made, ...front } = await Relay.beforeFreePort(new Random(1));
        relay = made;
        return front;
      },
    });
    await tree.start();
    shell = await Shell.open();
  });
  after(async () => {
    await tree?.stop();
    await shell?.close();
    await relay?.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const at = (node: string, path: string) => `${tree.node(node).url}/function/${path}`;
  /** As a browser does it: each 307 is followed. */
  async function call(node: string, path: string, session: string, method = 'GET') {
    const visited: string[] = [];
    for (let url = at(node, path); ;) {
      const answer = await fetch(url, { method, redirect: 'manual', headers: { 'X-session': session } });
      if (answer.status !== 307) {
        const body = await answer.text();
        return { status: answer.status, holder: answer.headers.get('x-session-location'), redirects: visited.length, body: body.startsWith('{') ? JSON.parse(body) as { items?: string[]; orders?: string[] } : {} };
      }
      await answer.arrayBuffer();
      visited.push(url);
      if (visited.length > 8) throw new Error(`redirected for ever: ${visited.join(' → ')}`);
      url = new URL(answer.headers.get('location')!, url).href;
    }
  }
  async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
    for (const untilMs = Date.now() + PATIENCE_MS; Date.now() < untilMs; await sleep(50)) {
      const found = await look();
      if (found) return found;
    }
    throw new Error(`in vain: ${what}`);
  }
  const inspected = async (node: string, session: string) =>
    (await tree.admin(tree.node(node), 'GET', `/api/v1/sessions/${encodeURIComponent(session)}/inspect`)).json as { state: string; owed?: unknown[]; undelivered?: number };
  const quiet = (session: string) => until(`${session} owes nobody`, async () => {
    const views = await Promise.all(tree.all.map(({ name }) => inspected(name, session)));
    return views.every(({ state, owed = [] }) => owed.length === 0 && state !== 'leaving' && state !== 'arriving');
  });
  const cli = (...args: string[]) => shell.run(...args, '--gateway', tree.node('cloud').url, '--password-file', join(tree.folder, 'admin-password'));
  const listed = async <T>(...args: string[]): Promise<T[]> => {
    const { code, stdout, stderr } = await cli(...args, '--json');
    expect(code, stderr).to.equal(0);
    return JSON.parse(stdout) as T[];
  };
  const migrate = (session: string, to: string, rehome = false) =>
    tree.move(tree.node('cloud'), `/api/v1/sessions/${encodeURIComponent(session)}/migrate`, { to, rehome });

  it('lead a client that roams to its session, from each of them, in two redirects at most', async () => {
    const journeys: [home: string, ...moves: { to: string; rehome?: boolean }[]][] = [
      ['milan-001', { to: 'milan' }, { to: 'cloud' }, { to: 'milan-001' }, { to: 'turin-001', rehome: true }, { to: 'cloud' }, { to: 'milan-002', rehome: true }],
      ['turin-001', { to: 'cloud' }, { to: 'turin' }, { to: 'milan', rehome: true }],
      ['cloud', { to: 'milan-002', rehome: true }, { to: 'milan' }],
    ];
    for (const [home, ...moves] of journeys) {
      const session = `roams from ${home}`;
      const items: string[] = [];
      for (const { to, rehome } of [{ to: home, rehome: false }, ...moves]) {
        if (items.length > 0) await migrate(session, to, rehome);
        else await call(home, 'list', session);
        await quiet(session);
        for (const { name } of tree.all) {
          items.push(`${to} from ${name}`);
          const answer = await call(name, `list?item=${encodeURIComponent(items.at(-1)!)}`, session, 'POST');
          expect(answer, `${session} at ${to}, asked at ${name}`).to.deep.include({ status: 200, holder: to, body: { items } });
          expect(answer.redirects, `${session} at ${to}, asked at ${name}`).to.be.at.most(2);
        }
      }
    }
  });

  it('find two lives of one id that began while the way to the root was cut; they are listed, and an operator chooses', async () => {
    relay.set('cut');
    await call('milan-001', 'list?item=in+milan', 'twice', 'POST');
    await call('turin-001', 'list?item=in+turin', 'twice', 'POST');
    relay.set(undefined);
    await until('the conflict is found', async () => (await Promise.all(tree.all.map((node) => tree.admin(node, 'GET', '/api/v1/conflicts'))))
      .some(({ json }) => JSON.stringify(json).includes('"twice"')));
    const conflicts = await listed<{ session: string; mine: string; theirs: string }>('session', 'conflicts');
    expect(new Set(conflicts.map(({ session }) => session))).to.deep.equal(new Set(['twice']));
    expect(conflicts.every(({ mine, theirs }) => mine !== theirs)).to.equal(true);
    // Until then neither is touched.
    expect((await call('milan-001', 'list', 'twice')).body).to.deep.equal({ items: ['in milan'] });
    expect((await call('turin-001', 'list', 'twice')).body).to.deep.equal({ items: ['in turin'] });
    const resolved = await cli('session', 'conflicts', 'resolve', 'twice', '--keep', 'turin-001');
    expect(resolved.code, resolved.stderr).to.equal(0);
    // An ancestor that was told of the other one takes this one only when that has gone there too.
    await until('nothing is open any more', async () => (await listed('session', 'conflicts')).length === 0);
    await quiet('twice');
    for (const { name } of tree.all) {
      const { body, redirects } = await call(name, 'list', 'twice');
      expect(body, name).to.deep.equal({ items: ['in turin'] });
      expect(redirects, name).to.be.at.most(2);
    }
    expect(await listed('session', 'conflicts')).to.deep.equal([]);
    expect(await readdir(join(tree.node('milan-001').options.folder, 'archive'))).to.have.length(1);
  });

  it('list an effect that its receiver refused, send it again when told to, and drop it when told to', async () => {
    const letters = () => listed<Letter>('session', 'dead-letters');
    for (const order of ['first', 'second']) await call('milan-001', `buyer?order=${order}`, 'buys', 'POST');
    const found = await until('both are refused', async () => {
      const rows = await letters();
      return rows.length === 2 && rows;
    });
    expect(found.map(({ session, node }) => [session, node])).to.deep.equal([['buys', 'milan-001'], ['buys', 'milan-001']]);
    expect(found[0]!.reason).to.equal('shop answered 400: closed');
    const refused = await cli('session', 'dead-letters', 'retry', found[0]!.letter);
    expect([refused.code, refused.stderr]).to.satisfy(([code, text]: [number, string]) => code !== 0 && text.includes('closed'));
    expect(await letters(), 'it stays').to.have.length(2);
    await call('milan-002', 'shop/open', 'the shop', 'POST');
    expect((await cli('session', 'dead-letters', 'retry', found[0]!.letter)).stdout).to.include(found[0]!.letter);
    expect((await letters()).map(({ letter }) => letter)).to.deep.equal([found[1]!.letter]);
    expect((await cli('session', 'dead-letters', 'drop', found[1]!.letter)).code).to.equal(0);
    expect(await letters()).to.deep.equal([]);
    const { body } = await call('turin', 'shop', 'the shop');
    expect(body.orders).to.have.length(1);
    const gone = await cli('session', 'dead-letters', 'retry', found[1]!.letter);
    expect(gone.stderr).to.include('no node has the dead letter');
  });
});

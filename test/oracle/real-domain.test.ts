import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openSessions, runLoad } from '../../bench/load/clients.js';
import type { KnownIntent, OraclePlan } from '../../bench/harness/oracle-process.js';
import { Tree } from '../../bench/harness/tree.js';

const PLACES = 4;
const FUNCTIONS = ['limited', 'counter'].map((name) => ({
  name, folder: fileURLToPath(new URL(`../../../bench/functions/${name}`, import.meta.url)), annotations: { worker: 'inline' },
}));

/** One tree of node processes; every test has an oracle of its own. What has to come true is waited for: mocha's time is the only limit. */
describe('an oracle over real nodes', function suite() {
  this.timeout(300_000);
  let tree: Tree;
  let count = 0;
  /** An oracle also tells what became of the wishes of those before it. */
  let sinceMs = 0;

  before(async () => {
    tree = new Tree({
      plans: [
        { name: 'cloud', level: 'cloud', capacity: PLACES }, { name: 'milan', level: 'city', parent: 'cloud', capacity: PLACES },
        { name: 'milan-001', level: 'edge', parent: 'milan', capacity: PLACES, memoryLimitBytes: 4_000_000 },
        { name: 'milan-002', level: 'edge', parent: 'milan', capacity: PLACES },
      ],
      store: 'embedded', functions: FUNCTIONS, oracle: { policy: 'none' },
    });
    await tree.start();
  });
  after(() => tree.stop());

  const fresh = (name: string) => `${name}-${count += 1}`;
  /** Resolves when every node has told, later than `afterMs`, that it has nothing to do. @returns when the last of them did */
  const idle = async (afterMs: number): Promise<number> => {
    for (;;) {
      const nodes = await tree.oracle.nodes();
      if (nodes.length === tree.all.length && nodes.every(({ busy, waiting, reportedMs }) => busy === 0 && waiting === 0 && reportedMs > afterMs)) return Math.max(...nodes.map(({ reportedMs }) => reportedMs));
      await sleep(50);
    }
  };
  /** Nothing is left of the test before: no wish under way, no work that the next figures of a node would show, no node that a policy closed. */
  const oracleWith = async (plan: OraclePlan) => {
    // What a node told first may have been measured before; what it tells from the second time on was not.
    await idle(await idle(Date.now()));
    await until(async () => (await tree.oracle.intents()).every(hasEnded));
    await tree.oracle.stop();
    for (const name of ['milan', 'milan-001', 'milan-002']) await tree.admin(tree.node(name), 'POST', '/function/set-offload-status?status=accept');
    sinceMs = Date.now();
    await tree.oracle.decideBy(plan);
    await tree.oracle.deciding();
  };
  /** As a client does: follows redirects, and asks again after a refusal for the moment. */
  const ask = async (node: string, path: string, session: string): Promise<{ n: number; at: string }> => {
    const requestId = crypto.randomUUID();
    for (;;) {
      const answer = await fetch(`${tree.node(node).url}/function/${path}`, { method: 'POST', headers: { 'x-session': session, 'x-session-request-id': requestId, connection: 'close' } });
      const text = await answer.text();
      if (answer.status === 503) await sleep(200);
      else if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
      else return { n: (JSON.parse(text) as { n: number }).n, at: answer.headers.get('x-session-location')! };
    }
  };
  const sessionsAt = async (node: string) => {
    const { json } = await tree.admin(tree.node(node), 'GET', '/api/v1/sessions?limit=1000');
    return (json as { sessions: { session: string; home: string; current: string }[] }).sessions.filter(({ current }) => current === node);
  };
  const migrations = async () => (await tree.oracle.intents()).filter(({ wish, by, createdMs }) => wish.kind === 'migrate' && by === 'policy' && createdMs >= sinceMs);
  const hasEnded = ({ state }: KnownIntent) => state === 'done' || state === 'refused';
  const until = async (isTrue: () => Promise<boolean>) => {
    while (!await isTrue()) await sleep(50);
  };

  it('lets idle sessions climb from a store above its high mark', async () => {
    const names = Array.from({ length: 8 }, () => fresh('full'));
    for (const name of names) await ask('milan-001', 'counter?fill=500000', name);
    const before = (await sessionsAt('milan-001')).length;
    await oracleWith({ policy: 'watermarks' });
    await until(async () => (await sessionsAt('milan-001')).length < before && (await tree.oracle.intents()).every(hasEnded));
    expect((await migrations()).some(({ reason, state }) => state === 'done' && reason.includes('above 80 % of its memory'))).to.equal(true);
    for (const name of names) expect((await ask('milan-001', 'counter', name)).n).to.equal(2);
  });

  it('relieves a hot leaf by its default policy, and no request is lost or counted twice', async () => {
    await oracleWith({ policy: 'balanced' });
    const leaf = tree.node('milan-001');
    const plan = { clients: 40, requests: 20, thinkMs: 80, serviceMs: 25, places: PLACES, seed: 1 };
    await openSessions(leaf.url, plan);
    let begunAt = 1;
    do {
      const { answered, errors, wrong } = await runLoad(leaf.url, { ...plan, seed: begunAt }, begunAt);
      expect(errors).to.deep.equal([]);
      expect(wrong).to.deep.equal([]);
      expect(answered).to.have.length(plan.clients * plan.requests);
      begunAt += plan.requests;
    } while (!(await migrations()).some(({ state, reason }) => state === 'done' && reason.includes('above its load mark')));
  });

  it('sends new sessions past a warm leaf before old ones move', async () => {
    await oracleWith({ policy: 'redirect-first', settings: { low: 0.01, redirect: 0.05, target: 0.9, high: 0.95 } });
    const old = fresh('old');
    expect((await ask('milan-001', 'counter', old)).at).to.equal('milan-001');
    const changed = async (kind: string) => (await tree.oracle.intents()).some(({ wish, state, createdMs }) => wish.kind === kind && wish.node === 'milan-001' && state === 'done' && createdMs >= sinceMs);
    let isWarm = true;
    const warm = async () => {
      while (isWarm) await ask('milan-001', `limited?ms=500&places=${PLACES}`, old);
    };
    // The leaf is opened again as soon as it is cool: it is kept warm until a new session has gone past it.
    const sentPast = async () => {
      try {
        await until(() => changed('cordon'));
        await until(async () => (await ask('milan-001', 'counter', fresh('late'))).at !== 'milan-001');
      } finally {
        isWarm = false;
      }
    };
    await Promise.all([warm(), sentPast()]);
    expect((await migrations()).filter(({ reason }) => reason.includes('above its load mark'))).to.deep.equal([]);
    expect((await sessionsAt('milan-001')).map(({ session }) => session)).to.include(old);
    await until(() => changed('uncordon'));
  });

  it('follows a client that roams, and never moves its session again before the cooldown is over', async () => {
    const cooldownMs = 2_500;
    await oracleWith({ policy: 'follow-demand', settings: { cooldownMs } });
    const roamer = fresh('roamer');
    let asked = 0;
    for (const leaf of ['milan-001', 'milan-002', 'milan-001', 'milan-002']) {
      do {
        expect(await ask(leaf, 'counter', roamer)).to.have.property('n', asked += 1);
      } while (!(await sessionsAt(leaf)).some(({ session, home }) => session === roamer && home === leaf));
    }
    const moves = (await migrations()).filter(({ wish, state }) => wish.session === roamer && state === 'done').toReversed();
    expect(moves).to.have.length.of.at.least(2);
    const pauses = moves.slice(1).map(({ createdMs }, at) => createdMs - (moves[at] as KnownIntent).endedMs!);
    expect(Math.min(...pauses)).to.be.at.least(cooldownMs);
  });

  it('is not needed for serving and moving; a new one learns where everything is', async () => {
    const anna = fresh('anna');
    expect((await ask('milan-001', 'counter', anna)).n).to.equal(1);
    await tree.oracle.kill();
    await tree.move(tree.node('milan-001'), `/function/force-offload?session=${anna}`);
    expect(await ask('milan-001', 'counter', anna)).to.deep.equal({ n: 2, at: 'milan' });
    const born = fresh('born');
    expect((await ask('milan-002', 'counter', born)).at).to.equal('milan-002');
    // Under a policy that moves nobody: what it learns is what there is.
    await tree.oracle.decideBy({ policy: 'none' });
    const places = async () => new Map((await tree.oracle.sessions()).map(({ id, current }) => [id, current]));
    await until(async () => {
      const known = await places();
      return known.get(anna) === 'milan' && known.get(born) === 'milan-002';
    });
  });
});

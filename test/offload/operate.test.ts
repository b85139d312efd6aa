import { expect } from 'chai';
import { hashOfSession, silentLog } from '../../runtime/base/log.js';
import type { Caller } from '../../runtime/base/reply.js';
import type { Fault } from '../../runtime/model/faults.js';
import type { MoveStepName } from '../../runtime/offload/move.js';
import type { Operator } from '../../runtime/offload/operate.js';
import { defaultTree, listWorker, World } from '../domain/world.js';

const codeOf = (error: unknown) => (error as Fault).code;

function boundVerbs(operator: Operator) {
  const verb = (name: 'pause' | 'resume' | 'forceRelease' | 'cancelMove') => (session: string, by: Caller) => operator[name](session, by);
  return { pause: verb('pause'), resume: verb('resume'), forceRelease: verb('forceRelease'), cancelMove: verb('cancelMove') };
}

describe('an operator', () => {
  let world: World;
  beforeEach(async () => {
    world = new World(defaultTree());
    await world.add('milan-001', 's', 'a');
  });
  const operator = (node: string) => world.node(node).offload.operator;
  const up = () => world.during(world.command('milan-001', 'force-offload', 'session=s'));

  it('pauses a session: nobody writes, nothing moves or ends it, readers go on; also after a restart, until it is resumed', async () => {
    expect(await world.during(operator('milan-001').pause('s', 'admin'))).to.include({ result: 'paused' });
    expect(await world.during(operator('milan-001').pause('s', 'admin'))).to.include({ result: 'paused already' });
    await world.restart('milan-001');
    expect(await world.during(world.add('milan-001', 's', 'b')).catch(codeOf)).to.equal('SESSION_PAUSED');
    expect(await up().catch(codeOf)).to.equal('SESSION_PAUSED');
    expect(await world.during(world.command('milan-001', 'force-offload')).catch(codeOf)).to.equal('NOTHING_TO_MOVE');
    expect(await world.during(world.node('cloud').offload.migrate('s', 'milan', false)).catch(codeOf)).to.equal('SESSION_PAUSED');
    const { json } = await world.during(world.command('milan-001', 'garbage-collector', 'expiration=0&forced=true'));
    expect(json).to.include({ ended: 0, busy: 1 });
    expect(await world.during(world.invoke('milan-001', 's', '', { kind: 'read-only' }))).to.include({ kind: 'answer' });
    expect(await world.during(operator('milan-001').forceRelease('s', 'admin')).catch(codeOf)).to.equal('OPERATION_REFUSED');
    await world.during(operator('milan-001').resume('s', 'admin'));
    expect((await world.during(world.add('milan-001', 's', 'b'))).items).to.deep.equal(['a', 'b']);
    expect(await world.during(operator('milan-001').resume('s', 'admin')).catch(codeOf)).to.equal('OPERATION_REFUSED');
  });

  it('takes a session from a request that hangs: what that one commits is refused', async () => {
    let end: () => void = () => undefined;
    const plain = listWorker('offloadable');
    const hanging = { ...plain, run: async (call: Parameters<typeof plain.run>[0]) => {
      await new Promise<void>((resolve) => { end = resolve; });
      return plain.run(call);
    } };
    await world.restart('milan-001');
    const hung = world.invoke('milan-001', 's', 'late', { worker: hanging }).catch(codeOf);
    for (let turns = 0; turns < 50 && !(await world.slotAt('milan-001', 's'))?.lease; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(await operator('milan-001').forceRelease('s', 'admin')).to.include({ result: 'released' });
    end();
    expect(await world.during(hung)).to.equal('LEASE_LOST');
    expect((await world.during(world.add('milan-001', 's', 'b'))).items).to.deep.equal(['a', 'b']);
    expect(await operator('milan-001').forceRelease('s', 'admin').catch(codeOf)).to.equal('OPERATION_REFUSED');
  });

  it('takes a session from a request that hangs: the next in line is served at once, while that one still runs', async () => {
    for (const fresh of [true, false]) {
      const item = fresh ? 'under a lease' : 'from memory';
      if (fresh) await world.restart('milan-001');
      let end: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => { end = resolve; });
      const plain = listWorker('offloadable');
      let runs = 0;
      const hanging = { ...plain, run: async (call: Parameters<typeof plain.run>[0]) => {
        runs += 1;
        await begun;
        return plain.run(call);
      } };
      const hung = world.invoke('milan-001', 's', `hung ${item}`, { worker: hanging }).then(({ kind }) => kind, codeOf);
      await world.settle(() => runs > 0);
      expect(runs, item).to.equal(1);
      expect(Boolean((await world.slotAt('milan-001', 's'))?.lease), item).to.equal(fresh);
      const next = world.add('milan-001', 's', `next ${item}`);
      expect(await operator('milan-001').inspect('s')).to.deep.include({ may: ['pause', 'force-release'] });
      const beforeMs = world.clock.now();
      expect(await operator('milan-001').forceRelease('s', 'admin')).to.include({ result: 'released' });
      expect((await world.during(next)).items.at(-1)).to.equal(`next ${item}`);
      expect(world.clock.now(), 'nobody waited').to.equal(beforeMs);
      end();
      // What ran from memory finds that it has been overtaken, and runs again on what is there now.
      expect(await world.during(hung), item).to.equal(fresh ? 'LEASE_LOST' : 'answer');
    }
    expect((await world.during(world.add('milan-001', 's', ''))).items).to.deep.equal(['a', 'next under a lease', 'next from memory', 'hung from memory']);
  });

  it('is written down with whoever asked and what came of it, done or refused, and without the session\'s name', async () => {
    const lines: { audit: string; who: string; session: string; result: string }[] = [];
    world.log = { ...silentLog, warn: (fields) => { if ('audit' in fields) lines.push(fields as (typeof lines)[number]); } };
    await world.restart('milan-001');
    const { pause, resume, forceRelease, cancelMove } = boundVerbs(operator('milan-001'));
    const asked: [string, Promise<unknown>][] = [];
    for (const [verb, ask] of [['pause', pause], ['force-release', forceRelease], ['cancel-move', cancelMove], ['resume', resume], ['resume', resume]] as const) {
      asked.push([verb, world.during(ask('s', { peer: 'cloud' })).catch(codeOf)]);
      await asked.at(-1)![1];
    }
    expect(lines.map(({ audit }) => audit)).to.deep.equal(asked.map(([verb]) => verb));
    expect(lines.map(({ result }) => result)).to.deep.equal([
      'paused', 'refused: OPERATION_REFUSED an operator has paused it; resume gives it back', 'refused: OPERATION_REFUSED it is not being moved', 'resumed',
      'refused: OPERATION_REFUSED it is not paused',
    ]);
    for (const { who, session } of lines) expect([who, session]).to.deep.equal(['node cloud', hashOfSession('s')]);
    await world.during(operator('milan-001').pause('nobody', 'admin')).catch(codeOf);
    expect(lines.at(-1)).to.include({ audit: 'pause', who: 'admin' }).and.to.have.property('result').that.includes('SESSION_UNKNOWN');
  });

  it('changes nothing where it is refused', async () => {
    const shown = async () => JSON.stringify(await Promise.all([...world.nodes.keys()].map((name) => world.slotAt(name, 's'))));
    let refusals = 0;
    const refusedAt = async (node: string, ...verbs: (keyof ReturnType<typeof boundVerbs>)[]) => {
      for (const verb of verbs) {
        const before = await shown();
        expect(await boundVerbs(operator(node))[verb]('s', 'admin').catch(codeOf), `${verb} at ${node}`).to.equal('OPERATION_REFUSED');
        expect(await shown(), `${verb} at ${node}`).to.equal(before);
        refusals += 1;
      }
    };
    await refusedAt('milan-001', 'resume', 'forceRelease', 'cancelMove');
    await operator('milan-001').pause('s', 'admin');
    await refusedAt('milan-001', 'forceRelease', 'cancelMove');
    await operator('milan-001').resume('s', 'admin');
    world.reached = async (step) => {
      const atSource = { copied: ['cancelMove'], departed: ['pause', 'resume', 'forceRelease'], committed: ['pause', 'resume', 'forceRelease'] } as const;
      const atTarget = { copied: ['pause', 'resume', 'forceRelease'], departed: ['pause', 'resume', 'forceRelease'], committed: ['resume', 'forceRelease', 'cancelMove'] } as const;
      if (!(step in atSource)) return;
      await refusedAt('milan-001', ...atSource[step as keyof typeof atSource]);
      await refusedAt('milan', ...atTarget[step as keyof typeof atTarget]);
    };
    await up();
    world.reached = () => undefined;
    await refusedAt('milan-001', 'pause', 'resume', 'forceRelease', 'cancelMove');
    await refusedAt('cloud', 'pause', 'resume', 'forceRelease', 'cancelMove');
    expect(refusals).to.equal(29);
    expect((await world.during(world.add('milan-001', 's', 'b'))).items).to.deep.equal(['a', 'b']);
  });

  it('cancels a departure only when its target has fenced it', async () => {
    world.reached = (step: MoveStepName) => {
      if (step !== 'departed') return;
      world.reached = () => undefined;
      world.crash('milan');
    };
    void up().catch(codeOf);
    await world.settle(() => world.nodes.get('milan')!.offload !== undefined && world.clock.nowMs > 1_700_000_001_000);
    expect((await world.slotAt('milan-001', 's'))?.state).to.equal('leaving');
    expect(await world.during(operator('milan-001').cancelMove('s', 'admin')).catch(codeOf)).to.equal('PEER_UNREACHABLE');
    expect((await world.slotAt('milan-001', 's'))?.state).to.equal('leaving');
    expect(await world.during(operator('milan-001').pause('s', 'admin')).catch(codeOf)).to.equal('OPERATION_REFUSED');
    world.start('milan');
    expect(await world.during(operator('milan-001').cancelMove('s', 'admin'))).to.include({ result: 'taken back' });
    expect((await world.during(world.add('milan-001', 's', 'b'))).items).to.deep.equal(['a', 'b']);
    expect((await world.slotAt('milan', 's'))?.arriving).to.equal(undefined);
  });

  it('gives a reservation up at the node that takes: its commit is refused, and the source goes on', async () => {
    let given: unknown;
    world.reached = async (step) => {
      if (step !== 'departed') return;
      world.reached = () => undefined;
      given = await operator('milan').cancelMove('s', 'admin');
    };
    expect(await up().catch(codeOf)).to.equal('MOVE_REFUSED');
    expect(given).to.include({ result: 'given up' });
    expect((await world.during(world.add('milan-001', 's', 'b'))).items).to.deep.equal(['a', 'b']);
  });

  it('is told where a session is, and what may be done there, in every state', async () => {
    expect(await operator('milan-001').inspect('s')).to.deep.include({ state: 'resident', paused: false, may: ['pause'] });
    expect(await operator('turin').inspect('s')).to.deep.include({ state: 'absent', may: [] });
    await up();
    expect(await operator('milan-001').inspect('s')).to.deep.include({ state: 'remote', current: 'milan', may: [] });
    for (const verb of ['pause', 'resume', 'forceRelease', 'cancelMove'] as const) {
      expect(await world.during(operator('milan-001')[verb]('s', 'admin')).catch(codeOf), verb).to.equal('OPERATION_REFUSED');
      expect(await world.during(operator('milan-001')[verb]('nobody', 'admin')).catch(codeOf), verb).to.equal('SESSION_UNKNOWN');
    }
  });
});

describe('two lives of one id', () => {
  let world: World;
  beforeEach(async () => {
    world = new World(defaultTree());
    world.weather = ({ from, to }) => (from === 'milan-001' || to === 'milan-001' ? 'lost' : 'fine');
    await world.during(world.add('milan-001', 's', 'here'));
    await world.during(world.add('turin-001', 's', 'there'));
    world.weather = () => 'fine';
    await world.settle();
  });
  const operator = (node: string) => world.node(node).offload.operator;
  const lifeAt = async (node: string) => (await world.slotAt(node, 's'))!.incarnation;

  for (const [kept, other, item] of [['milan-001', 'turin-001', 'here'], ['turin-001', 'milan-001', 'there']] as const) {
    it(`are settled by keeping that of ${kept}: the other is archived, ended, and everybody is sent to the kept one`, async () => {
      await world.restart('milan-001');
      expect(world.node('milan-001').offload.conflicts.list(), 'after a restart').to.have.length(1);
      const lost = await lifeAt(other);
      expect(await world.during(operator(other).discard('s', await lifeAt(kept), 'admin')).catch(codeOf)).to.equal('OPERATION_REFUSED');
      expect(await world.during(operator(other).discard('s', lost, 'admin'))).to.include({ result: 'discarded' });
      expect(await world.during(operator(other).discard('s', lost, 'admin'))).to.include({ result: 'discarded already' });
      expect(world.archive.kept.map(({ incarnation }) => incarnation)).to.deep.equal([lost]);
      await world.during(operator(kept).keep('s', await lifeAt(kept), 'admin'));
      await world.during(operator(other).settled('s', 'admin'));
      await world.settle();
      await world.sweep();
      for (const node of world.nodes.keys()) {
        expect(world.node(node).offload.conflicts.list(), node).to.deep.equal([]);
        const found = await world.during(world.add(node, 's', ''));
        expect(found, node).to.deep.include({ items: [item], node: kept });
        expect(found.redirects, node).to.be.at.most(2);
      }
    });
  }
});

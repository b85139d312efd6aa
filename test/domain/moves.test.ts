import { expect } from 'chai';
import type { Fault } from '../../runtime/model/faults.js';
import { ASK_AFTER_MS, MAX_WAIT_MS } from '../../runtime/model/limits.js';
import type { MoveStepName } from '../../runtime/offload/move.js';
import type { SessionToken } from '../../runtime/offload/token.js';
import { defaultTree, World } from './world.js';

const codeOf = (error: unknown) => (error as Fault).code;
const placeOf = (answer: { json?: unknown }) => (answer.json as SessionToken).currentLocation;
const placesOf = (answer: { json?: unknown }) => (answer.json as SessionToken[]).map((token) => token.currentLocation);

describe('a session on the default domain', () => {
  let world: World;
  beforeEach(() => {
    world = new World(defaultTree());
  });
  const up = (at: string, session = 's') => world.during(world.command(at, 'force-offload', `session=${session}`));
  const down = (at: string, session = 's') => world.during(world.command(at, 'force-onload', `session=${session}`));

  it('is born at the node first asked and keeps what was put in', async () => {
    expect((await world.add('milan-001', 's', 'a')).items).to.deep.equal(['a']);
    expect(await world.add('milan-001', 's', 'b')).to.deep.equal({ items: ['a', 'b'], node: 'milan-001', redirects: 0 });
  });

  it('climbs to the parent and on to the root, and comes home from there', async () => {
    await world.add('milan-001', 's', 'a');
    expect(placeOf(await up('milan-001'))).to.equal('milan');
    expect(await world.add('milan-001', 's', 'b')).to.deep.equal({ items: ['a', 'b'], node: 'milan', redirects: 1 });
    expect(placeOf(await up('milan'))).to.equal('cloud');
    expect(await world.add('milan-001', 's', 'c')).to.include({ node: 'cloud', redirects: 1 });
    expect(placesOf(await down('milan-001'))).to.deep.equal(['milan-001']);
    expect(await world.add('milan-001', 's', 'd')).to.deep.equal({ items: ['a', 'b', 'c', 'd'], node: 'milan-001', redirects: 0 });
  });

  it('passes a rejecting middle node and goes to the next that accepts', async () => {
    await world.add('milan-001', 's', 'a');
    await world.command('milan', 'set-offload-status', 'status=reject');
    expect(placeOf(await up('milan-001'))).to.equal('cloud');
  });

  it('born on a rejecting node goes to the first accepting ancestor, empty, before it is used', async () => {
    await world.command('milan-001', 'set-offload-status', 'status=reject');
    expect(await world.during(world.add('milan-001', 's', 'a'))).to.deep.equal({ items: ['a'], node: 'milan', redirects: 1 });
    expect((await world.node('milan-001').store.slot('s'))?.home).to.equal('milan-001');
  });

  it('is never given to a sibling of its home', async () => {
    await world.add('milan-001', 's', 'a');
    await up('milan-001');
    expect(await down('milan-002').catch(codeOf)).to.equal('NOTHING_TO_MOVE');
    expect(await world.during(world.command('milan-002', 'force-onload')).catch(codeOf)).to.equal('NOTHING_TO_MOVE');
    expect(placesOf(await down('milan-001'))).to.deep.equal(['milan-001']);
  });

  it('is not taken by a sibling of its home even if an ancestor gives it: home\'s way to the root does not lead there', async () => {
    await world.add('milan-001', 's', 'a');
    const token = (await up('milan-001')).json as SessionToken;
    expect(await world.during(world.node('milan-002').offload.mover.take(token, 'onload')).catch(codeOf)).to.equal('NOT_ON_PATH');
    expect(await world.node('milan-002').store.slot('s')).to.equal(undefined);
    expect(await world.add('milan-001', 's', 'b')).to.include({ node: 'milan', redirects: 1 });
  });

  it('is found from any other node in at most two redirects', async () => {
    await world.add('milan-001', 's', 'a');
    await up('milan-001');
    await world.settle();
    for (const at of world.nodes.keys()) expect((await world.add(at, 's', '')).redirects, at).to.be.at.most(2);
  });

  it('asked for elsewhere is not born twice', async () => {
    await world.add('milan-001', 's', 'a');
    expect(await world.add('turin-001', 's', 'b')).to.deep.equal({ items: ['a', 'b'], node: 'milan-001', redirects: 1 });
  });

  it('re-homes to another leaf and is reached from its old home', async () => {
    await world.add('milan-001', 's', 'a');
    const order = { session: 's', from: 'milan-001', rehome: false };
    expect(await world.during(world.node('turin-001').offload.take(order)).catch(codeOf)).to.equal('NOT_ON_PATH');
    const token = await world.during(world.node('cloud').offload.migrate('s', 'turin-001', true));
    expect(token).to.include({ proprietaryLocation: 'turin-001', currentLocation: 'turin-001' });
    await world.settle();
    expect(await world.add('milan-001', 's', 'b')).to.deep.equal({ items: ['a', 'b'], node: 'turin-001', redirects: 1 });
    for (const at of world.nodes.keys()) expect((await world.add(at, 's', '')).redirects, at).to.be.at.most(2);
  });

  it('answers a request id once, wherever the retry arrives', async () => {
    await world.add('milan-001', 's', 'a', 'id-1');
    await up('milan-001');
    expect((await world.add('milan-001', 's', 'a', 'id-1')).items).to.deep.equal(['a']);
    await up('milan');
    expect((await world.add('turin-001', 's', 'a', 'id-1')).items).to.deep.equal(['a']);
    expect(await world.add('milan-001', 's', 'b', 'id-1').catch(codeOf)).to.equal('REQUEST_ID_REUSED');
  });

  it('keeps nothing of a handler that threw', async () => {
    await world.add('milan-001', 's', 'a');
    expect(await world.add('milan-001', 's', 'throw').catch(codeOf)).to.equal('HANDLER_FAILED');
    expect((await world.add('milan-001', 's', 'b')).items).to.deep.equal(['a', 'b']);
  });

  it('says NO_PARENT at the root and NOTHING_TO_MOVE where there is no session', async () => {
    expect(await up('cloud').catch(codeOf)).to.equal('NO_PARENT');
    expect(await world.command('milan-001', 'force-offload').catch(codeOf)).to.equal('NOTHING_TO_MOVE');
    expect((await world.command('milan', 'onload-session', 'asker=milan-001')).json).to.deep.equal([]);
  });

  it('answers test-function with its place', async () => {
    await world.add('milan-001', 's', 'a');
    await up('milan-001');
    expect((await world.command('milan-001', 'test-function', 'session=s')).json).to.include({ offloaded: true, location: 'milan' });
    expect((await world.command('milan', 'test-function', 'session=s')).json).to.include({ offloaded: false, location: 'milan' });
  });

  describe('when the network fails', () => {
    const paths = ['offload-session', 'migrate-session', 'update-session'];
    for (const path of paths) {
      for (const weather of ['lost', 'answer-lost'] as const) {
        it(`survives one ${path} call that is ${weather}, with every item kept`, async () => {
          await world.add('milan-001', 's', 'a');
          let left = 1;
          world.weather = (link) => (link.path.includes(path) && left-- > 0 ? weather : 'fine');
          await up('milan-001').catch(codeOf);
          await world.settle();
          expect((await world.during(world.add('milan-001', 's', 'b'))).items).to.deep.equal(['a', 'b']);
          expect(await openMoves(world)).to.deep.equal([]);
        });
      }
    }

    it('gives a reservation up although the store loses that once, long before its deadline', async () => {
      await world.add('milan-001', 's', 'a');
      let failing = false;
      world.weather = ({ path }) => {
        if (!path.includes('migrate-session') || !failing) return 'fine';
        return 'lost';
      };
      world.reached = (step) => {
        if (step !== 'departing') return;
        failing = true;
        let drops = 1;
        world.storeWeather = ({ node, method }) => (node === 'milan' && method === 'run' && drops-- > 0 ? 'lost' : 'fine');
      };
      const startedMs = world.clock.now();
      expect(await up('milan-001').catch(codeOf)).to.be.a('string');
      expect((await world.during(world.add('milan', 's', 'b'))).items).to.deep.equal(['a', 'b']);
      expect(world.clock.now() - startedMs).to.be.lessThan(5_000);
    });

    for (const site of ['milan.commit', 'milan>milan-001'] as const) {
      it(`is not undone by its source while the target is slow: ${site}`, async () => {
        await world.add('milan-001', 's', 'a');
        world.reached = (step) => {
          if (step === 'departing') world.latency = (at) => (at === site ? ASK_AFTER_MS : 0);
        };
        await up('milan-001');
        world.latency = () => 0;
        await world.settle();
        expect((await world.during(world.add('milan-001', 's', 'b')))).to.deep.include({ items: ['a', 'b'], node: 'milan' });
        expect((await world.slotAt('milan', 's'))?.epoch, 'at the first try').to.equal(1);
      });
    }

    it('is undone all the same when the target does not get on, before anybody who waits gives up', async () => {
      await world.add('milan-001', 's', 'a');
      world.reached = (step) => {
        if (step === 'departed') world.latency = (at) => (at === 'milan.commit' ? 10 * MAX_WAIT_MS : 1);
      };
      void up('milan-001').catch(codeOf);
      await world.settle(() => world.latency('milan.commit') > 0);
      const startedMs = world.clock.now();
      const served = await world.during(world.add('milan-001', 's', 'b').then(({ items }) => ({ items, afterMs: world.clock.now() - startedMs })));
      expect(served.items).to.deep.equal(['a', 'b']);
      expect(served.afterMs).to.be.lessThan(MAX_WAIT_MS);
      expect(await world.slotAt('milan-001', 's')).to.include({ state: 'resident', epoch: 1 });
    });

    it('creates a session although the path up is cut, and registers it when it heals', async () => {
      world.weather = ({ to }) => (to === 'milan' ? 'lost' : 'fine');
      expect((await world.during(world.add('milan-001', 's', 'a'))).node).to.equal('milan-001');
      world.weather = () => 'fine';
      await world.settle();
      expect((await world.node('cloud').store.slot('s'))?.current).to.equal('milan-001');
      expect(await world.add('turin-001', 's', 'b')).to.include({ node: 'milan-001' });
    });

    it('reports two homes made while the path was cut, and merges nothing', async () => {
      world.weather = ({ from, to }) => (from === 'milan-001' || to === 'milan-001' ? 'lost' : 'fine');
      await world.during(world.add('milan-001', 's', 'here'));
      await world.during(world.add('turin-001', 's', 'there'));
      world.weather = () => 'fine';
      await world.settle();
      expect(world.node('milan-001').offload.conflicts.list()).to.have.length(1);
      expect((await world.add('milan-001', 's', '')).items).to.deep.equal(['here']);
      expect((await world.add('turin-001', 's', '')).items).to.deep.equal(['there']);
    });
  });

  describe('when a node crashes during a move', () => {
    const steps: MoveStepName[] = ['reserved', 'copying', 'copied', 'departing', 'departed', 'committed', 'confirmed'];
    for (const step of steps) {
      for (const victim of ['milan-001', 'milan'] as const) {
        it(`loses nothing when ${victim === 'milan' ? 'the target' : 'the source, its home,'} stops after "${step}"`, async () => {
          await world.add('milan-001', 's', 'a');
          world.reached = (reached) => {
            if (reached !== step) return;
            world.reached = () => undefined;
            throw new Error('crash');
          };
          await up('milan-001').catch(() => undefined);
          await world.restart(victim);
          await world.settle();
          await world.sweep();
          expect(await openMoves(world)).to.deep.equal([]);
          expect((await world.during(world.add('milan-001', 's', 'b'))).items).to.deep.equal(['a', 'b']);
          expect(placeOf(await up('milan').catch(() => up('milan-001')))).to.be.oneOf(['milan', 'cloud']);
        });
      }
    }
  });
});

async function openMoves(world: World): Promise<string[]> {
  const open: string[] = [];
  for (const { name, store } of world.nodes.values()) {
    for (const session of await store.unfinished()) open.push(`${session} at ${name}`);
  }
  return open;
}

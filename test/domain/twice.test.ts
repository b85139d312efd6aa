import { expect } from 'chai';
import type { MoveStep } from '../../runtime/offload/peers.js';
import type { MoveStepName } from '../../runtime/offload/move.js';
import { defaultTree, World } from './world.js';

/** A signed call is accepted once, but a node that starts has forgotten which it has had. */
describe('a step of a move that comes to the source twice', () => {
  let world: World;
  let steps: MoveStep[];
  beforeEach(() => {
    world = new World(defaultTree());
    steps = [];
  });
  const note = () => {
    const { commands } = world.node('milan-001');
    const { run } = commands;
    commands.run = (name, params, body, call) => {
      if (name === 'migrate-session') steps.push(body as MoveStep);
      return run(name, params, body, call);
    };
  };
  const again = async (step: MoveStep) => {
    const { stream } = await world.command('milan-001', 'migrate-session', 'session=s', step, { peer: 'milan' });
    if (stream) for await (const _ of stream);
  };
  const restart = async () => {
    world.crash('milan-001');
    await world.start('milan-001').offload.resume();
  };

  for (const name of ['copy', 'drain', 'every'] as const) {
    for (const isRestarted of [false, true]) {
      it(`loses nothing that was written meanwhile: ${name} step${isRestarted ? ', after a restart' : ''}`, async () => {
        await world.add('milan-001', 's', 'a');
        note();
        world.reached = async (reached: MoveStepName) => {
          if (reached !== 'copied') return;
          await world.add('milan-001', 's', 'b');
          if (isRestarted) await restart();
          const had = steps.filter(({ step }) => name === 'every' || step === name);
          expect(had).not.to.deep.equal([]);
          for (const step of had) await again(step).catch(() => undefined);
        };
        await world.during(world.command('milan-001', 'force-offload', 'session=s')).catch(() => undefined);
        world.reached = () => undefined;
        await world.settle();
        expect((await world.during(world.add('milan-001', 's', 'c'))).items).to.deep.equal(['a', 'b', 'c']);
        await world.during(world.command('milan-001', 'force-offload', 'session=s')).catch(() => undefined);
        expect((await world.during(world.add('milan-001', 's', 'd'))).items).to.deep.equal(['a', 'b', 'c', 'd']);
      });
    }
  }

  it('takes nothing from a later attempt either, though it asks in the first one\'s name', async () => {
    await world.add('milan-001', 's', 'a');
    note();
    world.reached = (reached) => {
      if (reached === 'copied') throw new Error('given up');
    };
    await world.during(world.command('milan-001', 'force-offload', 'session=s')).catch(() => undefined);
    const [copy] = steps;
    world.reached = async (reached) => {
      if (reached !== 'copied') return;
      await world.add('milan-001', 's', 'b');
      await again(copy!).catch(() => undefined);
    };
    await world.during(world.command('milan-001', 'force-offload', 'session=s'));
    expect((await world.slotAt('milan', 's'))?.state).to.equal('resident');
    expect(await world.itemsOf('s')).to.deep.equal(['a', 'b']);
  });

  it('or with a ticket that is none is refused', async () => {
    await world.add('milan-001', 's', 'a');
    const codeOf = (error: { code: string }) => error.code;
    expect(await again({ step: 'drain', attempt: 'x', ticket: 1 } as unknown as MoveStep).catch(codeOf)).to.equal('PARAMETER_INVALID');
    expect(await again({ step: 'drain', attempt: 'x', ticket: 'y' }).catch(codeOf)).to.equal('MOVE_REFUSED');
    const depart = { step: 'depart', attempt: 'x', ticket: 'y', epoch: 1, incarnation: (await world.slotAt('milan-001', 's'))!.incarnation, to: 'milan' } as const;
    expect(await again(depart).catch(codeOf)).to.equal('MOVE_REFUSED');
    expect((await world.slotAt('milan-001', 's'))?.state).to.equal('resident');
  });
});

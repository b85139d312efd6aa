import { expect } from 'chai';
import { listWorker, World, defaultTree } from './world.js';

describe('a session that is looked for before its request is read', () => {
  let world: World;
  beforeEach(() => {
    world = new World(defaultTree());
  });
  const add = (at: string, session = 's') => world.during(world.invoke(at, session, 'a', { requestId: world.uuid() }));
  const callOf = (session: string, redirectedHome?: string) => ({
    function: 'list', worker: listWorker('offloadable'), timeoutMs: 1_000, ttlMs: 0, callId: world.uuid(), session, redirectedHome,
    request: { method: 'POST', path: '', query: '', headers: {}, body: Buffer.alloc(0) }, signal: new AbortController().signal,
  });
  const sendOff = (at: string, session = 's', redirectedHome?: string) => world.node(at).sessions.sendOff!(callOf(session, redirectedHome));

  it('is here, or may be born here', async () => {
    await add('milan-001');
    expect(await world.during(sendOff('milan-001'))).to.equal(undefined);
    expect(await world.during(sendOff('milan-001', 'unknown to all'))).to.equal(undefined);
    expect(await world.slotAt('milan-001', 'unknown to all'), 'looking claims nothing').to.equal(undefined);
  });

  it('is where its stub, or an ancestor that was asked, says', async () => {
    await add('milan-001');
    await world.during(world.command('milan-001', 'force-offload', 'session=s'));
    expect(await world.during(sendOff('milan-001'))).to.include({ kind: 'moved', to: 'milan' });
    expect(await world.during(sendOff('turin-001'))).to.include({ kind: 'moved', home: 'milan-001' });
  });

  it('that its request was redirected for, and that is unknown, is its home\'s to find', async () => {
    expect(await world.during(sendOff('turin', 's', 'milan'))).to.include({ kind: 'moved', to: 'milan' });
  });

  for (const side of ['milan-001', 'milan']) {
    it(`is waited for in the pause of its move, at ${side}`, async () => {
      await add('milan-001');
      let asked: ReturnType<typeof sendOff> | undefined;
      world.reached = (step) => {
        if (step === 'departed') asked = sendOff(side);
      };
      await world.during(world.command('milan-001', 'force-offload', 'session=s'));
      const place = await world.during(asked!);
      if (side === 'milan') expect(place).to.equal(undefined);
      else expect(place).to.include({ kind: 'moved', to: 'milan' });
    });
  }

  it('before its source may have stopped is still there', async () => {
    await add('milan-001');
    let place: unknown;
    world.reached = async (step) => {
      if (step === 'copied') place = await sendOff('milan');
    };
    await world.during(world.command('milan-001', 'force-offload', 'session=s'));
    expect(place).to.include({ kind: 'moved', to: 'milan-001' });
  });
});

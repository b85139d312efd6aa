import { expect } from 'chai';
import type { Fault } from '../../runtime/model/faults.js';
import type { Worker, WorkerCall } from '../../runtime/session/call.js';
import { SnapshotGone } from '../../runtime/session/access.js';
import { MAX_WAIT_MS } from '../../runtime/model/limits.js';
import { defaultTree, listWorker, World } from '../domain/world.js';

const codeOf = (error: unknown) => (error as Fault).code;

describe('a request on its way through the session layer', () => {
  let world: World;
  beforeEach(() => {
    world = new World(defaultTree());
  });
  const up = (at: string) => world.during(world.command(at, 'force-offload', 'session=s'));
  const countStoreCalls = () => {
    const calls: string[] = [];
    world.storeWeather = ({ method }) => {
      calls.push(method);
      return 'fine';
    };
    return calls;
  };

  /** The session at milan-001 has departed for milan, whose commit waits until `go` is called. */
  async function inHandOver(): Promise<{ go(): void; move: Promise<unknown> }> {
    await world.add('milan-001', 's', 'a');
    let go!: () => void;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let reached!: () => void;
    const isThere = new Promise<void>((resolve) => {
      reached = resolve;
    });
    world.reached = async (step) => {
      if (step !== 'departed') return;
      reached();
      await gate;
    };
    const move = world.command('milan-001', 'force-offload', 'session=s');
    await isThere;
    return { go, move };
  }

  for (const kind of ['offloadable', 'read-only'] as const) {
    it(`ends at once when the client goes away while it is held by ${kind === 'read-only' ? 'a reader' : 'a writer'}`, async () => {
      const { go, move } = await inHandOver();
      const control = new AbortController();
      const held = world.invoke('milan-001', 's', '', { kind, minVersion: 99, signal: control.signal }).catch(codeOf);
      await Promise.resolve();
      const calls = countStoreCalls();
      control.abort();
      expect(await world.during(held as Promise<unknown>)).to.equal('CLIENT_GONE');
      expect(calls.length, 'calls of the store').to.be.lessThan(4);
      go();
      await world.during(move);
    });
  }

  it('does not stand in the way of a departure that is asked again', async () => {
    await world.add('milan-001', 's', 'a');
    let left = 1;
    let held: Promise<unknown> | undefined;
    const startedMs = world.clock.now();
    world.reached = (step) => {
      if (step === 'departing') world.weather = ({ path }) => (path.includes('migrate-session') && left-- > 0 ? 'answer-lost' : 'fine');
    };
    world.storeWeather = ({ node, method }) => {
      // The request arrives when the session has departed and the answer is on its way.
      if (node === 'milan-001' && method === 'depart') held ??= Promise.resolve().then(() => world.invoke('milan-001', 's', 'b'));
      return 'fine';
    };
    world.latency = () => 1;
    await up('milan-001');
    expect(await world.during(held!)).to.include({ kind: 'moved', to: 'milan' });
    expect(world.clock.now() - startedMs).to.be.lessThan(MAX_WAIT_MS);
  });

  it('leaves no lease behind that keeps a session from being moved, when the store lost the answer to its release', async () => {
    await world.add('milan-001', 's', 'a');
    world.storeWeather = ({ method }) => (method === 'release' ? 'lost' : 'fine');
    expect(await world.add('milan-001', 's', 'b').catch(codeOf)).to.equal('STORE_UNAVAILABLE');
    world.storeWeather = () => 'fine';
    expect((await up('milan-001')).status).to.equal(200);
  });

  it('waits no longer than its time for a parent that does not take a new session', async () => {
    await world.command('milan-001', 'set-offload-status', 'status=reject');
    world.reached = (step) => (step === 'reserved' ? new Promise(() => undefined) : undefined);
    const startedMs = world.clock.now();
    expect(await world.during(world.add('milan-001', 's', 'a').catch(codeOf))).to.equal('MOVING');
    expect(world.clock.now() - startedMs).to.be.at.most(MAX_WAIT_MS);
  });

  describe('that has seen a version', () => {
    const cut = () => {
      world.weather = ({ from, to }) => (from === 'milan-002' || to === 'milan-002' ? 'lost' : 'fine');
    };
    for (const kind of ['offloadable', 'read-only'] as const) {
      it(`as for ${kind} functions, is not answered where the session is unknown and nobody above can be asked`, async () => {
        await world.add('milan-001', 's', 'a');
        cut();
        expect(await world.during(world.invoke('milan-002', 's', 'b', { kind, minVersion: 1 }).catch(codeOf) as Promise<unknown>)).to.equal('MOVING');
        world.weather = ({ from, to }) => (from === 'milan' && to === 'cloud' ? 'lost' : 'fine');
        expect(await world.during(world.invoke('milan-002', 't', 'b', { kind, minVersion: 1 }).catch(codeOf) as Promise<unknown>)).to.equal('MOVING');
        world.weather = () => 'fine';
        expect(await world.invoke('milan-002', 's', 'b', { kind, minVersion: 1 })).to.include({ kind: 'moved', to: 'milan-001' });
      });
    }

    it('is answered where the session has ended for certain', async () => {
      const served = await world.invoke('milan-002', 's', '', { kind: 'read-only', minVersion: 1 });
      expect(served).to.include({ kind: 'answer', version: 0 });
      expect((await world.invoke('milan-002', 's', 'a', { minVersion: 1 })).kind).to.equal('answer');
    });

    it('is held at the source until the hand-over has ended, while others read there', async () => {
      const { go, move } = await inHandOver();
      expect(await world.invoke('milan-001', 's', '', { kind: 'read-only' })).to.include({ kind: 'answer', version: 1 });
      expect(await world.invoke('milan', 's', '', { kind: 'read-only' }), 'the target sends readers to the source').to.include({ kind: 'moved', to: 'milan-001' });
      const newer = world.invoke('milan-001', 's', '', { kind: 'read-only', minVersion: 2 });
      go();
      await world.during(move);
      expect(await world.during(newer)).to.include({ kind: 'moved', to: 'milan' });
    });
  });

  it('reads in its turn after writers have overtaken it often', async () => {
    await world.add('milan-001', 's', 'a');
    let runs = 0;
    const overtaken: Worker = {
      ...listWorker('read-only'),
      run: (call: WorkerCall) => {
        runs += 1;
        const { line } = world.node('milan-001').offload.options;
        if (line.size === 0) throw new SnapshotGone();
        return listWorker('read-only').run(call);
      },
    };
    expect((await world.invoke('milan-001', 's', '', { worker: overtaken })).kind).to.equal('answer');
    expect(runs).to.be.greaterThan(1);
  });

  it('reads again when the session came here while others were asked for it', async () => {
    let went = false;
    world.storeWeather = ({ node, method }) => {
      // The reader at milan-002 has looked at home; before its question arrives above, a writer creates the session there.
      if (node === 'milan' && method === 'run' && !went) {
        went = true;
        void world.node('milan-002').store.acquire({
          verb: 'acquire', session: 's', function: 'list', leaseId: 'l', owner: 'milan-002', boot: 'b', leaseMs: 1,
          create: { incarnation: 'i', epoch: 3, ttlMs: 0, knownBy: [], owed: [] },
        });
      }
      return 'fine';
    };
    expect(await world.during(world.invoke('milan-002', 's', '', { kind: 'read-only' }))).to.include({ kind: 'answer', epoch: 3 });
  });

  it('says SESSION_LOST when home sends it again to a node that does not know the session', async () => {
    const served = await world.invoke('milan', 's', '', { redirectedHome: 'milan-001', hops: 1 });
    expect(served).to.include({ kind: 'moved', to: 'milan-001', hops: 2 });
    expect(await world.invoke('milan', 's', '', { redirectedHome: 'milan-001', hops: 3 }).catch(codeOf)).to.equal('SESSION_LOST');
  });

  describe('to a session whose time has passed', () => {
    const ttlMs = 1_000;
    const first = async () => {
      await world.invoke('milan-001', 's', 'a', { ttlMs });
      await world.settle();
    };
    const later = () => {
      world.clock.nowMs += ttlMs + 1;
    };

    it('finds an empty one at home', async () => {
      await first();
      later();
      expect((await world.during(world.add('milan-001', 's', 'b'))).items).to.deep.equal(['b']);
    });

    it('finds an empty one at home after it was away, also when two come at once', async () => {
      await first();
      await up('milan-001');
      later();
      const two = await world.during(Promise.all([world.add('milan', 's', 'b'), world.add('milan', 's', 'c')]));
      expect(two.map(({ node }) => node)).to.deep.equal(['milan-001', 'milan-001']);
      expect((await world.add('milan-001', 's', '')).items).to.have.members(['b', 'c']);
    });

    it('finds it as it was while its home is away, without asking that all the time', async () => {
      await first();
      await up('milan-001');
      later();
      world.weather = ({ to }) => (to === 'milan-001' ? 'lost' : 'fine');
      const calls = countStoreCalls();
      expect((await world.during(world.invoke('milan', 's', '', { kind: 'read-only' })))).to.include({ kind: 'answer', version: 1 });
      expect((await world.during(world.add('milan', 's', 'b'))).items).to.deep.equal(['a', 'b']);
      expect(calls.length).to.be.lessThan(500);
      later();
      world.weather = () => 'fine';
      expect((await world.during(world.add('milan', 's', 'c'))).items).to.deep.equal(['c']);
    });

    it('is not stopped by a lease of its node\'s former life', async () => {
      await first();
      const stuck = { ...listWorker('offloadable'), run: () => new Promise<never>(() => undefined) };
      void world.invoke('milan-001', 's', '', { worker: stuck });
      await Promise.resolve();
      await world.restart('milan-001');
      later();
      const calls = countStoreCalls();
      expect((await world.during(world.add('milan-001', 's', 'b'))).items).to.deep.equal(['b']);
      expect(calls.length).to.be.lessThan(50);
    });
  });
});

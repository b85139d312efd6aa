/** What has gone wrong elsewhere between the moment in which one place stops and another begins to serve. */
import { expect } from 'chai';
import { LEASE_MS, RESERVATION_MS } from '../../runtime/model/limits.js';
import type { Worker } from '../../runtime/session/call.js';
import { listWorker } from '../domain/world.js';
import { CLOUD, codeOf, Domain, LEAF, MILAN, S, writer } from './support.js';

describe('regressions of the hand-over', () => {
  let domain: Domain;
  beforeEach(async () => {
    domain = new Domain();
    await domain.add(LEAF, 'a');
  });

  const up = () => domain.up(LEAF).then(() => 'moved', codeOf);

  /**
   * redis#15629: a slot's owner pauses its writers for the hand-over. The pause ran out while the new owner was slow,
   * writers went on at the old one, and the late take-over then won: their writes were gone. Here the reservation has a
   * deadline, and a commit after it is refused: the old place goes on, and the late one never begins.
   */
  it('hand-over after the pause expired: the late take-over is refused, and what was written meanwhile stays', async () => {
    domain.at('departed', () => { domain.world.clock.nowMs += RESERVATION_MS + 1; });
    expect(await up()).to.equal('MOVE_REFUSED');
    expect((await domain.add(LEAF, 'b')).node).to.equal(LEAF);
    await domain.rest();
    expect(await domain.holders()).to.deep.equal([LEAF]);
    expect(await domain.items()).to.deep.equal(['a', 'b']);
  });

  /** The same before the deadline of the new place: the old one takes its writers up again only when the new one has given the hand-over up. */
  it('hand-over after the pause expired: a slow new place that is asked meanwhile has lost its right, and its take-over is refused', async () => {
    domain.at('departed', async () => {
      expect(await domain.slot(LEAF)).to.include({ state: 'leaving', epoch: 0 });
      expect(await domain.world.add(LEAF, S, 'b')).to.deep.equal({ items: ['a', 'b'], node: LEAF, redirects: 0 });
      expect(domain.world.clock.now() - startMs).to.be.below(RESERVATION_MS);
    });
    const startMs = domain.world.clock.now();
    expect(await up()).to.equal('MOVE_REFUSED');
    await domain.rest();
    expect(await domain.holders()).to.deep.equal([LEAF]);
    expect((await domain.slot(LEAF))?.epoch, 'no epoch of two attempts').to.equal(1);
    expect(await domain.items()).to.deep.equal(['a', 'b']);
    expect(await up()).to.equal('moved');
    expect(await domain.items()).to.deep.equal(['a', 'b']);
  });

  /**
   * The same by a process that stands still (SIGSTOP, a long collection of garbage, a machine put to sleep): it has
   * everything it needs for the commit, and comes back when others have long given it up.
   */
  it('paused holder comes back: a target that stood still over its deadline commits nothing', async () => {
    domain.at('departed', () => {
      domain.world.processes.pause(MILAN);
      domain.world.clock.setTimeout(() => domain.world.processes.resume(MILAN), RESERVATION_MS + 5_000);
    });
    expect(await up()).not.to.equal('moved');
    await domain.rest();
    expect(await domain.holders()).to.deep.equal([LEAF]);
    expect((await domain.add(LEAF, 'b')).items).to.deep.equal(['a', 'b']);
  });

  /**
   * dapr#9514: after a rebalance an actor was live on two hosts, each sure that it was the only one. Here two nodes are
   * told at once to take the same session while clients write: one of them gets it, by one commit.
   */
  it('two live copies after a rebalance: of two nodes that take a session at once, one does', async () => {
    domain.world.latency = () => 3;
    const adds = ['b', 'c', 'd', 'e'].map((item) => domain.world.add(LEAF, S, item));
    const order = { session: S, from: LEAF, rehome: false };
    const takes = [MILAN, CLOUD].map((name) => domain.world.node(name).offload.take(order).then(() => 'moved', codeOf));
    const outcomes = await domain.world.during(Promise.all(takes));
    expect(outcomes.filter((outcome) => outcome === 'moved')).to.have.length.at.most(1);
    await domain.world.during(Promise.all(adds));
    await domain.rest();
    expect(await domain.holders()).to.have.length(1);
    expect((await domain.items()).sort()).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
  });

  /** There the old copy was still at work on a long request when the new one began. Here the new place begins when the old one's request has ended. */
  for (const remembered of [true, false]) {
    it(`two live copies after a rebalance: a long request at the old place ends before the new place begins${remembered ? '' : ', under a lease too'}`, async () => {
      if (!remembered) await domain.world.restart(LEAF);
      const seen: string[] = [];
      const told = (item: string, workMs: number): Worker => {
        const plain = listWorker('offloadable');
        return { ...plain, run: async (call) => {
          seen.push(`${item} begins`);
          await new Promise<void>((resolve) => void domain.world.clock.setTimeout(resolve, workMs));
          seen.push(`${item} ends`);
          return plain.run(call);
        } };
      };
      const long = domain.world.invoke(LEAF, S, 'long', { worker: told('long', 5_000) });
      await domain.world.settle(() => seen.length > 0);
      const moving = domain.world.command(LEAF, 'force-offload', `session=${S}`);
      const others = [LEAF, MILAN].map((name) => domain.world.invoke(name, S, `by ${name}`, { worker: told(`by ${name}`, 10) }));
      await domain.world.during(Promise.allSettled([long, moving, ...others]));
      for (let at = 0; at < seen.length; at += 2) expect(seen[at + 1], seen.join()).to.equal(seen[at]!.replace('begins', 'ends'));
      expect(await long).to.include({ kind: 'answer', node: LEAF });
      await domain.rest();
      expect(await domain.holders()).to.deep.equal([MILAN]);
      const items = await domain.items();
      expect(items.slice(0, 2)).to.deep.equal(['a', 'long']);
      expect(new Set(items).size).to.equal(items.length);
    });
  }

  /**
   * orleans#8658: a grain whose target died in the middle of its migration stayed "migrating", and every call to it hung.
   * A source may not simply go on: the target may have committed. So its clients are told to try again within their
   * time, and it ends by itself as soon as the target, or what is left of it, can be asked.
   */
  it('stuck migrating after the target died: clients are told MOVING in time, and served when it is back', async () => {
    domain.at('departed', () => domain.world.crash(MILAN));
    void domain.world.command(LEAF, 'force-offload', `session=${S}`)?.catch(() => undefined);
    await domain.world.settle(() => false, 50);
    expect((await domain.slot(LEAF))?.state).to.equal('leaving');
    expect(await domain.add(LEAF, 'b').catch(codeOf)).to.equal('MOVING');
    const { offload } = domain.world.start(MILAN);
    await domain.world.during(offload.resume());
    await domain.rest();
    expect(await domain.holders()).to.deep.equal([LEAF]);
    expect((await domain.add(LEAF, 'b')).items.filter((item) => item === 'b')).to.have.length(1);
    expect(await domain.open()).to.deep.equal([]);
  });

  /**
   * orleans#10044: the new place could not take the state in, and the activation was left between the two for good.
   * Here the target's store fails at the very commit, for ever: the source learns that nothing came of it, and goes on.
   */
  it('stuck migrating after the new place could not take it: the old place goes on', async () => {
    domain.world.storeWeather = ({ node, method }) => (node === MILAN && method === 'commit' ? 'lost' : 'fine');
    expect(await up()).to.equal('STORE_UNAVAILABLE');
    await domain.rest();
    expect(await domain.holders()).to.deep.equal([LEAF]);
    expect((await domain.add(LEAF, 'b')).items).to.deep.equal(['a', 'b']);
    expect(await domain.open()).to.deep.equal([]);
  });

  /** There the old place waited for ever for a request to end before it went, and turned everybody away meanwhile. Here the move gives up. */
  it('stuck migrating behind a request that does not end: the move ends, and the session goes when the request has ended', async () => {
    let end: () => void = () => undefined;
    const plain = listWorker('offloadable');
    const endless: Worker = { ...plain, run: async (call) => {
      await new Promise<void>((resolve) => { end = resolve; });
      return plain.run(call);
    } };
    const long = domain.world.invoke(LEAF, S, 'long', { worker: endless });
    const beforeMs = domain.world.clock.now();
    expect(await up()).not.to.equal('moved');
    expect(domain.world.clock.now() - beforeMs).to.be.below(RESERVATION_MS);
    expect((await domain.slot(LEAF))?.state).to.equal('resident');
    expect((await domain.slot(MILAN))?.arriving).to.equal(undefined);
    expect(await domain.add(LEAF, 'b').catch(codeOf)).to.equal('BUSY');
    end();
    expect(await domain.world.during(long)).to.include({ kind: 'answer', node: LEAF });
    expect(await up()).to.equal('moved');
    expect((await domain.add(LEAF, 'b')).items).to.deep.equal(['a', 'long', 'b']);
    expect(await domain.open()).to.deep.equal([]);
  });

  /**
   * restate#5196: an invocation that ended oddly kept its key locked for ever. A lease here belongs to one life of one
   * process: when that life is over, the next request has the session at once.
   */
  it('key held for ever: a request that died with its process leaves the session free', async () => {
    const stuck = { ...writer(), run: () => new Promise<never>(() => undefined) };
    void domain.world.invoke(LEAF, S, 'x', { worker: stuck }).catch(() => undefined);
    await domain.world.settle(() => false, 20);
    await domain.world.restart(LEAF);
    const beforeMs = domain.world.clock.now();
    expect((await domain.add(LEAF, 'b')).items).to.deep.equal(['a', 'b']);
    expect(domain.world.clock.now() - beforeMs).to.be.below(LEASE_MS);
    expect((await domain.slot(LEAF))?.lease).to.equal(undefined);
  });

  it('key held for ever: a handler that fails leaves the session free', async () => {
    expect(await domain.add(LEAF, 'throw').catch(codeOf)).to.equal('HANDLER_FAILED');
    expect((await domain.slot(LEAF))?.lease).to.equal(undefined);
    expect((await domain.add(LEAF, 'b')).items).to.deep.equal(['a', 'b']);
  });

  /** The ancestors copied first and switched then: what was written between the two was gone. */
  for (const step of ['copying', 'copied', 'departing']) {
    it(`lost write between snapshot and switch: one at "${step}" goes along`, async () => {
      let written: Promise<unknown> = Promise.resolve();
      domain.at(step, async () => {
        written = domain.world.add(LEAF, S, 'b');
        await written;
      });
      expect(await up()).to.equal('moved');
      await domain.world.during(written);
      expect((await domain.add(LEAF, 'c'))).to.deep.equal({ items: ['a', 'b', 'c'], node: MILAN, redirects: 1 });
    });
  }

  /** A copy that adds up but never takes away brings back what was deleted meanwhile. */
  it('deleted key comes back: what is deleted between copy and departure is gone at the new place', async () => {
    const put = { op: 'set' as const, key: 'k', value: Buffer.from('v') };
    await domain.world.during(domain.world.invoke(LEAF, S, '', { worker: writer(put) }));
    domain.at('copied', () => domain.world.invoke(LEAF, S, '', { worker: writer({ op: 'delete', key: 'k' }) }));
    expect(await up()).to.equal('moved');
    expect((await domain.world.during(domain.world.node(MILAN).store.readKeys(S))).keys).to.deep.equal(['items']);
  });

  /** A request that comes in the pause was answered with an error, or from the old copy, and then forgotten. */
  it('write lost in the pause: a request that arrives in it waits, and is answered at the new place', async () => {
    let held: Promise<{ items: string[]; node: string }> | undefined;
    domain.at('departed', () => { held = domain.world.add(LEAF, S, 'b'); });
    expect(await up()).to.equal('moved');
    expect(await domain.world.during(held!)).to.deep.include({ items: ['a', 'b'], node: MILAN });
    expect(await domain.items()).to.deep.equal(['a', 'b']);
  });

  /** The source threw its copy away when it had sent it, not when it knew that it had arrived. */
  it('delete before confirm: a target that dies with everything in its hands costs nothing', async () => {
    domain.at('departed', () => domain.world.crash(MILAN));
    void domain.world.command(LEAF, 'force-offload', `session=${S}`)?.catch(() => undefined);
    await domain.world.settle(() => false, 10);
    expect((await domain.slot(LEAF))?.state).to.equal('leaving');
    expect((await domain.world.during(domain.world.node(LEAF).store.inventory(S))).map(({ name }) => name)).to.deep.equal(['items']);
    await domain.world.restart(MILAN);
    await domain.rest();
    expect(await domain.items()).to.deep.equal(['a']);
  });

  /** Half of a stream is no session: a connection that breaks looks like an end to whoever does not wait for the mark. */
  it('partial stream accepted as whole: a source that dies while it sends ends the move, and nothing is kept of it', async () => {
    for (let at = 0; at < 20; at += 1) {
      const big = { op: 'set' as const, key: `k${at}`, value: Buffer.alloc(100_000, at) };
      await domain.world.during(domain.world.invoke(LEAF, S, '', { worker: writer(big) }));
    }
    domain.world.latency = () => 1;
    domain.at('copying', () => domain.world.crash(LEAF));
    void domain.world.command(MILAN, 'offload-session', '', await token(domain))?.catch(() => undefined);
    await domain.world.settle(() => false, 400);
    expect(await domain.holders()).to.deep.equal([LEAF]);
    const { offload } = domain.world.start(LEAF);
    await domain.world.during(offload.resume());
    await domain.rest();
    expect(await domain.holders()).to.deep.equal([LEAF]);
    expect((await domain.world.during(domain.world.node(LEAF).store.readKeys(S))).keys).to.have.length(21);
  });

  /** The old place kept its data for ever: every move cost its size again. */
  it('data left behind: the old place keeps a stub and nothing else', async () => {
    await up();
    await domain.rest();
    expect((await domain.slot(LEAF))?.bytes).to.equal(0);
    expect(await domain.world.during(domain.world.node(LEAF).store.inventory(S))).to.deep.equal([]);
  });

  /** The confirmation was lost, and the source believed for ever that it was about to leave. */
  it('lost confirm: the source asks, and becomes a stub', async () => {
    domain.fail('update-session', 'lost', 1, ({ to }) => to === LEAF);
    await up();
    await domain.rest();
    expect(await domain.slot(LEAF)).to.include({ state: 'remote', current: MILAN });
    expect(await domain.open()).to.deep.equal([]);
  });

  /** A target that crashed left "arriving" behind, and refused or held everybody from then on. */
  it('stuck arriving: a reservation ends with the life that made it', async () => {
    domain.crashAt('reserved');
    await up();
    await domain.world.restart(MILAN);
    expect((await domain.slot(MILAN))?.arriving).to.equal(undefined);
    expect(await up()).to.equal('moved');
  });

  /** A call that was given up arrives when the session has long been elsewhere and home again (a stopped process, a full queue). */
  it('late depart of an earlier move: it takes nothing away from a session that has come home', async () => {
    domain.world.lateness = () => 8_000;
    let departs = 0;
    domain.world.weather = ({ path }) => {
      if (!path.includes('migrate-session')) return 'fine';
      departs += 1;
      // Third call of the move: copy, drain, depart.
      return departs === 3 ? 'late' : 'fine';
    };
    await up();
    domain.heal();
    await domain.down(LEAF).catch(() => undefined);
    await domain.rest();
    expect(await domain.holders()).to.have.length(1);
    expect((await domain.add(LEAF, 'b')).items).to.deep.equal(['a', 'b']);
    expect(await domain.open()).to.deep.equal([]);
  });

  /** An offload and an onload at once each undid half of the other. */
  it('offload and onload at once: one holder, and nothing lost', async () => {
    await up();
    domain.world.latency = () => 2;
    const both = [domain.world.command(MILAN, 'force-offload', `session=${S}`), domain.world.command(LEAF, 'force-onload', `session=${S}`)];
    await domain.world.during(Promise.allSettled(both));
    await domain.rest();
    expect(await domain.holders()).to.have.length(1);
    expect((await domain.add(LEAF, 'b')).items).to.deep.equal(['a', 'b']);
  });
});

async function token(domain: Domain): Promise<object> {
  const { session, home, current, function: creator, epoch, version, incarnation, functions } = (await domain.slot(LEAF))!;
  return { session, proprietaryLocation: home, currentLocation: current, function: creator, epoch, version, incarnation, functions };
}

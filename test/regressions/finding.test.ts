/** What has gone wrong elsewhere in knowing where a session is, whose it is, and whether it exists. */
import { expect } from 'chai';
import { TOMBSTONE_KEEP_MS } from '../../runtime/model/limits.js';
import type { SessionToken } from '../../runtime/offload/token.js';
import { CLOUD, codeOf, Domain, FAR_LEAF, LEAF, MILAN, S, SIBLING, TURIN } from './support.js';

const placesOf = (answer: { json?: unknown }) => (answer.json as SessionToken[]).map(({ currentLocation }) => currentLocation);

describe('regressions of finding a session', () => {
  let domain: Domain;
  beforeEach(async () => {
    domain = new Domain();
    await domain.add(LEAF, 'a');
  });

  /** Each of two nodes believed the other had it, and a client went to and fro until it gave up. */
  it('redirect loop A→B→A: no way comes by a node twice, also while every update is lost', async () => {
    domain.fail('update-session', 'lost');
    for (const move of ['up', 'up', 'down', 'up', 'down', 'up', 'up'] as const) {
      const [holder] = await domain.holders();
      await (move === 'up' ? domain.up(holder!) : domain.down(LEAF)).catch(() => undefined);
      for (const name of [LEAF, MILAN, CLOUD, SIBLING, FAR_LEAF]) expect((await domain.way(name)).length, `${move}, from ${name}`).to.be.at.most(5);
    }
    domain.heal();
    await domain.rest();
    for (const name of domain.names) expect((await domain.way(name)).length - 1, name).to.be.at.most(2);
  });

  /** Updates overtake each other. The later word was the older one, and the way led to a place that had given the session away. */
  it('stale update overwrites newer location: an older epoch changes nothing', async () => {
    await domain.up(LEAF);
    const old = { ...(await domain.world.command(LEAF, 'test-function', `session=${S}`)).json as object, currentLocation: MILAN };
    await domain.up(MILAN);
    await domain.rest();
    await domain.world.during(domain.world.command(LEAF, 'update-session', '', old));
    expect(await domain.slot(LEAF)).to.include({ current: CLOUD, epoch: 2 });
    expect((await domain.add(LEAF, 'b')).node).to.equal(CLOUD);
  });

  /** Two nodes asked at once for an id that neither knew, and each made one of its own. */
  it('double create: two nodes that are asked at once for a new id make one session', async () => {
    domain.world.latency = () => 4;
    const both = await domain.world.during(Promise.all([domain.world.add(LEAF, 'new', 'x'), domain.world.add(SIBLING, 'new', 'y')]));
    domain.world.latency = () => 0;
    expect(both.map(({ items }) => items.length).sort()).to.deep.equal([1, 2]);
    expect(await domain.holders('new')).to.have.length(1);
    for (const name of domain.names) expect(domain.world.node(name).offload.conflicts.list(), name).to.deep.equal([]);
  });

  /** A node that never heard of the session made an empty one, although it lived elsewhere. */
  it('double create while located elsewhere: whoever is asked finds the one that is', async () => {
    await domain.up(LEAF);
    for (const name of domain.names) expect(await domain.items(name), name).to.deep.equal(['a']);
    expect(await domain.holders()).to.deep.equal([MILAN]);
  });

  /** The redirected request came after its session had left again, and was given an empty one there. */
  it('redirected request creates a session: one that comes too late is sent on', async () => {
    await domain.up(LEAF);
    await domain.down(LEAF);
    const served = await domain.world.during(domain.world.invoke(TURIN, S, 'b', { redirectedHome: LEAF, hops: 1 }));
    expect(served).to.include({ kind: 'moved', to: LEAF });
    expect(await domain.holders()).to.deep.equal([LEAF]);
  });

  it('redirected request creates a session: also where nobody can be asked whether there is one', async () => {
    domain.world.weather = ({ from }) => (from === TURIN ? 'lost' : 'fine');
    const served = await domain.world.during(domain.world.invoke(TURIN, S, 'b', { redirectedHome: LEAF, hops: 1 }));
    expect(served).to.include({ kind: 'moved', to: LEAF });
    expect(await domain.slot(TURIN)).to.equal(undefined);
  });

  /** Seed 003's own list of bugs: B offloads to A, C asks A for sessions, and is given B's. */
  it('sibling gets another leaf\'s session: an onload offers only what is homed below the asker', async () => {
    await domain.up(LEAF);
    for (const choose of ['largest', 'idle', 'random']) {
      expect(await domain.world.during(domain.world.command(SIBLING, 'force-onload', `choose=${choose}`)).catch(codeOf)).to.equal('NOTHING_TO_MOVE');
    }
    await domain.up(MILAN);
    expect(await domain.world.during(domain.world.command(FAR_LEAF, 'force-onload', `session=${S}`)).catch(codeOf)).to.equal('NOTHING_TO_MOVE');
    expect(await domain.world.during(domain.world.command(TURIN, 'force-onload')).catch(codeOf)).to.equal('NOTHING_TO_MOVE');
    expect(placesOf(await domain.world.during(domain.world.command(MILAN, 'force-onload')))).to.deep.equal([MILAN]);
  });

  /** The leaf asked its parent alone, and the parent had passed the session on. */
  it('session offloaded twice never comes home: the asker goes on to the root', async () => {
    await domain.up(LEAF);
    await domain.up(MILAN);
    expect(placesOf(await domain.world.during(domain.world.command(LEAF, 'force-onload')))).to.deep.equal([LEAF]);
    expect((await domain.add(LEAF, 'b'))).to.include({ node: LEAF, redirects: 0 });
  });

  it('session offloaded twice never comes home: also when its home was never told of the second move', async () => {
    await domain.up(LEAF);
    domain.fail('update-session', 'lost', Number.POSITIVE_INFINITY, ({ to }) => to === LEAF);
    await domain.up(MILAN);
    expect(placesOf(await domain.world.during(domain.world.command(LEAF, 'force-onload', `session=${S}`)))).to.deep.equal([LEAF]);
    domain.heal();
    await domain.rest();
    expect(await domain.holders()).to.deep.equal([LEAF]);
  });

  /** The root called a parent that it did not have. */
  it('root asked to offload: it says NO_PARENT and keeps the session', async () => {
    await domain.up(LEAF);
    await domain.up(MILAN);
    expect(await domain.up(CLOUD).catch(codeOf)).to.equal('NO_PARENT');
    expect(await domain.world.command(CLOUD, 'set-offload-status', 'status=reject').catch(codeOf)).to.equal('NO_PARENT');
    expect((await domain.add(LEAF, 'b'))).to.include({ node: CLOUD });
  });

  /** Everybody passed it on, and in the end nobody had taken it and its source had given it away. */
  it('reject everywhere: the root takes it, and without a way to the root it stays where it is', async () => {
    for (const name of [LEAF, MILAN, SIBLING, TURIN]) await domain.world.command(name, 'set-offload-status', 'status=reject');
    domain.world.weather = ({ from }) => (from === MILAN ? 'lost' : 'fine');
    expect(await domain.up(LEAF).catch(codeOf)).to.equal('PEER_UNREACHABLE');
    await domain.rest();
    expect((await domain.add(LEAF, 'b'))).to.include({ node: LEAF });
    domain.heal();
    expect(((await domain.up(LEAF)).json as SessionToken).currentLocation).to.equal(CLOUD);
    expect(await domain.items()).to.deep.equal(['a', 'b']);
  });

  /** A chain of rejecting nodes left a reservation at each. */
  it('reject everywhere: a node that passes an offer on keeps nothing of it', async () => {
    await domain.world.command(MILAN, 'set-offload-status', 'status=reject');
    await domain.up(LEAF);
    await domain.rest();
    expect((await domain.slot(MILAN))?.arriving).to.equal(undefined);
    expect(await domain.open()).to.deep.equal([]);
  });

  /** The new place had it, died before it told anybody, and home pointed to where it no longer was. */
  it('crash between commit and update: home is told by the next life of the new place', async () => {
    await domain.up(LEAF);
    domain.crashAt('committed');
    await domain.up(MILAN).catch(codeOf);
    await domain.world.restart(CLOUD);
    await domain.rest();
    expect(await domain.slot(LEAF)).to.include({ state: 'remote', current: CLOUD });
    expect(await domain.slot(MILAN)).to.include({ state: 'remote', current: CLOUD });
    expect(await domain.items()).to.deep.equal(['a']);
  });

  /** The old home forgot the session, or went on calling itself home. */
  it('re-home: the old home and everybody on the old path find the new one', async () => {
    await domain.up(LEAF);
    await domain.migrate(FAR_LEAF, true);
    await domain.rest();
    for (const name of domain.names) expect(await domain.items(name), name).to.deep.equal(['a']);
    await domain.up(FAR_LEAF);
    expect(placesOf(await domain.down(FAR_LEAF))).to.deep.equal([FAR_LEAF]);
  });
});

describe('regressions of ends and lives', () => {
  const TTL_MS = 1_000;
  let domain: Domain;
  beforeEach(() => { domain = new Domain(); });
  const add = (item: string, at = LEAF) => domain.world.during(domain.world.invoke(at, S, item, { ttlMs: TTL_MS }));

  /** Expired and born again with epoch 0, a session was overwritten by what was still on its way from its former life. */
  it('expired tombstone reborn with the same epoch: a new life begins beyond the old, and no old word touches it', async () => {
    await add('old');
    await domain.up(LEAF);
    await domain.down(LEAF);
    const before = (await domain.slot(LEAF))!;
    domain.world.clock.nowMs += TTL_MS + 1;
    await add('new');
    const after = (await domain.slot(LEAF))!;
    expect(after.epoch).to.be.above(before.epoch);
    expect(after.incarnation).not.to.equal(before.incarnation);
    const word = { session: S, function: 'list', proprietaryLocation: LEAF, currentLocation: MILAN, epoch: before.epoch + 1, version: 9, incarnation: before.incarnation, functions: ['list'] };
    await domain.world.during(domain.world.command(LEAF, 'update-session', '', word)).catch(codeOf);
    expect(await domain.slot(LEAF)).to.include({ state: 'resident', incarnation: after.incarnation });
    expect(await domain.items(LEAF)).to.deep.equal(['new']);
  });

  /**
   * Sent home to end there, a session ended and was born again before its last holder had learned that it had arrived. The holder
   * asked for a life that home no longer knew, was told that nothing had come, and took the ended life back: it stood in the way for ever.
   */
  it('ended life comes back at its last holder: home knows that what it ended had arrived', async () => {
    await add('old');
    await domain.up(LEAF);
    domain.fail('update-session', 'lost', Number.POSITIVE_INFINITY, ({ to }) => to === MILAN);
    await domain.down(LEAF);
    expect((await domain.slot(MILAN))?.state).to.equal('leaving');
    domain.fail('', 'lost');
    domain.world.clock.nowMs += TTL_MS + 1;
    expect(await domain.world.during(domain.world.invoke(LEAF, S, 'new', { ttlMs: 3_600_000 }))).to.include({ kind: 'answer' });
    domain.heal();
    await domain.rest();
    expect(await domain.holders()).to.deep.equal([LEAF]);
    expect(await domain.items(MILAN)).to.deep.equal(['new']);
    expect(await domain.open()).to.deep.equal([]);
  });

  /**
   * The same without a rebirth meanwhile: the holder took the tombstone's epoch for its stub's, and when home began the next life
   * under that very epoch, was asked, and still named the old life: so the next life was given the name of the one that had ended.
   */
  it('ended life lends its name to the next: a life that begins after the end is another', async () => {
    await add('old');
    await domain.up(LEAF);
    domain.fail('update-session', 'lost', Number.POSITIVE_INFINITY, ({ to }) => to === MILAN);
    await domain.down(LEAF);
    const before = (await domain.slot(LEAF))!;
    domain.fail('', 'lost', Number.POSITIVE_INFINITY, ({ from }) => from === LEAF);
    domain.world.clock.nowMs += TTL_MS + 1;
    await domain.world.during(domain.world.node(LEAF).offload.retire(S));
    expect((await domain.slot(LEAF))?.state).to.equal('tombstone');
    await domain.world.during(domain.world.node(MILAN).offload.source.settle(S));
    domain.heal();
    await add('new');
    expect((await domain.slot(LEAF))?.incarnation).not.to.equal(before.incarnation);
    expect(await domain.items(LEAF)).to.deep.equal(['new']);
  });

  /** A stub was collected by age while its session lived on elsewhere, and the next request made an empty one. */
  it('stub forgotten while the session lives: home never forgets what is away', async () => {
    await domain.add(LEAF, 'a');
    await domain.up(LEAF);
    domain.world.clock.nowMs += TOMBSTONE_KEEP_MS + 1;
    await domain.world.sweep();
    await domain.rest();
    expect(await domain.slot(LEAF)).to.include({ state: 'remote' });
    expect(await domain.items()).to.deep.equal(['a']);
  });

  /** Two lives of one id, made on both sides of a cut, were merged into one list, or one was thrown away in silence. */
  it('wrong-incarnation merge: two lives stay two, a move of one onto the other is a conflict', async () => {
    domain.world.weather = ({ from, to }) => (from === LEAF || to === LEAF ? 'lost' : 'fine');
    await domain.add(LEAF, 'here');
    await domain.add(FAR_LEAF, 'there');
    domain.heal();
    await domain.rest();
    const order = { session: S, from: FAR_LEAF, rehome: true };
    expect(await domain.world.during(domain.world.node(MILAN).offload.take(order)).catch(codeOf)).to.be.oneOf(['SESSION_CONFLICT', 'STALE_EPOCH', 'MOVE_REFUSED']);
    expect(await domain.world.during(domain.world.node(LEAF).offload.take(order)).catch(codeOf)).to.be.oneOf(['SESSION_CONFLICT', 'STALE_EPOCH', 'MOVE_REFUSED']);
    await domain.rest();
    expect(await domain.items(LEAF)).to.deep.equal(['here']);
    expect(await domain.items(FAR_LEAF)).to.deep.equal(['there']);
    expect(domain.names.flatMap((name) => domain.world.node(name).offload.conflicts.list())).to.have.length.above(0);
  });
});

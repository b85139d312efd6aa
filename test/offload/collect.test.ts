import { expect } from 'chai';
import { STUB_CHECK_MS, TOMBSTONE_KEEP_MS } from '../../runtime/model/limits.js';
import { defaultTree, World } from '../domain/world.js';

describe('the garbage collector', () => {
  let world: World;
  beforeEach(() => {
    world = new World(defaultTree());
  });
  const collect = async (at: string, query = '') => (await world.during(world.command(at, 'garbage-collector', query))).json as Record<string, number>;
  const stateAt = async (node: string, session: string) => (await world.slotAt(node, session))?.state;
  const later = (ms: number) => {
    world.clock.nowMs += ms;
  };

  it('ends what has been idle for so long, at home and away, and leaves what was used or has a longer time of its own', async () => {
    await world.add('milan-001', 'home', 'a');
    await world.add('milan-001', 'away', 'a');
    await world.invoke('milan-001', 'own', 'a', { ttlMs: 3_600_000 });
    await world.during(world.command('milan-001', 'force-offload', 'session=away'));
    later(100_000);
    await world.add('milan-001', 'used', 'a');
    expect(await collect('milan-001')).to.include({ ended: 0 });
    expect(await collect('milan-001', 'expiration=60')).to.include({ ended: 2, busy: 0, unanswered: 0 });
    await world.settle();
    expect(await Promise.all(['home', 'away', 'own', 'used'].map((session) => stateAt('milan-001', session)))).to.deep.equal(['tombstone', 'tombstone', 'resident', 'resident']);
    for (const node of ['milan', 'cloud']) expect(await stateAt(node, 'away'), node).to.equal('tombstone');
    expect(await collect('milan-001', 'expiration=60&forced=true')).to.include({ ended: 1 });
    expect((await world.during(world.add('turin-001', 'away', 'new'))).items).to.deep.equal(['new']);
  });

  it('asked at the holder, has home end it', async () => {
    await world.add('milan-001', 's', 'a');
    await world.during(world.command('milan-001', 'force-offload', 'session=s'));
    later(100_000);
    expect(await collect('milan', 'expiration=60')).to.include({ ended: 1 });
    expect(await stateAt('milan-001', 's')).to.equal('tombstone');
  });

  it('forgets a stub off the path after a day, never one on it, and everybody still finds the session', async () => {
    await world.add('milan-001', 's', 'a');
    await world.during(world.node('cloud').offload.migrate('s', 'turin-001', true));
    await world.settle();
    later(STUB_CHECK_MS + 1);
    for (const node of world.nodes.keys()) await collect(node);
    expect(await Promise.all(['milan-001', 'milan', 'turin', 'cloud'].map((node) => stateAt(node, 's')))).to.deep.equal([undefined, undefined, 'remote', 'remote']);
    for (const node of world.nodes.keys()) expect((await world.during(world.add(node, 's', ''))).redirects, node).to.be.at.most(2);
  });

  it('keeps a stub whose word a source still waits for', async () => {
    await world.add('milan-001', 's', 'a');
    await world.during(world.node('cloud').offload.migrate('s', 'turin-001', true));
    world.weather = ({ from, to, path }) => (path.includes('update-session') && to === 'turin-001' || from === 'turin-001' && path.includes('ask') ? 'lost' : 'fine');
    await world.during(world.node('cloud').offload.migrate('s', 'milan-002', true));
    expect(await stateAt('turin-001', 's')).to.equal('leaving');
    await world.during(world.node('cloud').offload.migrate('s', 'milan-001', true)).catch(() => undefined);
    later(STUB_CHECK_MS + 1);
    await collect('milan-002', 'forced=true');
    expect(await stateAt('milan-002', 's')).to.not.equal(undefined);
    world.weather = () => 'fine';
    await world.settle();
    await world.sweep();
    expect(await stateAt('turin-001', 's'), 'a stub, or forgotten by now').to.be.oneOf([undefined, 'remote']);
    expect(await world.itemsOf('s')).to.deep.equal(['a']);
  });

  it('keeps the stub of a former home while an ancestor was not told of the re-home: nothing is born twice', async () => {
    await world.add('milan-001', 's', 'a');
    // The new home tells everybody but the ancestors of the old one.
    world.weather = ({ from, to, path }) => (from === 'turin-001' && ['milan', 'cloud'].includes(to) && /update-session|claim/.test(path) ? 'lost' : 'fine');
    await world.during(world.node('cloud').offload.migrate('s', 'turin-001', true));
    await world.settle();
    expect((await world.slotAt('milan-001', 's'))).to.include({ state: 'remote', home: 'turin-001' });
    expect((await world.slotAt('milan', 's'))).to.include({ state: 'remote', home: 'milan-001' });
    await collect('milan-001', 'forced=true');
    expect(await stateAt('milan-001', 's')).to.equal('remote');
    expect((await world.during(world.add('milan-001', 's', 'b'))).items).to.deep.equal(['a', 'b']);
    world.weather = () => 'fine';
    await world.settle();
    await world.sweep();
    await collect('milan-001', 'forced=true');
    expect(await stateAt('milan-001', 's'), 'told, nobody needs it').to.equal(undefined);
    expect((await world.during(world.add('milan-001', 's', 'c'))).items).to.deep.equal(['a', 'b', 'c']);
  });

  it('finds a stub that points to nothing, without being told', async () => {
    await world.add('milan-001', 's', 'a');
    await world.during(world.command('milan-001', 'force-offload', 'session=s'));
    world.weather = ({ path }) => (path.includes('gone') ? 'lost' : 'fine');
    later(100_000);
    await collect('milan-001', 'expiration=60');
    const tomb = (await world.slotAt('milan-001', 's'))!;
    for (const owed of tomb.owed) await world.node('milan-001').store.run({ verb: 'paid', session: 's', owed });
    expect(await stateAt('cloud', 's')).to.equal('remote');
    later(STUB_CHECK_MS + 1);
    expect(await collect('cloud')).to.include({ dangling: 1 });
    world.weather = () => 'fine';
    later(TOMBSTONE_KEEP_MS + 1);
    expect(await collect('cloud')).to.include({ forgotten: 1 });
    expect(await stateAt('cloud', 's')).to.equal(undefined);
  });

  it('is refused with what it cannot read', async () => {
    for (const query of ['expiration=soon', 'expiration=-1', 'expiration=', 'forced=maybe']) {
      expect(await world.command('cloud', 'garbage-collector', query).then(() => 'taken', (error: { code: string }) => error.code), query).to.equal('PARAMETER_INVALID');
    }
  });
});

describe('an expired session away from home', () => {
  it('goes on while its home cannot be asked, with all it holds', async () => {
    const world = new World(defaultTree());
    await world.invoke('milan-001', 's', 'a', { ttlMs: 1_000 });
    await world.during(world.command('milan-001', 'force-offload', 'session=s'));
    world.crash('milan-001');
    world.clock.nowMs += 2_000;
    expect((await world.during(world.add('milan', 's', 'b'))).items).to.deep.equal(['a', 'b']);
  });
});

describe('the offload trigger', () => {
  const ITEM = 'x'.repeat(100_000);
  let world: World;
  beforeEach(async () => {
    world = new World(defaultTree());
    for (let count = 0; count < 10; count += 1) await world.add('milan-001', `s${count}`, ITEM);
  });
  const run = async (query: string) => (await world.during(world.command('milan-001', 'offload-trigger', query))).json as { offloaded: string[]; onloaded: string[]; usedBytes: number; stopped?: string };

  it('offloads above the high mark until it is no longer exceeded, brings back below the low one, and nothing goes to and fro', async () => {
    const MARKS = 'capacity=1&high=80&low=40';
    const first = await run(MARKS);
    expect(first.offloaded).to.have.length(2);
    expect(first.usedBytes).to.be.at.most(0.8 * 1024 * 1024);
    expect(await run(MARKS)).to.deep.include({ offloaded: [], onloaded: [] });
    expect(await run('capacity=10&high=80&low=60'), 'what was just moved rests').to.deep.include({ onloaded: [], stopped: 'NOTHING_TO_MOVE' });
    world.clock.nowMs += 10 * 60_000;
    expect((await run('capacity=10&high=80&low=60')).onloaded).to.have.length(2);
    world.clock.nowMs += 10 * 60_000;
    expect((await run('capacity=10&high=80&low=60')).onloaded).to.deep.equal([]);
  });

  it('counts what the node holds once a round, however much it moves', async () => {
    let pages = 0;
    world.storeWeather = ({ node, method }) => {
      if (node === 'milan-001' && method === 'page') pages += 1;
      return 'fine';
    };
    const { offloaded, usedBytes } = await run('capacity=1&high=40&low=10');
    expect(offloaded.length).to.be.greaterThan(3);
    expect(pages, 'one count, and a look for each that was chosen').to.equal(1 + offloaded.length);
    const { slots } = await world.node('milan-001').store.page(undefined, 99);
    expect(usedBytes).to.equal(slots.reduce((sum, { bytes }) => sum + bytes, 0));
  });

  it('never brings back so much that the low mark would be exceeded', async () => {
    await run('capacity=1&high=40&low=10');
    world.clock.nowMs += 10 * 60_000;
    const { onloaded, usedBytes } = await run('capacity=1&high=90&low=62');
    expect(onloaded.length).to.be.greaterThan(0);
    expect(usedBytes).to.be.at.most(0.62 * 1024 * 1024);
  });

  it('moves at most a batch, says why it stopped, and refuses marks that make no sense', async () => {
    expect((await run('capacity=0.1&batch=3')).offloaded).to.have.length(3);
    world.weather = ({ path }) => (path.includes('offload-session') ? 'lost' : 'fine');
    expect(await run('capacity=0.1')).to.deep.include({ offloaded: [], stopped: 'PEER_UNREACHABLE' });
    for (const query of ['', 'capacity=0', 'capacity=1&high=50&low=60', 'capacity=1&high=200', 'capacity=1&batch=0.5', 'capacity=one']) {
      expect(await run(query).then(() => 'taken', (error: { code: string }) => error.code), query).to.equal('PARAMETER_INVALID');
    }
  });

  it('is run by the node\'s own timer where it is configured', async () => {
    world.marks = { capacityMb: 1, everySeconds: 60 };
    await world.restart('milan-001');
    await world.during(world.node('milan-001').offload.sweep());
    await world.settle();
    expect((await world.node('milan').store.page(undefined, 99)).slots.filter(({ state }) => state === 'resident')).to.have.length(2);
  });
});

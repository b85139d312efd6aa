import { expect } from 'chai';
import { defaultTree, World } from '../domain/world.js';

/** More sessions than a node could ever pay for at once. */
const MANY = 300;

describe('what sessions owe', () => {
  it('is paid to who is there while another creditor is away for long, without calling that one all the time', async () => {
    const world = new World(defaultTree());
    let toCloud = 0;
    world.weather = ({ to }) => {
      if (to !== 'cloud') return 'fine';
      toCloud += 1;
      return 'lost';
    };
    // Every birth owes a claim to the root, which is away; the last one owes an update to its home as well.
    for (let count = 0; count < MANY; count += 1) void world.invoke('milan', `s${count}`, 'a');
    await world.settle(undefined, 400);
    await world.during(world.add('milan-001', 'last', 'a'));
    await world.during(world.command('milan-001', 'force-offload', 'session=last'));
    toCloud = 0;
    const startMs = world.clock.now();
    await world.settle(() => world.clock.now() - startMs > 60_000, 5_000);
    const home = await world.slotAt('milan-001', 'last');
    expect(home).to.include({ state: 'remote', current: 'milan' });
    expect((await world.slotAt('milan', 'last'))?.owed.map(({ to }) => to), 'what is still owed').to.not.include('milan-001');
    expect(toCloud, 'calls to the root in a minute').to.be.lessThan(50);
    world.weather = () => 'fine';
    await world.settle();
    for (const { name, store } of world.nodes.values()) expect(await store.unfinished(), name).to.deep.equal([]);
    expect((await world.slotAt('cloud', `s${MANY - 1}`))?.current).to.equal('milan');
  });
});

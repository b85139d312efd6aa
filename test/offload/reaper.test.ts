import { expect } from 'chai';
import { TOMBSTONE_KEEP_MS } from '../../runtime/model/limits.js';
import { defaultTree, World } from '../domain/world.js';

const ttlMs = 1_000;

describe('a session that nobody asks for any more', () => {
  it('ends at its home after its time, wherever it was, and is forgotten everywhere in the end', async () => {
    const world = new World(defaultTree());
    await world.invoke('milan-001', 'away', 'a', { ttlMs });
    await world.invoke('milan-001', 'home', 'a', { ttlMs });
    await world.add('milan-001', 'for ever', 'a');
    await world.during(world.command('milan-001', 'force-offload', 'session=away'));
    const states = async (at: string) => (await world.node(at).store.page(undefined, 9)).slots.map(({ session, state }) => `${session}: ${state}`);
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await world.sweep();
    expect(await states('milan-001')).to.deep.equal(['away: tombstone', 'for ever: resident', 'home: tombstone']);
    world.clock.nowMs += TOMBSTONE_KEEP_MS + 1;
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await world.sweep();
    for (const name of world.nodes.keys()) expect((await states(name)).filter((line) => !line.startsWith('for ever')), name).to.deep.equal([]);
    expect((await world.add('turin-001', 'for ever', '')).items).to.deep.equal(['a']);
  });

  it('is left alone while a request has it', async () => {
    const world = new World(defaultTree());
    await world.invoke('milan-001', 's', 'a', { ttlMs });
    const leave = await world.node('milan-001').offload.options.line.enter('s');
    world.clock.nowMs += ttlMs + 1;
    const look = world.node('milan-001').offload.reaper.look();
    await new Promise((resolve) => setImmediate(resolve));
    expect((await world.slotAt('milan-001', 's'))?.state).to.equal('resident');
    leave();
    await look;
    expect((await world.slotAt('milan-001', 's'))?.state).to.equal('tombstone');
  });
});

import { expect } from 'chai';
import { Fault } from '../../runtime/model/faults.js';
import { DELIVER_MOST_MS, MAX_UNDELIVERED_EFFECTS } from '../../runtime/model/limits.js';
import type { Worker } from '../../runtime/session/call.js';
import { defaultTree, listWorker, World, type AskFor } from './world.js';

const LEDGER = (node: string) => `propagate:ledger@${node}`;
const codeOf = (error: unknown) => (error as Fault).code;
const upwards = (levels: string, receiver = 'ledger'): AskFor => (outbox, item) => outbox.propagate(item, levels, receiver);

describe('an effect on other sessions', () => {
  let world: World;
  beforeEach(() => {
    world = new World(defaultTree());
  });
  const add = (at: string, item: string, askFor: AskFor = upwards('city'), session = 's') =>
    world.during(world.invoke(at, session, item, { worker: listWorker('offloadable', askFor), requestId: world.uuid() }));
  const up = (at: string) => world.during(world.command(at, 'force-offload', 'session=s'));
  const waiting = (at: string) => world.node(at).store.effects('s', 100);

  it('reaches the nodes of the named levels on the path to the root, in order', async () => {
    for (const item of ['a', 'b', 'c']) await add('milan-001', item, upwards('city,cloud'));
    await world.settle();
    expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal(['a', 'b', 'c']);
    expect(await world.itemsOf(LEDGER('cloud'))).to.deep.equal(['a', 'b', 'c']);
    expect(await world.itemsOf(LEDGER('turin'))).to.deep.equal([]);
    expect(await waiting('milan-001')).to.deep.equal([]);
  });

  it('reaches every node up to the root, home included, with *', async () => {
    await add('milan-001', 'a', upwards('*'));
    await world.settle();
    for (const node of ['milan-001', 'milan', 'cloud']) expect(await world.itemsOf(LEDGER(node)), node).to.deep.equal(['a']);
    expect(await world.itemsOf(LEDGER('milan-002'))).to.deep.equal([]);
  });

  it('reaches a level below the node that holds the session', async () => {
    await add('milan-001', 'a');
    await up('milan-001');
    await up('milan');
    await add('cloud', 'b');
    await world.settle();
    expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal(['a', 'b']);
  });

  it('is gathered from all sessions below one node', async () => {
    await add('milan-001', 'a', undefined, 's');
    await add('milan-002', 'b', undefined, 't');
    await add('turin-001', 'c', undefined, 'u');
    await world.settle();
    expect((await world.itemsOf(LEDGER('milan'))).sort()).to.deep.equal(['a', 'b']);
    expect(await world.itemsOf(LEDGER('turin'))).to.deep.equal(['c']);
  });

  it('is nothing when its request failed', async () => {
    await add('milan-001', 'throw').catch(() => undefined);
    await world.settle();
    expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal([]);
  });

  it('calls another session with the body given, and answers nobody', async () => {
    await add('milan-001', 'a', (outbox) => outbox.call('ledger', 'other', { body: 'told' }));
    await world.settle();
    expect(await world.itemsOf('other')).to.deep.equal(['told']);
    expect((await world.slotAt('milan-001', 'other'))?.home).to.equal('milan-001');
  });

  it('finds a receiving session that has moved away', async () => {
    await add('milan-001', 'a');
    await world.settle();
    await world.during(world.command('milan', 'force-offload', `session=${LEDGER('milan')}`));
    await add('milan-001', 'b');
    await world.settle();
    expect((await world.slotAt('cloud', LEDGER('milan')))?.state).to.equal('resident');
    expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal(['a', 'b']);
  });

  for (const weather of ['lost', 'answer-lost'] as const) {
    it(`happens once although every second call is ${weather}`, async () => {
      let calls = 0;
      world.weather = ({ path }) => (path.includes('receive-propagate') && (calls += 1) % 2 === 1 ? weather : 'fine');
      for (const item of ['a', 'b', 'c']) await add('milan-001', item);
      await world.settle();
      expect(calls).to.be.at.least(6);
      expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal(['a', 'b', 'c']);
    });
  }

  it('happens once although the sender stops after the delivery and before it is struck out', async () => {
    world.storeWeather = ({ method }) => (method === 'effectDone' ? 'lost' : 'fine');
    await add('milan-001', 'a');
    await add('milan-001', 'b');
    await world.settle(() => world.clock.nowMs > 1_700_000_000_000 + 10 * DELIVER_MOST_MS);
    expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal(['a']);
    world.storeWeather = () => 'fine';
    await world.restart('milan-001');
    await world.settle();
    expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal(['a', 'b']);
    expect(await world.node('milan-001').store.unfinished()).to.deep.equal([]);
  });

  it('waits for a receiver that is down, and is delivered when it is back', async () => {
    world.crash('milan');
    await add('milan-001', 'a', upwards('cloud,city'));
    await add('milan-001', 'b', upwards('cloud,city'));
    await world.settle(() => world.clock.nowMs > 1_700_000_000_000 + 10 * DELIVER_MOST_MS);
    expect(await waiting('milan-001')).to.have.length(2);
    world.start('milan');
    await world.settle();
    expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal(['a', 'b']);
    expect(await world.itemsOf(LEDGER('cloud'))).to.deep.equal(['a', 'b']);
  });

  it('that was not delivered before a move is delivered by the next holder, once', async () => {
    world.weather = ({ path }) => (path.includes('receive-propagate') ? 'answer-lost' : 'fine');
    await add('milan-001', 'a', upwards('cloud'));
    await add('milan-001', 'b', upwards('cloud'));
    await up('milan-001');
    expect(await waiting('milan')).to.have.length(2);
    world.weather = () => 'fine';
    await world.settle();
    expect(await world.itemsOf(LEDGER('cloud'))).to.deep.equal(['a', 'b']);
  });

  it('goes where its home was when it was committed, also after a re-home', async () => {
    world.weather = ({ path }) => (path.includes('receive-propagate') ? 'answer-lost' : 'fine');
    await add('milan-001', 'a');
    await world.during(world.node('cloud').offload.migrate('s', 'turin-001', true));
    world.weather = () => 'fine';
    await world.settle();
    expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal(['a']);
    expect(await world.itemsOf(LEDGER('turin'))).to.deep.equal([]);
  });

  it('that its receiver refuses for good is a dead letter, and holds up nobody', async () => {
    await add('milan-001', 'no-thanks');
    await add('milan-001', 'a', upwards('city', 'nobody'));
    await add('milan-001', 'b', upwards('city', 'list'));
    await add('milan-001', 'c');
    await world.settle();
    const letters = world.node('milan-001').offload.deadLetters.list();
    expect(letters.map(({ target }) => target)).to.deep.equal(['milan', 'milan', 'milan']);
    expect(letters[0]!.reason).to.include('400');
    expect(letters[1]!.reason).to.include('no function nobody');
    expect(letters[2]!.reason).to.include('receives');
    expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal(['c']);
  });

  it('is tried again while a stateless receiver fails', async () => {
    let failures = 2;
    const seen: string[] = [];
    const worker: Worker = {
      kind: 'stateless',
      run: async ({ request }) => {
        seen.push(request.body.toString());
        return { response: { status: (failures -= 1) >= 0 ? 503 : 200, headers: {}, body: Buffer.alloc(0) }, writes: [], effects: [], telemetry: [] };
      },
      close: async () => undefined,
    };
    world.receivers.set('plain', worker);
    await add('milan-001', 'a', upwards('city', 'plain'));
    await world.settle();
    expect(seen).to.deep.equal(['a', 'a', 'a']);
    expect(await waiting('milan-001')).to.deep.equal([]);
  });

  it('is refused with EFFECTS_WAITING while too many are undelivered', async () => {
    world.crash('milan');
    const many: AskFor = (outbox, item) => {
      for (let count = 0; count < 100; count += 1) outbox.propagate(item, 'city', 'ledger');
    };
    for (let count = 0; count < MAX_UNDELIVERED_EFFECTS / 100; count += 1) await add('milan-001', `a${count}`, many);
    expect(await add('milan-001', 'too many').catch(codeOf)).to.equal('EFFECTS_WAITING');
    expect(await add('milan-001', 'b', () => undefined)).to.include({ kind: 'answer' });
  });

  it('is counted exactly after a restart and after a move: the next one is refused when a thousand wait', async () => {
    world.weather = ({ path }) => (path.includes('receive-propagate') ? 'lost' : 'fine');
    const many: AskFor = (outbox, item) => {
      for (let count = 0; count < 100; count += 1) outbox.propagate(item, 'cloud', 'ledger');
    };
    for (let count = 0; count < MAX_UNDELIVERED_EFFECTS / 100 - 1; count += 1) await add('milan-001', `a${count}`, many);
    await world.restart('milan-001');
    await world.settle(() => world.clock.nowMs > 1_700_000_000_000 + DELIVER_MOST_MS);
    const one: AskFor = (outbox, item) => outbox.propagate(item, 'cloud', 'ledger');
    for (let count = 0; count < 50; count += 1) expect(await add('milan-001', `b${count}`, one)).to.include({ kind: 'answer' });
    await up('milan-001');
    await world.settle(() => world.clock.nowMs > 1_700_000_000_000 + 3 * DELIVER_MOST_MS);
    expect(await add('milan', 'too many', many).catch(codeOf)).to.equal('EFFECTS_WAITING');
    for (let count = 0; count < 50; count += 1) expect(await add('milan', `c${count}`, one)).to.include({ kind: 'answer' });
    expect(await add('milan', 'one too many', one).catch(codeOf)).to.equal('EFFECTS_WAITING');
    expect(await world.node('milan').store.effects('s', 2 * MAX_UNDELIVERED_EFFECTS)).to.have.length(MAX_UNDELIVERED_EFFECTS);
  });

  it('arrives by hand under an id once', async () => {
    const body = { function: 'ledger', value: 'by hand', id: world.uuid() };
    for (let tries = 0; tries < 2; tries += 1) {
      const { json } = await world.during(world.command('milan', 'receive-propagate', '', body));
      expect(json).to.deep.equal({ kind: 'done', status: 200 });
    }
    expect(await world.itemsOf(LEDGER('milan'))).to.deep.equal(['by hand']);
  });
});

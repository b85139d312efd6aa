import { expect } from 'chai';
import { Outbox } from '../../runtime/handler/outbox.js';
import { DELIVER_MOST_MS, MAX_DELIVERING, MAX_MARKS, MAX_REQUEST_IDS, SETTLE_AFTER_MS } from '../../runtime/model/limits.js';
import { decodeMark, encodeMark } from '../../runtime/session/marks.js';
import { listWorker, World, defaultTree, type AskFor } from './world.js';

const LEDGER = 'propagate:ledger@milan';
const upwards: AskFor = (outbox: Outbox, item) => outbox.propagate(item, 'city', 'ledger');

describe('an effect whose delivery is forgotten by its id', () => {
  let world: World;
  beforeEach(() => {
    world = new World(defaultTree());
  });
  const add = (at: string, item: string, session = 's', askFor: AskFor = upwards) =>
    world.during(world.invoke(at, session, item, { worker: listWorker('offloadable', askFor), requestId: world.uuid() }));
  const itemsAt = (session = LEDGER) => world.itemsOf(session);
  const marks = async (node: string, session = LEDGER) => (await world.node(node).store.marks(session)).map(([lane, row]) => [lane, decodeMark(row)] as const);
  /** A receiving session takes this by hand, as any other sender's. */
  const byHand = (count: number) => world.during(Promise.all(Array.from({ length: count }, (_, nth) =>
    world.command('milan', 'receive-propagate', '', { function: 'ledger', value: `other ${nth}`, id: world.uuid() }))), 20_000);
  const struckOutNever = () => {
    world.storeWeather = ({ node, method }) => (node === 'milan-001' && method === 'effectDone' ? 'lost' : 'fine');
  };

  it('happens once although more than a thousand others came between it and its retry', async () => {
    struckOutNever();
    await add('milan-001', 'a');
    await world.settle(() => world.clock.nowMs > 1_700_000_000_000 + 3 * DELIVER_MOST_MS);
    expect(await itemsAt()).to.deep.equal(['a']);
    for (let round = 0; round < 11; round += 1) await byHand(MAX_REQUEST_IDS / 10);
    const kept = (await world.node('milan').store.inventory(LEDGER)).filter(({ kind }) => kind === 'reply');
    expect(kept, 'ids').to.have.length(MAX_REQUEST_IDS);
    world.storeWeather = () => 'fine';
    // The next life of the sender knows nothing of what was answered.
    await world.restart('milan-001');
    await world.settle();
    expect((await itemsAt()).filter((item) => item === 'a')).to.deep.equal(['a']);
    expect(await world.node('milan-001').store.effects('s', 10)).to.deep.equal([]);
    await add('milan-001', 'b');
    await world.settle();
    expect((await itemsAt()).filter((item) => !item.startsWith('other'))).to.deep.equal(['a', 'b']);
  });

  for (const weather of ['lost', 'answer-lost', 'late'] as const) {
    it(`happens once, in order, although every second call is ${weather}`, async () => {
      world.deliveries = 'by place';
      let calls = 0;
      world.weather = ({ path }) => (path.includes('receive-propagate') && (calls += 1) % 2 === 1 ? weather : 'fine');
      for (const item of ['a', 'b', 'c']) await add('milan-001', item);
      await world.settle();
      expect(calls).to.be.at.least(6);
      expect(await itemsAt()).to.deep.equal(['a', 'b', 'c']);
    });
  }

  it('happens once when sender and receiver crash, and the receiving session has moved meanwhile', async () => {
    world.deliveries = 'by place';
    struckOutNever();
    for (const item of ['a', 'b']) await add('milan-001', item);
    await world.settle(() => world.clock.nowMs > 1_700_000_000_000 + 3 * DELIVER_MOST_MS);
    await world.during(world.command('milan', 'force-offload', `session=${LEDGER}`));
    await world.restart('cloud');
    world.storeWeather = () => 'fine';
    await world.restart('milan-001');
    await world.settle();
    expect((await world.slotAt('cloud', LEDGER))?.state).to.equal('resident');
    expect(await itemsAt()).to.deep.equal(['a', 'b']);
    expect(await marks('cloud')).to.have.length(1);
  });

  it('happens once when its session has moved, with its outbox, before it was struck out', async () => {
    world.deliveries = 'by place';
    world.weather = ({ path }) => (path.includes('receive-propagate') ? 'answer-lost' : 'fine');
    for (const item of ['a', 'b']) await add('milan-001', item, 's', (outbox, each) => outbox.propagate(each, 'cloud', 'ledger'));
    await world.during(world.command('milan-001', 'force-offload', 'session=s'));
    await world.during(world.node('cloud').offload.migrate('s', 'turin-001', true));
    world.weather = () => 'fine';
    await world.settle();
    expect(await itemsAt('propagate:ledger@cloud')).to.deep.equal(['a', 'b']);
  });

  it('of a new life of its sender is new, though its numbers are small again', async () => {
    world.deliveries = 'by place';
    for (const item of ['a', 'b']) await add('milan-001', item);
    await world.settle();
    await world.during(world.command('milan-001', 'garbage-collector', 'expiration=0&forced=true'));
    await world.settle();
    expect((await world.slotAt('milan-001', 's'))?.state).not.to.equal('resident');
    await add('milan-001', 'c');
    await world.settle();
    expect(await itemsAt()).to.include.members(['c']);
    expect((await marks('milan')).map(([lane]) => lane).filter((lane) => lane.endsWith('/propagate/ledger'))).to.have.length(2);
  });

  it('is not mixed up with what the same session sends to the same one through another function', async () => {
    world.deliveries = 'by place';
    let calls = 0;
    world.weather = ({ path }) => (path.includes('/peer/call') && (calls += 1) % 2 === 1 ? 'answer-lost' : 'fine');
    await add('milan-001', 'x', 's', (outbox) => {
      outbox.call('list', LEDGER, { query: 'add=by+list' });
      outbox.call('ledger', LEDGER, { body: 'by ledger' });
      outbox.propagate('up', 'city', 'ledger');
    });
    await world.settle();
    expect((await itemsAt()).sort()).to.deep.equal(['by ledger', 'by list', 'up']);
  });

  it('that was refused is known to have been when its answer is forgotten', async () => {
    world.deliveries = 'by place';
    let calls = 0;
    world.weather = ({ path }) => (path.includes('receive-propagate') && (calls += 1) === 1 ? 'answer-lost' : 'fine');
    await add('milan-001', 'no-thanks');
    await world.settle();
    expect(world.node('milan-001').offload.deadLetters.list().map(({ reason }) => reason)).to.deep.equal(['ledger answered 400: ']);
  });

  it('of a sender that is through is forgotten, so that receivers remember few', async () => {
    for (let session = 0; session < 5; session += 1) await add('milan-001', `a${session}`, `s${session}`);
    await world.settle();
    expect(await marks('milan')).to.have.length(5);
    world.clock.nowMs += SETTLE_AFTER_MS;
    await add('milan-001', 'b', 's0');
    await world.settle();
    expect(await marks('milan')).to.have.length(1);
    expect(await itemsAt()).to.deep.equal(['a0', 'a1', 'a2', 'a3', 'a4', 'b']);
  });

  it('is not forgotten while one of its receivers has yet to take it', async () => {
    world.deliveries = 'by place';
    await add('milan-001', 'first', 's', (outbox, item) => outbox.propagate(item, 'city,cloud', 'ledger'));
    await world.settle();
    world.weather = ({ to, path }) => (to === 'cloud' && path.includes('receive-propagate') ? 'lost' : 'fine');
    await add('milan-001', 'a', 's', (outbox, item) => outbox.propagate(item, 'city,cloud', 'ledger'));
    await world.settle(() => world.clock.nowMs > 1_700_000_000_000 + SETTLE_AFTER_MS + DELIVER_MOST_MS);
    await add('milan-001', 'b', 't');
    await world.settle(() => world.clock.nowMs > 1_700_000_000_000 + 2 * SETTLE_AFTER_MS);
    expect(await marks('milan')).to.have.length(2);
    world.weather = () => 'fine';
    await world.restart('milan-001');
    await world.settle();
    expect(await itemsAt()).to.deep.equal(['first', 'a', 'b']);
    expect(await itemsAt('propagate:ledger@cloud')).to.deep.equal(['first', 'a']);
  });

  describe('is not forgotten while it may come again,', () => {
    const startMs = 1_700_000_000_000;
    const both: AskFor = (outbox, item) => outbox.propagate(item, 'city,cloud', 'ledger');
    const isPropagated = (path: string) => path.includes('receive-propagate');
    /** Its receiver hears that all which was struck out so far is through, if the sending node thinks so. */
    const laterByAnother = async () => {
      world.clock.nowMs += SETTLE_AFTER_MS;
      await add('milan-001', 'b', 't');
      const untilMs = world.clock.nowMs + 2 * DELIVER_MOST_MS;
      await world.settle(() => world.clock.nowMs > untilMs);
      expect(await itemsAt()).to.include('b');
    };
    beforeEach(() => {
      world.deliveries = 'by place';
    });

    it('because its session left, with the effect in its outbox, while the receiver answered', async () => {
      world.weather = ({ from, to, path }) => (from === 'cloud' && to === 'milan' && isPropagated(path) ? 'lost' : 'fine');
      let leaving: Promise<unknown> | undefined;
      world.stored = async (node, session) => {
        if (node !== 'milan' || session !== LEDGER || leaving || (await itemsAt()).length === 0) return;
        leaving = world.node('cloud').offload.migrate('s', 'cloud', false);
        await leaving;
      };
      await add('milan-001', 'a');
      await world.settle(() => world.clock.nowMs > startMs + 5 * DELIVER_MOST_MS);
      expect((await world.slotAt('cloud', 's'))?.state).to.equal('resident');
      await laterByAnother();
      world.weather = () => 'fine';
      await world.settle();
      expect(await itemsAt()).to.deep.equal(['a', 'b']);
      expect(await world.node('cloud').store.effects('s', 10)).to.deep.equal([]);
    });

    for (const next of ['its node restarts', 'its session moves'] as const) {
      it(`because one of its receivers has yet to take it and ${next}, though a later one was struck out`, async () => {
        world.weather = ({ to, path }) => (to === 'cloud' && isPropagated(path) ? 'lost' : 'fine');
        await add('milan-001', 'a', 's', both);
        await add('milan-001', 'z', 's', upwards);
        await laterByAnother();
        if (next === 'its node restarts') await world.restart('milan-001');
        else await world.during(world.node('milan').offload.migrate('s', 'milan', false));
        world.weather = () => 'fine';
        await world.settle();
        expect(await itemsAt()).to.deep.equal(['a', 'z', 'b']);
        expect(await itemsAt('propagate:ledger@cloud')).to.deep.equal(['a']);
      });
    }

    it('but is once every receiver has it, the last number of all', async () => {
      world.weather = ({ to, path }) => (to === 'cloud' && isPropagated(path) ? 'lost' : 'fine');
      await add('milan-001', 'a', 's', both);
      await add('milan-001', 'z', 's', upwards);
      await world.settle(() => world.clock.nowMs > startMs + 2 * DELIVER_MOST_MS);
      world.weather = () => 'fine';
      await world.settle();
      expect(await marks('milan')).to.have.length(1);
      await laterByAnother();
      await world.settle();
      expect(await marks('milan'), 'only that of the other').to.have.length(1);
    });

    it('nor sent by a node where it waited for its turn until its session had left', async () => {
      const others = Array.from({ length: MAX_DELIVERING }, (_, nth) => `t${nth}`);
      for (const session of [...others, 's']) await add('milan-001', '', session);
      let sent = 0;
      world.weather = ({ from, to, path }) => {
        if (from === 'milan-001' && to === 'milan' && isPropagated(path)) sent += 1;
        return 'fine';
      };
      world.latency = (site) => (site === 'milan-001>milan' ? 5_000 : 0);
      for (const session of [...others, 's']) await add('milan-001', `of ${session}`, session);
      await world.settle(() => sent === MAX_DELIVERING);
      expect(await itemsAt(), 'all calls are on their way').to.deep.equal([]);
      await world.during(world.node('cloud').offload.migrate('s', 'cloud', false));
      await world.settle();
      expect(sent).to.equal(MAX_DELIVERING);
      expect(await itemsAt()).to.have.members([...others, 's'].map((session) => `of ${session}`));
    });
  });

  it('waits while its receiver remembers too many senders, and is taken once those are old; a yet older one is a dead letter', async () => {
    await add('milan-001', 'a');
    await world.settle();
    const { store } = world.node('milan');
    const c = { session: LEDGER, leaseId: 'by-hand' } as const;
    const { epoch } = (await store.slot(LEDGER))!;
    await store.acquire({ verb: 'acquire', ...c, function: 'ledger', owner: 'x', boot: 'x', leaseMs: 9 });
    const row = encodeMark({ number: 1, atMs: world.clock.nowMs, status: 200, appliedAtMs: world.clock.nowMs });
    const many = Array.from({ length: MAX_MARKS - 1 }, (_, nth) => ({ op: 'mark' as const, lane: `lane ${nth}`, row }));
    await store.release({ verb: 'release', ...c, epoch, dirty: true }, { writes: [], marks: many });
    // Those of a sender that is known go on.
    await add('milan-001', 'b');
    await world.settle();
    expect(await itemsAt()).to.deep.equal(['a', 'b']);
    const old = world.clock.nowMs - 1;
    world.clock.nowMs += 1_000;
    await add('milan-001', 'c', 't');
    await world.settle(() => world.clock.nowMs > 1_700_000_000_000 + 10 * DELIVER_MOST_MS);
    expect(await itemsAt(), 'one more sender waits').to.deep.equal(['a', 'b']);
    world.clock.nowMs += 24 * 3_600_000;
    await world.settle();
    expect(await itemsAt()).to.deep.equal(['a', 'b', 'c']);
    const place = { lane: 'forgotten/propagate/ledger', number: 1, atMs: old };
    const refused = await world.during(world.command('milan', 'receive-propagate', '', { function: 'ledger', value: 'd', id: world.uuid(), place })).catch((error: { code: string }) => error.code);
    expect(refused).to.equal('EFFECT_UNCERTAIN');
    expect(await itemsAt()).to.deep.equal(['a', 'b', 'c']);
  });

  it('and that is a dead letter is taken once when an operator sends it again, though the answer is lost', async () => {
    world.deliveries = 'by place';
    world.receivers.delete('ledger');
    await add('milan-001', 'a');
    await world.settle();
    world.receivers.set('ledger', (await import('./list-worker.js')).ledgerWorker());
    await add('milan-001', 'b');
    await world.settle();
    const { deadLetters, effects } = world.node('milan-001').offload;
    const [letter] = deadLetters.list();
    world.weather = () => 'answer-lost';
    await world.during(effects.again(letter!).catch(() => undefined));
    world.weather = () => 'fine';
    await world.during(effects.again(letter!));
    expect(deadLetters.list()).to.deep.equal([]);
    expect(await itemsAt()).to.deep.equal(['b', 'a']);
  });
});

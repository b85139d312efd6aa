import { expect } from 'chai';
import type { Fault } from '../../runtime/model/faults.js';
import { Fault as Trouble } from '../../runtime/model/faults.js';
import { DELIVER_MOST_MS, MAX_THROWN_DELIVERIES } from '../../runtime/model/limits.js';
import { defaultTree, ledgerWorker, listWorker, World, type AskFor } from './world.js';

const codeOf = (error: unknown) => (error as Fault).code;

describe('a receiver of effects', () => {
  let world: World;
  let fails = true;
  beforeEach(() => {
    world = new World(defaultTree());
    fails = true;
    const ledger = ledgerWorker();
    world.receivers.set('broken', { ...ledger, run: (call) => (fails ? Promise.reject(new Trouble('HANDLER_FAILED', { call: 'x' })) : ledger.run(call)) });
  });
  const both: AskFor = (outbox, item) => {
    outbox.propagate(item, 'city', 'broken');
    outbox.propagate(item, 'city', 'ledger');
  };
  const add = (item: string, askFor = both) => world.during(world.invoke('milan-001', 's', item, { worker: listWorker('offloadable', askFor), requestId: world.uuid() }));
  const letters = () => world.node('milan-001').offload.deadLetters.list();

  it('that keeps throwing holds up no other, and is given up after so many failures; what comes later still comes in order', async () => {
    for (const item of ['a', 'b', 'c']) await add(item);
    await world.settle(() => world.clock.nowMs > 1_700_000_000_000 + 5 * DELIVER_MOST_MS);
    expect(await world.itemsOf('propagate:ledger@milan')).to.deep.equal(['a', 'b', 'c']);
    expect(letters()).to.deep.equal([]);
    await world.settle(() => letters().length > 0, 100_000);
    expect(letters()[0]!.reason).to.include(`failed ${MAX_THROWN_DELIVERIES} times`);
    fails = false;
    await world.settle();
    expect(await world.itemsOf('propagate:broken@milan')).to.deep.equal(['b', 'c']);
    expect(await world.node('milan-001').store.unfinished()).to.deep.equal([]);
  });

  it('that was given up may be tried again by an operator, also after a restart, once', async () => {
    await add('a');
    await world.settle(() => letters().length > 0, 100_000);
    await world.restart('milan-001');
    const { letter } = letters()[0]!;
    const { operator } = world.node('milan-001').offload;
    expect(await world.during(operator.retryLetter(letter, 'admin')).catch(codeOf)).to.equal('HANDLER_FAILED');
    expect(letters()).to.have.length(1);
    fails = false;
    expect(await world.during(operator.retryLetter(letter, 'admin'))).to.include({ result: 'delivered' });
    expect(letters()).to.deep.equal([]);
    expect(await world.itemsOf('propagate:broken@milan')).to.deep.equal(['a']);
    expect(() => operator.retryLetter(letter, 'admin')).to.throw('the dead letter');
  });

  it('that refused takes a second try as a new one, and drops go for good', async () => {
    await add('no-thanks', (outbox, item) => outbox.propagate(item, 'city', 'ledger'));
    await world.settle();
    const { operator } = world.node('milan-001').offload;
    const { letter } = letters()[0]!;
    expect(await world.during(operator.retryLetter(letter, 'admin')).catch(codeOf)).to.equal('OPERATION_REFUSED');
    world.receivers.set('ledger', listWorker('offloadable'));
    expect(await world.during(operator.retryLetter(letter, 'admin'))).to.include({ result: 'delivered' });
    await add('no-more', (outbox, item) => outbox.propagate(item, 'city', 'nobody'));
    await world.settle();
    await world.during(operator.dropLetter(letters()[0]!.letter, 'admin'));
    expect(letters()).to.deep.equal([]);
  });
});

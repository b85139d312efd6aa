/** How far the senders of effects have got: rows beside the data, committed and moved with it. */
import { expect } from 'chai';
import type { Item, MarkChange } from '../../runtime/store/store.js';
import type { Bench } from './conformance.js';
import { born, bytes, commandsFor, set, START_MS } from './support.js';

const mark = (lane: string, row: string): MarkChange => ({ op: 'mark', lane, row: bytes(row) });
const unmark = (lane: string, start: string): MarkChange => ({ op: 'unmark', lane, start });
const told = (marks: { rows: (Buffer | undefined)[]; count: number } | undefined) => marks && { ...marks, rows: marks.rows.map((row) => row?.toString()) };

export function markSuite(bench: Bench): void {
  const commit = async (session: string, marks: MarkChange[]) => {
    const c = commandsFor(session);
    await bench.store.acquire(c.create());
    await bench.store.release(c.release(), { writes: [], marks });
  };
  const asked = async (session: string, lanes: string[], fields: object = {}) => {
    const answer = await bench.store.acquire(commandsFor(session).acquire({ leaseId: 'lease-2', ...fields }), { lanes });
    await bench.store.run({ verb: 'abandon', session, leaseId: 'lease-2' });
    return told(answer.marks);
  };
  const all = async (session: string) => (await bench.store.marks(session)).map(([lane, row]) => [lane, row.toString()]);

  describe('its marks', () => {
    it('are told to an acquire that asks for them, with their number, and to no other', async () => {
      const session = bench.fresh('marks');
      await commit(session, [mark('a', '1 x'), mark('b', '2 \0 y')]);
      expect(await asked(session, ['b', 'unknown', ''])).to.deep.equal({ rows: ['2 \0 y', undefined, undefined], count: 2 });
      expect(await bench.store.acquire(commandsFor(session).acquire())).not.to.have.property('marks');
    });

    it('are not told to an acquire that is not granted', async () => {
      const session = bench.fresh('marks');
      const c = commandsFor(session);
      await commit(session, [mark('a', '1 x')]);
      await bench.store.acquire(c.acquire());
      const busy = await bench.store.acquire(c.acquire({ leaseId: 'lease-2' }), { lanes: ['a'] });
      expect(busy.kind).to.equal('busy');
      expect(busy).not.to.have.property('marks');
    });

    it('are listed in the order of their lanes\' bytes', async () => {
      const session = bench.fresh('marks');
      await commit(session, [mark('é', '1'), mark('b', '2'), mark('B', '3'), mark('a', '4')]);
      expect(await all(session)).to.deep.equal([['B', '3'], ['a', '4'], ['b', '2'], ['é', '1']]);
    });

    it('are none of a session that is born', async () => {
      const session = bench.fresh('marks');
      const answer = await bench.store.acquire(commandsFor(session).create(), { lanes: ['a', ''] });
      expect(told(answer.marks)).to.deep.equal({ rows: [undefined, undefined], count: 0 });
    });

    it('are told beside data that is large, or that the caller has', async () => {
      const session = bench.fresh('marks');
      await born(bench.store, session, { writes: [set('a', 'x'.repeat(300_000))], marks: [mark('a', '1 x')] });
      expect(await asked(session, ['a'])).to.deep.equal({ rows: ['1 x'], count: 1 });
      const { version, incarnation, epoch } = (await bench.store.slot(session))!;
      const answer = await bench.store.acquire(commandsFor(session).acquire(), { known: { version, incarnation, epoch }, lanes: ['a'] });
      expect([answer.loaded, told(answer.marks)]).to.deep.equal([{ kind: 'same' }, { rows: ['1 x'], count: 1 }]);
    });

    it('are replaced, and taken away only while they begin as said', async () => {
      const session = bench.fresh('marks');
      await commit(session, [mark('a', '1 x'), mark('b', '12 y'), mark('c', '3')]);
      await commit(session, [mark('a', '2 x'), unmark('a', '1 '), unmark('b', '1 '), unmark('c', ''), unmark('unknown', '')]);
      expect(await all(session)).to.deep.equal([['a', '2 x'], ['b', '12 y']]);
      expect(await asked(session, [''])).to.deep.equal({ rows: [undefined], count: 2 });
      await commit(session, [unmark('b', '12 ')]);
      expect(await all(session)).to.deep.equal([['a', '2 x']]);
    });

    it('are committed with the rest, on a basis too, or not at all', async () => {
      const session = bench.fresh('marks');
      const c = commandsFor(session);
      const { version, incarnation } = await born(bench.store, session);
      const release = c.release({ leaseId: '', basis: { version, incarnation } });
      expect((await bench.store.release(release, { writes: [], marks: [mark('a', '1')] })).kind).to.equal('committed');
      expect((await bench.store.release(release, { writes: [set('k', 'v')], marks: [mark('a', '2'), unmark('a', '')] })).kind).to.equal('refused');
      expect(await all(session)).to.deep.equal([['a', '1']]);
    });

    it('count neither as data nor as its size', async () => {
      const session = bench.fresh('marks');
      await born(bench.store, session, { writes: [set('k', 'v')], marks: [mark('a', '1')] });
      expect((await bench.store.readKeys(session)).keys).to.deep.equal(['k']);
      expect((await bench.store.slot(session))!.bytes).to.equal(2);
    });

    it('go along with a move: all at first, then what has changed, and what is gone as gone', async () => {
      const session = bench.fresh('marks');
      const c = commandsFor(session);
      await commit(session, [mark('a', '1'), mark('b', '2')]);
      await bench.store.run(c.copy());
      const names = await bench.store.inventory(session);
      expect(names.map(({ kind, name }) => [kind, name])).to.deep.equal([['mark', 'a'], ['mark', 'b']]);
      const item = (lane: string, row: string): Item => ({ kind: 'mark', lane, row: bytes(row) });
      expect(await bench.store.items(session, names)).to.deep.equal([item('a', '1'), item('b', '2')]);
      await commit(session, [mark('b', '3'), mark('c', '4')]);
      expect((await bench.store.drain(session, 'attempt-out'))!.map(({ name }) => name)).to.deep.equal(['b', 'c']);
      await commit(session, [unmark('a', '1'), unmark('c', '9')]);
      const { items } = await bench.store.depart(c.depart());
      expect(items).to.deep.equal([{ kind: 'mark-gone', lane: 'a' }, item('c', '4')]);
    });

    it('arrive with a move, and end with the session', async () => {
      const session = bench.fresh('marks');
      const c = commandsFor(session);
      const item = (lane: string, row: string): Item => ({ kind: 'mark', lane, row: bytes(row) });
      await bench.store.run(c.reserve());
      await bench.store.stage(session, 'attempt-in', [item('a', '1'), item('b', '2'), item('c', '3')]);
      expect(await all(session)).to.deep.equal([]);
      await bench.store.commit(c.commit(), [item('b', '5'), { kind: 'mark-gone', lane: 'c' }]);
      expect(await all(session)).to.deep.equal([['a', '1'], ['b', '5']]);
      expect(await asked(session, ['b', 'c'])).to.deep.equal({ rows: ['5', undefined], count: 2 });
      await bench.store.depart(c.depart({ epoch: 7, to: 'cloud' }));
      await bench.store.run(c.learn({ epoch: 7, current: 'cloud' }));
      expect(await all(session)).to.deep.equal([]);
      expect(await bench.store.weight(session)).to.be.a('number');
    });

    it('survive a restart of the store', async () => {
      const session = bench.fresh('marks');
      await commit(session, [mark('a', '1')]);
      if (!(await bench.restart())) return;
      expect(await all(session)).to.deep.equal([['a', '1']]);
      bench.clock.nowMs = START_MS;
    });
  });
}

/** The data's part of a move at its source and at its target, and what a restart has to go on with. */
import { expect } from 'chai';
import { Fault } from '../../runtime/model/faults.js';
import type { Commit } from '../../runtime/model/verbs.js';
import type { Commitment, Item, ItemName } from '../../runtime/store/store.js';
import type { Bench } from './conformance.js';
import { answered, append, born, bytes, commandsFor, dataOf, remove, set, setList, shown, shownItems, START_MS } from './support.js';

const value = (key: string, text: string): Item => ({ kind: 'value', key, value: bytes(text) });
const list = (key: string, values: string[], more?: true): Item =>
  ({ kind: 'list', key, values: values.map(bytes), ...(more ? { more } : {}) });
const deleted = (key: string): Item => ({ kind: 'deleted', key });
const effect = (id: string): Item => ({ kind: 'effect', effect: { id, body: bytes(`body of ${id}`) } });
const reply = (id: string, atMs = START_MS, body = 'answer'): Item => ({ kind: 'reply', reply: answered(id, atMs, body) });
const sorted = (items: Item[] | undefined) => shownItems(items).map((item) => JSON.stringify(item)).sort();
const named = (names: ItemName[] | undefined) => names?.map(({ kind, name }) => `${kind} ${name}`).sort();

const FULL: Commitment = {
  writes: [set('a', '1'), set('b', '2'), setList('l', 'x', 'y')],
  reply: answered('r1', START_MS, 'answer'),
  effects: [{ id: 'e1', body: bytes('body of e1') }, { id: 'e2', body: bytes('body of e2') }],
};

export function moveSuite(bench: Bench): void {
  const commit = async (session: string, commitment: Commitment) => {
    const c = commandsFor(session);
    await bench.store.acquire(c.acquire());
    await bench.store.release(c.release(), commitment);
  };

  describe('its move, at the source', () => {
    it('lists everything it consists of, and gives the content of what is named', async () => {
      const session = bench.fresh('source');
      await born(bench.store, session, FULL);
      const names = await bench.store.inventory(session);
      expect(named(names)).to.deep.equal(['data a', 'data b', 'data l', 'effect e1', 'effect e2', 'reply cart\nr1']);
      expect(names.every((name) => name.bytes > 0)).to.equal(true);
      const items = await bench.store.items(session, names);
      expect(sorted(items)).to.deep.equal(sorted([value('a', '1'), value('b', '2'), list('l', ['x', 'y']), reply('r1'), effect('e1'), effect('e2')]));
      expect(items.filter(({ kind }) => kind === 'effect')).to.deep.equal([effect('e1'), effect('e2')]);
    });

    it('names its keys in the order of their bytes, then what it answered, its effects as they are to be delivered and its lanes, each with its size', async () => {
      const session = bench.fresh('source');
      await born(bench.store, session, {
        writes: [setList('l', 'x', 'yz'), set('b', '22'), set('a', '')], reply: answered('r1', START_MS, 'answer'),
        effects: [{ id: 'e9', body: bytes('nine') }, { id: 'e1', body: bytes('one') }], marks: [{ op: 'mark', lane: 'lane', row: bytes('7 d') }],
      });
      expect(await bench.store.inventory(session)).to.deep.equal([
        { kind: 'data', name: 'a', bytes: 1 }, { kind: 'data', name: 'b', bytes: 3 }, { kind: 'data', name: 'l', bytes: 4 },
        { kind: 'reply', name: 'cart\nr1', bytes: 13 }, { kind: 'effect', name: 'e9', bytes: 6 }, { kind: 'effect', name: 'e1', bytes: 5 },
        { kind: 'mark', name: 'lane', bytes: 7 },
      ]);
    });

    it('names what is gone with no size of its own', async () => {
      const session = bench.fresh('source');
      const marks = [{ op: 'mark' as const, lane: 'lane', row: bytes('7 d') }];
      await born(bench.store, session, { ...FULL, marks });
      await bench.store.run(commandsFor(session).copy());
      await commit(session, { writes: [remove('a')], marks: [{ op: 'unmark', lane: 'lane', start: '' }] });
      await bench.store.effectDone(session, 'e1');
      expect(await bench.store.drain(session, 'attempt-out')).to.deep.equal([
        { kind: 'data', name: 'a', bytes: 0 }, { kind: 'effect', name: 'e1', bytes: 2 }, { kind: 'mark', name: 'lane', bytes: 4 },
      ]);
    });

    it('gives what is gone as deleted or done, and leaves a forgotten answer out', async () => {
      const session = bench.fresh('source');
      await born(bench.store, session, FULL);
      const items = await bench.store.items(session, [
        { kind: 'data', name: 'gone', bytes: 0 }, { kind: 'effect', name: 'gone', bytes: 0 }, { kind: 'reply', name: 'gone', bytes: 0 },
      ]);
      expect(items).to.deep.equal([deleted('gone'), { kind: 'effect-done', id: 'gone' }]);
    });

    it('refuses contents once the session is not here, rather than calling everything deleted', async () => {
      const c = commandsFor(bench.fresh('source'));
      const { session } = c.acquire();
      await born(bench.store, session, FULL);
      await bench.store.depart(c.depart());
      await bench.store.run(c.learn());
      const error = await bench.store.items(session, [{ kind: 'data', name: 'a', bytes: 1 }]).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(Fault).with.property('code', 'MOVE_REFUSED');
      expect((error as Fault).message).to.include('the session is no longer here');
    });

    it('notes what is written from the copy on, and forgets a note once it is drained', async () => {
      const session = bench.fresh('source');
      const c = commandsFor(session);
      await born(bench.store, session, FULL);
      await bench.store.run(c.copy());
      expect(await bench.store.drain(session, 'attempt-out')).to.deep.equal([]);
      await commit(session, { writes: [set('a', '3'), remove('b'), append('l', 'z')], reply: answered('r2', START_MS, 'x'), effects: [{ id: 'e3', body: bytes('') }] });
      await bench.store.effectDone(session, 'e1');
      const names = await bench.store.drain(session, 'attempt-out');
      expect(named(names)).to.deep.equal(['data a', 'data b', 'data l', 'effect e1', 'effect e3', 'reply cart\nr2']);
      expect(await bench.store.drain(session, 'attempt-out')).to.deep.equal([]);
    });

    it('drains for nobody but the attempt that copies', async () => {
      const c = commandsFor(bench.fresh('source'));
      const { session } = c.acquire();
      await born(bench.store, session, FULL);
      expect(await bench.store.drain(session, 'attempt-out')).to.equal(undefined);
      await bench.store.run(c.copy());
      expect(await bench.store.drain(session, 'attempt-9')).to.equal(undefined);
      await bench.store.run(c.copy({ attempt: 'attempt-2' }));
      expect(await bench.store.drain(session, 'attempt-out')).to.equal(undefined);
      expect(await bench.store.drain(bench.fresh('nobody'), 'attempt-out')).to.equal(undefined);
    });

    it('begins its notes afresh for another attempt, but keeps them when the same attempt says copy twice', async () => {
      const c = commandsFor(bench.fresh('source'));
      const { session } = c.acquire();
      await born(bench.store, session, FULL);
      await bench.store.run(c.copy());
      await commit(session, { writes: [set('a', '3')] });
      await bench.store.run(c.copy());
      expect(named(await bench.store.drain(session, 'attempt-out'))).to.deep.equal(['data a']);
      await commit(session, { writes: [set('b', '3')] });
      await bench.store.run(c.copy({ attempt: 'attempt-2' }));
      expect(await bench.store.drain(session, 'attempt-2')).to.deep.equal([]);
    });

    it('departs with what was written since the last drain, and says so again and again', async () => {
      const c = commandsFor(bench.fresh('source'));
      const { session } = c.acquire();
      await born(bench.store, session, FULL);
      await bench.store.run(c.copy());
      await commit(session, { writes: [set('a', '3')] });
      await bench.store.drain(session, 'attempt-out');
      await commit(session, { writes: [remove('b'), append('l', 'z')], reply: answered('r2', START_MS + 1, 'x'), effects: [{ id: 'e3', body: bytes('body of e3') }] });
      await bench.store.effectDone(session, 'e1');
      const first = await bench.store.depart(c.depart());
      const delta = [deleted('b'), list('l', ['x', 'y', 'z']), reply('r2', START_MS + 1, 'x'), { kind: 'effect-done', id: 'e1' }, effect('e3')] as Item[];
      expect(first).to.include({ kind: 'departed', repeat: false, delta: true });
      expect(sorted(first.items)).to.deep.equal(sorted(delta));
      expect(await bench.store.drain(session, 'attempt-out')).to.equal(undefined);
      expect(await bench.store.effectDone(session, 'e2'), 'the target has it').to.equal(false);
      const again = await bench.store.depart(c.depart());
      expect(again).to.include({ kind: 'departed', repeat: true, delta: true });
      expect(shownItems(again.items)).to.deep.equal(shownItems(first.items));
    });

    it('departs with everything when nothing was copied before', async () => {
      const c = commandsFor(bench.fresh('source'));
      const { session } = c.acquire();
      await born(bench.store, session, FULL);
      await bench.store.run(c.copy({ attempt: 'attempt-9' }));
      const all = sorted([value('a', '1'), value('b', '2'), list('l', ['x', 'y']), reply('r1'), effect('e1'), effect('e2')]);
      for (const repeat of [false, true]) {
        const answer = await bench.store.depart(c.depart());
        expect(answer).to.include({ kind: 'departed', repeat, delta: false });
        expect(sorted(answer.items)).to.deep.equal(all);
      }
    });

    it('keeps and reads its data while it leaves, and loses it with the confirmation', async () => {
      const c = commandsFor(bench.fresh('source'));
      const { session } = c.acquire();
      await born(bench.store, session, FULL);
      const before = shown(await dataOf(bench.store, session));
      await bench.store.depart(c.depart());
      expect(shown(await dataOf(bench.store, session))).to.deep.equal(before);
      expect((await bench.store.read(session))!.loaded.kind).to.equal('whole');
      await bench.store.run(c.learn());
      expect(await dataOf(bench.store, session)).to.deep.equal([]);
      expect(await bench.store.inventory(session)).to.deep.equal([]);
      expect((await bench.store.read(session))!.slot).to.include({ state: 'remote', bytes: 0 });
      expect(await bench.store.effects(session, 10)).to.deep.equal([]);
    });

    it('goes on with its data after an abort, and is copied afresh', async () => {
      const c = commandsFor(bench.fresh('source'));
      const { session } = c.acquire();
      await born(bench.store, session, FULL);
      await bench.store.run(c.copy());
      await commit(session, { writes: [set('a', '3')] });
      await bench.store.depart(c.depart());
      expect(await bench.store.run(c.abort())).to.deep.equal({ kind: 'aborted', epoch: 1 });
      expect(shown(await dataOf(bench.store, session))).to.deep.equal([['a', '3'], ['b', '2'], ['l', ['x', 'y']]]);
      await bench.store.run(c.copy({ epoch: 2, attempt: 'attempt-2' }));
      expect(await bench.store.drain(session, 'attempt-2')).to.deep.equal([]);
    });
  });

  describe('its move, at the target', () => {
    const arrive = async (session: string, parts: Item[][], last: Item[] = [], fields: Partial<Commit> = {}) => {
      const c = commandsFor(session);
      await bench.store.run(c.reserve());
      for (const part of parts) await bench.store.stage(session, 'attempt-in', part);
      return bench.store.commit(c.commit(fields), last);
    };

    it('adopts what was staged in parts, with the last items on top', async () => {
      const session = bench.fresh('target');
      const answer = await arrive(session, [
        [value('a', '1'), value('b', '2'), list('l', ['1', '2']), effect('e1'), effect('e2'), reply('r1')],
        [list('l', ['3'], true), list('m', ['1']), value('a', '3')],
        [list('m', ['2', '3'], true), deleted('b'), list('n', [])],
      ], [value('c', '4'), deleted('a'), list('l', ['4'], true), { kind: 'effect-done', id: 'e1' }, effect('e3')]);
      expect(answer).to.include({ kind: 'committed', repeat: false });
      const data: [string, string | string[]][] = [['c', '4'], ['l', ['1', '2', '3', '4']], ['m', ['1', '2', '3']], ['n', []]];
      expect(shown(await dataOf(bench.store, session))).to.deep.equal(data);
      expect((await bench.store.slot(session))!.bytes).to.equal(2 + 5 + 4 + 1);
      expect((answer as { slot: { bytes: number } }).slot.bytes).to.equal(12);
      expect((await bench.store.effects(session, 10)).map(({ id }) => id)).to.deep.equal(['e2', 'e3']);
      const seen = await bench.store.acquire(commandsFor(session).acquire({ request: { id: 'r1', digest: 'digest of r1' } }));
      expect(seen).to.have.property('kind', 'replay');
      expect(seen.reply).to.deep.equal(answered('r1', START_MS, 'answer'));
    });

    it('shows nothing of what is staged before the commit', async () => {
      const session = bench.fresh('target');
      await bench.store.run(commandsFor(session).reserve());
      await bench.store.stage(session, 'attempt-in', [value('a', '1'), effect('e1')]);
      expect(await dataOf(bench.store, session)).to.deep.equal([]);
      expect(await bench.store.effects(session, 10)).to.deep.equal([]);
      expect((await bench.store.slot(session))!.bytes).to.equal(0);
    });

    it('changes nothing when the commit is refused or repeated', async () => {
      const session = bench.fresh('target');
      const c = commandsFor(session);
      await bench.store.run(c.reserve());
      await bench.store.stage(session, 'attempt-in', [value('a', '1')]);
      for (const fields of [{ epoch: 7 }, { attempt: 'attempt-9' }]) {
        expect(await bench.store.commit(c.commit(fields), [value('a', 'wrong')])).to.have.property('kind', 'refused');
      }
      await bench.store.commit(c.commit(), []);
      expect(await bench.store.commit(c.commit(), [value('a', 'late')])).to.include({ kind: 'committed', repeat: true });
      expect(shown(await dataOf(bench.store, session))).to.deep.equal([['a', '1']]);
    });

    for (const end of ['drop', 'fence', 'replacement', 'deadline'] as const) {
      it(`throws staged data away with the reservation's ${end}`, async () => {
        const session = bench.fresh('target');
        const c = commandsFor(session);
        await bench.store.run(c.reserve());
        await bench.store.stage(session, 'attempt-in', [value('old', '1'), reply('r1'), effect('e1')]);
        if (end === 'drop') await bench.store.run(c.drop());
        if (end === 'fence') await bench.store.run(c.ask(6));
        if (end === 'deadline') {
          bench.clock.nowMs = START_MS + 30_001;
          expect(await bench.store.commit(c.commit(), [])).to.deep.equal({ kind: 'refused', reason: 'deadline' });
          bench.clock.nowMs = START_MS;
        }
        if (end === 'replacement') {
          await bench.store.run(c.reserve({ attempt: 'attempt-2', replaces: 'attempt-in' }));
          await bench.store.run(c.drop('attempt-2'));
        }
        await arrive(session, [[value('new', '1')]]);
        expect(shown(await dataOf(bench.store, session))).to.deep.equal([['new', '1']]);
        expect(named(await bench.store.inventory(session))).to.deep.equal(['data new']);
      });
    }

    it('stages for nobody but the reservation\'s attempt', async () => {
      const session = bench.fresh('target');
      const stage = (attempt: string) => bench.store.stage(session, attempt, [value('a', 'stray')]).catch((thrown: unknown) => thrown);
      expect(await stage('attempt-in')).to.be.instanceOf(Fault).with.property('code', 'MOVE_REFUSED');
      await bench.store.run(commandsFor(session).reserve());
      const stray = await stage('attempt-9');
      expect(stray).to.be.instanceOf(Fault);
      expect((stray as Fault).message).to.include('its reservation has ended');
      await bench.store.commit(commandsFor(session).commit(), []);
      expect(await stage('attempt-in')).to.be.instanceOf(Fault);
      expect(await dataOf(bench.store, session)).to.deep.equal([]);
    });

    it('can leave again and come back, with nothing of its former stay', async () => {
      const session = bench.fresh('target');
      const c = commandsFor(session);
      await born(bench.store, session, FULL);
      await bench.store.depart(c.depart());
      await bench.store.run(c.learn());
      await bench.store.run(c.reserve({ home: c.learn().home, epoch: 2 }));
      await bench.store.stage(session, 'attempt-in', [value('z', '1')]);
      await bench.store.commit(c.commit({ epoch: 2 }), []);
      expect(shown(await dataOf(bench.store, session))).to.deep.equal([['z', '1']]);
      expect((await bench.store.acquire(c.acquire({ request: { id: 'r1', digest: 'digest of r1' } }))).kind).to.equal('granted');
      await bench.store.release(c.release({ epoch: 2 }), { writes: [set('z', '22')], effects: [{ id: 'e1', body: bytes('again') }] });
      expect((await bench.store.slot(session))!.bytes).to.equal(3);
      expect((await bench.store.effects(session, 10)).map(({ id }) => id)).to.deep.equal(['e1']);
    });

    it('holds a large session that was staged in many parts', async () => {
      const session = bench.fresh('target');
      const parts = Array.from({ length: 20 }, (_, part) => Array.from({ length: 100 }, (__, index) => value(`${part}.${index}`, 'x'.repeat(500))));
      await arrive(session, parts);
      expect((await bench.store.readKeys(session)).keys).to.have.length(2_000);
      expect((await bench.store.acquire(commandsFor(session).acquire())).loaded).to.deep.equal({ kind: 'large' });
    });
  });

  describe('its place among the others', () => {
    it('is listed page by page in the order of the ids\' bytes', async () => {
      const made = await bench.make();
      try {
        const ids = ['b', 'a', 'B', 'é', '日', '🛒', '\uffff', 'aa', 'a\0', '~'];
        for (const id of ids) await born(made.store, id);
        await made.store.run(commandsFor('stub').claim());
        const expected = [...ids, 'stub'].sort((a, b) => Buffer.compare(bytes(a), bytes(b)));
        const found: string[] = [];
        let next: string | undefined;
        do {
          const page = await made.store.page(next, 4);
          expect(page.slots.length).to.be.at.most(4);
          found.push(...page.slots.map(({ session }) => session));
          next = page.next;
        } while (next !== undefined);
        expect(found).to.deep.equal(expected);
        expect(await made.store.page('🛒', 100)).to.deep.equal({ slots: [] });
        expect((await made.store.page(undefined, 11)).next).to.equal(undefined);
      } finally {
        await made.cleanup();
      }
    });

    it('is unknown to another node that keeps its sessions at the same place', async () => {
      const made = await bench.make();
      const other = await made.beside?.('turin-001');
      try {
        await born(made.store, 'shared', { writes: [set('a', '1')], effects: [{ id: 'e1', body: bytes('x') }] });
        if (!other) return;
        expect(await other.slot('shared')).to.equal(undefined);
        expect((await other.page(undefined, 10)).slots).to.deep.equal([]);
        expect(await other.unfinished()).to.deep.equal([]);
        await born(other, 'shared', { writes: [set('a', '2')] });
        expect(shown(await dataOf(made.store, 'shared'))).to.deep.equal([['a', '1']]);
        expect((await made.store.slot('shared'))!.home).not.to.equal((await other.slot('shared'))!.home);
      } finally {
        await other?.close();
        await made.cleanup();
      }
    });

    it('is unfinished while it leaves, arrives or owes, and only then', async () => {
      const [leaving, arriving, owing, quiet] = ['leaving', 'arriving', 'owing', 'quiet'].map((name) => bench.fresh(name)) as [string, string, string, string];
      const unfinished = async () => (await bench.store.unfinished()).filter((id) => [leaving, arriving, owing, quiet].includes(id)).sort();
      for (const id of [leaving, quiet]) await born(bench.store, id);
      await bench.store.depart(commandsFor(leaving).depart());
      await bench.store.run(commandsFor(arriving).reserve());
      await bench.store.acquire(commandsFor(owing).create({ create: { incarnation: 'i', epoch: 0, ttlMs: 0, knownBy: [], owed: [{ to: 'cloud', kind: 'claim', epoch: 0 }] } }));
      expect(await unfinished()).to.deep.equal([arriving, leaving, owing].sort());
      await bench.restart();
      expect(await unfinished()).to.deep.equal([arriving, leaving, owing].sort());
      await bench.store.run(commandsFor(leaving).learn());
      await bench.store.run(commandsFor(arriving).drop());
      await bench.store.run(commandsFor(owing).paid('cloud', 'claim', 0));
      expect(await unfinished()).to.deep.equal([]);
      expect(await bench.store.slot(arriving)).to.equal(undefined);
    });

    it('outlives a restart with data, notes, answers, outbox and what is staged', async () => {
      const [session, target] = [bench.fresh('durable'), bench.fresh('durable')];
      const c = commandsFor(session);
      await born(bench.store, session, FULL);
      await bench.store.run(c.copy());
      await commit(session, { writes: [set('b', '5')] });
      await bench.store.run(commandsFor(target).reserve());
      await bench.store.stage(target, 'attempt-in', [value('t', '1')]);
      const [slot, data] = [await bench.store.slot(session), shown(await dataOf(bench.store, session))];
      await bench.restart();
      expect(await bench.store.slot(session)).to.deep.equal(slot);
      expect(shown(await dataOf(bench.store, session))).to.deep.equal(data);
      expect(sorted((await bench.store.depart(c.depart())).items)).to.deep.equal(sorted([value('b', '5')]));
      await bench.store.commit(commandsFor(target).commit(), [value('u', '2')]);
      expect(shown(await dataOf(bench.store, target))).to.deep.equal([['t', '1'], ['u', '2']]);
    });
  });

  it('answers a ping until it is closed, then says that it is not available', async () => {
    const made = await bench.make();
    await made.store.ping();
    await made.store.close();
    for (const call of [() => made.store.slot('any'), () => made.store.ping()]) {
      const error = await call().catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(Fault).with.property('code', 'STORE_UNAVAILABLE');
    }
    await made.cleanup();
  });
}

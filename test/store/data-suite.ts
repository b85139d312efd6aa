/** Values, lists and their sizes. */
import { expect } from 'chai';
import { MAX_SESSION_ID_BYTES, SMALL_SESSION_BYTES } from '../../runtime/model/limits.js';
import type { Write } from '../../runtime/store/store.js';
import type { Bench } from './conformance.js';
import { append, born, bytes, commandsFor, dataOf, remove, set, setList, shown, sizeOf } from './support.js';

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
const NASTY = [
  '', ' ', '"', '\'', '\\', '\0', 'a\0b', '\r\n', '{"json": true}', '🛒', 'e\u0301', '日本', '-', '*', '?', '[a]', '{tag}', '%', ':', 'a:b', '1', '-0', '1e3',
  'return redis.call("FLUSHALL")', ']] .. os.exit() .. [[', 'nil', '__proto__', 'constructor', 'bytes', 'version', 'slot', 'x'.repeat(1000),
];

export function dataSuite(bench: Bench): void {
  const write = async (session: string, rounds: Write[][], saysFormer: boolean) => {
    const c = commandsFor(session);
    for (const writes of rounds) {
      const { loaded } = await bench.store.acquire(c.create());
      const isOnce = new Set(writes.map(({ key }) => key)).size === writes.length;
      const former = saysFormer && isOnce && loaded?.kind === 'whole' ? loaded.data : undefined;
      await bench.store.release(c.release(), { writes, former });
    }
  };
  const written = async (session: string, ...rounds: Write[][]) => {
    await write(session, rounds, false);
    const slot = await bench.store.slot(session);
    const data = await dataOf(bench.store, session);
    expect(slot!.bytes).to.equal(sizeOf(data));
    return shown(data);
  };
  const cases: [string, Write[][], [string, string | string[]][]][] = [
    ['keeps a value', [[set('a', '1')]], [['a', '1']]],
    ['replaces a value', [[set('a', '1')], [set('a', 'three')]], [['a', 'three']]],
    ['applies the writes of one request in order', [[set('a', '1'), remove('a'), append('a', 'x'), set('a', '2'), set('b', '3')]], [['a', '2'], ['b', '3']]],
    ['deletes', [[set('a', '1'), set('b', '2')], [remove('a')]], [['b', '2']]],
    ['bears the deletion of nothing', [[remove('a')]], []],
    ['keeps an empty value', [[set('a', '')]], [['a', '']]],
    ['makes a list by appending', [[append('a', '1', '2')], [append('a', '3')]], [['a', ['1', '2', '3']]]],
    ['keeps an empty list', [[setList('a')]], [['a', []]]],
    ['makes an empty list by appending nothing', [[append('a')]], [['a', []]]],
    ['appends to an empty list', [[setList('a')], [append('a', '1')]], [['a', ['1']]]],
    ['empties a list', [[setList('a', '1', '2')], [setList('a')]], [['a', []]]],
    ['keeps empty values in a list', [[setList('a', '', '')], [append('a', '', 'x')]], [['a', ['', '', '', 'x']]]],
    ['replaces a list', [[setList('a', '1', '2', '3')], [setList('a', '4')]], [['a', ['4']]]],
    ['sets a value over a list', [[setList('a', '1', '2')], [set('a', 'v')]], [['a', 'v']]],
    ['sets a value over a list of longer values', [[setList('a', 'one', 'three')], [set('a', 'v')]], [['a', 'v']]],
    ['sets a list over a value', [[set('a', 'v')], [setList('a', '1', '2')]], [['a', ['1', '2']]]],
    ['begins a list by appending to a value, which is gone', [[set('a', 'v')], [append('a', '1')]], [['a', ['1']]]],
    ['begins afresh after the deletion of a list', [[setList('a', '1')], [remove('a'), append('a', '2')]], [['a', ['2']]]],
    ['keeps equal values of a list apart', [[append('a', 'x', 'x')], [append('a', 'x')]], [['a', ['x', 'x', 'x']]]],
  ];

  describe('its data', () => {
    for (const [title, rounds, expected] of cases) {
      it(title, async () => { expect(await written(bench.fresh('data'), ...rounds)).to.deep.equal(expected); });

      it(`${title}, and does no other when it is told what was there`, async () => {
        const session = bench.fresh('data');
        await write(session, rounds, true);
        expect(await written(session)).to.deep.equal(expected);
      });
    }

    it('keeps every byte of values, list values and keys', async () => {
      const writes = NASTY.flatMap((text) => [set(`v${text}`, text), setList(`l${text}`, text, text), set(text, ALL_BYTES)]);
      const expected = NASTY.flatMap((text): [string, Buffer | Buffer[]][] =>
        [[`v${text}`, bytes(text)], [`l${text}`, [bytes(text), bytes(text)]], [text, ALL_BYTES]]);
      expect(await written(bench.fresh('nasty'), writes)).to.deep.equal(shown(new Map(expected)));
    });

    it('tells sessions with nasty ids apart', async () => {
      const ids = [...NASTY.filter((text) => text !== ''), 'x'.repeat(MAX_SESSION_ID_BYTES), `${'x'.repeat(MAX_SESSION_ID_BYTES - 1)}y`].map((id) => id.slice(0, 256));
      const distinct = [...new Set(ids)];
      for (const id of distinct) await written(id, [set('me', id)]);
      for (const id of distinct) expect(shown(await dataOf(bench.store, id))).to.deep.equal([['me', bytes(id).toString('latin1')]]);
    });

    it('holds thousands of keys', async () => {
      const session = bench.fresh('wide');
      const writes = Array.from({ length: 5_000 }, (_, index) => set(`key ${index}`, `value ${index}`));
      const data = await written(session, writes, [set('key 17', 'changed'), remove('key 18')]);
      expect(data).to.have.length(4_999);
      expect(Object.fromEntries(data)['key 17']).to.equal('changed');
    });

    it('holds long lists that grow', async () => {
      const rounds = Array.from({ length: 40 }, (_, round) => [append('log', ...Array.from({ length: 100 }, (__, index) => `line ${round}.${index}`))]);
      const [[, list]] = await written(bench.fresh('long'), ...rounds) as [[string, string[]]];
      expect(list).to.have.length(4_000);
      expect([list[0], list[1_234], list[3_999]]).to.deep.equal(['line 0.0', 'line 12.34', 'line 39.99']);
    });

    it('holds values of eight megabytes, and lists of values as large', async () => {
      const session = bench.fresh('heavy');
      const large = Buffer.alloc(8 * 1024 * 1024, 'abcdefg');
      await born(bench.store, session, { writes: [set('value', large), { op: 'setList', key: 'list', values: [large, bytes('small')] }] });
      await born(bench.store, session, { writes: [append('list', 'end')] });
      const value = (await bench.store.readKey(session, 'value')).value as Buffer;
      const list = (await bench.store.readKey(session, 'list')).value as Buffer[];
      expect(value.equals(large)).to.equal(true);
      expect(list.map((each) => each.length)).to.deep.equal([large.length, 5, 3]);
      expect(list[0]!.equals(large)).to.equal(true);
      await born(bench.store, session, { writes: [remove('value'), remove('list')] });
      expect((await bench.store.slot(session))!.bytes).to.equal(0);
    });

    for (const size of [1_023, 1_024, 1_025, 16_383, 16_384, 16_385, 32_768, 50_000]) {
      it(`lets a list grow across ${size} bytes`, async () => {
        const first = 'x'.repeat(size - 8);
        const data = await written(bench.fresh('edge'), [setList('a', first)], [append('a', 'yyyy')], [append('a', 'z', '')], [append('a', 'w'.repeat(40_000))]);
        expect(data).to.deep.equal([['a', [first, 'yyyy', 'z', '', 'w'.repeat(40_000)]]]);
      });
    }

    it('is not changed by what the caller does to its buffers afterwards', async () => {
      const session = bench.fresh('mine');
      const value = bytes('value');
      await born(bench.store, session, { writes: [{ op: 'set', key: 'a', value }, { op: 'setList', key: 'b', values: [value] }] });
      value.fill(0);
      const read = (await bench.store.readKey(session, 'a')).value as Buffer;
      read.fill(0);
      expect(shown(await dataOf(bench.store, session))).to.deep.equal([['a', 'value'], ['b', ['value']]]);
    });

    it('comes whole with acquire while it is small, key by key beyond', async () => {
      const c = commandsFor(bench.fresh('small'));
      const session = c.acquire().session;
      await born(bench.store, session, { writes: [set('k', Buffer.alloc(SMALL_SESSION_BYTES - 1, 1))] });
      const small = await bench.store.acquire(c.acquire());
      expect(small.loaded).to.have.property('kind', 'whole');
      expect(shown((small.loaded as { data: Map<string, Buffer> }).data)[0]![1]).to.have.length(SMALL_SESSION_BYTES - 1);
      await bench.store.release(c.release(), { writes: [append('l', '1')] });
      expect((await bench.store.acquire(c.acquire())).loaded).to.deep.equal({ kind: 'large' });
      expect((await bench.store.read(session))!.loaded).to.deep.equal({ kind: 'large' });
      expect((await bench.store.readKeys(session)).keys.sort()).to.deep.equal(['k', 'l']);
    });

    it('has its keys named in the order of their bytes', async () => {
      const session = bench.fresh('ordered');
      await born(bench.store, session, { writes: [set('é', '1'), set('b', '2'), setList('~'), set('B', '3'), set('a', '4')] });
      expect((await bench.store.readKeys(session)).keys).to.deep.equal(['B', 'a', 'b', '~', 'é']);
    });

    it('is not sent again to a caller that has this very version', async () => {
      const c = commandsFor(bench.fresh('same'));
      const { version, epoch, incarnation } = await born(bench.store, c.acquire().session, { writes: [set('a', '1')] });
      const acquired = async (known: { version: number; epoch: number; incarnation: string }) => {
        const answer = await bench.store.acquire(c.acquire(), { known });
        await bench.store.run({ verb: 'abandon', session: c.acquire().session, leaseId: 'lease-1' });
        return answer.loaded!.kind;
      };
      expect(await acquired({ version, epoch, incarnation })).to.equal('same');
      expect(await acquired({ version: version - 1, epoch, incarnation })).to.equal('whole');
      expect(await acquired({ version, epoch: epoch + 1, incarnation })).to.equal('whole');
      expect(await acquired({ version, epoch, incarnation: 'another' })).to.equal('whole');
    });

    it('comes empty with its creation', async () => {
      const answer = await bench.store.acquire(commandsFor(bench.fresh('new')).create());
      expect(answer.loaded).to.deep.equal({ kind: 'whole', data: new Map() });
    });

    it('is untouched by a release that is refused', async () => {
      const c = commandsFor(bench.fresh('refused'));
      const { session } = c.acquire();
      await born(bench.store, session, { writes: [set('a', '1')] });
      await bench.store.acquire(c.acquire());
      const writes = [set('a', '2')];
      for (const fields of [{ leaseId: 'lease-9' }, { epoch: 3 }]) {
        expect(await bench.store.release(c.release(fields), { writes })).to.have.property('kind', 'refused');
      }
      expect(shown(await dataOf(bench.store, session))).to.deep.equal([['a', '1']]);
    });

    it('ends with the session, and a rebirth begins empty', async () => {
      const c = commandsFor(bench.fresh('reborn'));
      const { session } = c.acquire();
      await born(bench.store, session, { writes: [set('a', '1'), setList('b', '2')] });
      expect(await bench.store.run(c.expire())).to.deep.equal({ kind: 'expired', epoch: 1 });
      expect((await bench.store.slot(session))!.bytes).to.equal(0);
      const answer = await bench.store.acquire(c.create({ create: { incarnation: 'incarnation-b', epoch: 0, ttlMs: 0, knownBy: [], owed: [] } }));
      expect(answer).to.have.property('created', true);
      expect(answer.loaded).to.deep.equal({ kind: 'whole', data: new Map() });
      expect(await dataOf(bench.store, session)).to.deep.equal([]);
    });

    it('is read in one piece with version and epoch; of a session unknown here there is none', async () => {
      const session = bench.fresh('read');
      await born(bench.store, session, { writes: [set('a', '1')] });
      const snapshot = await bench.store.read(session);
      expect(snapshot!.slot).to.include({ version: 1, epoch: 0, bytes: 2 });
      expect(shown((snapshot!.loaded as { data: Map<string, Buffer> }).data)).to.deep.equal([['a', '1']]);
      expect(await bench.store.readKey(session, 'a')).to.deep.equal({ version: 1, epoch: 0, value: bytes('1') });
      expect((await bench.store.readKey(session, 'b')).value).to.equal(undefined);
      expect(await bench.store.read(bench.fresh('nobody'))).to.equal(undefined);
      expect(await bench.store.readKeys(bench.fresh('nobody'))).to.deep.equal({ version: 0, epoch: 0, keys: [] });
    });

    it('weighs more when there is more of it', async () => {
      const [light, heavy] = [bench.fresh('light'), bench.fresh('heavy')];
      await born(bench.store, light, { writes: [set('a', 'x')] });
      await born(bench.store, heavy, { writes: [set('a', 'x'.repeat(100_000))] });
      expect(await bench.store.weight(heavy)).to.be.greaterThan(await bench.store.weight(light) + 50_000);
    });
  });
}

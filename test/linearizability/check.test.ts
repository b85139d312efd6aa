import { expect } from 'chai';
import { check } from './check.js';
import { checkHistory, firstBroken } from './explain.js';
import { bySession, History } from './history.js';
import { counter, listAppend, map, register, type CounterInput, type ListInput, type MapInput, type MapOutput, type Model, type RegisterInput, type RegisterOutput } from './models.js';
import { historyOf, isLinearizableByTrying, type Line } from './support.js';
import { versionFaults } from './versions.js';

const kindOf = <S, I, O>(model: Model<S, I, O>, lines: Line<I, O>[]) => check(model, historyOf(lines)).kind;
type Known<I, O> = Record<string, Line<I, O>[]>;

const counters: { good: Known<CounterInput, number>; bad: Known<CounterInput, number> } = {
  good: {
    'nothing at all': [],
    'one after the other': [[1, 2, { add: 1 }, 1], [3, 4, { add: 1 }, 2], [5, 6, 'read', 2]],
    'two at once, answered in the other order': [[1, 9, { add: 1 }, 2], [2, 8, { add: 1 }, 1]],
    'an add without an answer that happened': [[1, null, { add: 5 }], [2, 3, 'read', 5]],
    'an add without an answer that never happened': [[1, null, { add: 5 }], [2, 3, 'read', 0], [4, 5, 'read', 0]],
    'an add without an answer that happens long after': [[1, null, { add: 5 }], [2, 3, 'read', 0], [8, 9, 'read', 5]],
    'a read beside an add, before it': [[1, 10, { add: 1 }, 1], [2, 3, 'read', 0]],
    'a read beside an add, after it': [[1, 10, { add: 1 }, 1], [2, 3, 'read', 1]],
    'equal times are at once': [[1, 2, { add: 1 }, 1], [2, 3, 'read', 0]],
    'five at once': [[1, 9, { add: 1 }, 5], [1, 9, { add: 1 }, 4], [1, 9, { add: 1 }, 3], [1, 9, { add: 1 }, 2], [1, 9, { add: 1 }, 1]],
  },
  bad: {
    'a lost write': [[1, 2, { add: 1 }, 1], [3, 4, 'read', 0]],
    'a write counted twice': [[1, 2, { add: 1 }, 1], [3, 4, 'read', 2]],
    'two writers that got the same count (two live copies)': [[1, 9, { add: 1 }, 1], [2, 8, { add: 1 }, 1]],
    'a read that goes back': [[1, 20, { add: 1 }, 1], [2, 3, 'read', 1], [4, 5, 'read', 0]],
    'an unanswered add seen and then not': [[1, null, { add: 1 }], [2, 3, 'read', 1], [4, 5, 'read', 0]],
    'an unanswered add counted before it was sent': [[1, 2, 'read', 5], [3, null, { add: 5 }]],
    'an unanswered add counted twice': [[1, null, { add: 1 }], [2, 3, 'read', 2]],
  },
};

const registers: { good: Known<RegisterInput, RegisterOutput>; bad: Known<RegisterInput, RegisterOutput> } = {
  good: {
    'a compare-and-set that finds what it expects': [[1, 2, { write: 'a' }, 'a'], [3, 4, { expect: 'a', put: 'b' }, true], [5, 6, 'read', 'b']],
    'of two compare-and-sets at once one succeeds': [[1, 2, { write: 0 }, 0], [3, 9, { expect: 0, put: 1 }, true], [4, 8, { expect: 0, put: 2 }, false], [10, 11, 'read', 1]],
    'two that both succeed, one after the other': [[1, 9, { expect: 'b', put: 'c' }, true], [2, 8, { expect: null, put: 'b' }, true]],
    'an unanswered compare-and-set that explains a failure': [[1, 2, { write: 0 }, 0], [3, null, { expect: 0, put: 1 }], [4, 5, { expect: 0, put: 2 }, false]],
    // Herlihy and Wing's classic: the overlapping write decides.
    'a read of the overlapping write, then of it again': [[1, 10, { write: 1 }, 1], [2, 4, 'read', 1], [5, 7, 'read', 1]],
  },
  bad: {
    'both of two compare-and-sets succeed': [[1, 2, { write: 0 }, 0], [3, 9, { expect: 0, put: 1 }, true], [4, 8, { expect: 0, put: 2 }, true]],
    'a compare-and-set that fails for no reason': [[1, 2, { write: 0 }, 0], [3, 4, { expect: 0, put: 1 }, false]],
    'new, then old while the write is under way': [[1, 10, { write: 1 }, 1], [2, 4, 'read', 1], [5, 7, 'read', null]],
    'two readers who disagree about the order of two writes': [
      [1, 20, { write: 1 }, 1], [1, 20, { write: 2 }, 2], [2, 3, 'read', 1], [4, 5, 'read', 2], [6, 7, 'read', 1],
    ],
    'a stale read after the hand-over': [[1, 2, { write: 'old' }, 'old'], [3, 4, { write: 'new' }, 'new'], [5, 6, 'read', 'old']],
  },
};

const lists: { good: Known<ListInput, readonly string[]>; bad: Known<ListInput, readonly string[]> } = {
  good: {
    'two appends at once, seen in one order': [[1, 9, { append: 'a' }, ['b', 'a']], [2, 8, { append: 'b' }, ['b']], [10, 11, 'read', ['b', 'a']]],
    'the same item twice': [[1, 2, { append: 'a' }, ['a']], [3, 4, { append: 'a' }, ['a', 'a']]],
    'unanswered appends, one of them happened between two others': [
      [1, null, { append: 'x' }], [1, null, { append: 'y' }], [2, 3, { append: 'a' }, ['a']], [4, 5, { append: 'b' }, ['a', 'y', 'b']],
    ],
  },
  bad: {
    'an acknowledged append is missing': [[1, 2, { append: 'a' }, ['a']], [3, 4, { append: 'b' }, ['b']]],
    'two answers that fork': [[1, 9, { append: 'a' }, ['a']], [2, 8, { append: 'b' }, ['b']]],
    'an item twice that was sent once': [[1, 2, { append: 'a' }, ['a']], [3, 4, 'read', ['a', 'a']]],
    'items that change places': [[1, 9, { append: 'a' }, ['a', 'b']], [1, 8, { append: 'b' }, ['b', 'a']]],
    'an item that nobody sent': [[1, 2, 'read', ['z']]],
    'another session\'s item': [[1, 2, { append: 'a' }, ['a']], [3, 4, { append: 'b' }, ['a', 'of-another', 'b']]],
  },
};

const maps: { good: Known<MapInput, MapOutput>; bad: Known<MapInput, MapOutput> } = {
  good: {
    'puts under two keys do not meet': [[1, 9, { put: 'k', value: '1' }, null], [1, 9, { put: 'l', value: '2' }, null], [10, 11, 'keys', ['k', 'l']]],
    'a put tells what was there': [[1, 2, { put: 'k', value: '1' }, null], [3, 4, { put: 'k', value: '2' }, '1'], [5, 6, { get: 'k' }, '2']],
    'a key removed while it is read': [[1, 2, { put: 'k', value: '1' }, null], [3, 9, { remove: 'k' }, '1'], [4, 5, { get: 'k' }, '1'], [6, 7, { get: 'k' }, null]],
  },
  bad: {
    'a removed key that comes back': [[1, 2, { put: 'k', value: '1' }, null], [3, 4, { remove: 'k' }, '1'], [5, 6, { get: 'k' }, '1']],
    'a key removed twice, found both times': [[1, 2, { put: 'k', value: '1' }, null], [3, 9, { remove: 'k' }, '1'], [3, 9, { remove: 'k' }, '1']],
    'half of the keys': [[1, 2, { put: 'k', value: '1' }, null], [3, 4, { put: 'l', value: '2' }, null], [5, 6, 'keys', ['l']]],
  },
};

describe('the linearizability checker', () => {
  function judges<S, I, O>(modelOf: () => Model<S, I, O>, { good, bad }: { good: Known<I, O>; bad: Known<I, O> }): void {
    describe(`on a ${modelOf().name}`, () => {
      for (const [name, lines] of Object.entries(good)) {
        it(`accepts ${name}`, () => {
          expect(kindOf(modelOf(), lines)).to.equal('linearizable');
          expect(isLinearizableByTrying(modelOf(), historyOf(lines)), 'by trying every order').to.equal(true);
        });
      }
      for (const [name, lines] of Object.entries(bad)) {
        it(`refuses ${name}`, () => {
          expect(kindOf(modelOf(), lines)).to.equal('broken');
          expect(isLinearizableByTrying(modelOf(), historyOf(lines)), 'by trying every order').to.equal(false);
        });
      }
    });
  }
  judges(() => counter, counters);
  judges(() => register, registers);
  judges(listAppend, lists);
  judges(() => map, maps);

  describe('with retries', () => {
    it('takes all tries of one request id for one operation, from the first sending to the first answer', () => {
      const history = new History<CounterInput, number>();
      history.invoke('s', 'a', { add: 1 }, 'id-1');
      history.invoke('s', 'a', { add: 1 }, 'id-1').answer(1);
      history.invoke('s', 'b', 'read').answer(1);
      expect(checkHistory(() => counter, history.tries)).to.include({ operations: 2, open: 0 });
      expect(checkHistory(() => counter, history.tries).findings).to.deep.equal([]);
    });

    it('finds a retry that was counted again', () => {
      const history = new History<CounterInput, number>();
      history.invoke('s', 'a', { add: 1 }, 'id-1');
      history.invoke('s', 'a', { add: 1 }, 'id-1').answer(2);
      expect(checkHistory(() => counter, history.tries).findings.map(({ kind }) => kind)).to.deep.equal(['broken']);
    });

    it('finds a request id that was answered in two ways', () => {
      const history = new History<CounterInput, number>();
      history.invoke('s', 'a', { add: 1 }, 'id-1').answer(1);
      history.invoke('s', 'a', { add: 1 }, 'id-1').answer(2);
      const { findings } = checkHistory(() => counter, history.tries);
      expect(findings[0]).to.include({ kind: 'contradiction', text: 'session s: request id-1 was answered 1 and 2' });
    });

    it('lets a late answer of an early try stand for the whole operation', () => {
      const history = new History<CounterInput, number>();
      const first = history.invoke('s', 'a', { add: 1 }, 'id-1');
      history.invoke('s', 'a', { add: 1 }, 'id-1');
      history.invoke('s', 'b', 'read').answer(0);
      first.answer(1);
      expect(checkHistory(() => counter, history.tries).findings).to.deep.equal([]);
    });

    it('forgets what was certainly refused, and believes an acknowledgement without a value', () => {
      const history = new History<CounterInput, number>();
      history.invoke('s', 'a', { add: 10 }).refuse();
      history.invoke('s', 'a', { add: 1 }).acknowledge();
      history.invoke('s', 'b', 'read').answer(1);
      expect(checkHistory(() => counter, history.tries).findings).to.deep.equal([]);
      history.invoke('s', 'b', 'read').answer(11);
      expect(checkHistory(() => counter, history.tries).findings).to.have.length(1);
    });
  });

  describe('with several sessions', () => {
    it('judges each by itself', () => {
      const history = new History<CounterInput, number>();
      history.invoke('s', 'a', { add: 1 }).answer(1);
      history.invoke('t', 'a', { add: 1 }).answer(1);
      history.invoke('t', 'a', 'read').answer(0);
      const { sessions, findings } = checkHistory(() => counter, history.tries);
      expect(sessions).to.equal(2);
      expect(findings.map(({ session }) => session)).to.deep.equal(['t']);
    });

    it('keeps the request ids of two sessions apart', () => {
      const history = new History<CounterInput, number>();
      history.invoke('s', 'a', { add: 1 }, 'id').answer(1);
      history.invoke('t', 'a', { add: 2 }, 'id').answer(2);
      expect([...bySession(history.tries).values()].flatMap(({ contradictions }) => contradictions)).to.deep.equal([]);
    });
  });

  describe('within its bounds', () => {
    /** Many at once that tell nothing, and no two subsets of them alike. */
    const mute = historyOf(Array.from({ length: 18 }, (_, at): Line<CounterInput, number> => [1, 100, { add: 2 ** at }, 0])).map((one) => ({ ...one, isMute: true }));
    const impossible = [...mute, ...historyOf<CounterInput, number>([[200, 201, 'read', -1]])];

    it('says undecided, which is a finding, when the configurations do not fit', () => {
      expect(check(counter, impossible, { configurations: 5_000 })).to.include({ kind: 'undecided' });
      const { findings } = checkHistory(() => counter, impossible, { configurations: 5_000 });
      expect(findings.map(({ kind }) => kind)).to.deep.equal(['undecided']);
    });

    it('remembers no configuration twice: equal subsets are one', () => {
      const adds = historyOf(Array.from({ length: 14 }, (): Line<CounterInput, number> => [1, 100, { add: 1 }])).map((one) => ({ ...one, isMute: true }));
      const verdict = check(counter, [...adds, ...historyOf<CounterInput, number>([[200, 201, 'read', -1]])]);
      expect(verdict.kind).to.equal('broken');
      expect(verdict.configurations).to.be.at.most(2 ** 14);
    });

    it('tries no order of appends that nobody ever saw', () => {
      const lost = Array.from({ length: 40 }, (_, at): Line<ListInput, string[]> => [1, null, { append: `lost${at}` }]);
      const seen = historyOf<ListInput, readonly string[]>([...lost, [2, 3, { append: 'a' }, ['a']], [4, 5, { append: 'b' }, ['a', 'lost7', 'b']], [6, 7, 'read', ['a', 'b']]]);
      expect(check(listAppend(), seen)).to.deep.include({ kind: 'broken' });
      expect(check(listAppend(), seen).configurations).to.be.below(10);
    });

    it('takes equal operations without an answer for as many, whichever of them they are', () => {
      const lost = Array.from({ length: 40 }, (): Line<CounterInput, number> => [1, null, { add: 1 }]);
      const verdict = check(counter, historyOf<CounterInput, number>([...lost, [2, 3, 'read', 40], [4, 5, 'read', 39]]));
      expect(verdict.kind).to.equal('broken');
      expect(verdict.configurations).to.be.below(100);
    });

    it('judges a long history of several clients in about as many configurations as it has operations', () => {
      const lines: Line<ListInput, string[]>[] = [];
      const items: string[] = [];
      for (let at = 0; at < 3_000; at += 1) {
        items.push(`i${at}`);
        lines.push([at, at + 4, { append: `i${at}` }, [...items]]);
      }
      const verdict = check(listAppend(), historyOf(lines));
      expect(verdict.kind).to.equal('linearizable');
      expect(verdict.configurations).to.be.below(6_000);
    });
  });

  describe('when it refuses', () => {
    it('names the first answer that no order explains, and what would have been right', () => {
      const history = historyOf<ListInput, readonly string[]>([
        [1, 2, { append: 'a' }, ['a']], [3, 4, { append: 'b' }, ['a', 'b']], [5, 6, { append: 'c' }, ['a', 'c']], [7, 8, 'read', ['a', 'c']],
      ]);
      expect(firstBroken(listAppend, history).atMs).to.equal(6);
      const [finding] = checkHistory(listAppend, history).findings;
      expect(finding!.text.split('\n')).to.deep.equal([
        'session s (list) is not linearizable: the first 3 of 4 operations suffice.',
        'No order explains this answer: [5–6] c2: {"append":"c"} → ["a","c"]',
        'The longest order that holds has 2 operations:',
        '  1. [1–2] c0: {"append":"a"} → ["a"]',
        '  2. [3–4] c1: {"append":"b"} → ["a","b"]',
        'and leads to ["a","b"]. Next could come:',
        '  - [5–6] c2: {"append":"c"} → ["a","c"], which would answer ["a","b","c"]',
      ]);
    });
  });
});

describe('the check of versions', () => {
  const seen = (client: string, version: number, content: string, session = 's') => ({ session, client, version, content });

  it('finds nothing when each version has one content and nobody goes back', () => {
    expect(versionFaults([seen('a', 1, 'x'), seen('b', 1, 'x'), seen('a', 2, 'xy'), seen('b', 2, 'xy'), seen('a', 1, 'other', 't')])).to.deep.equal([]);
  });

  it('finds one version with two contents', () => {
    expect(versionFaults([seen('a', 1, 'x'), seen('b', 1, 'y')])).to.deep.equal(['version 1 of s is x to a and y to b']);
  });

  it('finds a client that goes back', () => {
    expect(versionFaults([seen('a', 2, 'xy'), seen('a', 1, 'x')])).to.deep.equal(['a went back from version 2 of s to 1']);
  });
});

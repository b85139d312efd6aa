import { expect } from 'chai';
import fc from 'fast-check';
import { check } from './check.js';
import type { Operation } from './history.js';
import { counter, listAppend, map, register, type CounterInput, type ListInput, type MapInput, type Model, type RegisterInput } from './models.js';
import { isLinearizableByTrying, run } from './support.js';

const RUNS = { numRuns: 300, seed: 4 };

const inputs = {
  counter: fc.oneof(fc.constant<CounterInput>('read'), fc.record({ add: fc.integer({ min: 1, max: 3 }) })),
  register: fc.oneof(
    fc.constant<RegisterInput>('read'), fc.record({ write: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ expect: fc.integer({ min: 0, max: 2 }), put: fc.integer({ min: 0, max: 2 }) }),
  ),
  list: fc.oneof(fc.constant<ListInput>('read'), fc.record({ append: fc.constantFrom('a', 'b', 'c') })),
  map: fc.oneof(
    fc.constant<MapInput>('keys'), fc.record({ get: fc.constantFrom('k', 'l') }), fc.record({ remove: fc.constantFrom('k', 'l') }),
    fc.record({ put: fc.constantFrom('k', 'l'), value: fc.constantFrom('1', '2') }),
  ),
};

/** How far an operation reaches before and after the moment at which it happens; `lost` takes its answer away. */
const stretch = fc.record({ before: fc.integer({ min: 0, max: 60 }), after: fc.integer({ min: 0, max: 60 }), lost: fc.integer({ min: 0, max: 9 }).map((n) => n === 0) });
/** Time between two moments. */
const APART = 20;

/** A run of one operation after the other, each stretched around its moment, with a few answers lost and a few that never happened. */
function stretched<S, I, O>(modelOf: () => Model<S, I, O>, made: { input: I; stretch: { before: number; after: number; lost: boolean } }[]): Operation<I, O>[] {
  const outputs = run(modelOf(), made.map(({ input }) => input));
  return made.map(({ input, stretch: { before, after, lost } }, at) => ({
    session: 's', client: `c${at}`, input,
    invokedAt: (at + 10) * APART - before,
    answeredAt: lost ? Number.POSITIVE_INFINITY : (at + 10) * APART + after,
    output: lost ? undefined : outputs[at],
  }));
}

function generated<S, I, O>(modelOf: () => Model<S, I, O>, input: fc.Arbitrary<I>): void {
  describe(`on generated histories of a ${modelOf().name}`, () => {
    const longHistories = fc.array(fc.record({ input, stretch }), { maxLength: 40 });
    const shortHistories = fc.array(fc.record({ input, stretch }), { minLength: 1, maxLength: 6 });

    it('accepts every run of one after the other that was stretched in time', () => {
      fc.assert(fc.property(longHistories, (made) => check(modelOf(), stretched(modelOf, made)).kind === 'linearizable'), RUNS);
    });

    it('accepts it also when operations that never happened were sent and not answered', () => {
      const strangers = fc.array(fc.record({ input, at: fc.integer({ min: 0, max: 800 }) }), { maxLength: 4 });
      fc.assert(fc.property(longHistories, strangers, (made, sent) => {
        const open = sent.map(({ input: asked, at }, index): Operation<I, O> => ({
          session: 's', client: `x${index}`, input: asked, invokedAt: at, answeredAt: Number.POSITIVE_INFINITY, output: undefined,
        }));
        return check(modelOf(), [...stretched(modelOf, made), ...open]).kind === 'linearizable';
      }), RUNS);
    });

    it('judges as trying every order does, whatever was answered', () => {
      let refused = 0;
      fc.assert(fc.property(shortHistories, fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 3 }), (made, swaps) => {
        // Answers change places: sometimes that is still an order, mostly it is none.
        const history = stretched(modelOf, made);
        for (const swap of swaps) {
          const [a, b] = [history[swap % history.length]!, history[(swap + 1) % history.length]!];
          [a.output, b.output] = [b.output, a.output];
        }
        const verdict = check(modelOf(), history).kind;
        const isRight = isLinearizableByTrying(modelOf(), history);
        refused += isRight ? 0 : 1;
        return verdict === (isRight ? 'linearizable' : 'broken');
      }), RUNS);
      expect(refused, 'histories that had to be refused').to.be.above(20);
    });

    it('refuses one whose operations do not overlap as soon as one answer is another', () => {
      fc.assert(fc.property(fc.array(input, { minLength: 1, maxLength: 25 }), fc.nat(), (asked, which) => {
        const history = stretched(modelOf, asked.map((one) => ({ input: one, stretch: { before: 2, after: 2, lost: false } })));
        const mutated = history[which % history.length]!;
        mutated.output = mutate(mutated.output as never) as O;
        return check(modelOf(), history).kind === 'broken';
      }), RUNS);
    });
  });
}

/** Another answer, whatever it was. */
function mutate(output: unknown): unknown {
  if (typeof output === 'number') return output + 17;
  if (typeof output === 'boolean') return !output;
  if (Array.isArray(output)) return output.length > 0 ? output.slice(0, -1) : ['never-sent'];
  return `not ${String(output)}`;
}

describe('the linearizability checker', () => {
  generated(() => counter, inputs.counter);
  generated(() => register, inputs.register);
  generated(listAppend, inputs.list);
  generated(() => map, inputs.map);
});

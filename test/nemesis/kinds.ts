/** The kinds of sessions, what clients ask of them, and what the checker takes them for. */
import type { Random } from '../../bench/harness/random.js';
import { counter, listAppend, map, register, type Model } from '../linearizability/models.js';

export interface Kind {
  model: () => Model<never, never, unknown>;
  input: (random: Random, unique: string) => unknown;
}

const asAny = (model: unknown) => model as Model<never, never, unknown>;

export const KINDS: Record<string, Kind> = {
  list: { model: () => asAny(listAppend()), input: (random, unique) => (random.next() < 0.2 ? 'read' : { append: unique }) },
  counter: { model: () => asAny(counter), input: (random) => (random.next() < 0.2 ? 'read' : { add: 1 + random.below(3) }) },
  register: {
    model: () => asAny(register),
    input: (random, unique) => {
      const roll = random.next();
      if (roll < 0.3) return 'read';
      return roll < 0.6 ? { write: random.below(3) } : { expect: random.below(3), put: random.next() < 0.5 ? random.below(3) : unique };
    },
  },
  map: {
    model: () => asAny(map),
    input: (random, unique) => {
      const [roll, key] = [random.next(), random.pick(['a', 'b', 'c\' "\u00e9'])];
      if (roll < 0.2) return 'keys';
      if (roll < 0.4) return { get: key };
      return roll < 0.5 ? { remove: key } : { put: key, value: unique };
    },
  },
};

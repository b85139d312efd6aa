/** What a session is when one request comes after the other: the state at birth, and what each operation does and answers. */

export interface Model<S, I, O> {
  name: string;
  initial(): S;
  apply(state: S, input: I): { state: S; output: O };
  /** Two states with the same key answer everything in the same way. */
  key(state: S): string | number;
  /** Whether an answer is what the model answers; by default the same JSON. */
  agrees?(expected: O, seen: O): boolean;
  /** Whether a state may still become one that answers this; by default it may. Cuts off what leads nowhere. */
  leadsTo?(state: S, seen: O): boolean;
  show(state: S): string;
}

export type CounterInput = { add: number } | 'read';

/** Every operation answers the count after it. */
export const counter: Model<number, CounterInput, number> = {
  name: 'counter',
  initial: () => 0,
  apply: (state, input) => {
    const count = state + (input === 'read' ? 0 : input.add);
    return { state: count, output: count };
  },
  key: (state) => state,
  show: String,
};

export type RegisterValue = string | number | null;
export type RegisterInput = 'read' | { write: RegisterValue } | { expect: RegisterValue; put: RegisterValue };
/** A read answers the value, a write what it wrote, a compare-and-set whether it did. */
export type RegisterOutput = RegisterValue | boolean;

export const register: Model<RegisterValue, RegisterInput, RegisterOutput> = {
  name: 'register with compare-and-set',
  initial: () => null,
  apply: (state, input) => {
    if (input === 'read') return { state, output: state };
    if ('write' in input) return { state: input.write, output: input.write };
    return state === input.expect ? { state: input.put, output: true } : { state, output: false };
  },
  key: (state) => JSON.stringify(state),
  show: (state) => JSON.stringify(state),
};

export type ListInput = { append: string } | 'read';

/**
 * A list as the way to it: two equal lists are one node, so comparing costs nothing and a step costs no copy.
 * (A list model belongs to one check: the nodes are shared.)
 */
class ListNode {
  readonly #longer = new Map<string, ListNode>();

  constructor(readonly id: number, readonly before?: ListNode, readonly item = '', readonly length = 0) {}

  with(item: string, nextId: () => number): ListNode {
    const known = this.#longer.get(item);
    if (known) return known;
    const longer = new ListNode(nextId(), this, item, this.length + 1);
    this.#longer.set(item, longer);
    return longer;
  }

  items(): string[] {
    const items: string[] = [];
    for (let { before, item }: Pick<ListNode, 'before' | 'item'> = { before: this.before, item: this.item }; before; { before, item } = before) items.push(item);
    return items.reverse();
  }
}

/** Every operation answers the whole list after it. */
export function listAppend(): Model<ListNode, ListInput, readonly string[]> {
  let nodes = 0;
  const nextId = () => (nodes += 1);
  const empty = new ListNode(0);
  const places = new WeakMap<readonly string[], ListNode>();
  /** Lists in answers are walked once; a list made by `apply` is known from the start. */
  const placeOf = (items: readonly string[]): ListNode => {
    let place = places.get(items);
    if (!place) places.set(items, place = items.reduce((node, item) => node.with(item, nextId), empty));
    return place;
  };
  const itemsOf = new WeakMap<ListNode, readonly string[]>();
  const shown = (node: ListNode): readonly string[] => {
    let items = itemsOf.get(node);
    if (!items) {
      items = new LazyList(node) as unknown as readonly string[];
      itemsOf.set(node, items);
      places.set(items, node);
    }
    return items;
  };
  return {
    name: 'list',
    initial: () => empty,
    apply: (state, input) => {
      const after = input === 'read' ? state : state.with(input.append, nextId);
      return { state: after, output: shown(after) };
    },
    key: ({ id }) => id,
    agrees: (expected, seen) => Array.isArray(seen) && placeOf(expected) === placeOf(seen),
    // A list only grows: what is to be seen later begins with it.
    leadsTo: (state, seen) => {
      let place: ListNode | undefined = Array.isArray(seen) ? placeOf(seen) : undefined;
      while (place && place.length > state.length) place = place.before;
      return place === state;
    },
    show: (state) => JSON.stringify(state.items()),
  };
}

/** Stands for the list of a node until somebody looks at it. */
class LazyList {
  constructor(private readonly node: ListNode) {}

  toJSON(): string[] {
    return this.node.items();
  }
}

export type MapInput = { put: string; value: string } | { get: string } | { remove: string } | 'keys';
/** What stood under the key before (a put, a removal), what stands there (a get), or all keys in order. */
export type MapOutput = string | null | string[];
type MapState = ReadonlyMap<string, string>;

export const map: Model<MapState, MapInput, MapOutput> = {
  name: 'map',
  initial: () => new Map(),
  apply: (state, input) => {
    if (input === 'keys') return { state, output: [...state.keys()].sort() };
    if ('get' in input) return { state, output: state.get(input.get) ?? null };
    const name = 'put' in input ? input.put : input.remove;
    const after = new Map(state);
    if ('put' in input) after.set(name, input.value);
    else after.delete(name);
    return { state: after, output: state.get(name) ?? null };
  },
  key: (state) => JSON.stringify([...state].sort(([a], [b]) => (a < b ? -1 : 1))),
  show: (state) => JSON.stringify(Object.fromEntries([...state].sort())),
};

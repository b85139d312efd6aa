/**
 * Worlds that differ only in names are one. Two kinds of names mean nothing but "the same as there": the ids of attempts (each
 * is drawn fresh, and nothing asks for their order), and clients that may start at the same nodes (nothing else tells clients
 * apart: their writes and answers are under their number alone). Renaming either leads from every step of a world to a step of the
 * renamed world, and no invariant looks at a name; so one world of each such class stands for all. Nodes are never renamed: each
 * has a place in the tree. The fingerprint of a class is the least among those of its worlds.
 */
import type { Interner } from './intern.js';
import { lifeText, slotText, storeText } from './machine.js';
import type { World } from './world.js';

type Part = 'slot' | 'store' | 'life' | 'other';
const TEXTS = { slot: slotText, store: storeText, life: lifeText, other: undefined } as const;
/** Attempts a1 to a4 may change places; those that a start brings along (a8, a9) keep theirs. */
const MOST_ATTEMPTS = 4;

/** One renaming, and what became of each part so far. */
interface Renaming {
  attempts: readonly number[];
  clients: readonly number[];
  made: number[];
}

export class Symmetry {
  readonly #attemptsIn: number[] = [];
  readonly #renamings = new Map<string, Renaming>();
  readonly #clients: (readonly number[])[];

  /** @param entries nodes at which each client may start */
  constructor(private readonly interner: Interner, entries: readonly (readonly number[])[]) {
    const alike = entries.map((nodes) => nodes.join());
    this.#clients = permutations(entries.map((_, client) => client)).filter((order) => order.every((to, from) => alike[to] === alike[from]));
  }

  /** Calls back with the parts' numbers of every world of the class, in the order of the fingerprint. */
  each(world: World, row: readonly number[], visit: (row: readonly number[]) => void): void {
    const present = this.#attemptsOf(world);
    const orders = permutations(present.map((_, i) => i + 1));
    for (const clients of this.#clients) {
      const isSame = clients.every((to, from) => to === from);
      for (const order of orders) {
        const attempts = Array.from({ length: MOST_ATTEMPTS + 1 }, (_, i) => order[present.indexOf(i)] ?? i);
        if (isSame && present.every((attempt) => attempts[attempt] === attempt)) visit(row);
        else visit(this.#renamed(world, attempts, clients));
      }
    }
  }

  #attemptsOf(world: World): number[] {
    let mask = 0;
    for (const { slot, store, processes } of world.nodes) {
      mask |= this.#maskOf(slot) | this.#maskOf(store);
      for (const process of processes) mask |= this.#maskOf(process);
    }
    for (const message of world.messages) mask |= this.#maskOf(message);
    const found: number[] = [];
    for (let i = 1; i <= MOST_ATTEMPTS; i++) if (mask & (1 << i)) found.push(i);
    return found;
  }

  #maskOf(part: object | undefined): number {
    if (part === undefined) return 0;
    const number = this.interner.number(part);
    const known = this.#attemptsIn[number];
    if (known !== undefined) return known;
    let mask = 0;
    for (const [, digit] of JSON.stringify(part).matchAll(/\ba([1-4])\b/g)) mask |= 1 << Number(digit);
    this.#attemptsIn[number] = mask;
    return mask;
  }

  #renamed(world: World, attempts: readonly number[], clients: readonly number[]): number[] {
    const key = `${attempts.join()} ${clients.join()}`;
    let renaming = this.#renamings.get(key);
    if (!renaming) this.#renamings.set(key, renaming = { attempts, clients, made: [0] });
    const of = (part: object | undefined, kind: Part = 'other') => this.#numberOf(part, kind, renaming);
    const row: number[] = [];
    for (const { slot, store, life, processes } of world.nodes) {
      row.push(of(slot, 'slot'), of(store, 'store'), of(life, 'life'), processes.length);
      row.push(...processes.map((process) => of(process)).sort(ascending));
    }
    const seats: number[] = [];
    // Senders are nobody's like: they come after the clients, and stay.
    world.clients.forEach((client, i) => { seats[clients[i] ?? i] = of(client); });
    row.push(...seats, of(world.left), of(world.ghost), ...world.messages.map((message) => of(message)).sort(ascending));
    return row;
  }

  #numberOf(part: object | undefined, kind: Part, renaming: Renaming): number {
    const number = this.interner.number(part);
    return renaming.made[number] ??= this.interner.number(this.interner.the(renamedIn(part!, renaming) as object, TEXTS[kind] as (value: object) => string));
  }
}

function renamedIn(value: unknown, renaming: Renaming): unknown {
  if (typeof value === 'string') return textIn(value, renaming);
  if (Array.isArray(value)) {
    // An entry of what really happened: the client, and its answer.
    if (value.length === 2 && typeof value[0] === 'number') return [renaming.clients[value[0]] ?? value[0], renamedIn(value[1], renaming)];
    const items = value.map((item) => renamedIn(item, renaming));
    // Names of data come in their order; lists of nodes keep theirs.
    return items.some((item, i) => typeof item === 'string' && item !== value[i]) ? items.sort() : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const renamed = entries.map(([name, field]): [string, unknown] =>
    [textIn(name, renaming), name === 'client' ? renaming.clients[field as number] ?? field : renamedIn(field, renaming)]);
  // Records of data are kept in the order of their names.
  const isData = renamed.some(([name], i) => name !== entries[i]![0]);
  return Object.fromEntries(isData ? renamed.sort(([a], [b]) => (a < b ? -1 : 1)) : renamed);
}

function textIn(text: string, { attempts, clients }: Renaming): string {
  return text
    .replace(/\ba([1-4])\b/g, (_, digit: string) => `a${attempts[Number(digit)]}`)
    .replace(/^R(\d)$/, (_, digit: string) => `R${clients[Number(digit)]}`)
    .replace(/^locate (\d)\//, (_, digit: string) => `locate ${clients[Number(digit)] ?? digit}/`)
    .replace(/\bK\d(\+K\d)*/g, (names) => names.split('+').map((name) => `K${clients[Number(name.slice(1))]}`).sort().join('+'));
}

const ascending = (a: number, b: number) => a - b;

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first, i) => permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [first, ...rest]));
}

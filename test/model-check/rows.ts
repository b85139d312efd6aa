/** A world as a row of numbers: a few dozen bytes for what waits to be expanded, instead of objects. */
import { Column } from './fingerprints.js';
import type { Interner } from './intern.js';
import type { Client, Ghost, Life, Message, NodeState, Process, Store, World } from './world.js';
import type { Slot } from '../../runtime/model/record.js';

export function rowOf(world: World, interner: Interner): number[] {
  const row: number[] = [];
  for (const { slot, store, life, processes } of world.nodes) {
    row.push(interner.number(slot), interner.number(store), interner.number(life), processes.length);
    for (const process of processes) row.push(interner.number(process));
  }
  for (const client of world.clients) row.push(interner.number(client));
  row.push(interner.number(world.left), interner.number(world.ghost));
  for (const message of world.messages) row.push(interner.number(message));
  return row;
}

/** Worlds of one depth, each with its number. */
export class Level {
  readonly #rows = new Column();
  readonly #ends = new Column();
  readonly #numbers = new Column();

  constructor(private readonly interner: Interner, private readonly nodes: number, private readonly clients: number) {}

  get length(): number {
    return this.#ends.length;
  }

  push(row: readonly number[], number: number): void {
    for (const part of row) this.#rows.push(part);
    this.#ends.push(this.#rows.length);
    this.#numbers.push(number);
  }

  numberAt(i: number): number {
    return this.#numbers.at(i);
  }

  worldAt(i: number): World {
    let at = i === 0 ? 0 : this.#ends.at(i - 1);
    const take = <T extends object>(): T => this.interner.object<T>(this.#rows.at(at++)) as T;
    const nodes: NodeState[] = [];
    for (let node = 0; node < this.nodes; node++) {
      const [slot, store, life] = [take<Slot>(), take<Store>(), take<Life>()];
      const processes: Process[] = [];
      for (let left = this.#rows.at(at++); left > 0; left--) processes.push(take<Process>());
      nodes.push({ slot, store, life, processes });
    }
    const clients = Array.from({ length: this.clients }, () => take<Client>());
    const [left, ghost] = [take<World['left']>(), take<Ghost>()];
    const messages: Message[] = [];
    for (const end = this.#ends.at(i); at < end;) messages.push(take<Message>());
    return { nodes, clients, left, ghost, messages };
  }
}

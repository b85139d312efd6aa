/** Breadth-first through every reachable world, with a way back to the start for the first violation. */
import { Actions, type Wishes } from './actions.js';
import { Drivers } from './drivers.js';
import { Column, Fingerprints, Mixer } from './fingerprints.js';
import { isSplitExcused, judge, judgeQuiet } from './invariants.js';
import type { Setting } from './machine.js';
import type { World } from './world.js';

export interface Found {
  violation: string;
  /** What happened, in order. */
  steps: string[];
}

export interface Explored {
  states: number;
  transitions: number;
  depth: number;
  quiet: number;
  /** False when `maxStates` ended the search. */
  isComplete: boolean;
  found?: Found;
}

export interface Bounds {
  maxStates: number;
  /** Look, too, for states from which nothing quiet can be reached. */
  liveness: boolean;
}

const START = 0xffffffff;

export function explore(setting: Setting, starts: readonly World[], wishes: Wishes, bounds: Bounds): Explored {
  return new Explorer(setting, starts, wishes, bounds).run();
}

class Explorer {
  readonly #drivers: Drivers;
  readonly #actions: Actions;
  readonly #mixer = new Mixer();
  readonly #known = new Fingerprints();
  readonly #parents = new Column();
  readonly #ordinals = new Column();
  /** Progress edges, for liveness: from, to. */
  readonly #from = new Column();
  readonly #to = new Column();
  readonly #quiet: number[] = [];
  #next: World[] = [];
  #nextNumbers: number[] = [];
  #transitions = 0;
  #found: Found | undefined;

  constructor(setting: Setting, readonly starts: readonly World[], readonly wishes: Wishes, readonly bounds: Bounds) {
    this.#drivers = new Drivers(setting);
    this.#actions = new Actions(this.#drivers, wishes);
  }

  run(): Explored {
    this.starts.forEach((world, i) => this.#visit(world, START, i));
    let depth = 0;
    while (this.#next.length > 0 && !this.#found && this.#known.size < this.bounds.maxStates) {
      const [worlds, numbers] = [this.#next, this.#nextNumbers];
      [this.#next, this.#nextNumbers] = [[], []];
      for (let i = 0; i < worlds.length && !this.#found && this.#known.size < this.bounds.maxStates; i++) this.#expand(worlds[i]!, numbers[i]!);
      if (this.#next.length > 0) depth += 1;
    }
    const isComplete = this.#next.length === 0 && !this.#found;
    if (isComplete && this.bounds.liveness) this.#judgeLiveness();
    return { states: this.#known.size, transitions: this.#transitions, depth, quiet: this.#quiet.length, isComplete, found: this.#found };
  }

  /** Number of the world, whether new or not. */
  #visit(world: World, parent: number, ordinal: number): number {
    const settled = this.#drivers.settled(world);
    this.#fingerprint(settled);
    const number = this.#known.add(this.#mixer.low, this.#mixer.high);
    if (number >= 0) return number;
    this.#parents.push(parent);
    this.#ordinals.push(ordinal);
    this.#next.push(settled);
    this.#nextNumbers.push(-1 - number);
    return -1 - number;
  }

  #fingerprint(world: World): void {
    const { interner } = this.#drivers.setting;
    const mixer = this.#mixer;
    mixer.start();
    for (const { slot, store, life, processes } of world.nodes) {
      mixer.add(interner.number(slot));
      mixer.add(interner.number(store));
      mixer.add(interner.number(life));
      mixer.add(processes.length);
      for (const process of processes) mixer.add(interner.number(process));
    }
    for (const client of world.clients) mixer.add(interner.number(client));
    mixer.add(interner.number(world.left));
    mixer.add(interner.number(world.ghost));
    for (const message of world.messages) mixer.add(interner.number(message));
    mixer.end();
  }

  #expand(world: World, number: number): void {
    let ordinal = 0;
    let hasProgress = false;
    const drivers = this.#drivers;
    this.#actions.each(world, (kind, label, next) => {
      if (this.#found) return;
      this.#transitions += 1;
      const violation = drivers.violation ?? judge(next, drivers) ?? this.#splits(world, next);
      drivers.violation = undefined;
      if (violation) {
        this.#found = { violation, steps: [...this.#wayTo(number), label()] };
        return;
      }
      const reached = this.#visit(next, number, ordinal++);
      if (kind !== 'progress') return;
      hasProgress = true;
      if (this.bounds.liveness && reached !== number) {
        this.#from.push(number);
        this.#to.push(reached);
      }
    });
    drivers.violation = undefined;
    if (hasProgress || this.#found) return;
    this.#quiet.push(number);
    const violation = judgeQuiet(world, drivers);
    if (violation) this.#found = { violation: `once quiet, ${violation}`, steps: this.#wayTo(number) };
  }

  #splits(world: World, next: World): string | undefined {
    if (world.ghost.isSplit || !next.ghost.isSplit) return undefined;
    return isSplitExcused(next, this.starts[0]!.left) ? undefined : 'the id is born while it lives elsewhere, though nothing went wrong';
  }

  /** Every state has to have a way, without wishes and faults, to a quiet one. */
  #judgeLiveness(): void {
    const size = this.#known.size;
    const heads = new Uint32Array(size + 1);
    for (let i = 0; i < this.#to.length; i++) heads[this.#to.at(i) + 1]! += 1;
    for (let i = 0; i < size; i++) heads[i + 1]! += heads[i]!;
    const sources = new Uint32Array(this.#to.length);
    const fill = heads.slice();
    for (let i = 0; i < this.#to.length; i++) sources[fill[this.#to.at(i)]!++] = this.#from.at(i);
    const reaches = new Uint8Array(size);
    const stack = this.#quiet.slice();
    for (const number of stack) reaches[number] = 1;
    while (stack.length > 0) {
      const number = stack.pop()!;
      for (let i = heads[number]!; i < heads[number + 1]!; i++) {
        if (reaches[sources[i]!]) continue;
        reaches[sources[i]!] = 1;
        stack.push(sources[i]!);
      }
    }
    const stuck = reaches.indexOf(0);
    if (stuck >= 0) this.#found = { violation: 'from here nothing quiet can be reached', steps: this.#wayTo(stuck) };
  }

  #wayTo(number: number): string[] {
    const ordinals: number[] = [];
    let at = number;
    for (; this.#parents.at(at) !== START; at = this.#parents.at(at)) ordinals.push(this.#ordinals.at(at));
    let world = this.#drivers.settled(this.starts[this.#ordinals.at(at)]!);
    const steps: string[] = [];
    for (const ordinal of ordinals.reverse()) {
      let i = 0;
      let following: World | undefined;
      this.#actions.each(world, (_, label, next) => {
        if (i++ !== ordinal) return;
        steps.push(label());
        following = this.#drivers.settled(next);
      });
      world = following!;
    }
    return steps;
  }
}

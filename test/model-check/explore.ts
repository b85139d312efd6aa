/** Breadth-first through every reachable world, with a way back to the start for the first violation. */
import { Actions, type Wishes } from './actions.js';
import { Drivers } from './drivers.js';
import { Column, Fingerprints, Mixer } from './fingerprints.js';
import { isSplitExcused, judge, judgeQuiet } from './invariants.js';
import type { Setting } from './machine.js';
import { Level, rowOf } from './rows.js';
import { Symmetry } from './symmetry.js';
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
  /** All worlds up to this depth have been expanded. */
  completeDepth: number;
  /** Worlds that a search without symmetry has told apart up to naming; with it the same as `states`. */
  classes: number;
  quiet: number;
  /** False when `maxStates` ended the search. */
  isComplete: boolean;
  found?: Found;
}

export interface Bounds {
  maxStates: number;
  /** Look, too, for states from which nothing quiet can be reached. */
  liveness: boolean;
  /** Moment, by performance.now(), after which no further world is expanded. */
  untilMs?: number;
  /** Worlds that differ in names alone count as one (default). */
  symmetry?: boolean;
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
  readonly #symmetry: Symmetry;
  /** Without symmetry: fingerprints of the classes that were met. */
  readonly #classes = new Fingerprints();
  #next: Level;
  #transitions = 0;
  #found: Found | undefined;

  constructor(setting: Setting, readonly starts: readonly World[], readonly wishes: Wishes, readonly bounds: Bounds) {
    this.#drivers = new Drivers(setting);
    this.#actions = new Actions(this.#drivers, wishes);
    this.#symmetry = new Symmetry(setting.interner, wishes.entries);
    this.#next = this.#level();
  }

  #level(): Level {
    return new Level(this.#drivers.setting.interner, this.#drivers.setting.tree.names.length, this.starts[0]!.clients.length);
  }

  run(): Explored {
    this.starts.forEach((world, i) => this.#visit(world, START, i));
    let [depth, completeDepth] = [0, 0];
    while (this.#next.length > 0 && !this.#isOver()) {
      const worlds = this.#next;
      this.#next = this.#level();
      let i = 0;
      for (; i < worlds.length && !this.#isOver(); i++) this.#expand(worlds.worldAt(i), worlds.numberAt(i));
      if (i < worlds.length) break;
      completeDepth = depth;
      if (this.#next.length > 0) depth += 1;
    }
    const isComplete = this.#next.length === 0 && completeDepth === depth && !this.#found;
    if (isComplete && this.bounds.liveness) this.#judgeLiveness();
    return {
      states: this.#known.size, transitions: this.#transitions, depth, completeDepth, classes: this.#classes.size || this.#known.size, quiet: this.#quiet.length, isComplete, found: this.#found,
    };
  }

  #isOver(): boolean {
    const { maxStates, untilMs = Infinity } = this.bounds;
    return this.#found !== undefined || this.#known.size >= maxStates || performance.now() > untilMs;
  }

  /** Number of the world, whether new or not. */
  #visit(world: World, parent: number, ordinal: number): number {
    const settled = this.#drivers.settled(world);
    const row = rowOf(settled, this.#drivers.setting.interner);
    const number = this.#numberOf(settled, row);
    if (number >= 0) return number;
    this.#parents.push(parent);
    this.#ordinals.push(ordinal);
    this.#next.push(row, -1 - number);
    return -1 - number;
  }

  /** As of `Fingerprints.add`. */
  #numberOf(world: World, row: readonly number[]): number {
    if (this.bounds.symmetry !== false) return this.#addClass(this.#known, world, row);
    this.#addClass(this.#classes, world, row);
    this.#mixer.mix(row);
    return this.#known.add(this.#mixer.low, this.#mixer.high);
  }

  #addClass(set: Fingerprints, world: World, row: readonly number[]): number {
    const mixer = this.#mixer;
    let [low, high] = [0xffffffff, 0xffffffff];
    this.#symmetry.each(world, row, (image) => {
      mixer.mix(image);
      if (mixer.high < high || mixer.high === high && mixer.low < low) [low, high] = [mixer.low, mixer.high];
    });
    return set.add(low, high);
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

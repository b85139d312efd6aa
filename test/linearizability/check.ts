/**
 * Is there one order of the operations, each somewhere between its sending and its answer, in which a
 * single session would have answered just so? The search of Wing and Gong, with Lowe's memory of the
 * configurations (what has happened, state) that were seen to lead nowhere. One session at a time.
 */
import { isAnswered, type Operation } from './history.js';
import type { Model } from './models.js';

export interface Bounds {
  /** Configurations remembered; beyond, the verdict is `undecided`, which is no pass. */
  configurations: number;
}

export type Verdict<S, I, O> =
  | { kind: 'linearizable'; order: Operation<I, O>[]; configurations: number }
  | { kind: 'broken'; configurations: number; furthest: Furthest<S, I, O> }
  | { kind: 'undecided'; configurations: number };

/** The longest order that was found before nothing could come next. */
export interface Furthest<S, I, O> {
  order: Operation<I, O>[];
  state: S;
  /** What could have come next, and what it would have answered. */
  next: { operation: Operation<I, O>; expected: O }[];
}

export const DEFAULT_BOUNDS: Bounds = { configurations: 2_000_000 };

/** Operations without an answer that ask the same; the first so many of them are taken to have happened. */
interface Alike {
  places: number[];
  happened: number;
}

interface Frame<S> {
  state: S;
  /** Places in `operations` of what may come next. */
  candidates: number[];
  tried: number;
  /** What led here; -1 at the start. */
  by: number;
}

export function check<S, I, O>(model: Model<S, I, O>, history: readonly Operation<I, O>[], bounds: Bounds = DEFAULT_BOUNDS): Verdict<S, I, O> {
  return new Search(model, history, bounds).run();
}

class Search<S, I, O> {
  /** Answered ones by the time of their sending; behind them those without an answer, likewise. */
  readonly #operations: Operation<I, O>[];
  readonly #answered: number;
  readonly #done: Uint8Array;
  /** All answered operations before this place have happened. */
  #base = 0;
  #left: number;
  /** Those without an answer, the same ones together: of equal operations the one sent first may as well come first. */
  readonly #open: Alike[] = [];
  readonly #alike = new Map<number, Alike>();
  /** Answers that told something, by the time of the answer, and how many of the first of them are explained. */
  readonly #told: number[];
  readonly #toldAt = new Map<number, number>();
  #explained = 0;
  readonly #seen = new Set<string>();
  readonly #frames: Frame<S>[] = [];
  #furthest: { order: number[]; state: S } | undefined;

  constructor(private readonly model: Model<S, I, O>, history: readonly Operation<I, O>[], private readonly bounds: Bounds) {
    const byTime = (a: Operation, b: Operation) => a.invokedAt - b.invokedAt;
    const answered = history.filter(isAnswered).sort(byTime);
    this.#operations = [...answered, ...history.filter((one) => !isAnswered(one)).sort(byTime)];
    this.#answered = this.#left = answered.length;
    this.#done = new Uint8Array(this.#operations.length);
    this.#told = answered.map((_, at) => at).filter((at) => !answered[at]!.isMute).sort((a, b) => answered[a]!.answeredAt - answered[b]!.answeredAt);
    this.#told.forEach((at, place) => this.#toldAt.set(at, place));
    this.#gatherOpen();
  }

  #gatherOpen(): void {
    const byInput = new Map<string, Alike>();
    for (let at = this.#answered; at < this.#operations.length; at += 1) {
      const input = JSON.stringify(this.#operations[at]!.input);
      const alike = byInput.get(input) ?? { places: [], happened: 0 };
      if (alike.places.length === 0) this.#open.push(alike);
      alike.places.push(at);
      byInput.set(input, alike);
      this.#alike.set(at, alike);
    }
  }

  run(): Verdict<S, I, O> {
    this.#enter(this.model.initial(), -1);
    while (this.#left > 0) {
      const frame = this.#frames.at(-1);
      if (!frame) return { kind: 'broken', configurations: this.#seen.size, furthest: this.#whereItEnded() };
      if (this.#seen.size > this.bounds.configurations) return { kind: 'undecided', configurations: this.#seen.size };
      const at = frame.candidates[frame.tried];
      frame.tried += 1;
      if (at === undefined) this.#leave();
      else this.#try(frame.state, at);
    }
    return { kind: 'linearizable', order: this.#order().map((at) => this.#operations[at]!), configurations: this.#seen.size };
  }

  #try(state: S, at: number): void {
    const operation = this.#operations[at]!;
    const { state: after, output } = this.model.apply(state, operation.input);
    if (!this.#agrees(operation, output)) return;
    this.#mark(at, 1);
    this.#noteHowFar(after, at);
    if (!this.#leadsOn(after)) return this.#mark(at, 0);
    const configuration = this.#configuration(after);
    if (this.#seen.has(configuration)) return this.#mark(at, 0);
    this.#seen.add(configuration);
    this.#enter(after, at);
  }

  #agrees(operation: Operation<I, O>, expected: O): boolean {
    if (!isAnswered(operation) || operation.isMute) return true;
    const seen = operation.output as O;
    return this.model.agrees ? this.model.agrees(expected, seen) : JSON.stringify(expected) === JSON.stringify(seen);
  }

  /** Whether the next answer that is still to be explained can be reached from here at all. */
  #leadsOn(state: S): boolean {
    if (!this.model.leadsTo) return true;
    while (this.#explained < this.#told.length && this.#done[this.#told[this.#explained]!]) this.#explained += 1;
    const next = this.#told[this.#explained];
    return next === undefined || this.model.leadsTo(state, this.#operations[next]!.output as O);
  }

  #enter(state: S, by: number): void {
    this.#frames.push({ state, by, candidates: this.#candidates(), tried: 0 });
  }

  #noteHowFar(state: S, by: number): void {
    if (!this.#furthest || this.#frames.length > this.#furthest.order.length) this.#furthest = { order: [...this.#order(), by], state };
  }

  #leave(): void {
    const { by } = this.#frames.pop()!;
    if (by >= 0) this.#mark(by, 0);
  }

  #mark(at: number, done: 0 | 1): void {
    this.#done[at] = done;
    if (at >= this.#answered) {
      this.#alike.get(at)!.happened += done ? 1 : -1;
      return;
    }
    this.#left += done ? -1 : 1;
    if (!done) this.#explained = Math.min(this.#explained, this.#toldAt.get(at) ?? this.#explained);
    if (!done) this.#base = Math.min(this.#base, at);
    else while (this.#base < this.#answered && this.#done[this.#base]) this.#base += 1;
  }

  /** Whatever was sent before the first answer that is still to be explained: the one answered first comes first, the unanswered last. */
  #candidates(): number[] {
    const found: number[] = [];
    let first = Number.POSITIVE_INFINITY;
    for (let at = this.#base; at < this.#answered && this.#operations[at]!.invokedAt <= first; at += 1) {
      if (this.#done[at]) continue;
      found.push(at);
      first = Math.min(first, this.#operations[at]!.answeredAt);
    }
    const candidates = found.filter((at) => this.#operations[at]!.invokedAt <= first).sort((a, b) => this.#operations[a]!.answeredAt - this.#operations[b]!.answeredAt);
    for (const { places, happened } of this.#open) {
      const at = places[happened];
      if (at !== undefined && this.#operations[at]!.invokedAt <= first) candidates.push(at);
    }
    return candidates;
  }

  /** What has happened, in few characters: all before the base, and some beyond it, of what was sent before the base was answered. */
  #configuration(state: S): string {
    let text = `${this.model.key(state)}|${this.#base}`;
    const untilAt = this.#operations[this.#base]?.answeredAt ?? Number.NEGATIVE_INFINITY;
    for (let at = this.#base + 1; at < this.#answered && this.#operations[at]!.invokedAt <= untilAt; at += 1) {
      if (this.#done[at]) text += `,${at}`;
    }
    return this.#open.length === 0 ? text : `${text};${this.#open.map(({ happened }) => happened).join()}`;
  }

  #order(): number[] {
    return this.#frames.filter(({ by }) => by >= 0).map(({ by }) => by);
  }

  #whereItEnded(): Furthest<S, I, O> {
    const { order, state } = this.#furthest ?? { order: [], state: this.model.initial() };
    for (const at of order) this.#mark(at, 1);
    const next = this.#candidates().map((at) => {
      const operation = this.#operations[at]!;
      return { operation, expected: this.model.apply(state, operation.input).output };
    });
    return { order: order.map((at) => this.#operations[at]!), state, next };
  }
}

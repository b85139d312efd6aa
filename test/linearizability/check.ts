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
  /** Those without an answer that are taken to have happened, in no order. */
  readonly #openDone = new Set<number>();
  readonly #seen = new Set<string>();
  readonly #frames: Frame<S>[] = [];
  #furthest: { order: number[]; state: S } | undefined;

  constructor(private readonly model: Model<S, I, O>, history: readonly Operation<I, O>[], private readonly bounds: Bounds) {
    const byTime = (a: Operation, b: Operation) => a.invokedAt - b.invokedAt;
    const answered = history.filter(isAnswered).sort(byTime);
    this.#operations = [...answered, ...history.filter((one) => !isAnswered(one)).sort(byTime)];
    this.#answered = this.#left = answered.length;
    this.#done = new Uint8Array(this.#operations.length);
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

  #enter(state: S, by: number): void {
    this.#frames.push({ state, by, candidates: this.#candidates(), tried: 0 });
    if (!this.#furthest || this.#frames.length > this.#furthest.order.length + 1) this.#furthest = { order: this.#order(), state };
  }

  #leave(): void {
    const { by } = this.#frames.pop()!;
    if (by >= 0) this.#mark(by, 0);
  }

  #mark(at: number, done: 0 | 1): void {
    this.#done[at] = done;
    if (at >= this.#answered) {
      if (done) this.#openDone.add(at);
      else this.#openDone.delete(at);
      return;
    }
    this.#left += done ? -1 : 1;
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
    for (let at = this.#answered; at < this.#operations.length && this.#operations[at]!.invokedAt <= first; at += 1) {
      if (!this.#done[at]) candidates.push(at);
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
    return this.#openDone.size === 0 ? text : `${text};${[...this.#openDone].sort((a, b) => a - b).join()}`;
  }

  #order(): number[] {
    return this.#frames.filter(({ by }) => by >= 0).map(({ by }) => by);
  }

  #whereItEnded(): Furthest<S, I, O> {
    const { order, state } = this.#furthest!;
    for (const at of order) this.#mark(at, 1);
    const next = this.#candidates().map((at) => {
      const operation = this.#operations[at]!;
      return { operation, expected: this.model.apply(state, operation.input).output };
    });
    return { order: order.map((at) => this.#operations[at]!), state, next };
  }
}

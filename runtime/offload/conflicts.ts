import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';

/** Two incarnations of one session id, for an operator to choose; they are never merged. */
export interface Conflict {
  session: string;
  mine: string;
  theirs: string;
  /** Node that has the other one. */
  at: string;
  foundAtMs: number;
}

/** Oldest are dropped beyond this: each is also in the log. */
const MAX_CONFLICTS = 1_000;

export class Conflicts {
  readonly #found = new Map<string, Conflict>();

  constructor(private readonly options: { clock: Clock; log: Log }) {}

  add(session: string, mine: string, theirs: string, at: string): void {
    const key = `${session}\n${mine}\n${theirs}`;
    if (this.#found.has(key)) return;
    const oldest = this.#found.size >= MAX_CONFLICTS ? this.#found.keys().next().value : undefined;
    if (oldest !== undefined) this.#found.delete(oldest);
    this.#found.set(key, { session, mine, theirs, at, foundAtMs: this.options.clock.now() });
    this.options.log.warn({ mine, theirs, at }, 'one session id has two incarnations; an operator has to choose');
  }

  list(): Conflict[] {
    return [...this.#found.values()];
  }
}

import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { MAX_DEAD_LETTERS } from '../model/limits.js';
import type { EffectRow } from '../session/effect.js';

/** An effect that its receiver will never take, for an operator to see. */
export interface DeadLetter {
  id: string;
  /** Session whose effect it was. */
  session: string;
  target: string;
  reason: string;
  atMs: number;
  row: EffectRow;
}

/** Kept in memory, the newest; each is in the node's log too. */
export class DeadLetters {
  readonly #letters = new Map<string, DeadLetter>();

  constructor(private readonly options: { clock: Clock; log: Log }) {}

  add(letter: Omit<DeadLetter, 'atMs'>): void {
    const key = `${letter.id}\n${letter.target}`;
    if (this.#letters.has(key)) return;
    const oldest = this.#letters.size >= MAX_DEAD_LETTERS ? this.#letters.keys().next().value : undefined;
    if (oldest !== undefined) this.#letters.delete(oldest);
    this.#letters.set(key, { ...letter, atMs: this.options.clock.now() });
    const { id, target, reason, row } = letter;
    this.options.log.error({ effect: id, kind: row.kind, function: row.function, target, reason }, 'an effect on another session is given up');
  }

  list(): DeadLetter[] {
    return [...this.#letters.values()];
  }
}

import type { Clock } from '../base/clock.js';
import { deliveryId } from '../base/ids.js';
import { hashOfSession, type Log } from '../base/log.js';
import { type Shelf, Shelved } from '../base/shelf.js';
import { MAX_DEAD_LETTERS } from '../model/limits.js';
import type { EffectRow } from '../session/effect.js';

/** An effect that its receiver did not take, for an operator to send again or to drop. */
export interface DeadLetter {
  /** Names it: the request id of its delivery. */
  letter: string;
  id: string;
  /** Session whose effect it was. */
  session: string;
  target: string;
  reason: string;
  /** The receiver took it and said no: under the same id it would say so again. */
  answered: boolean;
  atMs: number;
  row: EffectRow;
}

/** Outlive the process; the newest are kept, and each is in the node's log too. */
export class DeadLetters {
  readonly #letters: Shelved<DeadLetter>;

  constructor(private readonly options: { clock: Clock; log: Log; shelf: Shelf }) {
    this.#letters = new Shelved(options.shelf, MAX_DEAD_LETTERS);
  }

  open(): Promise<void> {
    return this.#letters.open();
  }

  /** Resolves once it is kept: only then may it leave the outbox. */
  async add(found: Omit<DeadLetter, 'atMs' | 'letter'>): Promise<void> {
    const letter = deliveryId(found.id, found.target);
    if (this.#letters.get(letter)) return;
    await this.#letters.put(letter, { ...found, letter, atMs: this.options.clock.now() });
    const { id, target, reason, row, session } = found;
    this.options.log.error({ effect: id, session: hashOfSession(session), kind: row.kind, function: row.function, target, reason }, 'an effect on another session is given up');
  }

  /** It was sent again, and given up again. */
  async again(letter: DeadLetter, reason: string, answered: boolean): Promise<void> {
    // Later than before in any case: the next try of one that was refused goes by it.
    await this.#letters.put(letter.letter, { ...letter, reason, answered, atMs: Math.max(this.options.clock.now(), letter.atMs + 1) });
  }

  get(letter: string): DeadLetter | undefined {
    return this.#letters.get(letter);
  }

  list(): DeadLetter[] {
    return this.#letters.list();
  }

  remove(letter: string): Promise<void> {
    return this.#letters.remove(letter);
  }
}

/**
 * Whole, small answers of a turn of the event loop leave together at its end, as long as turns come to several. Whoever waits for them,
 * a proxy or a client with many connections, is then woken once and finds the others there; to wake it for each costs more than a small
 * function (bench/README.md). One answer by itself leaves at once.
 */
import { ANSWERS_DUE_MS, MAX_ANSWERS_DUE } from '../model/limits.js';

export class DueAnswers<Answer> {
  #due: Answer[] = [];
  #sinceMs = 0;
  /** The last turn that was looked at came to several. */
  #together = false;
  #isTurnSeen = false;
  #inTurn = 0;

  /**
   * @param send hands one to its connection; must not throw
   * @param monotonic milliseconds that only ever grow
   */
  constructor(private readonly send: (answer: Answer) => void, private readonly monotonic: () => number) {}

  add(answer: Answer): void {
    this.#inTurn += 1;
    if (!this.#isTurnSeen) {
      this.#isTurnSeen = true;
      setImmediate(this.#endTurn);
    }
    if (!this.#together) return this.send(answer);
    if (this.#due.length === 0) this.#sinceMs = this.monotonic();
    if (this.#due.push(answer) >= MAX_ANSWERS_DUE) this.flush();
  }

  /** To be asked before a handler runs: it may keep the thread to itself. */
  flushLate(nowMs: number): void {
    if (this.#due.length > 0 && nowMs - this.#sinceMs >= ANSWERS_DUE_MS) this.flush();
  }

  flush(): void {
    const due = this.#due;
    if (due.length === 0) return;
    this.#due = [];
    for (const answer of due) this.send(answer);
  }

  /** Made once, because there are many turns. */
  readonly #endTurn = (): void => {
    this.#together = this.#inTurn > 1;
    this.#inTurn = 0;
    this.#isTurnSeen = false;
    this.flush();
  };
}

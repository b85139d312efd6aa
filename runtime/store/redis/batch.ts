import type { Argument } from './connection.js';

/** More in one call would keep the store from everybody else for too long. */
const MAX_CALLS = 16;
/** A call with large values goes alone. */
const MAX_BYTES = 64 * 1024;

interface Waiting {
  resolve: (answer: never) => void;
  reject: (error: unknown) => void;
  decode: (answer: never) => unknown;
}

/**
 * Gathers the calls of one turn of the event loop into one: under load that saves both sides about a quarter of
 * their work, and alone a call loses next to nothing.
 */
export class Batch {
  #waiting: Waiting[] = [];
  #args: Argument[];
  #bytes = 0;
  #isScheduled = false;

  /**
   * @param head makes the arguments that come before those of all calls
   * @param run sends the arguments and answers a list, one answer a call in the same order
   */
  constructor(private readonly head: () => Argument[], private readonly run: (args: Argument[]) => Promise<unknown>) {
    this.#args = [];
  }

  /** @param add adds the call's arguments */
  call<Answer, Result>(add: (args: Argument[]) => void, decode: (answer: Answer) => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) this.#args = this.head();
      const args = this.#args;
      const from = args.length;
      add(args);
      for (let at = from; at < args.length; at += 1) this.#bytes += args[at]!.length;
      this.#waiting.push({ resolve, reject, decode });
      if (this.#waiting.length >= MAX_CALLS || this.#bytes >= MAX_BYTES) return this.#flush();
      if (this.#isScheduled) return undefined;
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#flush();
      });
      return undefined;
    });
  }

  #flush(): void {
    const calls = this.#waiting;
    if (calls.length === 0) return;
    this.#waiting = [];
    this.#bytes = 0;
    this.run(this.#args).then((answers) => this.#answered(calls, answers as never[]), (error: unknown) => {
      for (const { reject } of calls) reject(error);
    });
  }

  #answered(calls: Waiting[], answers: never[]): void {
    for (let index = 0; index < calls.length; index += 1) {
      const { resolve, reject, decode } = calls[index]!;
      try {
        resolve(decode(answers[index]!) as never);
      } catch (error) {
        reject(error);
      }
    }
  }
}

import type { Argument } from './connection.js';

/** More in one call would keep the store from everybody else for too long. */
const MAX_CALLS = 16;
/** A call with large values goes alone. */
const MAX_BYTES = 64 * 1024;

interface Waiting {
  args: Argument[];
  resolve: (answer: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers the calls of one turn of the event loop into one: under load that saves both sides about a quarter of
 * their work, and alone a call loses next to nothing.
 */
export class Batch {
  #waiting: Waiting[] = [];
  #bytes = 0;
  #isScheduled = false;
  #inFlight = 0;

  /** @param run sends the joined arguments of all calls and answers a list, one answer a call in the same order. */
  constructor(private readonly run: (args: Argument[]) => Promise<unknown>) {}

  call(args: Argument[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#bytes += args.reduce((sum, arg) => sum + arg.length, 0);
      this.#waiting.push({ args, resolve, reject });
      // Nothing is under way, so there is nobody to wait for: the end of the turn would only be later.
      if (this.#inFlight === 0 || this.#waiting.length >= MAX_CALLS || this.#bytes >= MAX_BYTES) return this.#flush();
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
    this.#inFlight += 1;
    const args = calls.length === 1 ? calls[0]!.args : calls.flatMap((call) => call.args);
    this.run(args).then(
      (answers) => {
        this.#inFlight -= 1;
        for (let index = 0; index < calls.length; index += 1) calls[index]!.resolve((answers as unknown[])[index]);
      },
      (error: unknown) => {
        this.#inFlight -= 1;
        for (const call of calls) call.reject(error);
      },
    );
  }
}

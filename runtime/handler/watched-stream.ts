/** The stream of an answer as its reader gets it: it can be failed from outside, whatever its source is waiting for. */
export class WatchedStream implements AsyncIterableIterator<Buffer> {
  readonly #source: AsyncIterator<Buffer>;
  #failure: { error: unknown } | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #over = false;

  /** @param ended called once, unless `fail` was: at the end, or when the reader has left before */
  constructor(stream: AsyncIterable<Buffer>, private readonly ended: (hasLeft: boolean) => void) {
    this.#source = stream[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#failure) return Promise.reject(this.#failure.error as Error);
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#source.next().then((result) => {
        if (result.done) this.#end(false);
        resolve(result as IteratorResult<Buffer, undefined>);
      }, (error: unknown) => {
        this.#end(false);
        reject(error as Error);
      });
    });
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    if (!this.#over) {
      this.#end(true);
      this.#leave();
    }
    return { done: true, value: undefined };
  }

  fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = { error };
    this.#reject?.(error);
    this.#leave();
  }

  /** Not waited for: a handler that hangs must not keep its reader. */
  #leave(): void {
    this.#source.return?.()?.catch(() => undefined);
  }

  #end(hasLeft: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.ended(hasLeft);
  }
}

import { Fault } from '../model/faults.js';

/**
 * A body that is sent on while it comes, and kept meanwhile, so that it can be sent again from its start. Beyond the limit
 * nothing of it is kept: it goes on, but cannot be sent again.
 */
export class KeptBody implements AsyncIterable<Buffer> {
  #pieces: Buffer[] = [];
  /** Pieces that were let go of. */
  #gone = 0;
  #bytes = 0;
  #ended = false;
  #reading: Promise<void> | undefined;

  /** @param limit bytes that are kept */
  constructor(private readonly source: AsyncIterator<Buffer>, private readonly limit: number) {}

  /** From the start, each time; leaving it early leaves the rest where it is. Rejects with MOVING when its start is gone. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; ;) {
      if (at < this.#gone) throw new Fault('MOVING');
      const piece = this.#pieces[at - this.#gone];
      if (piece) {
        at += 1;
        yield piece;
      } else if (this.#ended) return;
      else await (this.#reading ??= this.#read());
    }
  }

  /** All of it; rejects with BODY_TOO_LARGE beyond the limit. */
  async whole(): Promise<Buffer> {
    for await (const _ of this) this.#assertKept();
    this.#assertKept();
    return this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces, this.#bytes);
  }

  #assertKept(): void {
    if (this.#bytes > this.limit) throw new Fault('BODY_TOO_LARGE', { limit: this.limit });
  }

  async #read(): Promise<void> {
    try {
      const { done, value } = await this.source.next();
      if (done) {
        this.#ended = true;
        return;
      }
      this.#bytes += value.length;
      if (this.#bytes > this.limit) {
        this.#gone += this.#pieces.length;
        this.#pieces = [];
      }
      this.#pieces.push(value);
    } finally {
      this.#reading = undefined;
    }
  }
}

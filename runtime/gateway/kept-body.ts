import { Fault } from '../model/faults.js';

/** A body that is sent on while it comes, and kept meanwhile, so that it can be sent again from its start. */
export class KeptBody implements AsyncIterable<Buffer> {
  readonly #pieces: Buffer[] = [];
  #bytes = 0;
  #ended = false;
  #reading: Promise<void> | undefined;

  /** @param limit bytes; beyond, reading fails with BODY_TOO_LARGE */
  constructor(private readonly source: AsyncIterator<Buffer>, private readonly limit: number) {}

  /** From the start, each time; leaving it early leaves the rest where it is. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; ;) {
      const piece = this.#pieces[at];
      if (piece) {
        at += 1;
        yield piece;
      } else if (this.#ended) return;
      else await (this.#reading ??= this.#read());
    }
  }

  async whole(): Promise<Buffer> {
    for await (const _ of this) { /* kept */ }
    return this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces, this.#bytes);
  }

  async #read(): Promise<void> {
    const { done, value } = await this.source.next();
    this.#reading = undefined;
    if (done) {
      this.#ended = true;
      return;
    }
    this.#bytes += value.length;
    if (this.#bytes > this.limit) throw new Fault('BODY_TOO_LARGE', { limit: this.limit });
    this.#pieces.push(value);
  }
}

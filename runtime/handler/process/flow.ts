/** The two ends of a stream in frames: never are more bytes on their way than the reader has room for. */
import { STREAM_PIECE_BYTES, STREAM_WINDOW_BYTES } from '../../model/limits.js';

export interface FlowFrames {
  piece(bytes: Buffer): void;
  /** Once, unless `failed`: that was all, or the reader has left and the source let go. */
  ended(): void;
  failed(error: unknown): void;
}

/** Reads a stream and sends it on, as far as there is room. The source is not touched before there is. */
export class Outflow {
  /** The source was asked: it cannot be sent again. */
  begun = false;
  #iterator: AsyncIterator<Buffer> | undefined;
  #stopped = false;
  #running = false;
  #wake: (() => void) | undefined;

  /** @param room bytes that the reader takes unasked */
  constructor(private readonly source: AsyncIterable<Buffer>, private room: number, private readonly frames: FlowFrames) {
    if (room > 0) void this.#run();
  }

  grant(bytes: number): void {
    this.room += bytes;
    this.#wake?.();
    if (!this.#running && !this.#stopped) void this.#run();
  }

  /** Nobody reads on. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake?.();
    Promise.resolve(this.#iterator?.return?.()).catch(() => undefined).then(() => this.frames.ended(), () => undefined);
  }

  async #run(): Promise<void> {
    this.#running = true;
    this.begun = true;
    this.#iterator = this.source[Symbol.asyncIterator]();
    try {
      for (;;) {
        await this.#roomy();
        if (this.#stopped) return;
        const { done, value } = await this.#iterator.next();
        if (this.#stopped) return;
        if (done) break;
        await this.#send(value);
      }
      this.#stopped = true;
      this.frames.ended();
    } catch (error) {
      if (this.#stopped) return;
      this.#stopped = true;
      this.frames.failed(error);
    }
  }

  /** What the source gives at once goes out in pieces, each when there is room. */
  async #send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += STREAM_PIECE_BYTES) {
      await this.#roomy();
      if (this.#stopped) return;
      const piece = bytes.subarray(at, at + STREAM_PIECE_BYTES);
      this.room -= piece.length;
      this.frames.piece(piece);
    }
  }

  async #roomy(): Promise<void> {
    while (this.room <= 0 && !this.#stopped) await new Promise<void>((resolve) => { this.#wake = resolve; });
  }
}

/** What comes in frames, to be iterated once. */
export class Inflow implements AsyncIterableIterator<Buffer> {
  readonly #pieces: Buffer[] = [];
  #held = 0;
  #taken = 0;
  #ended = false;
  #failure: { error: unknown } | undefined;
  #waiting: { resolve(result: IteratorResult<Buffer, undefined>): void; reject(error: unknown): void } | undefined;

  /**
   * @param isGranted the other side sends the first window unasked
   * @param grant asks for so many bytes more
   * @param left the reader has left before the end
   */
  constructor(private isGranted: boolean, private readonly grant: (bytes: number) => void, private readonly left: () => void) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Throws a RangeError when the sender does not keep to what it was granted. */
  push(piece: Buffer): void {
    if (this.#ended || this.#failure) return;
    if (this.#held > STREAM_WINDOW_BYTES + STREAM_PIECE_BYTES) throw new RangeError('more of a stream than there is room for');
    const waiting = this.#waiting;
    if (!waiting) {
      this.#held += piece.length;
      this.#pieces.push(piece);
      return;
    }
    this.#waiting = undefined;
    this.#account(piece.length);
    waiting.resolve({ done: false, value: piece });
  }

  end(): void {
    this.#ended = true;
    this.#waiting?.resolve({ done: true, value: undefined });
    this.#waiting = undefined;
  }

  /** After what is held already. */
  fail(error: unknown): void {
    if (this.#ended || this.#failure) return;
    this.#failure = { error };
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    const piece = this.#pieces.shift();
    if (piece) {
      this.#held -= piece.length;
      this.#account(piece.length);
      return { done: false, value: piece };
    }
    if (this.#failure) throw this.#failure.error;
    if (this.#ended) return { done: true, value: undefined };
    if (!this.isGranted) {
      this.isGranted = true;
      this.grant(STREAM_WINDOW_BYTES);
    }
    return new Promise((resolve, reject) => { this.#waiting = { resolve, reject }; });
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    if (!this.#ended && !this.#failure) {
      this.#pieces.length = 0;
      this.end();
      this.left();
    }
    return { done: true, value: undefined };
  }

  /** Room is given back in large parts, so that it costs few frames. */
  #account(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < STREAM_WINDOW_BYTES / 2 || this.#ended) return;
    const taken = this.#taken;
    this.#taken = 0;
    this.grant(taken);
  }
}

/** What a handler streams as its answer, whichever kind of stream it is. */

/** Pulled one piece at a time. */
export interface Source {
  next(): Promise<{ done?: boolean; value?: unknown }> | { done?: boolean; value?: unknown };
  /** Nobody reads on. */
  leave(): unknown;
}

type Destroyable = AsyncIterable<unknown> & { destroy(): void; pipe: unknown };

/** Undefined for what is no stream: lists and other collections are answered as JSON. */
export function sourceOf(value: unknown): Source | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (value instanceof ReadableStream) return fromWeb(value);
  if (Symbol.asyncIterator in value) return fromIterator((value as AsyncIterable<unknown>)[Symbol.asyncIterator](), value);
  const isGenerator = Symbol.iterator in value && typeof (value as { next?: unknown }).next === 'function';
  return isGenerator ? fromIterator((value as Iterable<unknown>)[Symbol.iterator](), value) : undefined;
}

function fromWeb(stream: ReadableStream<unknown>): Source {
  const reader = stream.getReader();
  return { next: () => reader.read(), leave: () => reader.cancel() };
}

function fromIterator(iterator: AsyncIterator<unknown> | Iterator<unknown>, stream: object): Source {
  return {
    next: () => iterator.next(),
    // A node stream that waits for data only ends when it is destroyed: its iterator would wait with it.
    leave: () => 'destroy' in stream && 'pipe' in stream ? (stream as Destroyable).destroy() : iterator.return?.(),
  };
}

/** Pieces as bytes, none empty. */
export class AnswerStream implements AsyncIterableIterator<Buffer> {
  /** Called once with what the stream failed with; gives what its reader is told. */
  onFailure: (error: unknown) => unknown = (error) => error;
  #over = false;

  constructor(private readonly source: Source) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    try {
      while (!this.#over) {
        const { done, value } = await this.source.next();
        if (done) this.#over = true;
        else {
          const piece = bytesOf(value);
          if (piece.length > 0) return { done: false, value: piece };
        }
      }
      return { done: true, value: undefined };
    } catch (error) {
      const isFirst = !this.#over;
      await this.return().catch(() => undefined);
      throw isFirst ? this.onFailure(error) : error;
    }
  }

  /** Resolves when the handler has let go of what it held. */
  async return(): Promise<IteratorResult<Buffer, undefined>> {
    if (!this.#over) {
      this.#over = true;
      await this.source.leave();
    }
    return { done: true, value: undefined };
  }
}

function bytesOf(piece: unknown): Buffer {
  if (typeof piece === 'string') return Buffer.from(piece, 'utf8');
  if (Buffer.isBuffer(piece)) return piece;
  if (piece instanceof Uint8Array) return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
  if (piece instanceof ArrayBuffer) return Buffer.from(piece);
  throw new TypeError(`A stream answers texts and bytes; this piece is of type ${piece === null ? 'null' : typeof piece}`);
}

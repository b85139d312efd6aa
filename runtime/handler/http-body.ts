/** Bodies over HTTP as they come and go, each side waiting for the other. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault } from '../model/faults.js';

/** The body of a request, to be iterated once. Nothing is read before it is asked for. */
export class RequestStream implements AsyncIterableIterator<Buffer> {
  /** Since when its reader waits for the client, in the time of `now`; undefined while it does not. */
  waitingSinceMs: number | undefined;
  #begun = false;
  #over = false;
  #failure: Fault | undefined;
  #wake: (() => void) | undefined;

  /**
   * @param begin called before the first read: the client may wait to be told to go on
   */
  constructor(private readonly incoming: IncomingMessage, private readonly options: { now(): number; begin?(): void }) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    this.#begin();
    for (;;) {
      if (this.#failure) throw this.#failure;
      if (this.#over) return { done: true, value: undefined };
      const piece = this.incoming.read() as Buffer | null;
      if (piece !== null) return { done: false, value: piece };
      if (this.incoming.readableEnded) {
        this.#over = true;
        continue;
      }
      this.waitingSinceMs = this.options.now();
      await new Promise<void>((resolve) => { this.#wake = resolve; });
      this.waitingSinceMs = undefined;
    }
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#over = true;
    this.stop();
    return { done: true, value: undefined };
  }

  /** Its reader is told why it gets no more; without a reason it is at its end. */
  stop(failure?: Fault): void {
    if (!this.#over) this.#failure ??= failure;
    this.#over ||= failure === undefined;
    if (this.#begun) for (const [event, listener] of this.#listeners) this.incoming.off(event, listener);
    this.#wake?.();
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.options.begin?.();
    for (const [event, listener] of this.#listeners) this.incoming.on(event, listener);
    if (this.incoming.destroyed && !this.incoming.readableEnded) this.stop(new Fault('CLIENT_GONE'));
  }

  readonly #listeners: [string, () => void][] = [
    ['readable', () => this.#wake?.()],
    ['end', () => this.#wake?.()],
    ['error', () => this.stop(new Fault('CLIENT_GONE'))],
    ['close', () => this.#closed()],
  ];

  #closed(): void {
    if (this.incoming.readableEnded) this.#wake?.();
    else this.stop(new Fault('CLIENT_GONE'));
  }
}

export interface PourOptions {
  /** The client does not take what is there (true), or does again. */
  stalled?(isStalled: boolean): void;
}

/**
 * Sends a stream as the body of an answer whose head is out, each piece at once, and ends the answer. Rejects as the stream does, or
 * with CLIENT_GONE; the answer is then not ended, so that nobody takes it for whole.
 */
export async function pour(response: ServerResponse, stream: AsyncIterable<Buffer>, { stalled }: PourOptions = {}): Promise<void> {
  for await (const piece of stream) {
    if (response.destroyed) throw new Fault('CLIENT_GONE');
    if (response.write(piece)) continue;
    stalled?.(true);
    await drained(response);
    stalled?.(false);
  }
  response.end();
}

/** The answer breaks off: without the last chunk of HTTP/1.1 it shows that it is not whole. (HTTP/1.0 has no way to tell.) */
export function breakOff(response: ServerResponse): void {
  // What was written last goes out at the end of this turn.
  setImmediate(() => response.destroy());
}

/** Lets go of a stream that nobody will read. */
export function leave(stream: AsyncIterable<Buffer>): void {
  stream[Symbol.asyncIterator]().return?.()?.catch(() => undefined);
}

/** Whether an answer to this request with this status has a body at all. */
export function mayHaveBody(response: ServerResponse, status: number): boolean {
  return response.req.method !== 'HEAD' && status !== 204 && status !== 304;
}

function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go);
      response.off('close', go);
      resolve();
    };
    response.on('drain', go);
    response.on('close', go);
  });
}

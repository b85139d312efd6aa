import { Duplex } from 'node:stream';
import { SOCKET_PIECE_BYTES } from '../../model/limits.js';

/**
 * A connection as the WebSocket library gets it. One read of the network may bring thousands of messages, and pausing the
 * connection would not hold them up; so what comes is passed on in small pieces, each only when the one before was wanted.
 */
export class Gate extends Duplex {
  readonly #raw: Duplex;

  /** @param head what came with the request that opened it */
  constructor(raw: Duplex, head: Buffer) {
    super();
    this.#raw = raw;
    this.#pass(head);
    raw.on('data', (chunk: Buffer) => {
      if (!this.#pass(chunk)) raw.pause();
    });
    raw.once('end', () => this.push(null));
    raw.once('close', () => this.destroy());
    raw.on('error', () => this.destroy());
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#raw.write(chunk, encoding, done);
  }

  /** The head and the body of a frame leave together. */
  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], done: (error?: Error | null) => void): void {
    this.#raw.cork();
    chunks.forEach(({ chunk, encoding }, index) => void this.#raw.write(chunk, encoding, index === chunks.length - 1 ? done : undefined));
    this.#raw.uncork();
  }

  override _final(done: () => void): void {
    this.#raw.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#raw.destroy();
    done(error);
  }

  /** False when there is enough for now. */
  #pass(chunk: Buffer): boolean {
    let isWanted = true;
    for (let at = 0; at < chunk.length; at += SOCKET_PIECE_BYTES) isWanted = this.push(chunk.subarray(at, at + SOCKET_PIECE_BYTES));
    return isWanted;
  }
}

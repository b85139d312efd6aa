/**
 * A connection for scripts alone, beside node-redis: a command is one write when it is sent, and an answer is
 * handed out as it is read (docs/decisions/redis-client.md says what that saves). It does not reconnect:
 * when it ends, whatever it had in hand fails, and its owner makes another.
 */
import { connect, type Socket } from 'node:net';
import { ErrorReply } from 'redis';
import type { Argument } from './connection.js';
import { encodeCommand, ReplyReader } from './resp.js';
import type { RedisPlace } from './url.js';

const READ_BYTES = 64 * 1024;

interface Waiting {
  resolve: (answer: unknown) => void;
  reject: (error: Error) => void;
}

export type PipePlace = Exclude<RedisPlace['socket'], { tls: true }>;

export class Pipe {
  readonly #socket: Socket;
  readonly #reader = new ReplyReader();
  readonly #waiting: Waiting[] = [];
  #end: Error | undefined;
  #isRetired = false;
  #seenBytes = 0;
  #silentLooks = 0;

  /** @param ended called once, when it cannot be used any more */
  constructor(place: PipePlace, private readonly ended: () => void) {
    const take = (bytes: number, buffer: Uint8Array): boolean => {
      this.#take(buffer.subarray(0, bytes) as Buffer);
      return true;
    };
    // One buffer for all reads: an allocation for each would cost more than most answers.
    this.#socket = connect({ ...place, noDelay: true, keepAlive: true, onread: { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback: take } });
    this.#socket.on('error', (error) => this.destroy(error));
    this.#socket.on('close', () => this.destroy());
  }

  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /** Rejects with an ErrorReply when Redis refuses the command; with another error when it may or may not have run. */
  send(args: readonly Argument[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#end) return reject(this.#end);
      this.#waiting.push({ resolve, reject });
      for (const piece of encodeCommand(args)) this.#socket.write(piece, 'latin1');
      return undefined;
    });
  }

  /** Looked at in even times: how many looks in a row commands have waited and not a byte has come. */
  silence(): number {
    const { bytesRead } = this.#socket;
    this.#silentLooks = this.#waiting.length > 0 && bytesRead === this.#seenBytes ? this.#silentLooks + 1 : 0;
    this.#seenBytes = bytesRead;
    return this.#silentLooks;
  }

  /** Ends once what it has in hand is answered. */
  retire(): void {
    this.#isRetired = true;
    if (this.#waiting.length === 0) this.destroy();
  }

  destroy(error: Error = new Error('the connection has ended')): void {
    if (this.#end) return;
    this.#end = error;
    this.#socket.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.ended();
  }

  #take(chunk: Buffer): void {
    try {
      this.#reader.take(chunk, (answer) => this.#give(answer));
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #give(answer: unknown): void {
    const waiting = this.#waiting.shift();
    if (!waiting) throw new RangeError('an answer that nobody has asked for');
    if (answer instanceof ErrorReply) waiting.reject(answer);
    else waiting.resolve(answer);
    if (this.#isRetired && this.#waiting.length === 0) this.destroy();
  }
}

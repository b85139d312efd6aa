/**
 * One open WebSocket: its messages are run one after the other, and answered in their order. The first that cannot be
 * answered ends it, so that no message ever takes effect after one before it has not.
 */
import { isUtf8 } from 'node:buffer';
import type { WebSocket } from 'ws';
import { MAX_SOCKET_WAITING, MAX_SOCKET_WAITING_BYTES, SOCKET_PING_MS } from '../../model/limits.js';
import type { FunctionResponse } from '../../session/call.js';
import type { Closing } from './closing.js';

export interface SocketMessage {
  body: Buffer;
  isBinary: boolean;
}

export interface MessageSocketParts {
  socket: WebSocket;
  /** A client may leave an answer waiting so long, in ms; 0 for ever. */
  writeMs: number;
  monotonic: () => number;
  /** Never rejects. The signal is aborted when the client goes away without a word. */
  run(message: SocketMessage, signal: AbortSignal): Promise<FunctionResponse | Closing>;
}

const ABNORMAL_CLOSE = 1006;
const NO_CONTENT = 204;
const TEXT = /^(?:text\/|application\/(?:[^;]*\+)?json\b)/i;

export class MessageSocket {
  readonly #parts: MessageSocketParts;
  readonly #gone = new AbortController();
  #waiting: SocketMessage[] = [];
  #waitingBytes = 0;
  #isRunning = false;
  #closing: Closing | undefined;
  #heardMs: number;
  #isPinged = false;
  /** Since when the client has not taken an answer. */
  #stalledSinceMs: number | undefined;

  constructor(parts: MessageSocketParts) {
    this.#parts = parts;
    this.#heardMs = parts.monotonic();
    const { socket } = parts;
    socket.on('message', (body, isBinary) => this.#take({ body: body as Buffer, isBinary }));
    socket.on('ping', () => this.#heard());
    socket.on('pong', () => this.#heard());
    // No frames of the protocol: the library closes the socket, and says why.
    socket.on('error', () => this.#gone.abort());
    socket.once('close', (code) => {
      if (code === ABNORMAL_CLOSE) this.#gone.abort();
    });
  }

  /** Messages that wait behind the one in hand. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Closes it once the message in hand is answered; those that wait behind it are not taken. */
  end(closing: Closing): void {
    this.#closing ??= closing;
    if (!this.#isRunning) this.#close();
  }

  /** Pings a client that is silent, and cuts off one that does not answer, or does not read. Look every few seconds. */
  look(): void {
    const { socket, writeMs, monotonic } = this.#parts;
    const nowMs = monotonic();
    if (writeMs > 0 && this.#stalledSinceMs !== undefined && nowMs - this.#stalledSinceMs >= writeMs) return socket.terminate();
    // Nothing is read of one that was told to wait.
    if (socket.isPaused) return this.#heard();
    const silentMs = nowMs - this.#heardMs;
    if (silentMs >= 2 * SOCKET_PING_MS) return socket.terminate();
    if (silentMs < SOCKET_PING_MS || this.#isPinged || socket.readyState !== socket.OPEN) return;
    this.#isPinged = true;
    socket.ping();
  }

  #heard(): void {
    this.#heardMs = this.#parts.monotonic();
    this.#isPinged = false;
  }

  #take(message: SocketMessage): void {
    this.#heard();
    if (this.#closing !== undefined || this.#gone.signal.aborted) return;
    this.#waiting.push(message);
    this.#waitingBytes += message.body.length;
    if (!this.#isRunning) void this.#serve();
    if (this.#isFull) this.#parts.socket.pause();
  }

  get #isFull(): boolean {
    return this.#waiting.length >= MAX_SOCKET_WAITING || this.#waitingBytes >= MAX_SOCKET_WAITING_BYTES;
  }

  /** A client that said goodbye still has what it sent before run; nobody hears the answers. */
  async #serve(): Promise<void> {
    const { socket, run } = this.#parts;
    this.#isRunning = true;
    while (this.#closing === undefined && !this.#gone.signal.aborted && this.#waiting.length > 0) {
      const message = this.#waiting.shift()!;
      this.#waitingBytes -= message.body.length;
      if (socket.isPaused && !this.#isFull) socket.resume();
      const answer = await run(message, this.#gone.signal);
      if ('code' in answer) this.#closing = answer;
      else await this.#send(answer);
    }
    this.#isRunning = false;
    if (this.#closing !== undefined) this.#close();
  }

  async #send({ status, headers, body }: FunctionResponse): Promise<void> {
    const { socket, monotonic } = this.#parts;
    if (status === NO_CONTENT || socket.readyState !== socket.OPEN) return;
    const binary = !TEXT.test(String(headers['content-type'])) || !isUtf8(body);
    this.#stalledSinceMs = monotonic();
    await new Promise<void>((resolve) => socket.send(body, { binary }, () => resolve()));
    this.#stalledSinceMs = undefined;
  }

  #close(): void {
    const { socket } = this.#parts;
    this.#waiting = [];
    // The client's own close comes behind what was not read.
    socket.resume();
    if (socket.readyState === socket.OPEN) socket.close(this.#closing!.code, this.#closing!.reason);
  }
}

/**
 * One HTTP/1.1 connection of the load generator: a request at a time, answers with a length, no
 * more parsing than that needs. It has to cost much less than the servers that it measures.
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  status: number;
  /** Everything above the body, as it came. */
  head: string;
  body: Buffer;
}

const HEAD_END = Buffer.from('\r\n\r\n');

export class Connection {
  #socket: Socket;
  #received: Buffer[] = [];
  #bytes = 0;
  #needed = 0;
  #head = '';
  #headEnd = -1;
  #onAnswer: ((answer: Answer) => void) | undefined;
  #onError: ((error: Error) => void) | undefined;

  constructor(host: string, port: number) {
    this.#socket = connect(port, host);
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Sends a request that is complete, head and body; the callbacks are called once, one of them. */
  send(request: string, onAnswer: (answer: Answer) => void, onError: (error: Error) => void): void {
    if (this.#onAnswer) throw new Error('one request at a time');
    if (this.#socket.destroyed) return onError(new Error('the connection is closed'));
    this.#onAnswer = onAnswer;
    this.#onError = onError;
    this.#socket.write(request, 'latin1');
  }

  request(request: string): Promise<Answer> {
    return new Promise((resolve, reject) => this.send(request, resolve, reject));
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.#received.push(chunk);
    if (this.#headEnd < 0) {
      const all = this.#received.length === 1 ? chunk : Buffer.concat(this.#received);
      this.#received = [all];
      const end = all.indexOf(HEAD_END);
      if (end < 0) return;
      this.#head = all.toString('latin1', 0, end);
      this.#headEnd = end + HEAD_END.length;
      const length = /\r\ncontent-length: *(\d+)/i.exec(this.#head);
      if (!length) return this.#fail(new Error(`an answer without a length: ${this.#head}`));
      this.#needed = this.#headEnd + Number(length[1]);
    }
    if (this.#bytes < this.#needed) return;
    const all = this.#received.length === 1 ? this.#received[0]! : Buffer.concat(this.#received);
    const answer = { status: Number(this.#head.slice(9, 12)), head: this.#head, body: all.subarray(this.#headEnd, this.#needed) };
    this.#received = [];
    this.#bytes = 0;
    this.#headEnd = -1;
    const onAnswer = this.#onAnswer;
    this.#onAnswer = this.#onError = undefined;
    onAnswer?.(answer);
  }

  #fail(error: Error): void {
    const onError = this.#onError;
    this.#onAnswer = this.#onError = undefined;
    this.#socket.destroy();
    onError?.(error);
  }
}

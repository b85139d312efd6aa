/** A WebSocket of a test: what came over it, and how it was closed. */
import { once } from 'node:events';
import { WebSocket, type ClientOptions } from 'ws';

export interface Closed {
  code: number;
  reason: string;
}

export class Talk {
  /** In the order in which they came: texts as texts, bytes as bytes. */
  readonly heard: (string | Buffer)[] = [];
  readonly closed: Promise<Closed>;
  #waiting: (() => void)[] = [];

  constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer, isBinary) => {
      this.heard.push(isBinary ? data : String(data));
      for (const look of this.#waiting.splice(0)) look();
    });
    socket.on('error', () => undefined);
    // What goes wrong with it closes it, and is not to be thrown at whoever waits for that.
    this.closed = new Promise((resolve) => socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })));
    void this.closed.then(() => { for (const look of this.#waiting.splice(0)) look(); });
  }

  /** @param url of HTTP, with the function's path. Rejects when it is not opened. */
  static async open(url: string, options: ClientOptions = {}): Promise<Talk> {
    const talk = new Talk(new WebSocket(url.replace(/^http/, 'ws'), { followRedirects: true, ...options }));
    await once(talk.socket, 'open');
    return talk;
  }

  say(...messages: (string | Buffer)[]): void {
    for (const message of messages) this.socket.send(message);
  }

  /** Everything heard, once it is so much, or the socket is closed. */
  async hears(count: number): Promise<(string | Buffer)[]> {
    while (this.heard.length < count && this.socket.readyState !== WebSocket.CLOSED) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.heard;
  }

  async ask(message: string | Buffer): Promise<string | Buffer | undefined> {
    const before = this.heard.length;
    this.say(message);
    return (await this.hears(before + 1))[before];
  }

  end(): void {
    this.socket.terminate();
  }
}

/** What an opening that was not accepted was answered. */
export async function refused(url: string, options: ClientOptions = {}): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), options);
  socket.on('error', () => undefined);
  const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    socket.once('unexpected-response', (_, response) => resolve(response));
    socket.once('open', () => {
      socket.terminate();
      reject(new Error('it was opened'));
    });
  });
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return { status: answer.statusCode!, headers: answer.headers, body };
}

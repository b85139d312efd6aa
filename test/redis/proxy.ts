/** A socket between client and server that loses answers, or keeps them back, on demand. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export interface Passage {
  client: Socket;
  /** Whether a script has been run through it. */
  hasScripts: boolean;
  /** Whether a client of node-redis has greeted. */
  hasGreeting: boolean;
  /** The server's answers do not get through any more. */
  isMute: boolean;
  kept: Buffer[];
}

export class LossyProxy {
  readonly #server: Server;
  readonly passages = new Set<Passage>();
  /** Who comes from now on gets no answer. */
  mutesNew = false;
  #isLosing = false;
  #lost: (() => void) | undefined;

  constructor(readonly path: string, upstreamPath: string) {
    this.#server = createServer((client) => {
      const upstream = createConnection(upstreamPath);
      const passage: Passage = { client, hasScripts: false, hasGreeting: false, isMute: this.mutesNew, kept: [] };
      this.passages.add(passage);
      client.on('data', (data) => {
        passage.hasScripts ||= data.includes('EVALSHA');
        passage.hasGreeting ||= data.includes('HELLO');
        upstream.write(data);
      });
      upstream.on('data', (data) => this.#answer(passage, data));
      for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
      }
      client.on('close', () => this.passages.delete(passage));
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.path, resolve));
  }

  /** The next answer of the server is thrown away and the client's connection cut. Resolves when that has happened. */
  loseNextAnswer(): Promise<void> {
    this.#isLosing = true;
    return new Promise((resolve) => { this.#lost = resolve; });
  }

  passagesWith(hasScripts: boolean): Passage[] {
    return [...this.passages].filter((passage) => passage.hasScripts === hasScripts);
  }

  /** What was kept back gets through, and all that follows. */
  unmute(passage: Passage): void {
    passage.isMute = false;
    for (const data of passage.kept.splice(0)) passage.client.write(data);
  }

  async close(): Promise<void> {
    for (const { client } of this.passages) client.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(passage: Passage, data: Buffer): void {
    if (passage.isMute) {
      passage.kept.push(data);
      return;
    }
    if (!this.#isLosing) {
      passage.client.write(data);
      return;
    }
    this.#isLosing = false;
    passage.client.destroy();
    this.#lost?.();
  }
}

/** A socket between client and server that loses answers on demand. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export class LossyProxy {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  #isLosing = false;
  #lost: (() => void) | undefined;

  constructor(readonly path: string, upstreamPath: string) {
    this.#server = createServer((client) => {
      const upstream = createConnection(upstreamPath);
      this.#clients.add(client);
      client.on('data', (data) => upstream.write(data));
      upstream.on('data', (data) => this.#answer(client, data));
      for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
      }
      client.on('close', () => this.#clients.delete(client));
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

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(client: Socket, data: Buffer): void {
    if (!this.#isLosing) {
      client.write(data);
      return;
    }
    this.#isLosing = false;
    client.destroy();
    this.#lost?.();
  }
}

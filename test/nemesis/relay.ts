/** Stands in front of a node: whoever calls the node calls this, and it does to the connections what bad networks do. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Random } from '../../bench/harness/random.js';

/**
 * - `cut`: connections break and none is taken.
 * - `stall`: nothing passes, and nobody is told.
 * - `delay`: everything passes late.
 * - `half-close`: the caller's words pass, then its side is closed to it while the node goes on.
 * - `drop-answers`: what is asked arrives, the connection breaks when the answer comes.
 * - `duplicate`: what is asked arrives twice, over two connections.
 */
export const TROUBLES = ['cut', 'stall', 'delay', 'half-close', 'drop-answers', 'duplicate'] as const;
export type Trouble = (typeof TROUBLES)[number];

const MOST_DELAY_MS = 400;
const STALL_POLL_MS = 20;
const MAX_DUPLICATED_BYTES = 64 * 1024;
const DUPLICATE_LIVES_MS = 5_000;

export class Relay {
  trouble: Trouble | undefined;
  /** How often each trouble was met by a connection. */
  readonly met: Partial<Record<Trouble, number>> = {};
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  /** @param port of the node */
  constructor(private readonly port: number, private readonly random: Random) {}

  /** One that listens in front of a port that nobody has, which is asked for last: the relay itself would be as glad of it. */
  static async beforeFreePort(random: Random): Promise<{ relay: Relay; port: number; url: string }> {
    const server = await listening();
    const port = await freePort();
    const relay = new Relay(port, random);
    return { relay, port, url: relay.#takeOver(server) };
  }

  async listen(): Promise<string> {
    return this.#takeOver(await listening());
  }

  #takeOver(server: Server): string {
    this.#server = server.on('connection', (caller: Socket) => this.#relay(caller));
    return `http://127.0.0.1:${portOf(server)}`;
  }

  set(trouble: Trouble | undefined): void {
    this.trouble = trouble;
    if (trouble === 'cut') for (const socket of this.#sockets) this.#break(socket, 'cut');
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server?.close();
  }

  #relay(caller: Socket): void {
    if (this.trouble === 'cut') return this.#break(caller, 'cut');
    const node = connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true });
    const both = [caller, node];
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        // What one side has said before it went still arrives.
        for (const other of both) other.destroySoon();
      });
    }
    this.#pass(caller, node, (chunk) => this.#asked(caller, chunk));
    this.#pass(node, caller, () => this.#answered(caller));
  }

  /** Chunk after chunk, in order, as the trouble of the moment has it. */
  #pass(from: Socket, to: Socket, look: (chunk: Buffer) => void): void {
    let before = Promise.resolve();
    const inOrder = (work: () => Promise<void> | void) => { before = before.then(work).catch(() => void from.destroy()); };
    from.on('data', (chunk: Buffer) => {
      from.pause();
      inOrder(async () => {
        await this.#late();
        look(chunk);
        if (!to.destroyed) to.write(chunk);
        from.resume();
      });
    });
    from.on('end', () => inOrder(() => void to.end()));
  }

  #asked(caller: Socket, chunk: Buffer): void {
    if (this.trouble === 'duplicate' && chunk.length <= MAX_DUPLICATED_BYTES && /^(GET|POST|PUT) /.test(chunk.toString('latin1', 0, 5))) this.#again(chunk);
    if (this.trouble === 'half-close' && !caller.writableEnded) {
      this.#count('half-close');
      caller.end();
    }
  }

  #answered(caller: Socket): void {
    if (this.trouble === 'drop-answers') this.#break(caller, 'drop-answers');
  }

  /** The same words once more; nobody hears the answer. */
  #again(words: Buffer): void {
    this.#count('duplicate');
    const node = connect(this.port, '127.0.0.1');
    this.#sockets.add(node);
    node.on('error', () => undefined).on('data', () => undefined).once('close', () => this.#sockets.delete(node));
    node.write(words);
    setTimeout(() => node.destroy(), DUPLICATE_LIVES_MS).unref();
  }

  async #late(): Promise<void> {
    if (this.trouble === 'delay') {
      this.#count('delay');
      await pause(this.random.below(MOST_DELAY_MS));
    }
    if (this.trouble === 'stall') this.#count('stall');
    while (this.trouble === 'stall') await pause(STALL_POLL_MS);
  }

  #break(socket: Socket, trouble: Trouble): void {
    this.#count(trouble);
    socket.on('error', () => undefined);
    socket.resetAndDestroy();
  }

  #count(trouble: Trouble): void {
    this.met[trouble] = (this.met[trouble] ?? 0) + 1;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

async function listening(): Promise<Server> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}

/** A port that nobody has now. */
async function freePort(): Promise<number> {
  const server = await listening();
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

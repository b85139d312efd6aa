/**
 * The connection to a Redis and the scripts on it. It reconnects for ever; while there is none, calls
 * fail at once with STORE_UNAVAILABLE, and so does a call whose answer was lost: it may have taken
 * effect, so it is never sent a second time from here.
 *
 * node-redis connects, greets, supervises and takes everything; scripts go through a pipe beside it while there is one.
 */
import { createClient, ErrorReply, RESP_TYPES, type RedisClientType } from 'redis';
import { Fault } from '../../model/faults.js';
import { STORE_ANSWER_MS, STORE_CONNECT_MS, STORE_RESTART_MAX_MS, STORE_RESTART_MIN_MS } from '../../model/limits.js';
import { OLDEST_REDIS } from '../server/binary.js';
import { Pipe } from './pipe.js';
import { loadScripts, type Script } from './scripts.js';
import type { RedisPlace } from './url.js';

export type Argument = string | Buffer;

export interface ConnectionOptions {
  /** Of the node, for faults. */
  node: string;
  place: RedisPlace;
  /** Wins over one in the URL. */
  password?: string;
  onEvent?: (event: { kind: 'up' | 'down'; reason?: string }) => void;
}

type Client = RedisClientType<Record<string, never>, Record<string, never>, Record<string, never>, 3>;

/** Answers that say something about the server rather than about the command. */
const SERVER_TROUBLE = /^(LOADING|BUSY|MASTERDOWN|READONLY|MISCONF|OOM|NOAUTH|NOPERM|CLUSTERDOWN|ERR max number of clients)/;
const BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** Before another try to connect, the longer the more have failed. */
function pauseOf(retries: number): number {
  return Math.min(STORE_RESTART_MAX_MS, STORE_RESTART_MIN_MS * 2 ** Math.min(retries, 10)) * (0.75 + 0.25 * Math.random());
}

export class RedisConnection {
  readonly #scripts = loadScripts();
  #client: Client;
  #pipe: Pipe | undefined;
  #piping: Promise<void> | undefined;
  #pipesFailed = 0;
  #inHand = 0;
  #progress = 0;
  #stalledAt = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(private readonly options: ConnectionOptions) {
    this.#client = this.#create(true);
  }

  /** @throws Fault STORE_UNAVAILABLE (nobody answers) or STORE_UNSUITABLE (no Redis, too old, wrong credentials). */
  async open(): Promise<void> {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Fault('STORE_UNSUITABLE', this.#named({ reason: 'it does not answer as a Redis does' }))), STORE_CONNECT_MS).unref();
    });
    const client = this.#client;
    try {
      await Promise.race([this.#greet(client), late]);
    } catch (error) {
      this.close();
      throw error instanceof Fault ? error : this.#refusal(error as Error);
    }
    // From now on it is tried for ever.
    this.#client = this.#create(false);
    if (client.isOpen) client.destroy();
    await this.#connected(this.#client);
    await this.#piping;
    this.#watch();
  }

  /** Runs a script; strings in its answer come as buffers. */
  async run(name: string, args: Argument[]): Promise<unknown> {
    const script = this.#scripts.get(name)!;
    try {
      return await this.#evaluate(script, args);
    } catch (error) {
      if (!(error instanceof ErrorReply) || !error.message.startsWith('NOSCRIPT')) throw this.#fault(error as Error);
    }
    // A refusal for want of the script is certain: nothing was run.
    try {
      await this.#load([script]);
      return await this.#evaluate(script, args);
    } catch (error) {
      throw this.#fault(error as Error);
    }
  }

  async command(args: Argument[]): Promise<unknown> {
    try {
      return await this.#watched(() => this.#client.sendCommand(args, BYTES));
    } catch (error) {
      throw this.#fault(error as Error);
    }
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#watchdog);
    if (this.#client.isOpen) this.#client.destroy();
    this.#pipe?.destroy();
  }

  #evaluate(script: Script, args: Argument[]): Promise<unknown> {
    const command = ['EVALSHA', script.sha, '0', ...args];
    const pipe = this.#pipe;
    return this.#watched(() => (pipe ? pipe.send(command) : this.#client.sendCommand(command, BYTES)));
  }

  #watched(send: () => Promise<unknown>): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new Error('the store is closed'));
    this.#inHand += 1;
    const ended = () => {
      this.#inHand -= 1;
      this.#progress += 1;
    };
    const answer = send();
    answer.then(ended, ended);
    return answer;
  }

  #create(isTrial: boolean): Client {
    const { place, password = place.password, onEvent } = this.options;
    const reconnectStrategy = isTrial ? false as const
      : pauseOf;
    const client = createClient({
      RESP: 3, socket: { ...place.socket, connectTimeout: STORE_CONNECT_MS, reconnectStrategy },
      ...(place.username === undefined ? {} : { username: place.username }), ...(password === undefined ? {} : { password }),
      ...(place.database === undefined ? {} : { database: place.database }),
      disableOfflineQueue: true, disableClientInfo: true,
      // Deadlines belong to the request; a timer a command costs more than the command.
      commandOptions: { timeout: 0 },
    }) as unknown as Client;
    client.on('error', (error: Error) => {
      if (!isTrial && client === this.#client) onEvent?.({ kind: 'down', reason: error.message });
    });
    client.on('ready', () => {
      if (isTrial) return;
      onEvent?.({ kind: 'up' });
      this.#load([...this.#scripts.values()]).catch(() => {});
      this.#piping = this.#openPipe();
    });
    return client;
  }

  /** Resolves when there is a pipe, or none for now. */
  async #openPipe(): Promise<void> {
    const { socket, username, database, password } = { ...this.options.place, ...(this.options.password === undefined ? {} : this.options) };
    if ('tls' in socket && socket.tls || this.#isClosed) return;
    this.#pipe?.destroy();
    const pipe = new Pipe(socket, () => {
      if (this.#pipe !== pipe) return;
      this.#pipe = undefined;
      this.#pipeAgain();
    });
    try {
      if (password !== undefined) await pipe.send(['AUTH', username ?? 'default', password]);
      await pipe.send(['SELECT', String(database ?? 0)]);
      // Closed meanwhile, or another was quicker.
      if (this.#isClosed || this.#pipe) return pipe.destroy();
      this.#pipe = pipe;
      this.#pipesFailed = 0;
    } catch (error) {
      pipe.destroy(error as Error);
      this.#pipeAgain();
    }
  }

  #pipeAgain(): void {
    const pauseMs = pauseOf(this.#pipesFailed);
    this.#pipesFailed += 1;
    setTimeout(() => {
      if (!this.#pipe && !this.#isClosed && this.#client.isReady) this.#piping = this.#openPipe();
    }, pauseMs).unref();
  }

  async #greet(client: Client): Promise<void> {
    await client.connect();
    const info = String(await client.sendCommand(['INFO', 'server']));
    const valkey = /^valkey_version:/m.test(info);
    const version = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown';
    if (valkey || Number.parseInt(version, 10) >= OLDEST_REDIS) return;
    throw new Fault('STORE_UNSUITABLE', this.#named({ reason: `it is Redis ${version}, and 7.0 or newer (or Valkey) is needed` }));
  }

  async #connected(client: Client): Promise<void> {
    try {
      await client.connect();
    } catch (error) {
      throw this.#fault(error as Error);
    }
  }

  async #load(scripts: Script[]): Promise<void> {
    await Promise.all(scripts.map(({ source }) => this.#client.sendCommand(['SCRIPT', 'LOAD', source])));
  }

  /** A server that holds the connection but answers nothing any more is left, so that calls fail instead of waiting for ever. */
  #watch(): void {
    let seen = this.#progress;
    this.#watchdog = setInterval(() => {
      this.#stalledAt = this.#inHand > 0 && seen === this.#progress ? this.#stalledAt + STORE_ANSWER_MS / 5 : 0;
      seen = this.#progress;
      if (this.#stalledAt < STORE_ANSWER_MS) return;
      this.#stalledAt = 0;
      const former = this.#client;
      this.#client = this.#create(false);
      former.destroy();
      this.#pipe?.destroy();
      this.#client.connect().catch(() => {});
    }, STORE_ANSWER_MS / 5).unref();
  }

  #fault(error: Error): Error {
    if (error instanceof Fault) return error;
    if (error instanceof ErrorReply && !SERVER_TROUBLE.test(error.message)) return error;
    return new Fault('STORE_UNAVAILABLE', this.#named(), { cause: error });
  }

  /** Why the very first connection failed. */
  #refusal(error: Error): Fault {
    const isAnswer = error instanceof ErrorReply || !('code' in error || 'errors' in error);
    if (!isAnswer) return new Fault('STORE_UNAVAILABLE', this.#named(), { cause: error });
    const isCredentials = /WRONGPASS|NOAUTH|AUTH/.test(error.message);
    const reason = isCredentials ? 'it does not accept the user and password' : 'it does not answer as a Redis does';
    return new Fault('STORE_UNSUITABLE', this.#named({ reason }), { cause: error });
  }

  #named(more: Record<string, string> = {}): Record<string, string> {
    return { node: this.options.node, store: this.options.place.shown, ...more };
  }
}

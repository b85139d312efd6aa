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
import { Lettered } from './resp.js';
import { loadScripts, type Script } from './scripts.js';
import type { RedisPlace } from './url.js';

export type Argument = string | Buffer | Lettered;

export interface ConnectionOptions {
  /** Of the node, for faults. */
  node: string;
  place: RedisPlace;
  /** Wins over one in the URL. */
  password?: string;
  onEvent?: (event: { kind: 'up' | 'down'; reason?: string }) => void;
  /** The first greeting may take so long; tests wait shorter. */
  greetMs?: number;
  /** Has the connections looked at in even times, and gives back how to end that; tests look when they like. */
  looking?: (look: () => void) => () => void;
}

type Client = RedisClientType<Record<string, never>, Record<string, never>, Record<string, never>, 3>;

/** Answers that say something about the server, and only for now, rather than about the command. */
const SERVER_BUSY = /^(LOADING|BUSY|MASTERDOWN|READONLY|MISCONF|OOM|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|ERR max number of clients)/;
/** Answers that stay until somebody changes the server's settings. */
const SERVER_REFUSES = /^(NOAUTH|WRONGPASS|NOPERM|DENIED|MOVED|ASK|CROSSSLOT|ERR Script attempted to access a non local key)/;
/** Looks at a connection before it is taken for dead. */
export const LOOKS = 5;
/** What the first answers of a server that will not do mean. */
const REASONS: [RegExp, string][] = [
  [/^DENIED/, 'it is in protected mode and takes nobody from another machine'],
  [/^NOPERM/, 'its user may not run the commands that a node needs'],
  [/WRONGPASS|NOAUTH|AUTH/, 'it does not accept the user and password'],
];
const BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** Before another try to connect, the longer the more have failed. */
function pauseOf(retries: number): number {
  return Math.min(STORE_RESTART_MAX_MS, STORE_RESTART_MIN_MS * 2 ** Math.min(retries, 10)) * (0.75 + 0.25 * Math.random());
}

function lookByTheClock(look: () => void): () => void {
  const timer = setInterval(look, STORE_ANSWER_MS / LOOKS).unref();
  return () => clearInterval(timer);
}

function plain(arg: Argument): string | Buffer {
  return arg instanceof Lettered ? arg.joined() : arg;
}

export class RedisConnection {
  readonly #scripts = loadScripts();
  #client: Client;
  /** Takes the scripts. */
  #pipe: Pipe | undefined;
  /** All that are not at their end: those being opened and those being left, too. */
  readonly #pipes = new Set<Pipe>();
  #piping: Promise<void> | undefined;
  #pipesFailed = 0;
  /** Of node-redis alone. */
  #inHand = 0;
  #progress = 0;
  #silentLooks = 0;
  #isGreeting = false;
  #endLooking: (() => void) | undefined;
  #isClosed = false;

  constructor(private readonly options: ConnectionOptions) {
    this.#client = this.#create(true);
  }

  /** @throws Fault STORE_UNAVAILABLE (nobody answers) or STORE_UNSUITABLE (no Redis, too old, wrong credentials). */
  async open(): Promise<void> {
    const late = new Promise<never>((_, reject) => {
      // Silence is no answer of a wrong kind: whoever can wait tries again.
      setTimeout(() => reject(new Fault('STORE_UNAVAILABLE', this.#named())), this.options.greetMs ?? STORE_CONNECT_MS).unref();
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
    this.#watch();
    try {
      await this.#client.connect();
      await this.#piping;
    } catch (error) {
      this.close();
      throw this.#fault(error as Error);
    }
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
      await this.#watched(() => this.#load([script]));
      return await this.#evaluate(script, args);
    } catch (error) {
      throw this.#fault(error as Error);
    }
  }

  async command(args: (string | Buffer)[]): Promise<unknown> {
    try {
      return await this.#watched(() => this.#client.sendCommand(args, BYTES));
    } catch (error) {
      throw this.#fault(error as Error);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#endLooking?.();
    if (this.#client.isOpen) this.#client.destroy();
    for (const pipe of this.#pipes) pipe.destroy();
  }

  #evaluate(script: Script, args: Argument[]): Promise<unknown> {
    const command = ['EVALSHA', script.sha, '0', ...args];
    return this.#pipe ? this.#pipe.send(command) : this.#watched(() => this.#client.sendCommand(command.map(plain), BYTES));
  }

  #watched(send: () => Promise<unknown>): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new Error('the store is closed'));
    this.#inHand += 1;
    const answer = send();
    const ended = (isAnswer: boolean) => {
      this.#inHand -= 1;
      if (isAnswer) this.#progress += 1;
    };
    answer.then(() => ended(true), (error: unknown) => ended(error instanceof ErrorReply));
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
    client.on('connect', () => {
      if (client === this.#client) this.#isGreeting = true;
    });
    client.on('error', (error: Error) => {
      if (client === this.#client) this.#isGreeting = false;
      if (!isTrial && client === this.#client) onEvent?.({ kind: 'down', reason: error.message });
    });
    client.on('ready', () => {
      if (client === this.#client) this.#isGreeting = false;
      if (isTrial) return;
      onEvent?.({ kind: 'up' });
      this.#load([...this.#scripts.values()]).catch(() => {});
      this.#piping = this.#openPipe();
    });
    return client;
  }

  /** Resolves when there is a pipe, or none for now. One that is in use ends when what it has in hand is answered. */
  async #openPipe(): Promise<void> {
    const { socket, username, database, password } = { ...this.options.place, ...(this.options.password === undefined ? {} : this.options) };
    if ('tls' in socket && socket.tls || this.#isClosed) return;
    const former = this.#pipe;
    const pipe = new Pipe(socket, () => {
      this.#pipes.delete(pipe);
      if (this.#pipe !== pipe) return;
      this.#pipe = undefined;
      this.#pipeAgain();
    });
    this.#pipes.add(pipe);
    try {
      if (password !== undefined) await pipe.send(['AUTH', username ?? 'default', password]);
      await pipe.send(['SELECT', String(database ?? 0)]);
      // Closed meanwhile, or another was quicker.
      if (this.#isClosed || (this.#pipe && this.#pipe !== former)) return pipe.destroy();
      this.#pipe = pipe;
      this.#pipesFailed = 0;
      former?.retire();
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
    const info = String(await client.sendCommand(['INFO']));
    const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
    const version = field('redis_version') ?? 'unknown';
    if (field('valkey_version') === undefined && !(Number.parseInt(version, 10) >= OLDEST_REDIS)) {
      throw this.#unsuitable(`it is Redis ${version}, and 7.0 or newer (or Valkey) is needed`);
    }
    switch (field('redis_mode') ?? field('server_mode')) {
      case 'sentinel': throw this.#unsuitable('it is a sentinel and keeps no data; name the server that it watches');
      case 'cluster': await this.#assertOneShard(client);
    }
    const policy = field('maxmemory_policy') ?? '';
    if (policy.startsWith('allkeys-') && field('maxmemory') !== '0') {
      throw this.#unsuitable(`its maxmemory-policy ${policy} throws sessions away when it is full, and noeviction is needed`);
    }
    // Until it has read its file it would refuse every call.
    if (field('loading') === '1' || field('async_loading') === '1') throw new Fault('STORE_UNAVAILABLE', this.#named());
  }

  /** A script takes all keys of a session, and of the lists beside, from one server. */
  async #assertOneShard(client: Client): Promise<void> {
    const shards = /^cluster_size:(\d+)/m.exec(String(await client.sendCommand(['CLUSTER', 'INFO'])))?.[1] ?? '0';
    if (shards !== '1') throw this.#unsuitable(`it is a cluster of ${shards} shards, and its data has to be in one`);
  }

  async #load(scripts: Script[]): Promise<void> {
    await Promise.all(scripts.map(({ source }) => this.#client.sendCommand(['SCRIPT', 'LOAD', source])));
  }

  /** A server that holds a connection but answers nothing any more is left, so that calls fail instead of waiting for ever. */
  #watch(): void {
    const { looking = lookByTheClock } = this.options;
    let seen = this.#progress;
    this.#endLooking = looking(() => {
      for (const pipe of this.#pipes) if (pipe.silence() >= LOOKS) pipe.destroy(new Error('the store does not answer'));
      this.#silentLooks = this.#isGreeting || (this.#inHand > 0 && seen === this.#progress) ? this.#silentLooks + 1 : 0;
      seen = this.#progress;
      if (this.#silentLooks < LOOKS) return;
      this.#silentLooks = 0;
      this.#isGreeting = false;
      const former = this.#client;
      this.#client = this.#create(false);
      former.destroy();
      this.#client.connect().catch(() => {});
    });
  }

  #fault(error: Error): Error {
    if (error instanceof Fault) return error;
    if (error instanceof ErrorReply && !SERVER_BUSY.test(error.message) && !SERVER_REFUSES.test(error.message)) return error;
    return new Fault('STORE_UNAVAILABLE', this.#named(), { cause: error });
  }

  /** Why the very first connection failed. */
  #refusal(error: Error): Fault {
    const isAnswer = error instanceof ErrorReply || !('code' in error || 'errors' in error);
    if (!isAnswer || SERVER_BUSY.test(error.message)) return new Fault('STORE_UNAVAILABLE', this.#named(), { cause: error });
    const reason = REASONS.find(([pattern]) => pattern.test(error.message))?.[1] ?? 'it does not answer as a Redis does';
    return this.#unsuitable(reason, error);
  }

  #unsuitable(reason: string, cause?: Error): Fault {
    return new Fault('STORE_UNSUITABLE', this.#named({ reason }), { cause });
  }

  #named(more: Record<string, string> = {}): Record<string, string> {
    return { node: this.options.node, store: this.options.place.shown, ...more };
  }
}

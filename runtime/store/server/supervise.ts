/**
 * Keeps one store server running for a node: started on a unix socket, started again when it dies,
 * adopted when it outlived the node's former life. The server leads a process group of its own, so
 * that Ctrl-C in a terminal does not reach it before the node has finished; `store.pid` in the state
 * folder lets whoever supervises the node end it.
 */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { endProcess, hasEnded, processesWith } from '../../base/process.js';
import { STORE_RESTART_MAX_MS, STORE_RESTART_MIN_MS, STORE_START_MS, STORE_STOP_MS } from '../../model/limits.js';
import type { ServerBinary } from './binary.js';
import { makePlace, type Place } from './place.js';
import { askServer } from './talk.js';

const POLL_MS = 20;
/** A server that is there answers within this, unless it is reading its file; a slow disk or a busy machine may hold it up for seconds. */
const ADOPT_MS = 10_000;

export interface SuperviseOptions {
  stateDir: string;
  server: ServerBinary;
  /** `always` survives a power cut with every acknowledged commit, `everysec` (default) may lose the last second's. */
  fsync?: 'everysec' | 'always' | 'no';
  /** False keeps everything in memory only. */
  durable?: boolean;
  /** A TCP address beside the socket, without password: loopback only. */
  listen?: { host: string; port: number };
  onEvent?: (event: ServerEvent) => void;
}

export interface ServerEvent {
  kind: 'started' | 'adopted' | 'died' | 'failed';
  pid?: number;
  reason?: string;
}

export interface SupervisedServer {
  /** `unix:///…/store.sock` */
  readonly url: string;
  readonly socket: string;
  readonly pidFile: string;
  /** 0 while there is none. */
  readonly pid: number;
  readonly adopted: boolean;
  /** Ends the server, by force after 2 s; its data stays. */
  stop(): Promise<void>;
}

/** @throws Error with the server's own last words when it cannot be started the first time; later it is tried for ever. */
export async function superviseServer(options: SuperviseOptions): Promise<SupervisedServer> {
  const supervisor = new Supervisor(options, await makePlace(options.stateDir));
  await supervisor.begin();
  return supervisor;
}

class Supervisor implements SupervisedServer {
  adopted = false;
  #pid = 0;
  #watching: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(readonly options: SuperviseOptions, readonly place: Place) {}

  get url(): string { return `unix://${this.place.socket}`; }
  get socket(): string { return this.place.socket; }
  get pidFile(): string { return this.place.pidFile; }
  get pid(): number { return this.#pid; }

  async begin(): Promise<void> {
    await this.#adoptOrStart();
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#pid > 0) await endProcess(this.#pid, STORE_STOP_MS);
    await this.#watching;
  }

  async #adoptOrStart(): Promise<void> {
    this.adopted = await this.#adopt();
    if (!this.adopted) await this.#start();
    this.options.onEvent?.({ kind: this.adopted ? 'adopted' : 'started', pid: this.#pid });
  }

  /** A server of ours that answers is taken over; one that is deaf is ended, for two must never write one file. */
  async #adopt(): Promise<boolean> {
    const running = await processesWith('--pidfile', this.place.pidFile);
    const pid = await this.#ready(running.length > 0 ? ADOPT_MS : 0, () => true);
    const surplus = running.filter((other) => other !== pid);
    await Promise.all(surplus.map((other) => endProcess(other, STORE_STOP_MS)));
    if (pid === undefined) return false;
    this.#pid = pid;
    await this.#notePid();
    return true;
  }

  async #start(): Promise<void> {
    const { server } = this.options;
    const env = { PATH: process.env.PATH, ...server.env };
    const child = spawn(server.binary, this.#arguments(), { cwd: this.place.dataDir, env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
    let lastWords = '';
    child.stderr.on('data', (said: Buffer) => { lastWords = `${lastWords}${said}`.slice(-1_000); });
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(`ended with ${signal ?? code}`));
    });
    let end: string | undefined;
    void ended.then((how) => { end = how; });
    child.unref();
    (child.stderr as unknown as Socket).unref();
    if (child.pid !== undefined) {
      this.#pid = child.pid;
      await this.#notePid();
    }
    const pid = await this.#ready(STORE_START_MS, () => end === undefined);
    if (pid !== undefined && pid === child.pid) return;
    if (child.pid !== undefined) await endProcess(child.pid, STORE_STOP_MS);
    const reason = lastWords.trim() || await lastLine(this.place.logFile);
    throw new Error(`The store server ${server.binary} ${await ended}: ${reason}`);
  }

  #arguments(): string[] {
    const { listen, fsync = 'everysec', durable = true } = this.options;
    const { dataDir, socket, pidFile, logFile } = this.place;
    return Object.entries({
      port: String(listen?.port ?? 0), bind: listen?.host ?? '127.0.0.1', unixsocket: socket, unixsocketperm: '700',
      dir: dataDir, appendonly: durable ? 'yes' : 'no', appendfsync: fsync, save: '',
      pidfile: pidFile, logfile: logFile, loglevel: 'notice', daemonize: 'no',
      // The arguments stay visible in the process list: by them a later life of the node knows its server.
      'set-proc-title': 'no',
      // A client that is slow to read a large session must not be cut off, and nothing may ever be evicted.
      'client-output-buffer-limit': 'normal 0 0 0', 'maxmemory-policy': 'noeviction', 'always-show-logo': 'no',
    }).flatMap(([name, value]) => [`--${name}`, ...(name === 'client-output-buffer-limit' ? value.split(' ') : [value])]);
  }

  /** Waits until a server at the socket answers and has read its file. @returns its pid. */
  async #ready(withinMs: number, goOn: () => boolean): Promise<number | undefined> {
    // By a clock that nobody sets.
    const untilMs = performance.now() + withinMs;
    for (;;) {
      const answer = await askServer(this.place.socket, ADOPT_MS, this.options.fsync ?? 'everysec');
      if (answer && !answer.loading) return answer.pid;
      const patientUntilMs = answer ? untilMs + STORE_START_MS : untilMs;
      if (this.#stopping.signal.aborted || !goOn() || performance.now() >= patientUntilMs) return undefined;
      await sleep(POLL_MS);
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    let pauseMs = STORE_RESTART_MIN_MS;
    for (;;) {
      const sinceMs = performance.now();
      await this.#down(signal);
      if (signal.aborted) return;
      this.options.onEvent?.({ kind: 'died', pid: this.#pid });
      // From here on the number may be anybody's.
      this.#pid = 0;
      if (performance.now() - sinceMs > STORE_RESTART_MAX_MS) pauseMs = STORE_RESTART_MIN_MS;
      while (!await this.#restarted(pauseMs, signal)) pauseMs = Math.min(pauseMs * 2, STORE_RESTART_MAX_MS);
      pauseMs = Math.min(pauseMs * 2, STORE_RESTART_MAX_MS);
    }
  }

  async #restarted(pauseMs: number, signal: AbortSignal): Promise<boolean> {
    await sleep(pauseMs, undefined, { ref: false, signal }).catch(() => {});
    if (signal.aborted) return true;
    try {
      await this.#adoptOrStart();
    } catch (error) {
      this.#pid = 0;
      if (signal.aborted) return true;
      this.options.onEvent?.({ kind: 'failed', reason: (error as Error).message });
      return false;
    }
    if (signal.aborted) await endProcess(this.#pid, STORE_STOP_MS);
    return true;
  }

  /** Resolves when the server is gone. A held connection tells at once, for an adopted server as well as for a child. */
  async #down(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await closed(this.place.socket, signal);
      if (signal.aborted) return;
      if (await hasEnded(this.#pid, POLL_MS * 5)) return;
      if (await askServer(this.place.socket, ADOPT_MS) === undefined) return endProcess(this.#pid, STORE_STOP_MS);
    }
  }

  #notePid(): Promise<void> {
    return writeFile(this.place.pidFile, `${this.#pid}\n`, { mode: 0o600 });
  }
}

/** Resolves when a connection to the socket ends, is refused, or is no longer wanted. */
function closed(path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const connection = createConnection({ path, signal });
    connection.on('error', () => {});
    connection.once('close', () => resolve());
    connection.unref();
  });
}

async function lastLine(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').at(-1) ?? '';
}

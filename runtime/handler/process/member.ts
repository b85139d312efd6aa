/** One worker process as its node sees it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../base/clock.js';
import { LOAD_TIMEOUT_MS, WORKER_MEMORY_BESIDE_MB } from '../../model/limits.js';
import type { FunctionKind } from '../../session/call.js';
import type { FunctionLine } from '../log.js';
import { Channel } from './channel.js';
import { eachLine } from './lines.js';
import { TO_CHILD, TO_NODE, type Line, type Load, type Loaded, type Refused } from './messages.js';
import type { Packer, Unpacker } from './packing.js';

const PROGRAM = fileURLToPath(new URL('./child.js', import.meta.url));
/** Nothing else of the node's environment reaches a function: it may hold secrets. */
const PASSED_ON = [
  'PATH', 'TZ', 'LANG', 'LC_ALL', 'TMPDIR', 'NODE_ENV', 'NODE_OPTIONS', 'NODE_PATH', 'NODE_EXTRA_CA_CERTS', 'NODE_NO_WARNINGS',
];
/** Time for a process whose socket was closed to end by itself. */
const END_GRACE_MS = 500;
/** After a process's end what it sent before may still be on its way. */
const LAST_WORDS_MS = 200;
const PAGE_BYTES = 4096;
const MB = 1024 * 1024;

export interface MemberOptions {
  clock: Clock;
  memoryLimitMb: number;
  /** What it logs and prints, without the function's name. */
  log(line: Line): void;
  /** Once, when the process is gone or cannot be used any more. */
  died(member: Member, reason: string): void;
}

/** What the owner of a loaded process hears from it. */
export interface Listener {
  /** A frame about a call. */
  frame(member: Member, type: number, id: number, payload: Unpacker): void;
}

/** The function's code could not be loaded. */
export class LoadRefused extends Error {
  constructor(readonly refused: Refused) {
    super(refused.reason);
  }
}

export class Member {
  /** Calls it has, those that ended here but go on there included. */
  readonly calls = new Set<number>();
  readonly orphans = new Set<number>();
  /** Since when it has had orphans without a break. */
  orphanedAtMs: number | undefined;
  /** Serves one call that was in a process that died; nothing else may come near it. */
  alone = false;
  stalled = false;
  /** Takes no more calls. */
  leaving = false;
  /** Nothing reaches it any more. */
  cut = false;
  usedAtMs: number;
  /** Used since it was last asked how it is. */
  used = false;
  loadedAtMs = 0;
  rssBytes = 0;
  pingedAtMs: number | undefined;
  listener: Listener | undefined;
  readonly #process: ChildProcess;
  readonly #channel: Channel;
  #loading: { resolve(kind: FunctionKind): void; reject(error: Error): void } | undefined;
  #dead = false;
  #halves = 0;
  #reason: string | undefined;
  #gone: Promise<void>;

  constructor(private readonly options: MemberOptions) {
    const { clock, memoryLimitMb, log } = options;
    this.usedAtMs = clock.now();
    this.#process = spawn(process.execPath, [`--max-old-space-size=${memoryLimitMb}`, '--enable-source-maps', PROGRAM], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: passedOn(process.env), detached: true,
    });
    this.#gone = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        resolve();
        this.#half(signal ? `its process ended by ${signal}` : `its process ended with code ${code}`);
      });
      this.#process.once('error', (error) => {
        resolve();
        this.#die(error.message);
      });
    });
    eachLine(this.#process.stdout!, (message) => log({ level: 'info', message }));
    eachLine(this.#process.stderr!, (message) => log({ level: 'warn', message }));
    this.#channel = new Channel(this.#process.stdio[3] as Duplex, {
      frame: (type, id, payload) => this.#frame(type, id, payload),
      ended: (reason) => {
        this.cut = true;
        if (reason) this.#die(reason);
        else this.#half();
      },
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get load(): number {
    return this.calls.size;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Above what one process may take. */
  get overweight(): boolean {
    return this.rssBytes > (this.options.memoryLimitMb + WORKER_MEMORY_BESIDE_MB) * MB;
  }

  /** Dedicates the process to a function. Rejects with LoadRefused, or another error when it died over it. */
  async dedicate(load: Load): Promise<FunctionKind> {
    const kind = await this.#loadAs(TO_CHILD.load, load);
    this.loadedAtMs = this.options.clock.now();
    return kind;
  }

  /** Finds out what a function's module exports, without running calls. */
  inspect(load: Load): Promise<FunctionKind> {
    return this.#loadAs(TO_CHILD.inspect, load);
  }

  send(type: number, id: number, pack?: (packer: Packer) => void): void {
    this.#channel.send(type, id, pack);
  }

  ping(): void {
    this.used = false;
    this.pingedAtMs = this.options.clock.now();
    this.send(TO_CHILD.ping, 0);
  }

  /** Reads what the process takes from the system: one that is stalled cannot say it itself. */
  async weigh(): Promise<void> {
    const pages = await readFile(`/proc/${this.pid}/statm`, 'utf8').then((text) => Number(text.split(' ')[1]), () => 0);
    if (pages > 0) this.rssBytes = pages * PAGE_BYTES;
  }

  kill(reason: string): void {
    this.#process.kill('SIGKILL');
    this.#die(reason);
  }

  /** Lets an idle process end; resolves when it is gone. */
  async retire(): Promise<void> {
    this.leaving = true;
    this.#channel.close();
    const timer = this.options.clock.setTimeout(() => this.#process.kill('SIGKILL'), END_GRACE_MS);
    await this.#gone;
    this.options.clock.clearTimeout(timer);
  }

  gone(): Promise<void> {
    return this.#gone;
  }

  async #loadAs(type: number, load: Load): Promise<FunctionKind> {
    const { clock } = this.options;
    const timer = clock.setTimeout(() => this.kill(`it did not finish loading within ${LOAD_TIMEOUT_MS} ms`), LOAD_TIMEOUT_MS);
    try {
      return await new Promise<FunctionKind>((resolve, reject) => {
        if (this.#dead) return reject(new Error('its process had died'));
        this.#loading = { resolve, reject };
        this.send(type, 0, (packer) => packer.json(load));
      });
    } finally {
      clock.clearTimeout(timer);
      this.#loading = undefined;
    }
  }

  #frame(type: number, id: number, payload: Unpacker): void {
    this.pingedAtMs = undefined;
    this.stalled = false;
    switch (type) {
      case TO_NODE.loaded: return this.#loading?.resolve(payload.json<Loaded>().kind);
      case TO_NODE.refused: return this.#loading?.reject(new LoadRefused(payload.json<Refused>()));
      case TO_NODE.log: return this.options.log(cleanLine(payload.json<Line>()));
      case TO_NODE.pong:
        this.rssBytes = payload.u32() * 1024;
        return;
      default: return this.listener?.frame(this, type, id, payload);
    }
  }

  /** Socket closed or process gone: the other follows within moments, and only both together tell all. */
  #half(reason?: string): void {
    this.#reason ??= reason;
    const both = this.#halves > 0;
    this.#halves += 1;
    const end = (): void => this.#die(this.#reason ?? 'its socket closed');
    if (both) end();
    else this.options.clock.setTimeout(end, LAST_WORDS_MS);
  }

  #die(reason: string): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#process.kill('SIGKILL');
    this.#loading?.reject(new Error(reason));
    this.options.died(this, reason);
  }
}

const LEVELS = new Set<string>(['error', 'warn', 'info', 'debug'] satisfies FunctionLine['level'][]);

/** A function's code could write to the socket itself: what comes from it is not believed. */
function cleanLine({ level, callId, message, details }: Line): Line {
  return { level: LEVELS.has(level) ? level : 'info', callId, message: String(message), details };
}

function passedOn(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(PASSED_ON.flatMap((name) => environment[name] === undefined ? [] : [[name, environment[name]!]]));
}

/** One worker process or thread as its node sees it. */
import type { Clock } from '../../base/clock.js';
import { LOAD_TIMEOUT_MS, WORKER_MEMORY_BESIDE_MB } from '../../model/limits.js';
import type { FunctionLine } from '../log.js';
import { Channel } from './channel.js';
import type { Host, StartHost } from './host.js';
import { TO_CHILD, TO_NODE, type Line, type Load, type Loaded, type Refused } from './messages.js';
import type { Packer, Unpacker } from './packing.js';

/** Time for one whose wire was closed to end by itself. */
const END_GRACE_MS = 500;
/** After its end what it sent before may still be on its way. */
const LAST_WORDS_MS = 1_000;
const MB = 1024 * 1024;

export interface MemberOptions {
  clock: Clock;
  host: StartHost;
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
  /** Calls it has, the orphans among them. */
  load = 0;
  /** Those that ended here but go on there. */
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
  /** Times that it was looked at since then. */
  looks = 0;
  listener: Listener | undefined;
  readonly #host: Host;
  readonly #channel: Channel;
  #loading: { resolve(loaded: Loaded): void; reject(error: Error): void } | undefined;
  #dead = false;
  #halves = 0;
  #reason: string | undefined;
  #gone: Promise<void>;

  constructor(private readonly options: MemberOptions) {
    const { clock, memoryLimitMb, log } = options;
    this.usedAtMs = clock.now();
    let gone: () => void;
    this.#gone = new Promise((resolve) => { gone = resolve; });
    this.#host = options.host(memoryLimitMb, {
      ended: (reason) => {
        gone();
        this.#half(reason);
      },
      printed: (level, message) => log({ level, message }),
    });
    this.#channel = new Channel(this.#host.wire, {
      frame: (type, id, payload) => this.#frame(type, id, payload),
      ended: (reason) => {
        this.cut = true;
        if (reason) this.#die(reason);
        else this.#half();
      },
    });
  }

  get pid(): number | undefined {
    return this.#host.pid;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Above what one process may take. */
  get overweight(): boolean {
    return this.rssBytes > (this.options.memoryLimitMb + WORKER_MEMORY_BESIDE_MB) * MB;
  }

  /** Dedicates the process to a function. Rejects with LoadRefused, or another error when it died over it. */
  async dedicate(load: Load): Promise<Loaded> {
    const loaded = await this.#loadAs(TO_CHILD.load, load);
    this.loadedAtMs = this.options.clock.now();
    return loaded;
  }

  /** Finds out what a function's module exports, without running calls. */
  inspect(load: Load): Promise<Loaded> {
    return this.#loadAs(TO_CHILD.inspect, load);
  }

  send(type: number, id: number, pack?: (packer: Packer) => void): void {
    this.#channel.send(type, id, pack);
  }

  ping(): void {
    this.used = false;
    this.pingedAtMs = this.options.clock.now();
    this.looks = 0;
    this.send(TO_CHILD.ping, 0);
  }

  async weigh(): Promise<void> {
    const bytes = await this.#host.weigh(this.rssBytes);
    if (bytes > 0) this.rssBytes = bytes;
  }

  processorMs(): Promise<number | undefined> {
    return this.#host.processorMs();
  }

  kill(reason: string): void {
    this.#host.kill();
    this.#die(reason);
  }

  /** Lets an idle process end; resolves when it is gone. */
  async retire(): Promise<void> {
    this.leaving = true;
    this.#channel.close();
    const timer = this.options.clock.setTimeout(() => this.#host.kill(), END_GRACE_MS);
    await this.#gone;
    this.options.clock.clearTimeout(timer);
  }

  gone(): Promise<void> {
    return this.#gone;
  }

  async #loadAs(type: number, load: Load): Promise<Loaded> {
    const { clock } = this.options;
    const timer = clock.setTimeout(() => this.kill(`it did not finish loading within ${LOAD_TIMEOUT_MS} ms`), LOAD_TIMEOUT_MS);
    try {
      return await new Promise<Loaded>((resolve, reject) => {
        if (this.#dead) return reject(new Error('it had died'));
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
      case TO_NODE.loaded: return this.#loading?.resolve(payload.json<Loaded>());
      case TO_NODE.refused: return this.#loading?.reject(new LoadRefused(payload.json<Refused>()));
      case TO_NODE.log: return this.options.log(cleanLine(payload.json<Line>()));
      case TO_NODE.pong:
        this.rssBytes = payload.u32() * 1024;
        return this.#host.heard?.();
      default: return this.listener?.frame(this, type, id, payload);
    }
  }

  /** Wire closed or process gone: the other follows within moments, and only both together tell all. */
  #half(reason?: string): void {
    this.#reason ??= reason;
    const both = this.#halves > 0;
    this.#halves += 1;
    const end = (): void => this.#die(this.#reason ?? 'its connection closed');
    if (both) end();
    else this.options.clock.setTimeout(end, LAST_WORDS_MS);
  }

  #die(reason: string): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#host.kill();
    this.#loading?.reject(new Error(reason));
    this.options.died(this, reason);
  }
}

const LEVELS = new Set<string>(['error', 'warn', 'info', 'debug'] satisfies FunctionLine['level'][]);

/** A function's code could write to the socket itself: what comes from it is not believed. */
function cleanLine({ level, callId, message, details }: Line): Line {
  return { level: LEVELS.has(level) ? level : 'info', callId, message: String(message), details };
}

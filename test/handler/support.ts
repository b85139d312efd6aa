/** What the tests of this folder share: calls as the session layer makes them, and functions written on the spot. */
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFunction } from '../../runtime/base/bundle.js';
import { type Clock, systemClock, type Timer } from '../../runtime/base/clock.js';
import type { Log } from '../../runtime/base/log.js';
import type { Deployment } from '../../runtime/model/config.js';
import type { FunctionLine } from '../../runtime/handler/log.js';
import type { FunctionRequest, FunctionResponse, SessionAccess, WorkerCall } from '../../runtime/session/call.js';
import type { SessionData } from '../../runtime/store/store.js';

export function request(options: Partial<FunctionRequest> = {}): FunctionRequest {
  return { method: 'GET', path: '', query: '', headers: {}, body: Buffer.alloc(0), ...options };
}

export function session(data: SessionData = new Map(), options: { large?: boolean } = {}): SessionAccess {
  return {
    info: { id: 'anna', node: 'milan', home: 'milan-001', epoch: 3, version: 7 },
    data: options.large ? undefined : data,
    fetch: async (key) => data.get(key),
    fetchKeys: async () => [...data.keys()],
  };
}

let calls = 0;
export function call(options: Partial<WorkerCall> = {}): WorkerCall {
  calls += 1;
  return {
    function: 'f', callId: `call-${calls}`, request: request(), signal: new AbortController().signal, timeoutMs: 120_000, ...options,
  };
}

export function deployment(service: string, options: Partial<Deployment> = {}): Deployment {
  return { service, image: 'bundle:test', atMs: 0, ...options };
}

export const text = (value: string): Buffer => Buffer.from(`t${value}`);

/** The whole body, also of an answer that came in pieces: where these end is the network's choice. */
export async function textOf({ body, stream }: FunctionResponse): Promise<string> {
  const pieces = [body];
  if (stream) for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** The system's time, but for one deadline, which passes when a test says so: no machine is too slow for it, and none has to wait. */
export class HeldClock implements Clock {
  readonly now = systemClock.now;
  readonly #held = new Map<Timer, () => void>();

  /** @param deadlineMs of the calls whose time the test owns; unlike every other time */
  constructor(readonly deadlineMs: number) {}

  setTimeout(task: () => void, ms: number): Timer {
    // A call is watched a few milliseconds after its beginning.
    if (Math.abs(this.deadlineMs - ms) > 10) return systemClock.setTimeout(task, ms);
    const timer = {};
    this.#held.set(timer, task);
    return timer;
  }

  clearTimeout(timer: Timer): void {
    if (!this.#held.delete(timer)) systemClock.clearTimeout(timer);
  }

  /** The deadline of every call is over; waits for a first one. */
  async pass(): Promise<void> {
    while (this.#held.size === 0) await new Promise((resolve) => setImmediate(resolve));
    for (const [timer, task] of this.#held) {
      this.#held.delete(timer);
      task();
    }
  }
}

/** Time that passes when it is told to. */
export class TestClock implements Clock {
  #nowMs = 1_000_000;
  readonly #timers = new Map<object, { atMs: number; task: () => void }>();
  /** Timers that were ever set. */
  timersSet = 0;

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimeout(task: () => void, ms: number): object {
    const timer = {};
    this.timersSet += 1;
    this.#timers.set(timer, { atMs: this.#nowMs + ms, task });
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as object);
  }

  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= endMs).sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#nowMs = due[1].atMs;
      due[1].task();
    }
    this.#nowMs = endMs;
  }
}

/** Lines of functions, and a way to wait for one. */
export class Lines {
  readonly all: FunctionLine[] = [];
  #waiting: { wanted: (line: FunctionLine) => boolean; resolve: (line: FunctionLine) => void }[] = [];

  readonly log: Log = {
    error: (fields, message) => this.#take('error', fields, message),
    warn: (fields, message) => this.#take('warn', fields, message),
    info: (fields, message) => this.#take('info', fields, message),
    debug: (fields, message) => this.#take('debug', fields, message),
    child: () => this.log,
  };

  #take(level: FunctionLine['level'], fields: object, message: string): void {
    const line = { ...fields, level, message } as FunctionLine;
    this.all.push(line);
    for (const one of this.#waiting.filter(({ wanted }) => wanted(line))) one.resolve(line);
  }

  async having(part: string): Promise<FunctionLine> {
    const wanted = (line: FunctionLine): boolean => line.message.includes(part);
    return this.all.find(wanted) ?? new Promise((resolve) => this.#waiting.push({ wanted, resolve }));
  }
}

/** A temporary folder of functions; `close` removes it. */
export class Functions {
  readonly #folder = mkdtemp(join(tmpdir(), 'functions-'));

  /** Bundles source code; gives the bundle's file. */
  async bundle(name: string, source: string, extension: 'ts' | 'js' = 'ts'): Promise<string> {
    const folder = await this.folder(name, { [`handler.${extension}`]: source });
    return this.bundleFolder(folder);
  }

  async bundleFolder(folder: string): Promise<string> {
    const { sha256, code } = await bundleFunction(folder);
    const file = join(await this.#folder, `${sha256}.mjs`);
    await writeFile(file, code);
    return file;
  }

  async folder(name: string, files: Record<string, string>): Promise<string> {
    const folder = join(await this.#folder, name);
    for (const [file, source] of Object.entries(files)) {
      await mkdir(join(folder, file, '..'), { recursive: true });
      await writeFile(join(folder, file), source);
    }
    return folder;
  }

  async close(): Promise<void> {
    await rm(await this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** The fault that a promise rejects with. */
export async function faultOf(promise: Promise<unknown>): Promise<{ code?: string; message: string; details?: Record<string, unknown> }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not reject');
}

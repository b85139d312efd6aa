/**
 * Calls of functions that nobody waits for: kept before they are accepted, made one after the other as far as their function
 * takes them, tried again while that may help, and told to their callback. What never worked is kept for an operator.
 */
import PQueue from 'p-queue';
import type { Clock, Timer } from '../../base/clock.js';
import type { Log } from '../../base/log.js';
import type { Deployment } from '../../model/config.js';
import { Fault } from '../../model/faults.js';
import {
  CALL_FILES_WAIT_MS, CALLBACK_ATTEMPTS, CALLBACK_MAX_WAIT_MS, CALLBACK_MIN_WAIT_MS, CLOSE_GRACE_MS, MAX_ASYNC_BODY_BYTES, MAX_ASYNC_BYTES,
  MAX_ASYNC_CALLS, MAX_ASYNC_CALLS_PER_FUNCTION, MAX_ASYNC_RUNNING, MAX_ASYNC_RUNNING_PER_FUNCTION, MAX_DEAD_BYTES, MAX_DEAD_CALLS,
} from '../../model/limits.js';
import { type Call, type CallState, type CallStatus, weightOf } from './call.js';
import type { CallFiles } from './call-files.js';
import { CallIndex } from './call-index.js';
import type { EndedCalls } from './ended-calls.js';
import { retryRulesOf, waitAfter } from './retry-rules.js';
import type { Sender } from './sender.js';

export interface CallQueueParts {
  node: string;
  files: CallFiles;
  ended: EndedCalls;
  sender: Sender;
  /** Of the function, as it is deployed when a call of it is made; undefined when it is not any more. */
  settingsOf(name: string): { deployment: Pick<Deployment, 'annotations'>; mostInHand: number } | undefined;
  clock: Clock;
  log: Log;
  limits?: { calls?: number; perFunction?: number; bytes?: number; running?: number; dead?: number; deadBytes?: number };
}

export class CallQueue {
  /** All that have not ended, and the dead. */
  readonly #calls = new CallIndex<Call>();
  readonly #timers = new Map<string, Timer>();
  readonly #lines = new Map<string, PQueue>();
  readonly #all: PQueue;
  readonly #control = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #waiting = new Map<string, number>();
  /** Of those that have not ended, and of the dead. */
  readonly #open = { calls: 0, bytes: 0 };
  readonly #dead = { calls: 0, bytes: 0 };
  #closing = false;
  #opened!: () => void;
  /** What comes before would be taken for something that a former life has left. */
  readonly #isOpen: Promise<void> = new Promise((resolve) => { this.#opened = resolve; });
  submitted = 0;
  processed = 0;

  constructor(private readonly parts: CallQueueParts) {
    this.#all = new PQueue({ concurrency: parts.limits?.running ?? MAX_ASYNC_RUNNING });
  }

  /** Takes up what a former life has left. What was running then runs again. */
  async open(): Promise<void> {
    await this.parts.ended.open();
    for (const call of await this.parts.files.load()) {
      if (call.state === 'running') call.state = 'waiting';
      this.#hold(call);
      if (call.state !== 'dead') this.#schedule(call);
    }
    this.#opened();
  }

  /** Resolves once the call is kept, after `open`. Rejects with QUEUE_FULL or TOO_MANY_QUEUED, and nothing is kept. */
  async accept(call: Call, body: Buffer): Promise<void> {
    await this.#isOpen;
    const { calls = MAX_ASYNC_CALLS, perFunction = MAX_ASYNC_CALLS_PER_FUNCTION, bytes = MAX_ASYNC_BYTES } = this.parts.limits ?? {};
    if (this.#closing) throw new Fault('DRAINING', { node: this.parts.node });
    if (this.#open.calls >= calls || this.#open.bytes + weightOf(call) > bytes) throw new Fault('QUEUE_FULL', { ...this.#open });
    if (this.queued(call.function) >= perFunction) throw new Fault('TOO_MANY_QUEUED', { function: call.function, limit: perFunction });
    this.#hold(call);
    try {
      await this.parts.files.keep(call, { body });
    } catch (error) {
      this.#forget(call);
      throw error;
    }
    this.submitted += 1;
    this.#schedule(call);
  }

  /** Calls of the function that have not ended. */
  queued(name: string): number {
    return this.#waiting.get(name) ?? 0;
  }

  /** Those that have not ended, and the dead: oldest first. */
  list({ state, function: name }: { state?: CallState; function?: string } = {}): Call[] {
    return [...this.#calls.values()].filter((call) => (state === undefined || call.state === state) && (name === undefined || call.function === name));
  }

  /** By our id or the caller's; of several calls with one id the newest. */
  get(id: string): CallStatus | undefined {
    return this.#calls.find(id) ?? this.parts.ended.find(id);
  }

  /** A dead call begins anew. Rejects with CALL_UNKNOWN, or OPERATION_REFUSED for one that is not dead. */
  async retry(id: string): Promise<void> {
    const call = this.#known(id);
    if (call.state !== 'dead') throw new Fault('CALL_NOT_DEAD', { call: id, state: call.state });
    // One that only its callback was not told of is not made again.
    const isAnswered = call.failed === 'callback';
    this.#count(call, -1);
    Object.assign(call, { state: isAnswered ? 'answering' : 'waiting', attempts: isAnswered ? call.attempts : 0, callbackAttempts: 0, dueAtMs: this.parts.clock.now() });
    delete call.reason;
    delete call.failed;
    delete call.endedAtMs;
    this.#count(call, 1);
    const kept = this.parts.files.keep(call);
    this.#schedule(call);
    await kept;
  }

  /** It is not made any more; one that is running ends by itself, and its answer goes nowhere. Rejects with CALL_UNKNOWN. */
  async drop(id: string): Promise<void> {
    const call = this.#known(id);
    this.#forget(call);
    await this.parts.files.remove(call.id);
  }

  /** In Prometheus' text form, named as OpenFaaS's queue worker names it. */
  metrics(): string {
    return [
      '# TYPE queue_worker_pending_messages gauge', `queue_worker_pending_messages{queue_name="faas-request"} ${this.#open.calls}`,
      '# TYPE queue_worker_messages_submitted_total counter', `queue_worker_messages_submitted_total{queue_name="faas-request"} ${this.submitted}`,
      '# TYPE queue_worker_messages_processed_total counter', `queue_worker_messages_processed_total{queue_name="faas-request"} ${this.processed}`,
      '# TYPE queue_worker_dead_messages gauge', `queue_worker_dead_messages{queue_name="faas-request"} ${this.#dead.calls}`, '',
    ].join('\n');
  }

  /** Begins nothing more. What runs has the grace to end; beyond, it is made again by the next life. */
  async close(graceMs = CLOSE_GRACE_MS): Promise<void> {
    const { clock, sender } = this.parts;
    this.#closing = true;
    for (const timer of this.#timers.values()) clock.clearTimeout(timer);
    for (const line of this.#lines.values()) line.clear();
    this.#all.clear();
    const last = clock.setTimeout(() => this.#control.abort(), graceMs);
    await Promise.all(this.#running);
    clock.clearTimeout(last);
    await sender.close();
  }

  // ── Books ────────────────────────────────────────────────────────────────────────────────────

  #known(id: string): Call {
    const call = this.#calls.find(id);
    if (!call) throw new Fault('CALL_UNKNOWN', { call: id });
    return call;
  }

  #hold(call: Call): void {
    this.#calls.add(call);
    this.#count(call, 1);
  }

  #forget(call: Call): void {
    if (!this.#calls.remove(call.id)) return;
    this.parts.clock.clearTimeout(this.#timers.get(call.id));
    this.#timers.delete(call.id);
    this.#count(call, -1);
  }

  /** To be told before and after a call dies or begins anew. */
  #count(call: Call, by: 1 | -1): void {
    const book = call.state === 'dead' ? this.#dead : this.#open;
    book.calls += by;
    book.bytes += by * weightOf(call);
    if (book === this.#dead) return;
    const { function: name } = call;
    const count = this.queued(name) + by;
    if (count > 0) this.#waiting.set(name, count);
    else {
      this.#waiting.delete(name);
      this.#lines.delete(name);
    }
  }

  /** The dead take no place of those that wait; of too many the oldest are let go. */
  async #bury(call: Call): Promise<void> {
    const { files, log, limits = {} } = this.parts;
    this.#count(call, -1);
    call.state = 'dead';
    this.#count(call, 1);
    log.warn({ call: call.callId, function: call.function, reason: call.reason }, 'an asynchronous call is given up');
    await files.keep(call);
    const { dead = MAX_DEAD_CALLS, deadBytes = MAX_DEAD_BYTES } = limits;
    while (this.#dead.calls > dead || (this.#dead.bytes > deadBytes && this.#dead.calls > 1)) {
      const oldest = this.list({ state: 'dead' })[0]!;
      log.warn({ call: oldest.callId, function: oldest.function, dead: this.#dead.calls }, 'the oldest dead call is dropped, there are too many');
      this.#forget(oldest);
      await files.remove(oldest.id);
    }
  }

  // ── Making ───────────────────────────────────────────────────────────────────────────────────

  #schedule(call: Call): void {
    const { clock } = this.parts;
    const waitMs = call.dueAtMs - clock.now();
    if (waitMs <= 0) return this.#enter(call);
    this.#timers.set(call.id, clock.setTimeout(() => {
      this.#timers.delete(call.id);
      this.#enter(call);
    }, waitMs));
  }

  /** First in the line of its function, then in that of all: no function takes every place. */
  #enter(call: Call): void {
    if (this.#closing) return;
    const line = this.#lines.get(call.function) ?? new PQueue();
    this.#lines.set(call.function, line);
    const most = this.parts.settingsOf(call.function)?.mostInHand ?? Infinity;
    line.concurrency = Math.min(most, Number.isFinite(most) ? MAX_ASYNC_RUNNING : MAX_ASYNC_RUNNING_PER_FUNCTION);
    void line.add(() => this.#all.add(() => {
      const work = this.#attend(call);
      this.#running.add(work);
      return work.finally(() => this.#running.delete(work));
    }));
  }

  async #attend(call: Call): Promise<void> {
    const { log } = this.parts;
    if (this.#closing || !this.#isHeld(call)) return;
    try {
      if (call.state === 'answering') await this.#callBack(call);
      else await this.#make(call);
    } catch (error) {
      log.error({ call: call.callId, function: call.function, reason: String(error) }, 'an asynchronous call could not be attended to');
      this.#putOff(call);
    }
  }

  /** Its files cannot be read or written, as when the disk is full: that may pass. */
  #putOff(call: Call): void {
    if (this.#closing || !this.#isHeld(call) || call.state === 'dead') return;
    if (call.state === 'running') {
      call.state = 'waiting';
      delete call.reason;
      delete call.failed;
    }
    call.dueAtMs = this.parts.clock.now() + CALL_FILES_WAIT_MS;
    this.#schedule(call);
  }

  /** Neither dropped meanwhile, nor is the node stopping. */
  #isHeld(call: Call): boolean {
    return this.#calls.has(call.id) && !this.#control.signal.aborted;
  }

  async #make(call: Call): Promise<void> {
    const { files, sender } = this.parts;
    call.state = 'running';
    call.attempts += 1;
    const body = await files.body(call.id);
    let failure: string;
    try {
      const outcome = await sender.invoke(call, body, this.#control.signal);
      call.answer = outcome.answer;
      if (!this.#rulesOf(call).codes.has(outcome.answer.status)) return await this.#answered(call, outcome.body);
      failure = `the function answered ${outcome.answer.status}`;
      if (call.attempts >= this.#rulesOf(call).attempts) return await this.#exhausted(call, failure, outcome.body);
    } catch (error) {
      if (this.#control.signal.aborted) return;
      failure = (error as Error).message;
      if (call.attempts >= this.#rulesOf(call).attempts) return await this.#exhausted(call, failure, Buffer.alloc(0));
    }
    if (!this.#isHeld(call)) return;
    call.state = 'waiting';
    call.dueAtMs = this.parts.clock.now() + waitAfter(this.#rulesOf(call), call.attempts);
    await files.keep(call);
    if (!this.#closing) this.#schedule(call);
  }

  #rulesOf(call: Call) {
    return retryRulesOf(this.parts.settingsOf(call.function)?.deployment ?? {});
  }

  async #exhausted(call: Call, failure: string, body: Buffer | undefined): Promise<void> {
    call.failed = 'function';
    call.reason = `${failure}, at the last of ${call.attempts} attempts`;
    await this.#answered(call, body);
  }

  /** @param body undefined when it is not wanted, or too large for a callback */
  async #answered(call: Call, body: Buffer | undefined): Promise<void> {
    if (!this.#isHeld(call)) return;
    this.processed += 1;
    if (call.callbackUrl === undefined) return this.#end(call);
    if (body === undefined) {
      call.failed ??= 'function';
      call.reason ??= `the answer is larger than the ${MAX_ASYNC_BODY_BYTES} bytes that a callback gets`;
    }
    const answering = { state: 'answering', answerBytes: body?.length ?? 0 } as const;
    await this.parts.files.keep({ ...call, ...answering }, { answer: body ?? Buffer.alloc(0) });
    if (!this.#isHeld(call)) return;
    this.#count(call, -1);
    Object.assign(call, answering);
    this.#count(call, 1);
    await this.#callBack(call);
  }

  async #callBack(call: Call): Promise<void> {
    const { files, sender, clock } = this.parts;
    call.callbackAttempts += 1;
    let failure: string;
    try {
      const status = await sender.callBack(call as Call & { callbackUrl: string }, await files.answer(call.id), this.#control.signal);
      if (status < 300) return await this.#end(call);
      failure = `the callback answered ${status}`;
    } catch (error) {
      if (this.#control.signal.aborted) return;
      failure = `the callback could not be reached: ${(error as Error).message}`;
    }
    if (!this.#isHeld(call)) return;
    if (call.callbackAttempts >= CALLBACK_ATTEMPTS) {
      call.failed ??= 'callback';
      call.reason ??= failure;
      return this.#end(call);
    }
    call.dueAtMs = clock.now() + waitAfter({ minWaitMs: CALLBACK_MIN_WAIT_MS, maxWaitMs: CALLBACK_MAX_WAIT_MS }, call.callbackAttempts);
    await files.keep(call);
    if (!this.#closing) this.#schedule(call);
  }

  async #end(call: Call): Promise<void> {
    const { files, ended, clock, log } = this.parts;
    if (!this.#isHeld(call)) return;
    call.endedAtMs = clock.now();
    if (call.reason !== undefined) return this.#bury(call);
    this.#forget(call);
    call.state = 'done';
    await ended.add(call).catch((error: unknown) => log.warn({ call: call.callId, reason: String(error) }, 'the end of an asynchronous call could not be written down'));
    await files.remove(call.id);
  }
}

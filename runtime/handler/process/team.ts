/**
 * Runs one function in processes, or threads, of its own. Nothing a handler does harms the node or another session's call:
 * nothing is committed before an answer, so the calls of a process that died simply run again, each with a
 * process to itself; the one at which that process dies too is the culprit and fails.
 */
import type { Clock } from '../../base/clock.js';
import { Fault, FAULTS, type FaultCode } from '../../model/faults.js';
import { CALLS_PER_PROCESS_TO_GROW, MAX_CALLS_PER_FUNCTION, MAX_CALLS_PER_PROCESS } from '../../model/limits.js';
import type { FunctionKind, Replicas, Taker, Worker, WorkerAnswer, WorkerCall } from '../../session/call.js';
import type { FunctionLog } from '../log.js';
import { Meter } from '../meter.js';
import { Watch } from '../watch.js';
import { Inflow, Outflow } from './flow.js';
import { Job, type Owner } from './job.js';
import type { Member } from './member.js';
import {
  packCall, packFetched, TO_CHILD, TO_NODE, unpackAnswer, unpackBegun, type Failed, type Fetch, type Load, type Loaded,
} from './messages.js';
import { Numbered } from './numbered.js';
import type { Unpacker } from './packing.js';
import { Pulse } from './pulse.js';
import type { Pool } from './pool.js';
import { Starter } from './starter.js';

export interface TeamOptions {
  clock: Clock;
  log: FunctionLog;
  pool: Pool;
  /** Most processes at once; one that is stalled does not count. */
  most: number;
  load: Load;
  loaded: Loaded;
}

export class Team implements Worker, Owner {
  readonly kind: FunctionKind;
  readonly streams: boolean;
  readonly sockets: boolean;
  readonly watch: Watch;
  readonly #members = new Set<Member>();
  readonly #jobs = new Numbered<Job>();
  readonly #waiting: Job[] = [];
  readonly #pulse: Pulse;
  readonly #starter: Starter;
  readonly #meter = new Meter((member: Member) => member.processorMs());
  /** How many somebody asked for; without that they come and go with the calls. */
  #wanted: number | undefined;
  /** Whoever waits until they are there. */
  #scaling: { resolve(): void; reject(fault: Fault): void }[] = [];
  #last = 0;
  #closing: (() => void) | undefined;

  constructor(private readonly options: TeamOptions) {
    this.kind = options.loaded.kind;
    this.streams = options.loaded.streams;
    this.sockets = options.loaded.sockets;
    this.watch = new Watch(options.clock);
    this.#pulse = new Pulse(options.clock, this.#members, {
      stalled: (member) => this.#stalled(member),
      tired: (member) => this.#tired(member),
    });
    this.#starter = new Starter(options, {
      ready: (member) => this.#ready(member),
      died: (member, reason) => this.#died(member, reason),
      failed: (fault) => this.#failed(fault),
    });
  }

  run(call: WorkerCall): Promise<WorkerAnswer> {
    return new Promise((resolve, reject) => this.runFor(call, { answered: resolve, failed: reject }));
  }

  runFor(call: WorkerCall, taker: Taker): void {
    const { service } = this.options.load;
    if (this.#closing) return taker.failed(new Fault('WORKER_LOST', { function: service }));
    if (this.#jobs.size >= MAX_CALLS_PER_FUNCTION) {
      return taker.failed(new Fault('OVERLOADED', { function: service, limit: MAX_CALLS_PER_FUNCTION }));
    }
    this.#last = (this.#last + 1) >>> 0;
    const job = new Job(this.#last, call, taker, this);
    this.#jobs.add(job);
    this.watch.begin(job);
    this.#place(job);
  }

  /** Takes no more calls; resolves when those in hand are answered and the processes gone. */
  async close(): Promise<void> {
    if (this.#jobs.size > 0) await new Promise<void>((resolve) => this.#closing = resolve);
    else this.#closing = () => undefined;
    this.#pulse.stop();
    this.#starter.stop();
    for (const { reject } of this.#scaling.splice(0)) reject(this.#lost());
    await Promise.all([...this.#members].map((member) => member.retire()));
  }

  /** Fails every call in hand: the processes are about to be killed. */
  abandon(): void {
    this.#closing ??= () => undefined;
    this.#pulse.stop();
    this.#starter.stop();
    for (const { reject } of this.#scaling.splice(0)) reject(this.#lost());
    for (const job of this.#jobs.list()) this.#finish(job, () => job.fail(this.#lost()));
  }

  processorMs(): Promise<number> {
    return this.#meter.read(this.#members);
  }

  // ── Replicas ─────────────────────────────────────────────────────────────────────────────────

  get replicas(): Replicas {
    return this.#wanted === undefined ? { wanted: 1, available: 1 } : { wanted: this.#wanted, available: this.#serving().length };
  }

  scale(replicas: number): Promise<void> {
    this.#wanted = replicas;
    const surplus = this.#serving().sort((left, right) => left.load - right.load).slice(0, Math.max(0, this.#serving().length - replicas));
    for (const member of surplus) {
      member.leaving = true;
      // One with calls goes when they have ended: the pulse sees to it.
      if (member.load === 0) void member.retire();
    }
    return new Promise((resolve, reject) => {
      this.#scaling.push({ resolve, reject });
      this.#reach();
    });
  }

  /** Towards as many as somebody asked for. */
  #reach(): void {
    if (this.#wanted === undefined || this.#closing) return;
    if (this.#serving().length < this.#wanted) this.#starter.start();
    else for (const { resolve } of this.#scaling.splice(0)) resolve();
  }

  #serving(): Member[] {
    return [...this.#members].filter((member) => !member.stalled && !member.leaving && !member.cut);
  }

  #tired(member: Member): void {
    const isKept = !member.leaving && !member.overweight && this.#wanted !== undefined && this.#serving().length <= this.#wanted;
    if (isKept) return;
    void member.retire();
  }

  #failed(fault: Fault): void {
    for (const { reject } of this.#scaling.splice(0)) reject(fault);
    for (const job of this.#waiting.splice(0)) this.#finish(job, () => job.reject(fault));
  }

  // ── Placing ──────────────────────────────────────────────────────────────────────────────────

  #place(job: Job): void {
    const member = this.#choose(job);
    if (member) return this.#give(member, job);
    if (job.suspect) this.#waiting.unshift(job);
    else this.#waiting.push(job);
    this.#grow();
  }

  /** An idle process; else the one with the fewest calls, unless the call or the function needs one to itself. */
  #choose(job: Job): Member | undefined {
    let least: Member | undefined;
    for (const member of this.#members) {
      if (member.leaving || member.cut || member.stalled || member.alone) continue;
      if (member.load === 0) return member;
      if (!least || member.load < least.load) least = member;
    }
    if (!least || job.suspect || this.#pulse.stalledLately) return undefined;
    if (least.load >= CALLS_PER_PROCESS_TO_GROW) this.#grow();
    return least.load < MAX_CALLS_PER_PROCESS ? least : undefined;
  }

  #grow(): void {
    const most = this.#wanted === undefined ? this.options.most : Math.max(1, this.#wanted);
    if (this.#serving().length < most && this.#members.size < 2 * most) this.#starter.start();
  }

  #give(member: Member, job: Job): void {
    job.member = member;
    member.alone = job.suspect;
    member.used = true;
    member.load += 1;
    member.send(TO_CHILD.call, job.id, (packer) => packCall(packer, job.call));
    const { stream } = job.call.request;
    if (stream !== undefined) job.body = this.#bodyTo(member, job.id, stream);
    this.#pulse.beat();
  }

  /** Nothing of the body leaves before the function asks for it. */
  #bodyTo(member: Member, id: number, stream: AsyncIterable<Buffer>): Outflow {
    return new Outflow(stream, 0, {
      piece: (bytes) => member.send(TO_CHILD.piece, id, (packer) => packer.bytes(bytes)),
      ended: () => member.send(TO_CHILD.ended, id),
      failed: () => member.send(TO_CHILD.broken, id),
    });
  }

  #ready(member: Member): void {
    member.listener = this;
    this.#members.add(member);
    this.#serveWaiting();
    this.#reach();
  }

  #serveWaiting(): void {
    while (this.#waiting.length > 0) {
      const member = this.#choose(this.#waiting[0]!);
      if (!member) return this.#grow();
      this.#give(member, this.#waiting.shift()!);
    }
  }

  // ── Answers ──────────────────────────────────────────────────────────────────────────────────

  frame(member: Member, type: number, id: number, payload: Unpacker): void {
    const job = this.#jobs.get(id);
    const current = job?.member === member ? job : undefined;
    switch (type) {
      case TO_NODE.fetch:
        if (current) void this.#fetch(member, current, payload.json<Fetch>());
        return;
      case TO_NODE.answer: {
        if (current?.stream) throw new RangeError('an answer after one that has begun');
        const answer = current && unpackAnswer(payload);
        return this.#leave(member, id, current, () => current!.resolve(answer!));
      }
      case TO_NODE.failed: {
        const failed = payload.json<Failed>();
        return this.#leave(member, id, current, () => current!.fail(this.#faultOf(failed, current!)));
      }
      case TO_NODE.begun: return current && this.#begin(member, current, payload);
      case TO_NODE.piece: return current?.stream?.push(payload.bytes());
      case TO_NODE.ended:
        if (current && !current.stream) throw new RangeError('the end of an answer that has not begun');
        return this.#leave(member, id, current, () => current!.stream!.end());
      case TO_NODE.grant: return current?.body?.grant(payload.u32());
      default: throw new RangeError(`a frame of unknown type ${type}`);
    }
  }

  #begin(member: Member, job: Job, head: Unpacker): void {
    if (job.stream) throw new RangeError('an answer that begins twice');
    const grant = (bytes: number): void => member.send(TO_CHILD.grant, job.id, (packer) => packer.u32(bytes));
    job.stream = new Inflow(true, grant, () => this.end(job));
    job.resolve(unpackBegun(head, job.stream));
  }

  #leave(member: Member, id: number, job: Job | undefined, settle: () => void): void {
    // What it says of calls that it does not have is not believed.
    if (!job && !member.orphans.delete(id)) return;
    member.load -= 1;
    if (member.orphans.size === 0) member.orphanedAtMs = undefined;
    member.alone = false;
    if (job) this.#finish(job, settle);
    if (this.#waiting.length > 0) this.#serveWaiting();
  }

  #finish(job: Job, settle?: () => void): void {
    this.#jobs.delete(job.id);
    job.body?.stop();
    settle?.();
    if (this.#jobs.size === 0) this.#closing?.();
  }

  #faultOf(failed: Failed, job: Job): unknown {
    if ('unread' in failed) return job.unread ?? new Fault('HANDLER_FAILED', { call: job.call.callId });
    if (Object.hasOwn(FAULTS, failed.code)) return new Fault(failed.code satisfies FaultCode, failed.details);
    return new Fault('HANDLER_FAILED', { call: job.call.callId });
  }

  async #fetch(member: Member, job: Job, { question, key }: Fetch): Promise<void> {
    const { session } = job.call;
    try {
      if (!session) throw new Fault('SESSION_MISSING');
      const fetched = key === undefined
        ? { question, keys: await session.fetchKeys() }
        : { question, stored: await session.fetch(key) };
      member.send(TO_CHILD.fetched, job.id, (packer) => packFetched(packer, fetched));
    } catch (error) {
      job.unread ??= error;
      member.send(TO_CHILD.fetched, job.id, (packer) => packFetched(packer, { question, failed: true }));
    }
  }

  // ── Mishaps ──────────────────────────────────────────────────────────────────────────────────

  /** The time is up, or the client gone: the handler is told, and nobody waits for what it does. */
  end(job: Job): void {
    if (this.#jobs.get(job.id) !== job) return;
    const { member } = job;
    this.#finish(job);
    if (member) {
      member.orphans.add(job.id);
      member.orphanedAtMs ??= this.options.clock.now();
      member.send(TO_CHILD.abort, job.id);
      if (member.stalled) member.kill('it ran a handler that never gave the processor back');
      this.#pulse.beat();
    } else {
      const at = this.#waiting.indexOf(job);
      if (at >= 0) this.#waiting.splice(at, 1);
    }
  }

  /** One handler keeps the process to itself. It may, until its time is up, as long as no other call waits behind it. */
  #stalled(member: Member): void {
    if (member.load === 1 && member.orphans.size === 0 && !member.overweight) {
      member.stalled = true;
      this.#serveWaiting();
    } else {
      member.kill('it did not answer any more');
    }
  }

  #died(member: Member, reason: string): void {
    if (!this.#members.delete(member)) return;
    const jobs = this.#jobs.list().filter((job) => job.member === member);
    if (jobs.length > 0 || !member.leaving) {
      this.options.log({
        level: 'warn', function: this.options.load.service, message: 'A worker ended',
        details: { reason, calls: jobs.map((job) => job.call.callId), suspect: member.alone },
      });
      this.#starter.mourn(member);
    }
    for (const job of jobs) this.#again(job);
    this.#serveWaiting();
    this.#reach();
  }

  #again(job: Job): void {
    job.member = undefined;
    if (job.suspect || job.isBegun) return this.#finish(job, () => job.fail(this.#lost()));
    job.suspect = true;
    this.#waiting.unshift(job);
  }

  #lost(): Fault {
    return new Fault('WORKER_LOST', { function: this.options.load.service });
  }
}

/** The containers of one function: as many as are wanted, each call to the one with the fewest. */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/clock.js';
import { Fault } from '../../model/faults.js';
import { MAX_CALLS_PER_FUNCTION, RESTART_FIRST_MS, RESTART_FORGIVEN_MS, RESTART_MOST_MS } from '../../model/limits.js';
import type { Replicas, UpgradeCall, Worker, WorkerAnswer, WorkerCall } from '../../session/call.js';
import type { FunctionLog } from '../log.js';
import { Meter } from '../meter.js';
import { tunnel } from '../remote/tunnel.js';
import { Watch } from '../watch.js';
import { WatchedStream } from '../watched-stream.js';
import type { ContainerConfig, Engine } from './engine.js';
import { Replica } from './replica.js';

export interface CrewOptions {
  service: string;
  engine: Engine;
  config: ContainerConfig;
  healthPath: string;
  /** Names of containers begin with it. */
  prefix: string;
  clock: Clock;
  log: FunctionLog;
  uuid(): string;
  closed(crew: Crew): void;
}

export class Crew implements Worker {
  readonly kind = 'stateless';
  readonly streams = true;
  readonly #members = new Set<Replica>();
  readonly #all = new Set<Replica>();
  readonly #watch: Watch;
  readonly #ended = new AbortController();
  #wanted = 1;
  #filling: Promise<void> | undefined;
  /** Deaths in a row. */
  #deaths = 0;
  #notBeforeMs = 0;
  #timer: Timer;
  readonly #meter = new Meter((member: Replica) => member.processorMs());

  constructor(private readonly options: CrewOptions) {
    this.#watch = new Watch(options.clock);
  }

  get replicas(): Replicas {
    return { wanted: this.#wanted, available: this.#members.size };
  }

  async scale(replicas: number): Promise<void> {
    this.#wanted = replicas;
    const surplus = [...this.#members].sort((left, right) => left.inHand - right.inHand).slice(0, Math.max(0, this.#members.size - replicas));
    for (const member of surplus) void this.#retire(member);
    await this.#fill();
  }

  processorMs(): Promise<number> {
    return this.#meter.read(this.#members);
  }

  run(call: WorkerCall): Promise<WorkerAnswer> {
    const own = new AbortController();
    return this.#watch.over(this.#run(call, own.signal), call, () => own.abort());
  }

  upgrade(call: UpgradeCall, client: Duplex, head: Buffer): void {
    const join = (member: Replica) => {
      client.once('close', () => member.leave());
      if (client.destroyed) member.leave();
      else tunnel(member.upstream, { ...call, signal: AbortSignal.any([call.signal, this.#ended.signal]) }, client, head);
    };
    const member = this.#enter(this.#least());
    if (member) join(member);
    else this.#late().then(join).catch((error: unknown) => call.refuse(error));
  }

  /** Lets calls end, then ends the containers. */
  async close(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#all].map((member) => this.#retire(member)));
    this.options.closed(this);
  }

  /** At once. */
  async abandon(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#all].map((member) => member.kill()));
  }

  #stop(): void {
    this.#wanted = 0;
    this.#ended.abort();
    this.options.clock.clearTimeout(this.#timer);
  }

  async #run(call: WorkerCall, signal: AbortSignal): Promise<WorkerAnswer> {
    const member = this.#enter(this.#least()) ?? await this.#late();
    let left = false;
    const leave = () => {
      if (!left) member.leave();
      left = true;
    };
    try {
      const answer = await member.upstream.run(call, signal);
      const { stream } = answer.response;
      if (stream === undefined) leave();
      // In hand to its end.
      else answer.response.stream = new WatchedStream(stream, leave);
      return answer;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Waits for one to start where there is none, also where none is wanted: a call that comes anyway is served. */
  async #late(): Promise<Replica> {
    if (!this.#ended.signal.aborted) {
      this.#wanted = Math.max(1, this.#wanted);
      await this.#fill();
    }
    const member = this.#enter(this.#least());
    if (member === undefined) throw new Fault('WORKER_LOST', { function: this.options.service });
    return member;
  }

  /** In the same turn in which it was chosen: the next call has to see it. */
  #enter(member: Replica | undefined): Replica | undefined {
    if (member === undefined) return undefined;
    if (member.inHand >= MAX_CALLS_PER_FUNCTION) throw new Fault('OVERLOADED', { function: this.options.service, limit: MAX_CALLS_PER_FUNCTION * this.#members.size });
    member.inHand += 1;
    return member;
  }

  #least(): Replica | undefined {
    let least: Replica | undefined;
    for (const member of this.#members) if (!member.leaving && (least === undefined || member.inHand < least.inHand)) least = member;
    return least;
  }

  /** Up to as many as are wanted, together. Rejects with the first that does not start. */
  #fill(): Promise<void> {
    this.#filling ??= this.#start().finally(() => { this.#filling = undefined; });
    return this.#filling.then(() => this.#members.size < this.#wanted && !this.#ended.signal.aborted ? this.#fill() : undefined);
  }

  async #start(): Promise<void> {
    const { clock } = this.options;
    const waitMs = this.#notBeforeMs - clock.now();
    if (waitMs > 0) await new Promise((resolve) => clock.setTimeout(() => resolve(undefined), waitMs));
    const missing = this.#wanted - this.#members.size;
    await Promise.all(Array.from({ length: Math.max(0, missing) }, () => this.#one()));
  }

  async #one(): Promise<void> {
    const { service, engine, config, healthPath, prefix, clock, log, uuid } = this.options;
    const member = new Replica({
      service, engine, config, healthPath, clock, name: `${prefix}-${uuid().slice(0, 8)}`,
      print: (level, message) => log({ level, function: service, message }),
      died: (dead, reason) => this.#died(dead, reason),
    });
    this.#all.add(member);
    try {
      await member.start();
    } catch (error) {
      this.#all.delete(member);
      throw error;
    }
    if (this.#members.size >= this.#wanted) return void this.#retire(member);
    this.#members.add(member);
  }

  async #retire(member: Replica): Promise<void> {
    this.#members.delete(member);
    await member.retire();
    this.#all.delete(member);
  }

  #died(member: Replica, reason: string): void {
    const { service, log } = this.options;
    this.#members.delete(member);
    this.#all.delete(member);
    log({ level: 'warn', function: service, message: 'A container ended', details: { reason } });
    void member.kill();
    this.#mourn(member);
    void this.#again();
  }

  /** After the first death in a row the next start is at once, then after longer and longer pauses. */
  #mourn(member: Replica): void {
    const nowMs = this.options.clock.now();
    this.#deaths = nowMs - member.readyAtMs >= RESTART_FORGIVEN_MS ? 1 : this.#deaths + 1;
    const pauseMs = this.#deaths === 1 ? 0 : Math.min(RESTART_FIRST_MS * 2 ** (this.#deaths - 2), RESTART_MOST_MS);
    this.#notBeforeMs = nowMs + pauseMs;
  }

  async #again(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    await this.#fill().catch((error: unknown) => {
      const { service, clock, log } = this.options;
      log({ level: 'error', function: service, message: 'A container could not be started', details: { reason: (error as Error).message } });
      this.#timer = clock.setTimeout(() => void this.#again(), RESTART_MOST_MS);
    });
  }
}

/**
 * Delivers what sessions held here have asked of others: in order for each session and receiver, again and
 * again until it is taken, under an id that makes it once; no receiver waits for another. What is still to be delivered stands in the
 * store; here is only whose turn it is.
 */
import PQueue from 'p-queue';
import { pause, type Clock } from '../base/clock.js';
import { deliveryId, retryId } from '../base/ids.js';
import { reasonOf, type Log } from '../base/log.js';
import { Fault, type FaultCode } from '../model/faults.js';
import {
  DELIVER_FIRST_MS, DELIVER_MOST_MS, MAX_DELIVERING, MAX_REDIRECTS, MAX_THROWN_DELIVERIES, MAX_UNDELIVERED_EFFECTS,
} from '../model/limits.js';
import { decodeRow, type EffectRow } from '../session/effect.js';
import type { Place } from '../session/marks.js';
import type { Effect, SessionStore } from '../store/store.js';
import type { DeadLetter, DeadLetters } from './dead-letters.js';
import type { Paths } from './path.js';
import type { Peers } from './peers.js';
import { mayPass, type Received, type Receiver, receivingSession, type Trail } from './receive.js';
import { Settling } from './settling.js';

export interface EffectsOptions {
  node: string;
  store: SessionStore;
  peers: Peers;
  receiver: Receiver;
  paths: Paths;
  deadLetters: DeadLetters;
  /** Told whom a session's effect is for: how (`propagate:<function>`, or the called function's name), and the receiving session. */
  onEffect?(session: string, output: string, receiver: string): void;
  clock: Clock;
  log: Log;
}

const MAX_HOPS = 8;
/** Of a session with nothing to deliver. */
const NOTHING = { left: new Map<string, never>(), unplaced: 0, unread: 0 };
/** With more, a node would carry the request on itself, and answer a fault met on the way as if the function had said it. */
const MOST_HOPS_TOLD = MAX_REDIRECTS - 2;
/** What a function's own trouble looks like to whoever calls it. */
const THROWN: readonly FaultCode[] = ['HANDLER_FAILED', 'HANDLER_TIMEOUT', 'WORKER_LOST'];

/** The receiver's function fails: it may do so for ever. */
class Thrown extends Error {
  override readonly name = 'Thrown';
}

interface Job {
  effect: string;
  row: EffectRow;
  target: string;
  /** The receiver has it, or it is a dead letter; it is still to be struck out. */
  isOver: boolean;
}

/** What one receiver is to get of a session, in order. */
interface Lane {
  jobs: Job[];
  /** Failures of the first job's receiver so far. */
  thrown: number;
}

/** One session's delivery while it lasts. */
interface Delivery {
  /** More may have been committed since the outbox was read. */
  again: boolean;
  /** Rows that were read and have no receivers yet, and rows that were committed since the outbox was read. */
  unplaced: number;
  unread: number;
  wake(): void;
  /** Receivers that still have to take a row, by its id. */
  left: Map<string, { count: number; jobs: Job[] }>;
  /** Of each receiver and lane the last row that is struck out, where its receiver may not be told yet. */
  through: Map<string, { receiver: string; lane: string; number: number }>;
  lanes: Map<string, Lane>;
  running: Set<Promise<void>>;
  /** The session is no longer held here: the next holder delivers. */
  isGone: boolean;
}

export class Effects {
  readonly #under = new Map<string, Delivery>();
  /** One queue a node, so that one that hangs holds up nobody who delivers to another. */
  readonly #turns = new Map<string, PQueue>();
  readonly #settling: Settling;
  #closed = false;

  constructor(private readonly options: EffectsOptions) {
    this.#settling = new Settling(options.clock);
  }

  /** Throws EFFECTS_WAITING when so many more would be too many. */
  mayOwe(session: string, more: number): void {
    const { left, unplaced, unread } = this.#under.get(session) ?? NOTHING;
    const waiting = left.size + unplaced + unread;
    if (waiting + more > MAX_UNDELIVERED_EFFECTS) throw new Fault('EFFECTS_WAITING', { waiting });
  }

  /** Starts delivering for the session, unless that is under way. `more` were just committed. */
  owes(session: string, more = 0): void {
    if (this.#closed) return;
    const under = this.#under.get(session);
    if (under) {
      under.again = true;
      under.unread += more;
      under.wake();
      return;
    }
    this.#start(session, more);
  }

  close(): void {
    this.#closed = true;
    for (const turns of this.#turns.values()) turns.clear();
    for (const delivery of this.#under.values()) delivery.wake();
  }

  /** Delivers a dead letter once more; it stays one, with the new reason, when it is not taken. */
  async again(letter: DeadLetter): Promise<void> {
    const { id, target, row, answered, atMs } = letter;
    // What was answered stands under its id; what was not may have taken effect.
    const delivery = answered ? retryId(id, target, atMs) : deliveryId(id, target);
    try {
      const received = await this.#received(target, delivery, row, placeOfLetter(letter));
      if (received.kind === 'done') return await this.options.deadLetters.remove(letter.letter);
      const reason = saying(row, received);
      await this.options.deadLetters.again(letter, reason, received.kind === 'refused');
      throw new Fault('OPERATION_REFUSED', { reason });
    } catch (error) {
      if (error instanceof Fault && error.code === 'REPLAY_TOO_LARGE') return this.options.deadLetters.remove(letter.letter);
      throw error;
    }
  }

  #start(session: string, more = 0): void {
    const delivery: Delivery = { again: true, unplaced: 0, unread: more, wake: () => undefined, left: new Map(), through: new Map(), lanes: new Map(), running: new Set(), isGone: false };
    this.#under.set(session, delivery);
    void this.#deliverAll(session, delivery)
      .catch((error: unknown) => this.options.log.error({ err: error }, 'delivering the effects of a session failed'))
      .finally(() => {
        this.#under.delete(session);
        if (delivery.again && !this.#closed) this.#start(session, delivery.unread);
      });
  }

  async #deliverAll(session: string, delivery: Delivery): Promise<void> {
    for (let waitMs = DELIVER_FIRST_MS; !this.#closed && !delivery.isGone;) {
      delivery.again = false;
      try {
        await this.#fill(session, delivery);
        waitMs = DELIVER_FIRST_MS;
      } catch (error) {
        this.options.log.debug({ reason: reasonOf(error) }, 'the effects of a session could not be read yet');
        await pause(this.options.clock, waitMs);
        waitMs = Math.min(waitMs * 2, DELIVER_MOST_MS);
        continue;
      }
      if (delivery.again) continue;
      if (delivery.left.size === 0) break;
      await new Promise<void>((resolve) => {
        delivery.wake = resolve;
      });
    }
    await Promise.all(delivery.running);
  }

  /** Gives every row that is new to it to the lanes of its receivers, oldest first. Rejects at one whose receivers cannot be told yet. */
  async #fill(session: string, delivery: Delivery): Promise<void> {
    const { store } = this.options;
    // Only the holder delivers; the next one finds what is left in the outbox it was given.
    if ((await store.slot(session))?.state !== 'resident') {
      delivery.isGone = true;
      return;
    }
    for (const { id, row } of inOrder(await this.#unplaced(session, delivery))) {
      const targets = await this.#targetsOf(row);
      if (targets.length === 0) await store.effectDone(session, id);
      const jobs = targets.map((target): Job => ({ effect: id, row, target, isOver: false }));
      if (jobs.length > 0) delivery.left.set(id, { count: jobs.length, jobs });
      delivery.unplaced -= 1;
      for (const job of jobs) this.#enqueue(session, delivery, job);
    }
  }

  #enqueue(session: string, delivery: Delivery, job: Job): void {
    const { row, target } = job;
    if (row.kind === 'call') this.options.onEffect?.(session, row.function, row.session);
    else this.options.onEffect?.(session, `propagate:${row.function}`, receivingSession(row.function, target));
    const name = receiverOf(row, target);
    const lane = delivery.lanes.get(name);
    if (lane) {
      lane.jobs.push(job);
      return;
    }
    const fresh: Lane = { jobs: [job], thrown: 0 };
    delivery.lanes.set(name, fresh);
    // Gone with its last job, in the same turn: nothing may be added to a lane that has ended, nor go ahead of what is in it.
    const ended = () => delivery.lanes.delete(name);
    const running = this.#run(session, delivery, fresh, ended).finally(() => {
      delivery.running.delete(running);
      if (delivery.left.size === 0 || delivery.isGone) delivery.wake();
    });
    delivery.running.add(running);
  }

  /** One receiver's effects, one after the other, each again and again until it is taken or given up. */
  async #run(session: string, delivery: Delivery, lane: Lane, ended: () => void): Promise<void> {
    let waitMs = DELIVER_FIRST_MS;
    for (let [job] = lane.jobs; job !== undefined && !this.#closed && !delivery.isGone; [job] = lane.jobs) {
      try {
        if (!job.isOver) await this.#deliver(session, delivery, lane, job);
        if (delivery.isGone) return;
        await this.#strikeOut(session, delivery, job);
        lane.jobs.shift();
        [lane.thrown, waitMs] = [0, DELIVER_FIRST_MS];
      } catch (error) {
        this.options.log.debug({ reason: reasonOf(error) }, 'an effect could not be delivered yet');
        await pause(this.options.clock, waitMs);
        waitMs = Math.min(waitMs * 2, DELIVER_MOST_MS);
      }
    }
    if (lane.jobs.length === 0) ended();
  }

  async #deliver(session: string, delivery: Delivery, lane: Lane, job: Job): Promise<void> {
    const { target, effect, row } = job;
    try {
      await this.#turnsOf(target).add(async () => {
        // Looked at in its turn: while it waited for that, the session may have left, and its next holder be through with it.
        delivery.isGone ||= (await this.options.store.slot(session))?.state !== 'resident';
        if (!delivery.isGone) await this.#deliverTo(target, session, effect, row);
      });
    } catch (error) {
      if (!isThrown(error) || (lane.thrown += 1) < MAX_THROWN_DELIVERIES) throw error;
      await this.#bury(job, session, `it failed ${lane.thrown} times: ${(error as Error).message}`, false);
    }
    job.isOver = true;
  }

  async #strikeOut(session: string, delivery: Delivery, { effect }: Job): Promise<void> {
    const { left } = delivery;
    const { count, jobs } = left.get(effect)!;
    if (count > 1) return void left.set(effect, { count: count - 1, jobs });
    // Of a session that has left meanwhile it stays in the outbox that went along: the next holder sends it again.
    const isStruck = await this.options.store.effectDone(session, effect);
    left.delete(effect);
    if (isStruck) this.#settle(delivery, jobs);
  }

  /**
   * Struck out for all: its receivers may be told that nothing up to it will come again. Not while an earlier row of its
   * sender is left for one of them: after a restart or a move that one is sent to all of them again.
   */
  #settle({ left, through }: Delivery, jobs: Job[]): void {
    for (const { row, target } of jobs) {
      if (!row.stamp) continue;
      const [receiver, lane] = [receiverOf(row, target), laneOf(row)];
      const name = `${receiver}\n${lane}`;
      through.set(name, { receiver, lane, number: Math.max(row.stamp.number, through.get(name)?.number ?? 0) });
    }
    const waiting = [...left.values()].map((each) => each.jobs[0]!.row);
    for (const [name, { receiver, lane, number }] of through) {
      if (waiting.some((row) => row.stamp && row.stamp.number < number && laneOf(row) === lane)) continue;
      this.#settling.add(receiver, lane, number);
      through.delete(name);
    }
  }

  #turnsOf(target: string): PQueue {
    const turns = this.#turns.get(target) ?? new PQueue({ concurrency: MAX_DELIVERING });
    this.#turns.set(target, turns);
    return turns;
  }

  /** The rows of the outbox that are new to the delivery; with them what waits is counted, which after a restart or a move nobody has. */
  async #unplaced(session: string, delivery: Delivery): Promise<Effect[]> {
    const { unread } = delivery;
    const rows = await this.options.store.effects(session, MAX_UNDELIVERED_EFFECTS);
    const fresh = rows.filter(({ id }) => !delivery.left.has(id));
    delivery.unplaced = fresh.length;
    // What was committed meanwhile may be among them; it is read again at once.
    delivery.unread -= unread;
    return fresh;
  }

  async #targetsOf(row: EffectRow): Promise<string[]> {
    if (row.kind === 'call') return [row.home];
    const path = await this.options.paths.from(row.home);
    const isMeant = (level: string) => row.levels.includes('*') || row.levels.includes(level);
    return path.filter(({ level }) => isMeant(level)).map(({ name }) => name);
  }

  async #deliverTo(target: string, session: string, effect: string, row: EffectRow): Promise<void> {
    try {
      const received = await this.#received(target, deliveryId(effect, target), row, this.#placeOf(row, target));
      if (received.kind === 'refused') await this.#bury({ effect, row, target }, session, saying(row, received), true);
      if (received.kind === 'later') throw new Thrown(saying(row, received));
    } catch (error) {
      // It took effect before; only its answer was too large to keep.
      if (error instanceof Fault && error.code === 'REPLAY_TOO_LARGE') return;
      if (!(error instanceof Fault) || mayPass(error.status)) throw error;
      await this.#bury({ effect, row, target }, session, error.message, false);
    }
  }

  #bury({ effect: id, row, target }: Pick<Job, 'effect' | 'row' | 'target'>, session: string, reason: string, answered: boolean): Promise<void> {
    return this.options.deadLetters.add({ id, session, target, reason, answered, row });
  }

  async #received(target: string, id: string, row: EffectRow, place: Place | undefined): Promise<Exclude<Received, { kind: 'moved' }>> {
    const received = await this.#follow(target, (at, trail) => this.#send(at, id, row, place, trail));
    if (received.kind === 'done' && place?.settled) this.#settling.told(receiverOf(row, target), place.settled);
    return received;
  }

  #placeOf(row: EffectRow, target: string): Place | undefined {
    if (!row.stamp) return undefined;
    const { number, atMs } = row.stamp;
    const settled = this.#settling.due(receiverOf(row, target));
    return { lane: laneOf(row), number, atMs, ...(settled.length > 0 && { settled }) };
  }

  /** From the node where the receiving session is looked for to the one that holds it. */
  async #follow(target: string, send: (at: string, trail: Trail) => Promise<Received>): Promise<Exclude<Received, { kind: 'moved' }>> {
    let at = target;
    let trail: Trail = {};
    for (let hops = 0; hops < MAX_HOPS; hops += 1) {
      const received = await send(at, trail);
      if (received.kind !== 'moved') return received;
      at = received.to;
      trail = { session: received.session, redirectedHome: received.home, hops: Math.min(received.hops, MOST_HOPS_TOLD) };
    }
    throw new Fault('MOVING');
  }

  #send(at: string, id: string, row: EffectRow, place: Place | undefined, trail: Trail): Promise<Received> {
    const { node, peers, receiver } = this.options;
    if (row.kind === 'propagate') {
      const order = { ...trail, id, place, function: row.function, content: row.content };
      return at === node ? receiver.propagate(order) : peers.propagate(at, order);
    }
    const order = { ...trail, id, place, function: row.function, session: row.session, request: row.request };
    return at === node ? receiver.call(order) : peers.call(at, order);
  }
}

/** Names the receiver of a row: one session, or one function of one node. */
function receiverOf(row: EffectRow, target: string): string {
  return row.kind === 'call' ? `${row.function}\n${row.session}` : `${row.function}\n\n${target}`;
}

/** What one life of a session sends to one function in one way comes in order, one at a time. */
function laneOf({ stamp, kind, function: name }: EffectRow): string {
  return `${stamp!.life}/${kind}/${name}`;
}

/** A letter that is sent again has an order of its own: what its session sent afterwards has been taken since. */
function placeOfLetter({ letter, atMs }: DeadLetter): Place {
  return { lane: `letter/${letter}`, number: atMs, atMs };
}

/** By their numbers: a row whose request ran again keeps its place in the outbox, and is numbered anew. */
function inOrder(effects: Effect[]): { id: string; row: EffectRow }[] {
  const rows = effects.map(({ id, body }) => ({ id, row: decodeRow(body) }));
  return rows.sort((a, b) => (a.row.stamp?.number ?? 0) - (b.row.stamp?.number ?? 0));
}

function isThrown(error: unknown): boolean {
  return error instanceof Thrown || (error instanceof Fault && THROWN.includes(error.code));
}

function saying(row: EffectRow, { status, reason }: Exclude<Received, { kind: 'moved' }>): string {
  return `${row.function} answered ${status}: ${reason ?? ''}`;
}

/**
 * Delivers what sessions held here have asked of others: in order for each session, again and again
 * until it is taken, under an id that makes it once. What is still to be delivered stands in the
 * store; here is only whose turn it is.
 */
import PQueue from 'p-queue';
import { pause, type Clock } from '../base/clock.js';
import { deliveryId } from '../base/ids.js';
import { reasonOf, type Log } from '../base/log.js';
import { Fault } from '../model/faults.js';
import { DELIVER_FIRST_MS, DELIVER_MOST_MS, MAX_DELIVERING, MAX_REDIRECTS, MAX_UNDELIVERED_EFFECTS } from '../model/limits.js';
import { decodeRow, type EffectRow } from '../session/effect.js';
import type { Effect, SessionStore } from '../store/store.js';
import type { DeadLetters } from './dead-letters.js';
import type { Paths } from './path.js';
import type { Peers } from './peers.js';
import { mayPass, type Received, type Receiver, type Trail } from './receive.js';

export interface EffectsOptions {
  node: string;
  store: SessionStore;
  peers: Peers;
  receiver: Receiver;
  paths: Paths;
  deadLetters: DeadLetters;
  clock: Clock;
  log: Log;
}

/** Rows read at once. */
const BATCH = 16;
const MAX_HOPS = 8;
/** With more, a node would carry the request on itself, and answer a fault met on the way as if the function had said it. */
const MOST_HOPS_TOLD = MAX_REDIRECTS - 2;

/** One session's delivery while it lasts. */
interface Delivery {
  /** More may have been committed since the outbox was read. */
  again: boolean;
  /** Targets that have taken the row in hand. */
  row?: string;
  taken: Set<string>;
}

export class Effects {
  readonly #under = new Map<string, Delivery>();
  /** Undelivered rows of sessions whose delivery is under way, as far as known. */
  readonly #waiting = new Map<string, number>();
  readonly #turns = new PQueue({ concurrency: MAX_DELIVERING });
  #closed = false;

  constructor(private readonly options: EffectsOptions) {}

  /** Throws EFFECTS_WAITING when so many more would be too many. */
  mayOwe(session: string, more: number): void {
    const waiting = this.#waiting.get(session) ?? 0;
    if (waiting + more > MAX_UNDELIVERED_EFFECTS) throw new Fault('EFFECTS_WAITING', { waiting });
  }

  /** Starts delivering for the session, unless that is under way. `more` were just committed. */
  owes(session: string, more = 0): void {
    if (this.#closed) return;
    if (more > 0) this.#waiting.set(session, (this.#waiting.get(session) ?? 0) + more);
    const under = this.#under.get(session);
    if (under) {
      under.again = true;
      return;
    }
    const delivery: Delivery = { again: true, taken: new Set() };
    this.#under.set(session, delivery);
    void this.#deliverAll(session, delivery)
      .catch((error: unknown) => this.options.log.error({ err: error }, 'delivering the effects of a session failed'))
      .finally(() => {
        this.#under.delete(session);
        this.#waiting.delete(session);
      });
  }

  close(): void {
    this.#closed = true;
    this.#turns.clear();
  }

  async #deliverAll(session: string, delivery: Delivery): Promise<void> {
    for (let waitMs = DELIVER_FIRST_MS; delivery.again && !this.#closed;) {
      delivery.again = false;
      try {
        if (await this.#deliverSome(session, delivery)) waitMs = DELIVER_FIRST_MS;
      } catch (error) {
        this.options.log.debug({ reason: reasonOf(error) }, 'an effect could not be delivered yet');
        delivery.again = true;
        await this.#count(session);
        await pause(this.options.clock, waitMs);
        waitMs = Math.min(waitMs * 2, DELIVER_MOST_MS);
      }
    }
  }

  /** Delivers some rows, oldest first. @returns whether any was. Rejects at the first that has to be tried again. */
  async #deliverSome(session: string, delivery: Delivery): Promise<boolean> {
    const { store } = this.options;
    // Only the holder delivers; the next one finds what is left in the outbox it was given.
    if ((await store.slot(session))?.state !== 'resident') return false;
    const rows = await store.effects(session, BATCH);
    for (const effect of rows) {
      await this.#deliver(session, effect, delivery);
      await store.effectDone(session, effect.id);
      this.#waiting.set(session, Math.max(0, (this.#waiting.get(session) ?? 0) - 1));
    }
    if (rows.length > 0) delivery.again = true;
    return rows.length > 0;
  }

  /** Once a receiver is down, what waits is counted: after a restart or a move nobody has. */
  async #count(session: string): Promise<void> {
    const rows = await this.options.store.effects(session, MAX_UNDELIVERED_EFFECTS).catch(() => []);
    if (this.#under.has(session)) this.#waiting.set(session, Math.max(rows.length, this.#waiting.get(session) ?? 0));
  }

  async #deliver(session: string, effect: Effect, delivery: Delivery): Promise<void> {
    if (delivery.row !== effect.id) {
      delivery.row = effect.id;
      delivery.taken.clear();
    }
    const row = decodeRow(effect.body);
    for (const target of await this.#targetsOf(row)) {
      if (delivery.taken.has(target)) continue;
      await this.#turns.add(() => this.#deliverTo(target, session, effect.id, row));
      delivery.taken.add(target);
    }
  }

  async #targetsOf(row: EffectRow): Promise<string[]> {
    if (row.kind === 'call') return [row.home];
    const path = await this.options.paths.from(row.home);
    const isMeant = (level: string) => row.levels.includes('*') || row.levels.includes(level);
    return path.filter(({ level }) => isMeant(level)).map(({ name }) => name);
  }

  async #deliverTo(target: string, session: string, effect: string, row: EffectRow): Promise<void> {
    const bury = (reason: string) => this.options.deadLetters.add({ id: effect, session, target, reason, row });
    try {
      const received = await this.#follow(target, (at, trail) => this.#send(at, deliveryId(effect, target), row, trail));
      if (received.kind === 'refused') bury(`${row.function} answered ${received.status}: ${received.reason ?? ''}`);
      if (received.kind === 'later') throw new Error(`${row.function} answered ${received.status}`);
    } catch (error) {
      // It took effect before; only its answer was too large to keep.
      if (!(error instanceof Fault) || error.code === 'REPLAY_TOO_LARGE') return rethrown(error);
      if (mayPass(error.status)) throw error;
      bury(error.message);
    }
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

  #send(at: string, id: string, row: EffectRow, trail: Trail): Promise<Received> {
    const { node, peers, receiver } = this.options;
    if (row.kind === 'propagate') {
      const order = { ...trail, id, function: row.function, content: row.content };
      return at === node ? receiver.propagate(order) : peers.propagate(at, order);
    }
    const order = { ...trail, id, function: row.function, session: row.session, request: row.request };
    return at === node ? receiver.call(order) : peers.call(at, order);
  }
}

function rethrown(error: unknown): void {
  if (!(error instanceof Fault)) throw error;
}

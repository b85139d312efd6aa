/**
 * A move, driven by its target: reserve, copy while the source serves, depart, commit, and then
 * tell whom it concerns. Every step before the commit can be given up; nothing after it can.
 */
import { pause, type Clock } from '../base/clock.js';
import type { Ids } from '../base/ids.js';
import { reasonOf, type Log } from '../base/log.js';
import { pass } from '../base/milestones.js';
import { Fault } from '../model/faults.js';
import { ASK_WAITS_MS, MAX_COPY_ROUNDS, MAX_KNOWN_BY, RESERVATION_MS, SMALL_DELTA_BYTES } from '../model/limits.js';
import type { Owed, Passport, Slot } from '../model/record.js';
import type { Reserve } from '../model/verbs.js';
import type { Changes } from '../session/changes.js';
import type { Item, SessionStore } from '../store/store.js';
import { isUnanswered, type Peers } from './peers.js';
import { refusalOf } from './source.js';
import { tokenOf, type SessionToken } from './token.js';

export interface MoverOptions {
  node: string;
  store: SessionStore;
  peers: Peers;
  changes: Changes;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Ancestors, nearest first: a new home registers its session with them. */
  ancestors(): string[];
  /** Nodes from a home upward, to this one where the home lies below it. */
  way(home: string): Promise<string[]>;
  /** Called after a commit: the session may owe messages, and effects that came with it. */
  owes(session: string): void;
  /** Test hook: called with the name of each step as it is reached. */
  reached?(step: MoveStepName, session: string): void | Promise<void>;
}

export type MoveStepName =
  | 'reserved' | 'copying' | 'copied' | 'departing' | 'departed' | 'committed' | 'confirmed'
  // At the source: the copy is noted and nothing sent yet; the departure is durable and not answered yet.
  | 'serving' | 'left';

/** Pause before a store that did not answer is asked again to give a reservation up; doubled each time. */
const FIRST_DROP_AGAIN_MS = 100;
/** A depart whose answer was lost is asked again: the same attempt gets the same answer. */
const DEPART_TRIES = 3;

export class Mover {
  /** Sessions this process is taking: one driver a session. */
  readonly #taking = new Set<string>();
  /** Those that their source may have let go, with the epoch they are to have here. */
  readonly #pausing = new Map<string, number>();

  constructor(private readonly options: MoverOptions) {}

  /** Takes a session from its holder. @returns the record as committed here */
  async take(token: SessionToken, course: Reserve['course']): Promise<SessionToken> {
    const { session } = token;
    if (this.#taking.has(session)) throw new Fault('MOVE_REFUSED', { reason: 'it is being moved here already' });
    this.#taking.add(session);
    try {
      return await this.#drive(token, course);
    } finally {
      this.#taking.delete(session);
      this.#pausing.delete(session);
      this.options.changes.announce(session);
    }
  }

  /** Resolves once no move under this epoch is in its pause here, and after a while in any case. */
  async pauseEnded(session: string, epoch: number): Promise<void> {
    const { changes, clock } = this.options;
    const untilMs = clock.now() + ASK_WAITS_MS;
    while (this.#pausing.get(session) === epoch && clock.now() < untilMs) await changes.next(session, ASK_WAITS_MS, new AbortController().signal);
  }

  async #drive(token: SessionToken, course: Reserve['course']): Promise<SessionToken> {
    const attempt = this.options.ids.uuid();
    await this.#reserve(token, attempt, course);
    let slot: Slot;
    try {
      const ticket = await this.#copy(token, attempt);
      const { passport, items } = await this.#depart(token, attempt, ticket);
      slot = await this.#commit(token, attempt, this.#stamped(passport, token.currentLocation, course === 're-home'), passport.home, items);
    } catch (error) {
      await this.#giveUp(token.session, attempt);
      throw error;
    }
    await this.#confirm(slot, token.currentLocation);
    return tokenOf(slot);
  }

  async #reserve(token: SessionToken, attempt: string, course: Reserve['course']): Promise<void> {
    const { store, clock, node } = this.options;
    const { session, currentLocation: from, proprietaryLocation: home, incarnation, epoch } = token;
    const way = course === 'onload' || course === 'migrate' ? await this.options.way(home) : [];
    const reply = await store.run({
      verb: 'reserve', session, function: token.function, home, incarnation,
      from, epoch: epoch + 1, attempt, deadlineMs: clock.now() + RESERVATION_MS, course, way,
    });
    if (reply.kind === 'reserved') return this.#reached('reserved', session);
    if (reply.kind === 'stale') throw new Fault('STALE_EPOCH', { epoch: reply.epoch });
    if (reply.kind === 'conflict') throw refusalOf(reply, session, incarnation);
    if (reply.kind === 'off-path') throw new Fault('NOT_ON_PATH', { node, home });
    throw new Fault('MOVE_REFUSED', { reason: reply.kind === 'busy' ? 'another move is under way' : `node ${node} holds it already` });
  }

  /** Bulk, and again what was written meanwhile, until little is left or the rounds are used up. @returns the ticket for the departure */
  async #copy(token: SessionToken, attempt: string): Promise<string | undefined> {
    const { peers, store } = this.options;
    const { session, incarnation, epoch, currentLocation: source } = token;
    const bulk = await peers.step(source, session, { step: 'copy', attempt, epoch: epoch + 1, incarnation });
    if (bulk.head.kind !== 'copying') throw refusalOf(bulk.head, session, incarnation);
    await this.#reached('copying', session);
    for await (const items of bulk.batches) await store.stage(session, attempt, items);
    let { ticket } = bulk.head;
    for (let round = 0; round < MAX_COPY_ROUNDS; round += 1) {
      const delta = await peers.step(source, session, { step: 'drain', attempt, ticket });
      if (delta.head.kind !== 'drained') throw new Fault('MOVE_REFUSED', { reason: 'another move of it was begun' });
      ticket = delta.head.ticket;
      for await (const items of delta.batches) await store.stage(session, attempt, items);
      if (delta.head.bytes <= SMALL_DELTA_BYTES) break;
    }
    await this.#reached('copied', session);
    return ticket;
  }

  async #depart(token: SessionToken, attempt: string, ticket: string | undefined): Promise<{ passport: Passport; items: Item[] }> {
    const { store, peers, node } = this.options;
    const { session, incarnation, epoch, currentLocation: source } = token;
    const noted = await store.run({ verb: 'departing', session, attempt });
    if (noted.kind !== 'ok') throw new Fault('MOVE_REFUSED', { reason: 'the reservation is gone' });
    this.#pausing.set(session, epoch + 1);
    await this.#reached('departing', session);
    for (let tries = 1; ; tries += 1) {
      try {
        const { head, items } = await peers.depart(source, session, { step: 'depart', attempt, epoch: epoch + 1, incarnation, to: node, ticket });
        if (head.kind !== 'departed') throw refusalOf(head, session, incarnation);
        // Another attempt's late copy took the notes over: what is staged may hold keys that are deleted by now.
        if (!head.delta) throw new Fault('MOVE_REFUSED', { reason: 'its copy was begun again by another move' });
        await this.#reached('departed', session);
        return { passport: head.passport, items };
      } catch (error) {
        if (!isUnanswered(error) || tries >= DEPART_TRIES) throw error;
      }
    }
  }

  async #commit(token: SessionToken, attempt: string, passport: Passport, oldHome: string, items: Item[]): Promise<Slot> {
    const { store, changes } = this.options;
    const { session, epoch } = token;
    const owed = this.#owedBy(passport, oldHome, epoch + 1);
    pass('arrived', session);
    const reply = await store.commit({ verb: 'commit', passport, epoch: epoch + 1, attempt, owed }, items);
    if (reply.kind !== 'committed') throw new Fault('MOVE_REFUSED', { reason: `the commit was refused (${reply.reason})` });
    pass('granting', session);
    this.#pausing.delete(session);
    changes.announce(session);
    await this.#reached('committed', session);
    this.options.owes(session);
    return reply.slot;
  }

  /** The passport as this residency goes on with it: who may point to the session now, and where its home is. */
  #stamped(passport: Passport, source: string, rehome: boolean): Passport {
    const { node, ancestors } = this.options;
    // The newest are last: they are the ones that may still need this node's word.
    const newest = [passport.home, ...(rehome ? ancestors() : []), source];
    const known = new Set([...passport.knownBy.filter((name) => !newest.includes(name)), ...newest]);
    known.delete(node);
    return { ...passport, home: rehome ? node : passport.home, knownBy: [...known].slice(-MAX_KNOWN_BY) };
  }

  /** Home is told of every residency elsewhere; of a re-home everybody is told who may point to the session. */
  #owedBy(passport: Passport, oldHome: string, epoch: number): Owed[] {
    const { node, ancestors } = this.options;
    if (oldHome === passport.home) return oldHome === node ? [] : [{ to: oldHome, kind: 'update', epoch }];
    const above = new Set(ancestors());
    return passport.knownBy.map((to) => ({ to, kind: above.has(to) ? 'claim' : 'update', epoch }));
  }

  /** The source may forget its copy. If this is lost, its own asking finds out. */
  async #confirm(slot: Slot, source: string): Promise<void> {
    const { peers, log } = this.options;
    try {
      await peers.update(source, tokenOf(slot));
      await this.#reached('confirmed', slot.session);
    } catch (error) {
      log.debug({ reason: reasonOf(error), source }, 'the source of a move was not told; it will ask');
    }
  }

  async #giveUp(session: string, attempt: string): Promise<void> {
    // A commit whose answer the store lost owes what it owes.
    this.options.owes(session);
    if (!(await this.#drop(session, attempt))) void this.#dropLater(session, attempt);
  }

  /** A reservation that stays holds requests until its deadline: the store is asked again before that. */
  async #dropLater(session: string, attempt: string): Promise<void> {
    const { clock } = this.options;
    const deadlineMs = clock.now() + RESERVATION_MS;
    for (let waitMs = FIRST_DROP_AGAIN_MS; clock.now() < deadlineMs; waitMs *= 2) {
      await pause(clock, waitMs);
      if (await this.#drop(session, attempt)) return;
    }
  }

  async #drop(session: string, attempt: string): Promise<boolean> {
    const { store, changes, log } = this.options;
    try {
      await store.run({ verb: 'drop', session, attempt });
      changes.announce(session);
      return true;
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'a reservation could not be given up yet');
      return false;
    }
  }

  async #reached(step: MoveStepName, session: string): Promise<void> {
    await this.options.reached?.(step, session);
  }
}

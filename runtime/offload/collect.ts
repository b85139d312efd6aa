/**
 * Ends what nobody asks for any more, so that home, holder and stubs agree: sessions past their time to live (or
 * idle for as long as the caller says), stubs that point to nothing or that nobody needs, tombstones after their time.
 */
import type { Clock } from '../base/clock.js';
import { reasonOf, type Log } from '../base/log.js';
import { MAX_COLLECTED, MAX_PAGE, STUB_CHECK_MS, TOMBSTONE_KEEP_MS } from '../model/limits.js';
import type { Slot } from '../model/record.js';
import { hasExpired, isLeased } from '../model/step/outcome.js';
import type { SessionStore } from '../store/store.js';
import type { Paths } from './path.js';
import type { Peers, TakeOrder } from './peers.js';

/** What counts as unused, beside what has outlived its own time. */
export interface Measure {
  /** Idle time in ms after which sessions without a time to live of their own end; missing: they do not. */
  idleMs?: number;
  /** The idle time rules over a session's own, and stubs are checked whatever their age. */
  forced: boolean;
}

export interface Collected {
  node: string;
  looked: number;
  /** Sessions that ended, stubs that were found to point to nothing, and rows that were forgotten. */
  ended: number;
  dangling: number;
  forgotten: number;
  /** In use, being moved, owing messages or effects: looked at again the next time. */
  busy: number;
  /** Another node had to be asked and did not answer. */
  unanswered: number;
  /** Pass as `after` to go on. */
  next?: string;
}

export interface CollectorOptions {
  node: string;
  store: SessionStore;
  peers: Peers;
  paths: Paths;
  clock: Clock;
  log: Log;
  /** Ends a session homed and held here in its turn. Throws EFFECTS_WAITING; says whether it ended. */
  end(session: string, idleMs: number | undefined): Promise<boolean>;
  /** Forgets a tombstone in its turn. */
  bury(session: string): Promise<boolean>;
  /** Brings a session home to end. */
  bringHome(order: TakeOrder): Promise<unknown>;
}

type Outcome = 'kept' | 'ended' | 'dangling' | 'forgotten' | 'busy' | 'unanswered';

export class Collector {
  constructor(private readonly options: CollectorOptions) {}

  async collect(measure: Measure, after?: string): Promise<Collected> {
    const { node, store } = this.options;
    const counts: Collected = { node, looked: 0, ended: 0, dangling: 0, forgotten: 0, busy: 0, unanswered: 0 };
    for (let next = after; ;) {
      const page = await store.page(next, MAX_PAGE);
      for (const slot of page.slots) {
        const outcome = await this.settle(slot, measure);
        if (outcome !== 'kept') counts[outcome] += 1;
      }
      counts.looked += page.slots.length;
      next = page.next;
      if (next === undefined) return counts;
      if (counts.looked >= MAX_COLLECTED) return { ...counts, next };
    }
  }

  /** One row; fails for nobody. */
  async settle(slot: Slot, measure: Measure): Promise<Outcome> {
    try {
      return await this.#settle(slot, measure);
    } catch (error) {
      this.options.log.debug({ reason: reasonOf(error) }, 'a session could not be collected yet');
      return 'unanswered';
    }
  }

  async #settle(slot: Slot, measure: Measure): Promise<Outcome> {
    const { node, clock, bury } = this.options;
    const nowMs = clock.now();
    if (slot.arriving || slot.owed.length > 0 || slot.state === 'leaving') return 'busy';
    if (slot.state === 'tombstone') return nowMs - slot.lastAccessAtMs > TOMBSTONE_KEEP_MS && await bury(slot.session) ? 'forgotten' : 'kept';
    if (slot.state === 'resident') {
      if (!this.isUnused(slot, measure)) return 'kept';
      if (isLeased(slot, { node, nowMs })) return 'busy';
      return slot.home === node ? this.#end(slot, measure) : this.options.peers.collect(slot.home, slot.session, node, measure);
    }
    if (slot.home === node) return this.#endAway(slot, measure);
    return measure.forced || nowMs - slot.lastAccessAtMs > STUB_CHECK_MS ? this.checkStub(slot, measure.forced) : 'kept';
  }

  isUnused(slot: Slot, { idleMs, forced }: Measure): boolean {
    const { node, clock } = this.options;
    const nowMs = clock.now();
    const isIdle = idleMs !== undefined && nowMs - slot.lastAccessAtMs >= idleMs;
    return hasExpired(slot, { node, nowMs }) || (isIdle && (forced || slot.ttlMs === 0));
  }

  async #end(slot: Slot, { idleMs }: Measure): Promise<Outcome> {
    return await this.options.end(slot.session, idleMs) ? 'ended' : 'busy';
  }

  /** Homed here and held elsewhere: the holder's record says whether it is unused; it comes home to end (rule 12). */
  async #endAway(stub: Slot, measure: Measure): Promise<Outcome> {
    const held = await this.options.peers.slot(stub.current, stub.session);
    if (held?.state !== 'resident' || held.incarnation !== stub.incarnation || !this.isUnused(held, measure)) return 'kept';
    return this.endFrom(stub.session, stub.current, measure);
  }

  /** Takes an unused session from its holder and ends it here, at its home. */
  async endFrom(session: string, holder: string, measure: Measure): Promise<Outcome> {
    await this.options.bringHome({ session, from: holder, rehome: false });
    const slot = await this.options.store.slot(session);
    if (slot?.state !== 'resident' || !this.isUnused(slot, measure)) return 'kept';
    return this.#end(slot, measure);
  }

  /** A stub elsewhere than at home: whether what it points to still lives, and whether anybody needs its word. */
  async checkStub(stub: Slot, forced = false): Promise<Outcome> {
    const { node, store, peers, paths } = this.options;
    const { session, home, current, incarnation, epoch } = stub;
    const isLife = (slot: Slot | undefined) => slot !== undefined
      && (slot.arriving !== undefined || (slot.incarnation === incarnation && slot.state !== 'absent' && slot.state !== 'tombstone'));
    if (!isLife(await peers.slot(home, session))) {
      if (current !== home && current !== node && isLife(await peers.slot(current, session))) return 'kept';
      const reply = await store.run({ verb: 'gone', session, epoch, incarnation });
      return reply.kind === 'gone' ? 'dangling' : 'kept';
    }
    // Who is on the path is asked of the path itself: a child that has not announced itself yet is no proof.
    if ((await paths.from(home)).some(({ name }) => name === node)) return 'kept';
    // A source that still waits for this node's word on a move must find it.
    for (const name of stub.knownBy) {
      const record = name === node ? undefined : await peers.slot(name, session);
      if (record?.leaving?.to === node) return 'kept';
    }
    // An ancestor that was not told of a re-home takes this node for the home still: who is sent here would bring the life back to life.
    for (const { name } of await paths.from(node)) {
      const record = name === node ? undefined : await peers.slot(name, session);
      if (record?.home === node && record.incarnation === incarnation) return 'kept';
    }
    const reply = await store.run({ verb: 'expire', session, forced: false, owed: [], vouched: epoch, keepMs: forced ? -1 : STUB_CHECK_MS });
    return reply.kind === 'forgotten' ? 'forgotten' : 'kept';
  }
}

/**
 * Pays what sessions owe: updates to homes, registrations with ancestors, news of an end. What is
 * owed stands in the session's record, so a restart finds it; here is only who is being paid now.
 * Every creditor has a lane of its own: one that is away for hours holds up nobody else's.
 */
import { pause, type Clock } from '../base/clock.js';
import { reasonOf, type Log } from '../base/log.js';
import { Fault } from '../model/faults.js';
import type { Owed, Slot } from '../model/record.js';
import type { Directory } from '../base/directory.js';
import type { SessionStore } from '../store/store.js';
import type { Conflicts } from './conflicts.js';
import { UNMET } from './locate.js';
import { isUnanswered, type Peers } from './peers.js';
import { tokenOf } from './token.js';

export interface DebtsOptions {
  store: SessionStore;
  peers: Peers;
  directory: Directory;
  conflicts: Conflicts;
  clock: Clock;
  log: Log;
}

const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 10_000;
/** Sessions that wait to be looked at, or for one creditor; more wait in their records, where the sweep finds them. */
const MAX_WAITING = 16_384;
/** Calls to one creditor at once. */
const PAID_AT_ONCE = 16;

interface Lane {
  waiting: Set<string>;
  running: number;
  /** Pause after the last failure; 0 while the creditor answers. */
  retryMs: number;
}

export class Debts {
  readonly #lanes = new Map<string, Lane>();
  /** Sessions whose records are being read. */
  readonly #reading = new Set<string>();
  #closed = false;

  constructor(private readonly options: DebtsOptions) {}

  /** Starts paying what the session owes, unless that is under way. */
  owes(session: string): void {
    if (this.#closed || this.#reading.has(session) || this.#reading.size >= MAX_WAITING) return;
    this.#reading.add(session);
    void this.options.store.slot(session)
      .then((slot) => {
        for (const { to } of slot?.owed ?? []) this.#enqueue(to, session);
      })
      .catch((error: unknown) => this.options.log.debug({ reason: reasonOf(error) }, 'what a session owes could not be read; the sweep reads it again'))
      .finally(() => this.#reading.delete(session));
  }

  close(): void {
    this.#closed = true;
  }

  #enqueue(to: string, session: string): void {
    const lane = this.#lanes.get(to) ?? { waiting: new Set(), running: 0, retryMs: 0 };
    this.#lanes.set(to, lane);
    if (lane.waiting.size < MAX_WAITING) lane.waiting.add(session);
    // A creditor that did not answer is tried with one debt at a time, by the runner that waits for it.
    if (lane.running < (lane.retryMs === 0 ? PAID_AT_ONCE : 1)) void this.#run(to, lane);
  }

  async #run(to: string, lane: Lane): Promise<void> {
    lane.running += 1;
    for (let [session] = lane.waiting; session !== undefined && !this.#closed; [session] = lane.waiting) {
      lane.waiting.delete(session);
      if (await this.#payAll(to, session)) {
        lane.retryMs = 0;
        continue;
      }
      lane.waiting.add(session);
      if (lane.retryMs > 0 && lane.running > 1) break;
      lane.retryMs = Math.min(Math.max(lane.retryMs * 2, FIRST_RETRY_MS), MAX_RETRY_MS);
      await pause(this.options.clock, lane.retryMs);
    }
    lane.running -= 1;
    if (lane.running === 0 && lane.waiting.size === 0) this.#lanes.delete(to);
  }

  /** Tries everything that the session owes to one creditor. @returns false when the creditor or the store did not answer */
  async #payAll(to: string, session: string): Promise<boolean> {
    const { store, log } = this.options;
    try {
      const slot = await store.slot(session);
      for (const row of slot?.owed ?? []) {
        if (row.to !== to) continue;
        await this.#tell(slot!, row);
        await store.run({ verb: 'paid', session, owed: row });
      }
      return true;
    } catch (error) {
      log.debug({ to, reason: reasonOf(error) }, 'a debt could not be paid yet');
      // Refused is not unanswered: the next in the lane may fare better, and the sweep brings this one back.
      return !isUnanswered(error) && !(error as Fault).retryable;
    }
  }

  async #tell(slot: Slot, { to, kind, epoch, incarnation: ended }: Owed): Promise<void> {
    const { peers } = this.options;
    const { session, home, incarnation } = slot;
    switch (kind) {
      case 'update':
        await this.#settled(slot, to, () => peers.update(to, tokenOf(slot)));
        return;
      case 'claim':
        for (const creditor of this.#creditors(to)) {
          const answer = await peers.claimHere(creditor, { session, function: slot.function, home, epoch: slot.epoch, incarnation, write: true });
          if (answer.kind === 'known' && answer.incarnation !== incarnation) this.options.conflicts.add(session, incarnation, answer.incarnation, answer.home);
        }
        return;
      case 'gone':
        await peers.gone(to, session, epoch, ended ?? incarnation);
    }
  }

  #creditors(to: string): string[] {
    if (to !== UNMET) return [to];
    const names = this.options.directory.ancestors().map(({ name }) => name);
    if (names.length === 0) throw new Fault('PEER_UNREACHABLE', { node: 'parent', url: 'unknown', reason: 'it has never been reached' });
    return names;
  }

  /** A conflict is told to the operator once and is not retried for ever (rule 13). */
  async #settled(slot: Slot, to: string, tell: () => Promise<{ kind: string; incarnation?: string }>): Promise<void> {
    try {
      const reply = await tell();
      if (reply.kind === 'conflict') this.options.conflicts.add(slot.session, slot.incarnation, reply.incarnation ?? '', to);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'SESSION_CONFLICT') throw error;
      this.options.conflicts.add(slot.session, slot.incarnation, String(error.details.mine ?? ''), to);
    }
  }
}

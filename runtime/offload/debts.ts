/**
 * Pays what sessions owe: updates to homes, registrations with ancestors, news of an end. What is
 * owed stands in the session's record, so a restart finds it; here is only who is being paid now.
 */
import { pause, type Clock } from '../base/clock.js';
import { reasonOf, type Log } from '../base/log.js';
import { Fault } from '../model/faults.js';
import type { Owed, Slot } from '../model/record.js';
import type { SessionStore } from '../store/store.js';
import type { Conflicts } from './conflicts.js';
import type { Peers } from './peers.js';
import { tokenOf } from './token.js';

export interface DebtsOptions {
  store: SessionStore;
  peers: Peers;
  conflicts: Conflicts;
  clock: Clock;
  log: Log;
}

const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 10_000;
/** Sessions paid for at once; more wait in the record, where the sweep finds them. */
const MAX_PAYING = 4_096;

export class Debts {
  readonly #paying = new Set<string>();
  #closed = false;

  constructor(private readonly options: DebtsOptions) {}

  /** Starts paying what the session owes, unless that is under way. */
  owes(session: string): void {
    if (this.#closed || this.#paying.has(session) || this.#paying.size >= MAX_PAYING) return;
    this.#paying.add(session);
    void this.#payAll(session)
      .catch((error: unknown) => this.options.log.error({ err: error }, 'paying what a session owes failed'))
      .finally(() => this.#paying.delete(session));
  }

  close(): void {
    this.#closed = true;
  }

  async #payAll(session: string): Promise<void> {
    for (let waitMs = FIRST_RETRY_MS; !this.#closed; waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
      if (await this.payOnce(session)) return;
      await pause(this.options.clock, waitMs);
    }
  }

  /** Tries every debt of the session once. @returns true when nothing is owed any more */
  async payOnce(session: string): Promise<boolean> {
    const slot = await this.options.store.slot(session).catch(() => null);
    if (slot === null) return false;
    if (!slot || slot.owed.length === 0) return true;
    const results = await Promise.all(slot.owed.map((row) => this.#pay(slot, row)));
    return results.every(Boolean);
  }

  async #pay(slot: Slot, row: Owed): Promise<boolean> {
    const { store, log } = this.options;
    try {
      await this.#tell(slot, row);
      await store.run({ verb: 'paid', session: slot.session, owed: row });
      return true;
    } catch (error) {
      log.debug({ to: row.to, kind: row.kind, reason: reasonOf(error) }, 'a debt could not be paid yet');
      return false;
    }
  }

  async #tell(slot: Slot, { to, kind, epoch, incarnation: ended }: Owed): Promise<void> {
    const { peers } = this.options;
    const { session, home, incarnation } = slot;
    switch (kind) {
      case 'update':
        await this.#settled(slot, to, () => peers.update(to, tokenOf(slot)));
        return;
      case 'claim': {
        const answer = await peers.claimHere(to, { session, function: slot.function, home, epoch: slot.epoch, incarnation, write: true });
        if (answer.kind === 'known' && answer.incarnation !== incarnation) this.options.conflicts.add(session, incarnation, answer.incarnation, answer.home);
        return;
      }
      case 'gone':
        await peers.gone(to, session, epoch, ended ?? incarnation);
    }
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

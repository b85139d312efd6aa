/**
 * What an operator may do to one session at one node, whatever its state. Each verb is refused where it would
 * break an invariant, changes nothing then, and is written to the node's log with whoever asked and what came of it.
 */
import type { Caller } from '../base/reply.js';
import type { Ids } from '../base/ids.js';
import { hashOfSession, type Log, reasonOf } from '../base/log.js';
import type { Directory } from '../base/directory.js';
import { Fault } from '../model/faults.js';
import { MAX_UNDELIVERED_EFFECTS, PAUSE_MS, TOMBSTONE_KEEP_MS } from '../model/limits.js';
import type { Owed, Slot } from '../model/record.js';
import type { Changes } from '../session/changes.js';
import type { Leave, WaitingLine } from '../session/line.js';
import { isPaused, OPERATOR } from '../session/pause.js';
import type { SessionStore } from '../store/store.js';
import type { Archive } from './archive.js';
import type { Conflicts } from './conflicts.js';
import type { DeadLetters } from './dead-letters.js';
import type { Debts } from './debts.js';
import type { Effects } from './effects.js';
import type { Peers } from './peers.js';
import type { Source } from './source.js';

export interface OperatorOptions {
  node: string;
  store: SessionStore;
  peers: Peers;
  directory: Directory;
  line: WaitingLine;
  changes: Changes;
  ids: Ids;
  log: Log;
  archive: Archive;
  source: Source;
  debts: Debts;
  effects: Effects;
  conflicts: Conflicts;
  deadLetters: DeadLetters;
  /** Moves it to a named node, wherever it is. */
  migrate(session: string, to: string, rehome: boolean): Promise<object>;
}

/** What came of it, in a word. */
export type Result = { session: string; node: string; result: string } & Record<string, unknown>;

const refused = (reason: string) => new Fault('OPERATION_REFUSED', { reason });

export class Operator {
  constructor(private readonly options: OperatorOptions) {}

  /** Everything this node knows of the session, and which verbs would do something about it. */
  async inspect(session: string): Promise<object> {
    const { node, store, conflicts, deadLetters, line } = this.options;
    const slot = await store.slot(session);
    const concerns = (each: { session: string }) => each.session === session;
    const found = { conflicts: conflicts.list().filter(concerns), deadLetters: deadLetters.list().filter(concerns).length };
    if (!slot) return { session, node, state: 'absent', ...found, may: [] };
    const undelivered = (await store.effects(session, MAX_UNDELIVERED_EFFECTS)).length;
    const isHere = slot.state === 'resident' || slot.state === 'leaving';
    const { bytes } = slot;
    return { node, paused: isPaused(slot), ...slot, ...(isHere && { undelivered, bytes }), ...found, may: verbsFor(slot, line.isTaken(session)) };
  }

  /** From the answer on nobody writes to the session, until it is resumed; the request that has it ends first. */
  pause(session: string, by: Caller): Promise<Result> {
    return this.#audited('pause', session, by, () => this.#inTurn(session, async () => {
      const { store, ids, changes } = this.options;
      const slot = await this.#known(session);
      const reply = await store.acquire({
        verb: 'acquire', session, function: slot.function, leaseId: ids.uuid(), owner: OPERATOR, boot: OPERATOR, leaseMs: PAUSE_MS,
      });
      changes.announce(session);
      switch (reply.kind) {
        case 'granted': return 'paused';
        case 'busy':
          if (isPaused(await this.#known(session))) return 'paused already';
          throw refused('a request of another process has it; force-release takes it away');
        case 'moved': throw refused(`it is at node ${reply.to}`);
        case 'hold': throw refused('it is being moved; cancel-move ends that');
        case 'expired': throw refused('its time to live has passed');
        default: throw new Fault('SESSION_UNKNOWN', { node: this.options.node, session });
      }
    }));
  }

  resume(session: string, by: Caller): Promise<Result> {
    return this.#audited('resume', session, by, async () => {
      const slot = await this.#known(session);
      if (!isPaused(slot)) throw refused('it is not paused');
      await this.#giveBack(slot);
      return 'resumed';
    });
  }

  /**
   * Ends the hold of a request that does not end it: what it commits under its lease from now on is refused, and the next in
   * line goes on. A request that runs without a lease commits only if nobody has written meanwhile.
   */
  forceRelease(session: string, by: Caller): Promise<Result> {
    return this.#audited('force-release', session, by, async () => {
      const { node, line } = this.options;
      const slot = await this.#known(session);
      if (isPaused(slot)) throw refused('an operator has paused it; resume gives it back');
      if (slot.state !== 'resident' || !(slot.lease || line.isTaken(session))) throw refused('no request holds it');
      if (slot.lease) await this.#giveBack(slot);
      // Of a request in another process only the lease is known here; who has the turn in this one waits for it as all others do.
      if (slot.lease === undefined || slot.lease.owner === node) line.oust(session);
      return 'released';
    });
  }

  /** A reservation here is given up, so that its commit is refused; a departure is asked about, and taken back only once the target has fenced it. */
  cancelMove(session: string, by: Caller): Promise<Result> {
    return this.#audited('cancel-move', session, by, async () => {
      const { store, changes, source } = this.options;
      const slot = await this.#known(session);
      if (slot.arriving) {
        const reply = await store.run({ verb: 'drop', session, attempt: slot.arriving.attempt });
        changes.announce(session);
        if (reply.kind !== 'dropped') throw refused('the move has just ended');
        return 'given up';
      }
      if (slot.state !== 'leaving') throw refused(slot.copying ? 'it is only being copied: cancel the move at the node that takes it' : 'it is not being moved');
      await source.settle(session);
      const after = await store.slot(session);
      if (after?.state !== 'resident') throw refused(`node ${slot.leaving!.to} has taken it already`);
      return 'taken back';
    });
  }

  migrate(session: string, to: string, rehome: boolean, by: Caller): Promise<object> {
    return this.#audited(rehome ? 're-home' : 'migrate', session, by, () => this.options.migrate(session, to, rehome));
  }

  // ── Two lives of one id ──────────────────────────────────────────────────────────────────────

  /** Puts the life that was not chosen into an archive file, and ends it here. Asked again it does nothing more. */
  discard(session: string, incarnation: string, by: Caller): Promise<Result> {
    return this.#audited('discard', session, by, () => this.#inTurn(session, async () => {
      const { store, archive, changes, debts, node, directory } = this.options;
      for (;;) {
        const slot = await this.#known(session, true);
        if (slot.state === 'tombstone' && slot.incarnation === incarnation) return { result: 'discarded already' };
        if (slot.incarnation !== incarnation) throw refused(`node ${node} has the incarnation ${slot.incarnation}`);
        if (isPaused(slot)) throw new Fault('SESSION_PAUSED');
        if (slot.state !== 'resident' || slot.arriving) throw refused('it is being moved, or is elsewhere');
        const file = await archive.keep(slot, store);
        if (slot.lease?.owner === node) await this.#giveBack(slot);
        // A container that shares the store may have written meanwhile.
        if ((await store.slot(session))?.version !== slot.version) continue;
        const told = new Set([...slot.knownBy, slot.home, ...directory.ancestors().map(({ name }) => name)]);
        told.delete(node);
        const owed = [...told].map((to): Owed => ({ to, kind: 'gone', epoch: 0 }));
        const reply = await store.run({ verb: 'expire', session, forced: false, discards: incarnation, owed, keepMs: TOMBSTONE_KEEP_MS });
        changes.announce(session);
        if (reply.kind !== 'expired') throw refused(reply.kind === 'refused' ? reasonInWords(reply.reason) : reply.kind);
        debts.owes(session);
        return { result: 'discarded', archive: file };
      }
    }));
  }

  /** This node is the home of the life that was chosen: every ancestor is to know it so. What cannot be told now is told by the sweep. */
  keep(session: string, incarnation: string, by: Caller): Promise<Result> {
    return this.#audited('keep', session, by, async () => {
      const { node, conflicts } = this.options;
      const slot = await this.#known(session);
      if (slot.incarnation !== incarnation) throw refused(`node ${node} has the incarnation ${slot.incarnation}`);
      if (slot.home !== node) throw refused(`its home is node ${slot.home}`);
      await conflicts.keep(session, incarnation);
      const pending = await this.claimAgain(session);
      return { result: pending.length === 0 ? 'kept' : 'kept; ancestors are still to be told', pending };
    });
  }

  /** Registers a session homed here with all ancestors once more. @returns those that have not taken it yet */
  async claimAgain(session: string): Promise<string[]> {
    const { node, store, peers, directory, conflicts } = this.options;
    const slot = await store.slot(session);
    if (!slot || slot.state === 'tombstone' || slot.home !== node) {
      await conflicts.forget(session);
      return [];
    }
    const { function: creator, home, epoch, incarnation } = slot;
    const pending: string[] = [];
    for (const { name } of directory.ancestors()) {
      const answer = await peers.claimHere(name, { session, function: creator, home, epoch, incarnation, write: true }).catch(() => undefined);
      const isTaken = answer?.kind === 'claimed' || (answer?.kind === 'known' && answer.incarnation === incarnation);
      if (!isTaken) pending.push(name);
    }
    if (pending.length === 0) await conflicts.forget(session);
    return pending;
  }

  /** Goes on with what an operator has chosen. */
  async sweep(): Promise<void> {
    for (const { session, keeping } of this.options.conflicts.list()) if (keeping) await this.claimAgain(session);
  }

  settled(session: string, by: Caller): Promise<Result> {
    return this.#audited('conflict settled', session, by, async () => {
      const kept = this.options.conflicts.list().some((found) => found.session === session && found.keeping);
      if (!kept) await this.options.conflicts.forget(session);
      return kept ? 'still telling ancestors' : 'forgotten';
    });
  }

  // ── Dead letters ─────────────────────────────────────────────────────────────────────────────

  retryLetter(name: string, by: Caller): Promise<Result> {
    const letter = this.#letter(name);
    return this.#audited('dead-letter retry', letter.session, by, async () => {
      await this.options.effects.again(letter);
      return 'delivered';
    });
  }

  dropLetter(name: string, by: Caller): Promise<Result> {
    const letter = this.#letter(name);
    return this.#audited('dead-letter drop', letter.session, by, async () => {
      await this.options.deadLetters.remove(letter.letter);
      return 'dropped';
    });
  }

  #letter(name: string) {
    const letter = this.options.deadLetters.get(name);
    if (!letter) throw new Fault('NOT_FOUND', { path: `the dead letter ${name}` });
    return letter;
  }

  async #known(session: string, withTombstone = false): Promise<Slot> {
    const { node, store } = this.options;
    const slot = await store.slot(session);
    if (!slot || (slot.state === 'tombstone' && !slot.arriving && !withTombstone)) throw new Fault('SESSION_UNKNOWN', { node, session });
    return slot;
  }

  async #giveBack({ session, lease }: Slot): Promise<void> {
    const { store, changes } = this.options;
    const reply = await store.run({ verb: 'abandon', session, leaseId: lease!.id });
    changes.announce(session);
    if (reply.kind !== 'abandoned') throw refused('it has changed hands just now; look again');
  }

  async #inTurn<T>(session: string, work: () => Promise<T>): Promise<T> {
    const leave: Leave = await this.options.line.enter(session, undefined, 'first');
    try {
      return await work();
    } finally {
      leave();
    }
  }

  async #audited<T extends string | object>(verb: string, session: string, by: Caller, work: () => Promise<T>): Promise<Result> {
    const { node, log } = this.options;
    const who = typeof by === 'string' ? by : `node ${by.peer}`;
    const note = (result: string) => log.warn({ audit: verb, who, session: hashOfSession(session), result }, 'an operator asked for this');
    try {
      const done = await work();
      const more: { result?: unknown } = typeof done === 'string' ? { result: done } : done;
      const result = String(more.result ?? 'done');
      note(result);
      return { session, node, ...more, result };
    } catch (error) {
      note(`refused: ${reasonOf(error)}`);
      throw error;
    }
  }
}

function verbsFor(slot: Slot, isInHand: boolean): string[] {
  if (slot.arriving || slot.state === 'leaving') return ['cancel-move'];
  if (slot.state !== 'resident') return [];
  if (isPaused(slot)) return ['resume'];
  return slot.lease || isInHand ? ['pause', 'force-release'] : ['pause'];
}

function reasonInWords(reason: string): string {
  return { busy: 'a request has it', owed: 'it still owes messages to other nodes; try again in a moment' }[reason] ?? reason;
}

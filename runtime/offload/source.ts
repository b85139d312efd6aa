/**
 * The source's side of a move: it streams while it serves, departs when asked, and then holds the
 * session until it knows what became of it. Nothing here decides; the target's commit does.
 */
import { pause, type Clock } from '../base/clock.js';
import type { Ids } from '../base/ids.js';
import { reasonOf, type Log } from '../base/log.js';
import { pass } from '../base/milestones.js';
import { Fault } from '../model/faults.js';
import { ASK_AFTER_MS, COPY_BATCH_BYTES, MAX_COPIES, MAX_WAIT_MS } from '../model/limits.js';
import type { Leaving } from '../model/record.js';
import type { AskReply, DepartReply } from '../model/verbs.js';
import type { Changes } from '../session/changes.js';
import type { Leave, WaitingLine } from '../session/line.js';
import type { Item, ItemName, SessionStore } from '../store/store.js';
import type { MoverOptions } from './move.js';
import type { MoveStep, Peers } from './peers.js';
import { encodeStream, encodeWhole } from './stream.js';

export interface SourceOptions {
  node: string;
  store: SessionStore;
  peers: Peers;
  line: WaitingLine;
  changes: Changes;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Test hook, as the mover's. */
  reached?: MoverOptions['reached'];
}

const ASK_EVERY_MS = 500;
const LEASED_POLL_MS = 50;
const MAX_ASK_EVERY_MS = 5_000;

export class Source {
  /** Sessions for which this process asks what became of their departure. */
  readonly #asking = new Set<string>();
  /**
   * Ticket for the next step of each attempt whose copy began in this process. A drain takes notes away, and so may a copy: what
   * comes twice, or from before a restart, must do neither.
   */
  readonly #tickets = new Map<string, string>();
  #closed = false;

  constructor(private readonly options: SourceOptions) {}

  /** Answers one step of a move: a head with the verb's reply, then the items. Bulk comes as a stream, what ends the pause in one piece. */
  async step(session: string, step: MoveStep): Promise<{ stream: AsyncIterable<Buffer> } | { bytes: Buffer }> {
    switch (step.step) {
      case 'copy': return { stream: await this.#copy(session, step) };
      case 'drain': return { stream: await this.#drain(session, step) };
      case 'depart': {
        const { items = [], ...head } = await this.depart(session, step);
        return { bytes: encodeWhole(head, items) };
      }
    }
  }

  /** Departs in the session's line, so that no handler is cut short; then watches over the outcome. */
  async depart(session: string, step: MoveStep & { step: 'depart' }): Promise<DepartReply & { items?: Item[] }> {
    const { store, line, changes, clock } = this.options;
    const { to, epoch, attempt, incarnation } = step;
    const depart = () => store.depart({ verb: 'depart', session, to, epoch, attempt, incarnation });
    // Asked again, it needs no turn: the request that has it may be waiting for this very move to end.
    const isAgain = (await store.slot(session))?.state === 'leaving';
    if (!isAgain && !this.#isInStep(step)) throw outOfStep();
    const leave = isAgain ? () => undefined : await line.enter(session, undefined, 'first');
    pass('stopped', session);
    let isGone = false;
    try {
      let reply = await depart();
      if (reply.kind === 'leased' && (await this.#endLease(session))) reply = await depart();
      // Another process on the same store, the container of a function, is in the middle of a request.
      for (const untilMs = clock.now() + MAX_WAIT_MS; reply.kind === 'leased' && clock.now() < untilMs;) {
        await pause(clock, LEASED_POLL_MS);
        reply = await depart();
      }
      if (reply.kind === 'departed') {
        pass('left', session);
        isGone = true;
        await this.options.reached?.('left', session);
      }
      return reply;
    } catch (error) {
      // The store may have done it all the same.
      this.watch(session);
      throw error;
    } finally {
      changes.announce(session);
      // Whoever is next can only be held too, and the target is waited for: its answer goes first.
      if (isGone) setImmediate(() => this.#stayBehind(session, leave));
      else leave();
    }
  }

  #stayBehind(session: string, leave: Leave): void {
    leave();
    this.watch(session);
  }

  /** In the session's turn nobody in this process holds it: a lease of this node is left over from a former life or a lost answer. */
  async #endLease(session: string): Promise<boolean> {
    const { store, node } = this.options;
    const lease = (await store.slot(session))?.lease;
    if (lease?.owner !== node) return false;
    await store.run({ verb: 'abandon', session, leaseId: lease.id });
    return true;
  }

  /** Asks the target, from a while after the departure on, until the session is a stub or resident again. */
  watch(session: string): void {
    if (this.#asking.has(session) || this.#closed) return;
    this.#asking.add(session);
    void this.#askUntilKnown(session)
      .catch((error: unknown) => this.options.log.error({ err: error }, 'asking for a departed session failed'))
      .finally(() => this.#asking.delete(session));
  }

  close(): void {
    this.#closed = true;
  }

  async #askUntilKnown(session: string): Promise<void> {
    const { clock, log } = this.options;
    let waitMs = ASK_AFTER_MS;
    while (!this.#closed) {
      await pause(clock, waitMs);
      try {
        if (await this.settle(session)) return;
      } catch (error) {
        log.debug({ reason: reasonOf(error) }, 'the target of a departed session does not answer yet');
      }
      waitMs = Math.min(Math.max(waitMs, ASK_EVERY_MS) * 1.5, MAX_ASK_EVERY_MS);
    }
  }

  /** One try to learn what became of a departure; true when nothing is open any more. */
  async settle(session: string): Promise<boolean> {
    const { store, peers } = this.options;
    const slot = await store.slot(session);
    if (slot?.state !== 'leaving' || !slot.leaving) return true;
    const { leaving } = slot;
    const reply = await peers.ask(leaving.to, session, leaving.epoch, slot);
    return this.#apply(session, slot.function, leaving, reply);
  }

  async #apply(session: string, creator: string, leaving: Leaving, reply: AskReply): Promise<boolean> {
    const { store, changes } = this.options;
    const settled = reply.kind === 'committed'
      ? await store.run({ verb: 'learn', session, function: creator, home: reply.home, current: reply.current, epoch: reply.epoch, incarnation: reply.incarnation })
      : await store.run({ verb: 'abort', session, epoch: leaving.epoch, attempt: leaving.attempt, fence: { by: reply.by, epoch: reply.epoch } });
    changes.announce(session);
    // A word that did not fit the departure decides nothing: the target is asked again.
    return settled.kind !== 'refused';
  }

  #nextTicket(attempt: string): string {
    const ticket = this.options.ids.uuid();
    this.#tickets.set(attempt, ticket);
    return ticket;
  }

  /** Whether the target has had all that was answered; a caller that copies nothing has no ticket. */
  #isInStep({ attempt, ticket }: { attempt: string; ticket?: string }): boolean {
    return ticket === undefined || this.#tickets.get(attempt) === ticket;
  }

  async #copy(session: string, { attempt, epoch, incarnation }: MoveStep & { step: 'copy' }): Promise<AsyncIterable<Buffer>> {
    const { store } = this.options;
    if (this.#tickets.has(attempt)) throw outOfStep();
    const ticket = this.#nextTicket(attempt);
    const [oldest] = this.#tickets.keys();
    if (this.#tickets.size > MAX_COPIES) this.#tickets.delete(oldest!);
    const reply = await store.run({ verb: 'copy', session, attempt, epoch, incarnation });
    if (reply.kind !== 'copying') return encodeStream(reply, []);
    await this.options.reached?.('serving', session);
    return encodeStream({ ...reply, ticket }, itemBatches(store, session, await store.inventory(session)));
  }

  async #drain(session: string, step: MoveStep & { step: 'drain' }): Promise<AsyncIterable<Buffer>> {
    const { store } = this.options;
    const { attempt } = step;
    if (!this.#isInStep(step)) throw outOfStep();
    const ticket = this.#nextTicket(attempt);
    const names = await store.drain(session, attempt);
    if (!names) return encodeStream({ kind: 'refused' }, []);
    return encodeStream({ kind: 'drained', bytes: sizeOf(names), ticket }, itemBatches(store, session, names));
  }
}

function outOfStep(): Fault {
  return new Fault('MOVE_REFUSED', { reason: 'its copy was asked for twice, or was begun before a restart' });
}

/** Reads a few items at a time, so that a large session never stands whole in memory. */
export async function* itemBatches(store: SessionStore, session: string, names: ItemName[]): AsyncGenerator<Item[]> {
  let batch: ItemName[] = [];
  let bytes = 0;
  for (const name of names) {
    batch.push(name);
    bytes += name.bytes;
    if (bytes < COPY_BATCH_BYTES) continue;
    yield await store.items(session, batch);
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield await store.items(session, batch);
}

function sizeOf(names: ItemName[]): number {
  return names.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The reply of a refused step as the fault its caller gets. */
export function refusalOf(reply: { kind: string; reason?: string; incarnation?: string }, session: string, mine: string): Fault {
  if (reply.kind === 'conflict') return new Fault('SESSION_CONFLICT', { session, mine, theirs: reply.incarnation ?? '' });
  return new Fault('MOVE_REFUSED', { reason: reply.reason ?? reply.kind });
}

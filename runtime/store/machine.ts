/**
 * The session store over any engine of rows: each method is one transaction, each verb one call of
 * the step function. The memory and the embedded store are this class; nothing of the protocol is
 * written anywhere else.
 */
import { Fault } from '../model/faults.js';
import { ALL_GUARDS, type Guards } from '../model/guards.js';
import { MAX_PAGE, SMALL_SESSION_BYTES } from '../model/limits.js';
import type { Slot } from '../model/record.js';
import { createStep, sessionOf, type StepFunction } from '../model/step/step.js';
import type {
  Acquire, Command, Commit, CommitReply, Depart, DepartReply, Here, Release, ReleaseReply, Replies,
} from '../model/verbs.js';
import type { Held } from './codec.js';
import { Holding, isHolder, liveView, loadHeld, notedNames } from './holding.js';
import { bytesOf, SLOTS, textOf, UNFINISHED, type Backend, type ReadRows } from './rows.js';
import type { SpaceView } from './space.js';
import {
  requestKey, type Acquired, type AcquireOptions, type Commitment, type Effect, type Item, type ItemName, type Loaded, type Page,
  type SessionStore, type Snapshot, type StoredReply,
} from './store.js';

export interface MachineOptions {
  /** Name of the node whose store this is. */
  node: string;
  /** The time a command is judged by, in ms since the epoch. */
  clock: { now(): number };
  /** Only tests switch a guard off. */
  guards?: Guards;
}

export class MachineStore implements SessionStore {
  readonly #step: StepFunction;

  constructor(private readonly backend: Backend, private readonly options: MachineOptions) {
    this.#step = createStep(options.guards ?? ALL_GUARDS);
  }

  get kind(): string {
    return this.backend.kind;
  }

  acquire(command: Acquire, { known, lanes }: AcquireOptions = {}): Promise<Acquired> {
    // A lease that a crash takes back had an owner that died with it; its release makes it, and all before it, safe.
    return this.backend.transact((rows): Acquired => {
      const holding = new Holding(rows, command.session);
      const reply = seenReply(holding.live(), command);
      const seen = reply && { digest: reply.digest, kept: reply.body !== undefined };
      const here = this.#here();
      const answer = holding.settle(this.#step(holding.slot, command, here, seen), here.nowMs);
      if (answer.kind === 'replay') return { ...answer, reply };
      if (answer.kind !== 'granted') return answer;
      const isSame = isCurrent(answer.slot, known);
      const marks = lanes && marksOf(answer.created ? undefined : holding.held, holding.live(), lanes);
      return { ...answer, ...(marks && { marks }), loaded: isSame ? { kind: 'same' } : load(answer.slot, answer.created ? undefined : holding.live()) };
    }, (answer) => answer.kind === 'granted');
  }

  release(command: Release, commitment: Commitment): Promise<ReleaseReply> {
    return this.#transact(command.session, (holding) => {
      const here = this.#here();
      const { reply } = commitment;
      const former = command.basis && reply ? holding.live()?.reply(reply.key) : undefined;
      const seen = former && { digest: former.digest, kept: former.body !== undefined };
      return holding.settle(this.#step(holding.slot, command, here, seen), here.nowMs, { commitment });
    });
  }

  depart(command: Depart): Promise<DepartReply & { items?: Item[] }> {
    return this.backend.transact((rows) => {
      const here = this.#here();
      const holding = new Holding(rows, command.session);
      const reply = holding.settle(this.#step(holding.slot, command, here), here.nowMs);
      if (reply.kind !== 'departed') return reply;
      const view = holding.live()!;
      const names = reply.delta ? notedNames(rows, holding.held!) : view.names();
      return { ...reply, items: names.flatMap((name) => view.item(name)) };
    });
  }

  commit(command: Commit, items: Item[]): Promise<CommitReply> {
    return this.#transact(sessionOf(command), (holding) => {
      const here = this.#here();
      return holding.settle(this.#step(holding.slot, command, here), here.nowMs, { items });
    });
  }

  run<C extends Exclude<Command, Acquire | Release | Depart | Commit>>(command: C): Promise<Replies[C['verb']]> {
    return this.#transact(sessionOf(command), (holding) => {
      const here = this.#here();
      return holding.settle(this.#step(holding.slot, command, here), here.nowMs);
    });
  }

  async read(session: string): Promise<Snapshot | undefined> {
    return this.#safely(session, (held, view) => held && { slot: held.slot, loaded: load(held.slot, view) });
  }

  async readKey(session: string, key: string): Promise<{ version: number; epoch: number; value: Buffer | Buffer[] | undefined }> {
    return this.#safely(session, (held, view) => ({ ...stampOf(held), value: view?.cells.get(key) }));
  }

  async readKeys(session: string): Promise<{ version: number; epoch: number; keys: string[] }> {
    return this.#safely(session, (held, view) => ({ ...stampOf(held), keys: view?.cells.keys() ?? [] }));
  }

  async inventory(session: string): Promise<ItemName[]> {
    return this.#view(session, (_, view) => view?.names() ?? []);
  }

  drain(session: string, attempt: string): Promise<ItemName[] | undefined> {
    return this.backend.transact((rows) => {
      const holding = new Holding(rows, session);
      const { held, slot } = holding;
      // Once it is leaving, the notes are what `depart` answers, again and again.
      if (!held || slot?.state !== 'resident' || slot.copying !== attempt) return undefined;
      const names = notedNames(rows, held);
      holding.clearNotes();
      return names;
    });
  }

  async items(session: string, names: ItemName[]): Promise<Item[]> {
    return this.#view(session, (held, view) => {
      if (!held || !view) throw new Fault('MOVE_REFUSED', { reason: 'the session is no longer here' });
      return names.flatMap((name) => view.item(name));
    });
  }

  stage(session: string, attempt: string, items: Item[]): Promise<void> {
    return this.#transact(session, (holding) => {
      if (holding.slot?.arriving?.attempt !== attempt) throw new Fault('MOVE_REFUSED', { reason: 'its reservation has ended' });
      holding.stage(attempt, items);
    });
  }

  async effects(session: string, limit: number): Promise<Effect[]> {
    return this.#view(session, (_, view) => view?.effects(limit) ?? []);
  }

  effectDone(session: string, id: string): Promise<boolean> {
    return this.#transact(session, (holding) => {
      const isHere = holding.slot?.state === 'resident';
      if (isHere) holding.effectDone(id);
      return isHere;
    });
  }

  async marks(session: string): Promise<[lane: string, row: Buffer][]> {
    return this.#view(session, (_, view) => view?.marks() ?? []);
  }

  async slot(session: string): Promise<Slot | undefined> {
    return this.#view(session, (held) => held?.slot);
  }

  async page(after: string | undefined, limit: number): Promise<Page> {
    const size = Math.max(1, Math.min(limit, MAX_PAGE));
    return this.backend.view((rows) => {
      const names = rows.names(SLOTS, { ...(after === undefined ? {} : { after: bytesOf(after) }), limit: size + 1 });
      const sessions = names.slice(0, size).map(textOf);
      const slots = sessions.map((session) => loadHeld(rows, session)!.slot);
      return names.length > size ? { slots, next: sessions.at(-1)! } : { slots };
    });
  }

  async unfinished(): Promise<string[]> {
    return this.backend.view((rows) => rows.names(UNFINISHED).map(textOf));
  }

  async weight(session: string): Promise<number> {
    return this.#view(session, (held) => held?.slot.bytes ?? 0);
  }

  async ping(): Promise<void> {
    this.backend.view((rows) => rows.names(SLOTS, { limit: 1 }));
  }

  close(): Promise<void> {
    return this.backend.close();
  }

  #here(): Here {
    return { node: this.options.node, nowMs: this.options.clock.now() };
  }

  #transact<T>(session: string, work: (holding: Holding) => T): Promise<T> {
    return this.backend.transact((rows) => work(new Holding(rows, session)));
  }

  /** `view` is there only while the session's data is. */
  #view<T>(session: string, work: (held: Held | undefined, view: SpaceView | undefined) => T): T {
    return this.backend.view((rows: ReadRows) => {
      const held = loadHeld(rows, session);
      return work(held, held && isHolder(held.slot) ? liveView(rows, held) : undefined);
    });
  }

  /** As `#view`, for answers that may reach a client: not given before a crash can no longer take them back. */
  async #safely<T>(session: string, work: (held: Held | undefined, view: SpaceView | undefined) => T): Promise<T> {
    const result = this.#view(session, work);
    await this.backend.settled?.(SLOTS, bytesOf(session));
    return result;
  }
}

function seenReply(live: SpaceView | undefined, { function: name, request }: Acquire): StoredReply | undefined {
  return request && live?.reply(requestKey(name, request.id));
}

function marksOf(held: Held | undefined, view: SpaceView | undefined, lanes: string[]): NonNullable<Acquired['marks']> {
  return { rows: lanes.map((lane) => (held ? view?.mark(lane) : undefined)), count: held?.tally.marks ?? 0 };
}

function isCurrent(slot: Slot, known: AcquireOptions['known']): boolean {
  return known?.version === slot.version && known.epoch === slot.epoch && known.incarnation === slot.incarnation;
}

function load(slot: Slot, view: SpaceView | undefined): Loaded {
  if (slot.bytes > SMALL_SESSION_BYTES) return { kind: 'large' };
  return { kind: 'whole', data: view?.cells.all() ?? new Map() };
}

function stampOf(held: Held | undefined): { version: number; epoch: number } {
  return { version: held?.slot.version ?? 0, epoch: held?.slot.epoch ?? 0 };
}

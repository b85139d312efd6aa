/**
 * The offload layer of one node: moves sessions up, down and across, and answers its peers. Who
 * picks the target is all that offload, onload and migrate differ in; the move is the same.
 */
import { pause, type Clock } from '../base/clock.js';
import type { Directory, NodeInfo } from '../base/directory.js';
import type { Ids } from '../base/ids.js';
import { reasonOf, type Log } from '../base/log.js';
import { Fault } from '../model/faults.js';
import { TOMBSTONE_KEEP_MS } from '../model/limits.js';
import type { Owed, Slot } from '../model/record.js';
import { hasExpired } from '../model/step/outcome.js';
import type { Changes } from '../session/changes.js';
import type { WaitingLine } from '../session/line.js';
import { isPaused } from '../session/pause.js';
import type { SessionStore } from '../store/store.js';
import { memoryShelf, type Shelf } from '../base/shelf.js';
import type { Watermarks } from '../model/watermarks.js';
import { nodeUnknown } from '../model/unknown.js';
import { memoryArchive, type Archive } from './archive.js';
import { choose, type Choice } from './choose.js';
import { Collector } from './collect.js';
import { Conflicts } from './conflicts.js';
import { DeadLetters } from './dead-letters.js';
import { Debts } from './debts.js';
import { Effects } from './effects.js';
import { Locator } from './locate.js';
import { Mover, type MoverOptions } from './move.js';
import { Operator } from './operate.js';
import { Paths } from './path.js';
import { isUnanswered, type Peers, type TakeOrder } from './peers.js';
import { Reaper } from './reaper.js';
import { Receiver, type LocalFunctions } from './receive.js';
import { Source } from './source.js';
import type { StatusFile } from './status.js';
import { tokenOf, type SessionToken } from './token.js';
import { Trigger } from './trigger.js';

/** Pause before a home is asked again to take an expired session back. */
const BETWEEN_TRIES_MS = 100;

export interface OffloadOptions {
  node: string;
  store: SessionStore;
  peers: Peers;
  directory: Directory;
  status: StatusFile;
  line: WaitingLine;
  changes: Changes;
  clock: Clock;
  ids: Ids;
  log: Log;
  random(): number;
  /** Functions deployed here. */
  functions: LocalFunctions;
  reached?: MoverOptions['reached'];
  /** Where conflicts and dead letters are kept; in memory when missing. */
  shelf?(name: 'conflicts' | 'dead-letters'): Shelf;
  /** Where discarded sessions go. */
  archive?: Archive;
  /** Policy of the offload trigger. */
  marks?: Partial<Watermarks>;
  /** Told of every effect of a session here on another. */
  onEffect?(session: string, output: string, receiver: string): void;
}

/** What an asker may be given. */
export interface Offer {
  /** Deployed at the asker, which has to have the session's; undefined when it did not say. */
  functions?: string[];
  maxBytes?: number;
  except?: ReadonlySet<string>;
}

export class Offload {
  readonly source: Source;
  readonly mover: Mover;
  readonly debts: Debts;
  readonly locator: Locator;
  readonly conflicts: Conflicts;
  readonly reaper: Reaper;
  readonly paths: Paths;
  readonly receiver: Receiver;
  readonly deadLetters: DeadLetters;
  readonly effects: Effects;
  readonly collector: Collector;
  readonly operator: Operator;
  readonly trigger: Trigger;
  /** Where the last choice of a session ended. */
  readonly #cursor: { after?: string } = {};

  constructor(readonly options: OffloadOptions) {
    const { directory, shelf = memoryShelf } = options;
    this.conflicts = new Conflicts({ ...options, shelf: shelf('conflicts') });
    this.debts = new Debts({ ...options, conflicts: this.conflicts });
    this.source = new Source(options);
    this.locator = new Locator(options);
    this.paths = new Paths(options);
    this.mover = new Mover({
      ...options,
      way: (home) => this.paths.upward(home),
      ancestors: () => directory.ancestors().map(({ name }) => name),
      owes: (session) => this.owes(session),
    });
    this.receiver = new Receiver(options.node, options.functions);
    this.deadLetters = new DeadLetters({ ...options, shelf: shelf('dead-letters') });
    this.effects = new Effects({ ...options, receiver: this.receiver, paths: this.paths, deadLetters: this.deadLetters });
    this.collector = new Collector({
      ...options, paths: this.paths,
      end: (session, idleMs) => this.#inTurn(session, () => this.retire(session, idleMs)),
      bury: (session) => this.#inTurn(session, () => this.retire(session)),
      bringHome: (order) => this.take(order, true),
    });
    this.reaper = new Reaper({ ...options, collector: this.collector });
    this.operator = new Operator({
      ...options, archive: options.archive ?? memoryArchive(), source: this.source, debts: this.debts, effects: this.effects,
      conflicts: this.conflicts, deadLetters: this.deadLetters, migrate: (session, to, rehome) => this.migrate(session, to, rehome),
    });
    this.trigger = new Trigger({
      ...options, offload: (choice, resting) => this.#offloadChosen(choice, resting),
      onload: (choice, maxBytes, resting) => this.onload(undefined, choice, { maxBytes, except: resting }),
    });
  }

  /** False while this node passes offloaded sessions on to its parent; the root always takes them. */
  accepting(): boolean {
    return this.options.status.current === 'accept' || this.options.directory.isRoot();
  }

  /** Delivers the session's effects, `effects` of which were just committed; without a number it pays all that it may owe. */
  owes(session: string, effects = 0): void {
    if (effects === 0) this.debts.owes(session);
    this.effects.owes(session, effects);
  }

  // ── Up ───────────────────────────────────────────────────────────────────────────────────────

  /** Moves one session of this node to the nearest accepting ancestor. @returns the record as committed there */
  async offload(session: string | undefined, choice: Choice): Promise<SessionToken> {
    const parent = this.#parent();
    const slot = session === undefined ? await this.#choose(choice, () => true) : await this.#resident(session);
    return this.#offer(parent, slot);
  }

  /** The same with one of this node's choice. @returns which, and how large it was here */
  async #offloadChosen(choice: Choice, except: ReadonlySet<string>): Promise<{ session: string; bytes: number }> {
    const parent = this.#parent();
    const slot = await this.#choose(choice, (each) => !except.has(each.session));
    await this.#offer(parent, slot);
    return slot;
  }

  #parent(): NodeInfo {
    const { directory, node } = this.options;
    const parent = directory.parent();
    if (!parent) throw new Fault('NO_PARENT', { node });
    return parent;
  }

  async #offer(parent: NodeInfo, slot: Slot): Promise<SessionToken> {
    const { peers } = this.options;
    try {
      const committed = await peers.offload(parent.name, tokenOf(slot));
      await this.learn(committed);
      return committed;
    } catch (error) {
      // The move may have gone through although its answer was lost: the record tells.
      const after = await this.options.store.slot(slot.session);
      if (after?.state === 'remote' && after.epoch > slot.epoch) return tokenOf(after);
      throw error;
    }
  }

  /** A child offers a session: it is taken here, or passed on to the parent. */
  async receive(token: SessionToken): Promise<SessionToken> {
    const { directory, node, peers } = this.options;
    const parent = directory.parent();
    const missing = this.#missingFunctions(token);
    if (this.accepting() && missing.length === 0) return this.mover.take(token, 'offload');
    if (parent) return peers.offload(parent.name, token);
    throw missing.length > 0
      ? new Fault('FUNCTION_MISSING_AT_TARGET', { node, missing })
      : new Fault('NO_CAPACITY', { reason: `node ${node} is the root and takes no more` });
  }

  /** Sends a session that was just born here upward; false when nobody takes it. */
  async shed(session: string): Promise<boolean> {
    try {
      await this.offload(session, 'largest');
      return true;
    } catch (error) {
      this.options.log.info({ reason: reasonOf(error) }, 'a new session stays here although this node rejects');
      return false;
    }
  }

  // ── Down ─────────────────────────────────────────────────────────────────────────────────────

  /** Brings sessions homed here or below down to this node: asks parent, then its parent, up to the root. */
  async onload(session: string | undefined, choice: Choice, { maxBytes, except }: Pick<Offer, 'maxBytes' | 'except'> = {}): Promise<SessionToken[]> {
    const { directory, node, peers } = this.options;
    const ancestors = directory.ancestors();
    if (ancestors.length === 0) throw new Fault('NO_PARENT', { node });
    let unanswered: unknown;
    for (const ancestor of ancestors) {
      try {
        const offered = await peers.onload(ancestor.name, { session, choose: choice, asker: node, functions: this.options.functions.names(), ...(maxBytes !== undefined && { maxBytes }), ...(except && { except: [...except] }) });
        if (offered.length > 0) return await Promise.all(offered.map((token) => this.mover.take(token, 'onload')));
      } catch (error) {
        if (!isUnanswered(error)) throw error;
        unanswered = error;
      }
    }
    throw unanswered ?? new Fault('NOTHING_TO_MOVE', { node });
  }

  /** What this node may give to a node below it: sessions that are resident here and homed in the asker's subtree. */
  async offer(asker: string, session: string | undefined, choice: Choice, { functions, maxBytes = Infinity, except }: Offer = {}): Promise<SessionToken[]> {
    const { directory, store } = this.options;
    const deployed = functions && new Set(functions);
    const isBelowAsker = (slot: Slot) => directory.isBelow(slot.home, asker) && slot.bytes <= maxBytes && !except?.has(slot.session) && (!deployed || slot.functions.every((name) => deployed.has(name)));
    if (session === undefined) {
      const slot = await this.#find(choice, isBelowAsker);
      return slot ? [tokenOf(slot)] : [];
    }
    const slot = await store.slot(session);
    return slot?.state === 'resident' && isBelowAsker(slot) ? [tokenOf(slot)] : [];
  }

  // ── Across ───────────────────────────────────────────────────────────────────────────────────

  /** Moves a session to a named node, wherever it is now. @returns the record as committed there */
  async migrate(session: string, to: string, rehome: boolean): Promise<SessionToken> {
    const { peers, node, directory } = this.options;
    if (!(await directory.resolve(to))) throw nodeUnknown(to, directory.known());
    const holder = await this.#holderOf(session);
    if (holder.current === to) return tokenOf(holder);
    const order: TakeOrder = { session, from: holder.current, rehome };
    return to === node ? this.take(order) : peers.take(to, order);
  }

  /** Takes a session by order of an operator or a peer; elsewhere than on the path home→root only as a re-home. */
  async take({ session, from, rehome }: TakeOrder, isEnding = false): Promise<SessionToken> {
    const { peers, node, directory, clock } = this.options;
    const slot = await peers.slot(from, session);
    if (slot?.state !== 'resident') throw new Fault('MOVE_REFUSED', { reason: `node ${from} does not hold it` });
    if (isPaused(slot)) throw new Fault('SESSION_PAUSED');
    const isOnPath = slot.home === node || directory.isBelow(slot.home, node);
    if (!isOnPath && !rehome) throw new Fault('NOT_ON_PATH', { node, home: slot.home });
    // One that has expired comes home to end: nothing has to run it.
    const missing = isEnding || hasExpired(slot, { node, nowMs: clock.now() }) ? [] : this.#missingFunctions(tokenOf(slot));
    if (missing.length > 0) throw new Fault('FUNCTION_MISSING_AT_TARGET', { node, missing });
    return this.mover.take(tokenOf(slot), rehome && slot.home !== node ? 're-home' : 'migrate');
  }

  /** Follows the records from here to the node that holds the session. */
  async #holderOf(session: string): Promise<Slot> {
    const { node, store, peers } = this.options;
    let at = node;
    let slot = await store.slot(session);
    for (let hops = 0; slot && hops < 8; hops += 1) {
      if (slot.state === 'resident' && !slot.arriving) return slot;
      const next = slot.arriving?.from ?? slot.current;
      if (slot.state !== 'remote' || next === at) throw new Fault('MOVE_REFUSED', { reason: 'another move is under way' });
      at = next;
      slot = at === node ? await store.slot(session) : await peers.slot(at, session);
    }
    throw new Fault('SESSION_UNKNOWN', { node: at, session });
  }

  // ── Knowing and ending ───────────────────────────────────────────────────────────────────────

  /** Takes note of where a session is. */
  async learn(token: SessionToken): Promise<{ kind: string; epoch?: number }> {
    const { store, changes } = this.options;
    const { session, function: creator, proprietaryLocation: home, currentLocation: current, epoch, incarnation } = token;
    const reply = await store.run({ verb: 'learn', session, function: creator, home, current, epoch, incarnation });
    changes.announce(session);
    if (reply.kind === 'conflict') {
      this.conflicts.add(session, reply.incarnation, incarnation, current);
      throw new Fault('SESSION_CONFLICT', { session, mine: reply.incarnation, theirs: incarnation });
    }
    return reply;
  }

  /** Has the home of an expired session take it back, to end it there (rule 12). @returns false when home cannot be asked: it may go on */
  async sendHome(session: string, home: string): Promise<boolean> {
    const { node, peers, clock, log } = this.options;
    try {
      await peers.take(home, { session, from: node, rehome: false });
      return true;
    } catch (error) {
      log.info({ home, reason: reasonOf(error) }, 'an expired session could not be brought home yet');
      await pause(clock, BETWEEN_TRIES_MS);
      return !isUnanswered(error);
    }
  }

  /** Ends a session whose home is here and whose time has passed, or that has been idle for so long. The caller has its turn. @returns whether it is over */
  async retire(session: string, idleMs?: number): Promise<boolean> {
    const { node, store, changes, directory } = this.options;
    const slot = await store.slot(session);
    // In the session's turn nobody in this process holds it: such a lease is left over from a former life or a lost answer.
    if (slot?.lease?.owner === node) await store.run({ verb: 'abandon', session, leaseId: slot.lease.id });
    if ((await store.effects(session, 1)).length > 0) {
      this.effects.owes(session);
      throw new Fault('EFFECTS_WAITING', { waiting: 1 });
    }
    // Also ancestors that it was born without.
    const knownBy = new Set([...(slot?.knownBy ?? []), ...directory.ancestors().map(({ name }) => name)]);
    const owed = [...knownBy].map((to): Owed => ({ to, kind: 'gone', epoch: 0 }));
    const reply = await store.run({ verb: 'expire', session, forced: false, idleMs, owed, keepMs: TOMBSTONE_KEEP_MS });
    changes.announce(session);
    if (reply.kind === 'expired') this.debts.owes(session);
    return reply.kind !== 'refused';
  }

  // ── After a restart ──────────────────────────────────────────────────────────────────────────

  /** Goes on with whatever a former life of this node had begun (rule 6). */
  async resume(): Promise<void> {
    const { store } = this.options;
    await Promise.all([this.conflicts.open(), this.deadLetters.open()]);
    for (const session of await store.unfinished()) {
      const { asks, owes, delivers } = await store.run({ verb: 'wake', session });
      if (asks) this.source.watch(session);
      if (owes) this.debts.owes(session);
      if (delivers) this.effects.owes(session);
    }
  }

  /** What resume does at start, done again from time to time for what a lost reply of the store has hidden. */
  async sweep(): Promise<void> {
    const { store, clock, changes } = this.options;
    for (const session of await store.unfinished()) {
      const slot = await store.slot(session);
      if (slot?.arriving && slot.arriving.deadlineMs < clock.now()) {
        await store.run({ verb: 'drop', session, attempt: slot.arriving.attempt });
        changes.announce(session);
      }
      if (slot?.state === 'leaving') this.source.watch(session);
      if (slot && slot.owed.length > 0) this.debts.owes(session);
      if (slot?.state === 'resident') this.effects.owes(session);
    }
    await this.operator.sweep();
    this.trigger.tick();
    this.reaper.start();
  }

  close(): void {
    this.source.close();
    this.debts.close();
    this.effects.close();
  }

  async #resident(session: string): Promise<Slot> {
    const slot = await this.options.store.slot(session);
    if (!slot || slot.state === 'tombstone') throw new Fault('SESSION_UNKNOWN', { node: this.options.node, session });
    if (isPaused(slot)) throw new Fault('SESSION_PAUSED');
    if (slot.state !== 'resident') {
      const reason = slot.state === 'remote' ? `it is at node ${slot.current}` : 'another move is under way';
      throw new Fault('MOVE_REFUSED', { reason });
    }
    return slot;
  }

  async #choose(choice: Choice, isEligible: (slot: Slot) => boolean): Promise<Slot> {
    const slot = await this.#find(choice, isEligible);
    if (!slot) throw new Fault('NOTHING_TO_MOVE', { node: this.options.node });
    return slot;
  }

  #find(choice: Choice, isEligible: (slot: Slot) => boolean): Promise<Slot | undefined> {
    const { store, clock, random } = this.options;
    return choose(choice, { store, nowMs: clock.now(), random, isEligible, cursor: this.#cursor });
  }

  async #inTurn<T>(session: string, work: () => Promise<T>): Promise<T> {
    const leave = await this.options.line.enter(session);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  #missingFunctions({ functions }: SessionToken): string[] {
    const deployed = new Set(this.options.functions.names());
    return functions.filter((name) => !deployed.has(name));
  }
}

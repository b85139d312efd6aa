/** Everything that may happen next in a world. */
import { owedKey, type Drivers } from './drivers.js';
import { FUNCTION, PAST_MS, SESSION } from './machine.js';
import { locateKey } from './requests.js';
import { ancestors, type Message, type Process, type World } from './world.js';

/** `progress` happens by itself; `wish` is somebody's doing; `fault` is what should not happen but may. */
export type ActionKind = 'progress' | 'wish' | 'fault';
export type Emit = (kind: ActionKind, label: () => string, next: World) => void;

export interface Wishes {
  /** Nodes at which each client may start (and try again). */
  entries: readonly (readonly number[])[];
  /** Moves that may be asked for, as [source, target]. */
  moves: readonly (readonly [number, number])[];
  /** The session is offered to any of them; otherwise only where it may be, as ancestors do. */
  isCareless?: boolean;
  /** Moves that make the target the session's home. */
  rehomes?: readonly (readonly [number, number])[];
  /** Nodes to which each sender may deliver its effects. */
  senders?: readonly (readonly number[])[];
}

export class Actions {
  constructor(readonly drivers: Drivers, readonly wishes: Wishes) {}

  each(world: World, emit: Emit): void {
    this.#messages(world, emit);
    world.nodes.forEach((_, at) => this.#node(world, at, emit));
    world.clients.forEach(({ sends }, client) => (sends ? this.#sender(world, client, sends.next, emit) : this.#client(world, client, emit)));
    if (world.left.moves > 0) this.#moves(world, emit);
  }

  // ── Network ────────────────────────────────────────────────────────────────────────────────────

  #messages(world: World, emit: Emit): void {
    const { drivers } = this;
    let previous: Message | undefined;
    for (const message of world.messages) {
      if (message === previous) continue;
      previous = message;
      const without = drivers.taken(world, message);
      const delivered = drivers.deliver(without, message);
      if (delivered) emit('progress', () => `${this.#tell(world, message)} arrives`, delivered);
      if (message.kind === 'request' && world.left.short > 0 && world.nodes[message.to]!.life.memory) {
        const next = drivers.shortly(without, message);
        if (next) emit('wish', () => `${this.#tell(world, message)} arrives, and runs on what is remembered there`, next);
      }
      if (world.left.lost > 0) emit('fault', () => `${this.#tell(world, message)} is lost`, drivers.spend(without, 'lost'));
      if (world.left.duplicate > 0 && delivered && !isOnce(message)) {
        emit('fault', () => `${this.#tell(world, message)} arrives, and will again`, drivers.send(drivers.spend(delivered, 'duplicate'), message));
      }
    }
  }

  // ── Nodes ──────────────────────────────────────────────────────────────────────────────────────

  #node(world: World, at: number, emit: Emit): void {
    const { drivers } = this;
    const { slot, processes, life } = world.nodes[at]!;
    const name = drivers.name(at);
    for (const process of processes) this.#process(world, at, process, emit);
    if (slot?.leaving) this.#leaving(world, at, emit);
    if (slot && life.paying) {
      for (const row of slot.owed) {
        const isUnderWay = world.messages.some((message) =>
          message.kind === 'call' && message.from === at && message.for === owedKey(row)
          || message.kind === 'answer' && message.to === at && message.for === owedKey(row));
        if (!isUnderWay) emit('progress', () => `${name} sends the ${row.kind} it owes to ${row.to}`, drivers.pay(world, at, row));
      }
    }
    this.#times(world, at, emit);
    if (world.left.crash > 0 && (processes.length > 0 || life.asking || slot?.arriving || slot?.leaving || slot?.lease || slot?.owed.length)) {
      emit('fault', () => `${name} crashes and starts again`, drivers.crash(drivers.spend(world, 'crash'), at));
    }
    this.#endings(world, at, emit);
  }

  #leaving(world: World, at: number, emit: Emit): void {
    const { drivers } = this;
    const { slot, life } = world.nodes[at]!;
    const key = `ask ${slot!.leaving!.attempt}`;
    const isUnderWay = world.messages.some((message) => (message.kind === 'call' || message.kind === 'answer') && message.for === key);
    // A departure to nobody has nobody to ask.
    if (life.asking && !isUnderWay && drivers.indexOf(slot!.leaving!.to) >= 0) {
      emit('progress', () => `${drivers.name(at)} asks ${slot!.leaving!.to} what became of epoch ${slot!.leaving!.epoch}`, drivers.ask(world, at));
    }
    emit('wish', () => `${drivers.name(at)} takes the session back without asking`, drivers.abort(world, at));
  }

  #process(world: World, at: number, process: Process, emit: Emit): void {
    const { drivers } = this;
    const name = drivers.name(at);
    switch (process.kind) {
      case 'serve':
        emit('progress', () => `${name} ends ${nameOf(process)}`, drivers.finish(world, at, process));
        if (world.left.fail > 0) {
          emit('fault', () => `${name}: the handler of ${nameOf(process)} throws`, drivers.fail(drivers.spend(world, 'fail'), at, process));
        }
        return;
      case 'short':
        emit('progress', () => `${name} ends ${nameOf(process)} that ran on what was remembered`, drivers.finishShort(world, at, process));
        return;
      case 'locate': {
        const isAnswerable = this.#isAnswerable(world, at, locateKey(process));
        if (isAnswerable && world.left.late === 0) return;
        const next = drivers.located(this.#patience(world, isAnswerable), at, process, undefined);
        if (next) emit(isAnswerable ? 'fault' : 'progress', () => `${name} cannot reach ${drivers.name(drivers.ancestorOf(at, process.step)!.node)}`, next);
        return;
      }
      case 'check': {
        const { label, next } = drivers.checked(world, at, process);
        return emit('progress', () => label, next);
      }
      case 'drive': {
        const key = `${process.phase} ${process.attempt}`;
        const isAnswerable = this.#isAnswerable(world, at, key);
        const base = this.#patience(world, isAnswerable);
        const isOver = world.nodes[at]!.slot?.arriving?.deadlineMs === PAST_MS;
        if (!isAnswerable || world.left.late > 0) {
          emit(isAnswerable ? 'fault' : 'progress', () => `${name} gives ${process.attempt} up`, drivers.giveUp(base, at, process));
          if (process.phase === 'depart') {
            emit(isAnswerable ? 'fault' : 'progress', () => `${name} sends depart of ${process.attempt} again`, drivers.depart(base, at, process));
          }
        } else if (isOver) {
          emit('progress', () => `${name} gives ${process.attempt} up: its deadline has passed`, drivers.giveUp(world, at, process));
        }
      }
    }
  }

  /** Whoever gives up on something that is still under way spends the late message. */
  #patience(world: World, isAnswerable: boolean): World {
    return isAnswerable && world.left.late > 0 ? this.drivers.spend(world, 'late') : world;
  }

  #isAnswerable(world: World, at: number, key: string): boolean {
    return world.messages.some((message) =>
      message.kind === 'call' && message.from === at && message.for === key || message.kind === 'answer' && message.to === at && message.for === key);
  }

  /** Times that run out: of a lease whose handler is gone, for nothing; of others within the budget. */
  #times(world: World, at: number, emit: Emit): void {
    const { drivers } = this;
    const { slot, processes } = world.nodes[at]!;
    const lease = slot?.lease;
    if (lease && lease.untilMs > PAST_MS) {
      const isHeld = processes.some((process) => process.kind === 'serve' && process.lease === lease.id);
      if (!isHeld || world.left.lease > 0) {
        const base = isHeld ? drivers.spend(world, 'lease') : world;
        const next = drivers.withNode(base, at, { slot: { ...slot, lease: { ...lease, untilMs: PAST_MS } } });
        emit(isHeld ? 'fault' : 'progress', () => `the lease ${lease.id} at ${drivers.name(at)} runs out`, next);
      }
    }
    const arriving = slot?.arriving;
    if (arriving && arriving.deadlineMs > PAST_MS && world.left.deadline > 0) {
      const next = drivers.withNode(drivers.spend(world, 'deadline'), at, { slot: { ...slot, arriving: { ...arriving, deadlineMs: PAST_MS } } });
      emit('fault', () => `the deadline of ${arriving.attempt} at ${drivers.name(at)} passes`, next);
    }
  }

  /** Expiry, forgetting, and a departure that nobody stands behind. */
  #endings(world: World, at: number, emit: Emit): void {
    const { drivers } = this;
    const { slot } = world.nodes[at]!;
    const { left } = world;
    const name = drivers.name(at);
    const isHere = slot?.state === 'resident' && !slot.arriving;
    if (isHere && left.expire > 0) {
      const owed = ancestors(drivers.setting.tree, at).map((node) => ({ to: drivers.name(node), kind: 'gone' as const, epoch: 0 }));
      const [next, reply] = drivers.run(drivers.spend(world, 'expire'), at, { verb: 'expire', session: SESSION, forced: true, owed, keepMs: 1 });
      if (reply.kind === 'expired') emit('wish', () => `the session expires at ${drivers.name(at)}`, next);
    }
    if (slot && !isHere && left.collect > 0) {
      const [next, reply] = drivers.run(drivers.spend(world, 'collect'), at, { verb: 'expire', session: SESSION, forced: false, owed: [], keepMs: -1 });
      if (reply.kind === 'forgotten') emit('wish', () => `${drivers.name(at)} forgets what it knew`, next);
    }
    if (slot?.state === 'remote' && !slot.arriving && slot.home !== name && left.collect > 0 && this.wishes.rehomes) {
      emit('wish', () => `${name} looks whether anybody needs what it knows`, drivers.check(drivers.spend(world, 'collect'), at));
    }
    if (isHere && world.ghost.isSplit && left.discard > 0) {
      emit('wish', () => `an operator ends ${slot.incarnation} at ${name}`, drivers.send(drivers.spend(world, 'discard'), {
        kind: 'call', to: at, from: at, for: '',
        command: { verb: 'expire', session: SESSION, forced: false, discards: slot.incarnation, owed: [], keepMs: 1 },
      }));
    }
    if (isHere && left.anonymous > 0) {
      const { epoch, incarnation } = slot;
      emit('wish', () => `somebody without a name asks ${drivers.name(at)} to depart the session`, drivers.send(drivers.spend(world, 'anonymous'), {
        kind: 'call', to: at, from: at, for: 'depart nobody',
        command: { verb: 'depart', session: SESSION, to: '', epoch: epoch + 1, attempt: 'nobody', incarnation },
      }));
    }
  }

  // ── Wishes ─────────────────────────────────────────────────────────────────────────────────────

  #client(world: World, client: number, emit: Emit): void {
    const { state } = world.clients[client]!;
    const isUnderWay = world.messages.some((message) => (message.kind === 'request' || message.kind === 'response') && message.client === client)
      || world.nodes.some(({ processes }) => processes.some((process) => 'client' in process && process.client === client));
    if (isUnderWay && (state !== 'waiting' || world.left.late === 0)) return;
    if (state === 'done' && world.left.again === 0) return;
    const spent = state === 'done' ? this.drivers.spend(world, 'again') : isUnderWay ? this.drivers.spend(world, 'late') : world;
    const clients = world.clients.slice();
    if (state === 'new') clients[client] = this.drivers.setting.interner.the({ state: 'waiting', got: '' });
    const kind = state === 'waiting' && !isUnderWay ? 'progress' : isUnderWay ? 'fault' : 'wish';
    for (const to of this.wishes.entries[client]!) {
      const again = state === 'new' ? '' : ' again';
      emit(kind, () => `client ${client} sends its request to ${this.drivers.name(to)}${again}`,
        this.drivers.send({ ...spent, clients }, { kind: 'request', to, client, mark: '' }));
    }
  }

  /** The outbox of another session: its oldest effect is delivered until it is acknowledged, also by a later holder that knows of no earlier try. */
  #sender(world: World, client: number, effect: number, emit: Emit): void {
    if (world.clients[client]!.state === 'done') return;
    const isUnderWay = world.messages.some((message) => (message.kind === 'request' && message.effect === effect || message.kind === 'response' && message.value === String(effect)) && message.client === client)
      || world.nodes.some(({ processes }) => processes.some((process) => 'client' in process && process.client === client && process.effect === effect));
    if (isUnderWay && world.left.late === 0) return;
    const base = isUnderWay ? this.drivers.spend(world, 'late') : world;
    for (const to of this.wishes.senders![client - this.wishes.entries.length]!) {
      emit(isUnderWay ? 'fault' : 'progress', () => `effect ${effect} is delivered to ${this.drivers.name(to)}${isUnderWay ? ' again' : ''}`,
        this.drivers.send(base, { kind: 'request', to, client, mark: '', effect }));
    }
  }

  #moves(world: World, emit: Emit): void {
    for (const [from, to] of this.wishes.moves) {
      const slot = world.nodes[from]!.slot;
      if (slot?.state !== 'resident') continue;
      const { home, incarnation } = slot;
      if (!this.wishes.isCareless && !this.#mayHold(this.drivers.indexOf(home), to)) continue;
      emit('wish', () => `${this.drivers.name(from)} offers the session to ${this.drivers.name(to)}`,
        this.drivers.send(this.drivers.spend(world, 'moves'), { kind: 'offer', to, from, epoch: slot.epoch + 1, home, incarnation }));
    }
    for (const [from, to] of this.wishes.rehomes ?? []) {
      const slot = world.nodes[from]!.slot;
      if (slot?.state !== 'resident' || slot.home === this.drivers.name(to)) continue;
      const { home, incarnation } = slot;
      emit('wish', () => `${this.drivers.name(from)} offers the session to ${this.drivers.name(to)} as its new home`,
        this.drivers.send(this.drivers.spend(world, 'moves'), { kind: 'offer', to, from, epoch: slot.epoch + 1, home, incarnation, rehome: true }));
    }
  }

  #mayHold(home: number, to: number): boolean {
    return home === to || ancestors(this.drivers.setting.tree, home).includes(to);
  }

  #tell(world: World, message: Message): string {
    const name = (node: number) => this.drivers.name(node);
    switch (message.kind) {
      case 'request': return `${nameOf(message)} to ${name(message.to)}${message.mark ? ` (marked ${message.mark})` : ''}`;
      case 'response': return world.clients[message.client]!.sends ? `the acknowledgement of effect ${message.value}` : `the response to client ${message.client} (${message.value})`;
      case 'offer': return `the offer from ${name(message.from)} to ${name(message.to)}`;
      case 'call': return `${describe(message.command)} from ${name(message.from)} to ${name(message.to)}`;
      case 'answer': return `the answer ${describe(message.reply)} (${message.for}) to ${name(message.to)}`;
    }
  }
}

function nameOf({ client, effect }: { client: number; effect?: number }): string {
  return effect === undefined ? `the request of client ${client}` : `effect ${effect}`;
}

/** A command or reply with what tells it from others of its kind. */
function describe(one: object): string {
  const words: string[] = [];
  for (const [key, value] of Object.entries(one)) {
    if (value === SESSION || value === FUNCTION || typeof value === 'object') continue;
    words.push(key === 'verb' || key === 'kind' ? String(value) : `${key} ${value}`);
  }
  return words.join(' ');
}

/** Bulk calls bear a nonce that their receiver refuses a second time: a copy or drain made twice by the network would empty the notes of the first. */
function isOnce(message: Message): boolean {
  return message.kind === 'call' && (message.command.verb === 'drain' || message.command.verb === 'copy');
}

/** Everything a node does by itself: what arrives is dealt with, debts are paid, a crash is survived. Whatever decides anything is a verb of the production step function. */
import type { Owed, Slot } from '../../runtime/model/record.js';
import type { Command, Expire } from '../../runtime/model/verbs.js';
import { FUNCTION, SESSION } from './machine.js';
import { Moves } from './moves.js';
import { locateKey, type Locate } from './requests.js';
import { ancestors, type Client, type Message, type Of, type Process, type World } from './world.js';

type Check = Of<Process, 'check'>;

export class Drivers extends Moves {
  // ── What is owed ───────────────────────────────────────────────────────────────────────────────

  pay(world: World, at: number, row: Owed): World {
    return this.send(world, { kind: 'call', to: this.indexOf(row.to), from: at, for: owedKey(row), command: messageOf(world.nodes[at]!.slot!, row) });
  }

  // ── Delivery ───────────────────────────────────────────────────────────────────────────────────

  /** What a message does where it arrives; undefined while it has to wait. */
  deliver(world: World, message: Message): World | undefined {
    switch (message.kind) {
      case 'request': return this.request(world, message);
      case 'response': return this.#respond(world, message);
      case 'offer': return this.offered(world, message);
      case 'call': return this.#call(world, message);
      case 'answer': return this.#answer(world, message);
    }
  }

  #respond(world: World, { client, value }: Of<Message, 'response'>): World {
    const before = world.clients[client]!;
    if (before.sends) return this.#acknowledged(world, client, before.sends, Number(value));
    if (before.state === 'done') {
      this.count('replayed');
      if (before.got !== value && !world.ghost.isSplit && world.ghost.lives.length === 1) this.blame(`client ${client} got two answers: ${before.got}; ${value}`);
      return world;
    }
    this.count('acknowledged');
    const clients = world.clients.slice();
    clients[client] = this.setting.interner.the({ state: 'done', got: value });
    return { ...world, clients };
  }

  /** A sender strikes an effect out once it is told that it was taken; of an earlier one it knows. */
  #acknowledged(world: World, client: number, { next, last }: NonNullable<Client['sends']>, effect: number): World {
    if (effect !== next) return world;
    this.count('effect acknowledged');
    if (!world.ghost.lives.some(({ log }) => log.some(([who]) => who === -effect))) this.blame(`effect ${effect} is acknowledged, but was never taken`);
    const clients = world.clients.slice();
    clients[client] = this.setting.interner.the<Client>({ state: next === last ? 'done' : 'waiting', got: '', sends: { next: next + 1, last } });
    return { ...world, clients };
  }

  #call(world: World, call: Of<Message, 'call'>): World | undefined {
    const { command } = call;
    if (command.verb === 'drain') return this.draining(world, call, command.attempt);
    if (command.verb === 'copy') return this.copying(world, call);
    if (command.verb === 'depart') return this.departing(world, call);
    if (command.verb === 'expire') return this.#discarding(world, call.to, command);
    const [after, reply] = this.run(world, call.to, command);
    if (call.for === '') return after;
    return this.send(after, { kind: 'answer', to: call.from, for: call.for, reply: reply as { kind: string } });
  }

  /** An operator ends one life: whoever may point to it is told, as it is known at that moment. */
  #discarding(world: World, at: number, command: Expire): World {
    const slot = world.nodes[at]!.slot;
    const told = new Set([...slot?.knownBy ?? [], slot?.home ?? '', ...ancestors(this.setting.tree, at).map((node) => this.name(node))]);
    const owed = [...told].filter((name) => name !== '' && name !== this.name(at)).sort().map((to): Owed => ({ to, kind: 'gone', epoch: 0 }));
    const [after, reply] = this.run(world, at, { ...command, owed });
    if (reply.kind !== 'expired') return after;
    this.count('discard');
    if (slot!.incarnation !== command.discards) this.blame(`${this.name(at)} ended ${slot!.incarnation}, where ${command.discards} was to end`);
    return this.withLife(after, at, { paying: true });
  }

  // ── Stubs that nobody needs ──────────────────────────────────────────────────────────────────────

  check(world: World, at: number): World {
    const { epoch, incarnation, home, current, knownBy } = world.nodes[at]!.slot!;
    return this.withProcess(world, at, { kind: 'check', epoch, incarnation, home, current, knownBy, step: 0 });
  }

  /** One answer of another node: home's, that of the node it points to when home knows nothing of it, then of each node that it knows of. */
  checked(world: World, at: number, process: Check): { label: string; next: World } {
    const { epoch, incarnation, home, current, knownBy, step } = process;
    const name = this.name(at);
    const without = this.withProcess(world, at, undefined, process);
    const slotAt = (node: string) => world.nodes[this.indexOf(node)]!.slot;
    const isLife = (slot: Slot | undefined) => slot !== undefined
      && (slot.arriving !== undefined || slot.incarnation === incarnation && slot.state !== 'absent' && slot.state !== 'tombstone');
    if (step < 0) {
      const isKept = current !== home && current !== name && isLife(slotAt(current));
      return { label: `${name} asks ${current}, to which it points`, next: isKept ? without : this.run(without, at, { verb: 'gone', session: SESSION, epoch, incarnation })[0] };
    }
    if (step === 0) {
      const isOnPath = ancestors(this.setting.tree, this.indexOf(home)).includes(at);
      const following = isLife(slotAt(home)) ? isOnPath ? undefined : { ...process, step: 1 } : { ...process, step: -1 };
      return { label: `${name} asks ${home}, the home that it knows`, next: this.withProcess(without, at, following) };
    }
    const asked = [...knownBy, ...ancestors(this.setting.tree, at).map((node) => this.name(node))][step - 1];
    if (asked === undefined) {
      const [next, reply] = this.run(without, at, { verb: 'expire', session: SESSION, forced: false, owed: [], vouched: epoch, keepMs: -1 });
      if (reply.kind === 'forgotten') this.count('vouched');
      return { label: `${name} forgets what nobody needs`, next };
    }
    const record = asked === name ? undefined : slotAt(asked);
    // A source that waits for this node's word, or an ancestor that still takes this node for the home.
    const isNeeded = record?.leaving?.to === name || record?.home === name && record.incarnation === incarnation;
    return { label: `${name} asks ${asked}, which may point to it`, next: this.withProcess(without, at, isNeeded ? undefined : { ...process, step: step + 1 }) };
  }

  #answer(world: World, answer: Of<Message, 'answer'>): World | undefined {
    const { to, reply } = answer;
    const { slot, processes } = world.nodes[to]!;
    const [what, name] = answer.for.split(' ') as [string, string];
    switch (what) {
      case 'locate': {
        const process = processes.find((one): one is Locate => one.kind === 'locate' && locateKey(one) === answer.for);
        return this.located(world, to, process!, reply);
      }
      case 'copy':
      case 'drain': return this.copied(world, to, this.driver(world, to, name)!, reply);
      case 'depart': return this.departed(world, to, this.driver(world, to, name)!, reply);
      case 'ask': return this.asked(world, to, reply);
      default: {
        const row = slot?.owed.find((one) => owedKey(one) === answer.for);
        if (!row) return world;
        const paid = this.run(world, to, { verb: 'paid', session: SESSION, owed: row })[0];
        const isConflict = reply.kind === 'conflict' || (reply as { incarnation?: string }).incarnation !== undefined && (reply as { incarnation?: string }).incarnation !== slot!.incarnation;
        return isConflict ? this.#split(paid) : paid;
      }
    }
  }

  /** Whether anybody still waits for this answer; one that nobody waits for does nothing. */
  isAwaited(world: World, answer: Of<Message, 'answer'>): boolean {
    const { slot, processes, life } = world.nodes[answer.to]!;
    const [what, name] = answer.for.split(' ') as [string, string];
    switch (what) {
      case 'locate': return processes.some((one) => one.kind === 'locate' && locateKey(one) === answer.for);
      case 'copy':
      case 'drain':
      case 'depart': return this.driver(world, answer.to, name)?.phase === what;
      case 'ask': return slot?.leaving?.attempt === name && life.asking;
      default: return life.paying;
    }
  }

  /** Answers that nobody waits for do nothing, so they are no part of the world. */
  settled(world: World): World {
    const isIdle = (message: Message) => message.kind === 'answer' && !this.isAwaited(world, message);
    return world.messages.some(isIdle) ? { ...world, messages: world.messages.filter((message) => !isIdle(message)) } : world;
  }

  // ── Crash ──────────────────────────────────────────────────────────────────────────────────────

  /** The node loses everything it does not keep in its store, and starts again (rule 6). */
  crash(world: World, at: number): World {
    const { life, slot } = world.nodes[at]!;
    const [next, { asks, owes }] = this.run(world, at, { verb: 'wake', session: SESSION });
    // A new process pays whatever it comes to owe itself.
    return this.withNode(next, at, { processes: [], life: { boot: life.boot + 1, asking: asks, paying: owes || !slot?.owed.length } });
  }

  /** Two lives of one id have met: listed for the operator. */
  #split(world: World): World {
    return { ...world, ghost: this.setting.interner.the({ ...world.ghost, isSplit: true }) };
  }
}

export function owedKey(row: Owed): string {
  return `pay ${row.kind} ${row.to} ${row.epoch}`;
}

function messageOf(slot: Slot, row: Owed): Command {
  const { home, current, epoch, incarnation } = slot;
  const common = { session: SESSION, incarnation };
  if (row.kind === 'update') return { verb: 'learn', ...common, function: FUNCTION, home, current, epoch };
  if (row.kind === 'gone') return { verb: 'gone', ...common, incarnation: row.incarnation ?? incarnation, epoch: row.epoch };
  return { verb: 'claim', ...common, function: FUNCTION, home, epoch, write: true };
}

/** Clients and the session layer as the protocol describes them: what becomes of a request at a node. */
import type { Owed, Slot } from '../../runtime/model/record.js';
import type { Acquire, Command } from '../../runtime/model/verbs.js';
import { applied, FUNCTION, FUTURE_MS, Machine, SESSION } from './machine.js';
import { freshLease, freshName, written } from './names.js';
import { ancestors, type Life, type Message, type Of, type Process, type World } from './world.js';

export type Serve = Of<Process, 'serve'>;
export type Short = Of<Process, 'short'>;
export type Locate = Of<Process, 'locate'>;

export class Requests extends Machine {
  /** A request at a node; undefined while it has to wait there. */
  request(world: World, { to, client, mark }: Of<Message, 'request'>, create?: Acquire['create']): World | undefined {
    const node = world.nodes[to]!;
    if (!create && node.processes.some((process) => process.kind === 'locate')) return undefined;
    const lease = this.lease(world, to);
    const command: Acquire = {
      verb: 'acquire', session: SESSION, function: FUNCTION, leaseId: lease, owner: this.name(to), boot: String(node.life.boot),
      leaseMs: FUTURE_MS - 1_000, request: { id: String(client), digest: 'd' },
    };
    if (mark) command.redirected = { home: mark };
    if (create) command.create = create;
    const [after, reply] = this.run(world, to, command);
    switch (reply.kind) {
      case 'granted': {
        const next = reply.created ? this.#born(after, reply.slot) : after;
        this.judgeData(next, to, 'a granted request');
        const { epoch, incarnation } = reply.slot;
        return this.withProcess(next, to, { kind: 'serve', client, lease, epoch, incarnation, seen: written(next.nodes[to]!.store.items) });
      }
      case 'replay':
        return this.send(after, { kind: 'response', client, value: node.store.items[`R${client}`]! });
      case 'moved':
        this.count('redirect');
        return this.send(after, { kind: 'request', to: this.indexOf(reply.to), client, mark: reply.home });
      case 'astray':
        return this.send(after, { kind: 'request', to: this.indexOf(reply.home), client, mark: reply.home });
      case 'absent':
        return this.#locate(after, to, client, mark, reply.epoch);
      default:
        return undefined;
    }
  }

  #born(world: World, slot: Slot): World {
    this.count('birth');
    const { lives, isSplit } = world.ghost;
    if (lives.some(({ incarnation }) => incarnation === slot.incarnation)) this.blame(`${slot.incarnation} is born again`);
    const isTwin = world.nodes.some(({ slot: other }) =>
      (other?.state === 'resident' || other?.state === 'leaving') && other.incarnation !== slot.incarnation);
    const life = { incarnation: slot.incarnation, seeded: false, log: [] };
    return { ...world, ghost: this.setting.interner.the({ lives: [...lives, life], isSplit: isSplit || isTwin }) };
  }

  /** An unknown id: the ancestors are asked from the parent up, then told from the root down (the root decides who is first). */
  #locate(world: World, at: number, client: number, mark: string, epoch: number): World | undefined {
    const above = ancestors(this.setting.tree, at);
    const incarnation = freshName(world, 'i');
    if (above.length === 0) return this.request(world, { kind: 'request', to: at, client, mark }, { incarnation, epoch, ttlMs: 0, knownBy: [], owed: [] });
    return this.#askAncestor(world, at, { kind: 'locate', client, mark, step: 0, incarnation, epoch, owed: [] });
  }

  /** Which ancestor a step is about, and whether it is told (or only asked); undefined when all is done. */
  ancestorOf(at: number, step: number): { node: number; write: boolean } | undefined {
    const above = ancestors(this.setting.tree, at);
    if (step < above.length) return { node: above[step]!, write: false };
    if (step < 2 * above.length) return { node: above[2 * above.length - 1 - step]!, write: true };
    return undefined;
  }

  #askAncestor(world: World, at: number, process: Locate): World {
    const { node, write } = this.ancestorOf(at, process.step)!;
    const command: Command = {
      verb: 'claim', session: SESSION, function: FUNCTION, home: this.name(at), epoch: process.epoch,
      incarnation: process.incarnation, write,
    };
    return this.send(this.withProcess(world, at, process), { kind: 'call', to: node, from: at, for: locateKey(process), command });
  }

  /** The ancestor answered, or (no reply) cannot be reached: then it is told later. */
  located(world: World, at: number, process: Locate, reply: { kind: string } | undefined): World | undefined {
    const answer = reply as { kind: string; home: string; current: string; epoch: number; incarnation: string } | undefined;
    const without = this.withProcess(world, at, undefined, process);
    if (answer?.kind === 'known') return this.#found(without, at, process, answer);
    const { node, write } = this.ancestorOf(at, process.step)!;
    const next: Locate = { ...process, step: process.step + 1 };
    if (answer) next.epoch = Math.max(next.epoch, answer.epoch);
    else if (write) next.owed = [...next.owed, { to: this.name(node), kind: 'claim', epoch: 0 }];
    return this.ancestorOf(at, next.step) ? this.#askAncestor(without, at, next) : this.#create(without, at, next);
  }

  #found(world: World, at: number, process: Locate, { home, current, epoch, incarnation }: { home: string; current: string; epoch: number; incarnation: string }) {
    const here = this.name(at);
    const to = current === here ? home : current;
    if (to !== here) return this.send(world, { kind: 'request', to: this.indexOf(to), client: process.client, mark: home });
    // A claim of this very node that never came to a birth: the birth takes it up, and tells every ancestor again.
    const owed = ancestors(this.setting.tree, at).map((node): Owed => ({ to: this.name(node), kind: 'claim', epoch: 0 }));
    return this.#create(world, at, { ...process, incarnation, epoch: Math.max(epoch, process.epoch), owed });
  }

  #create(world: World, at: number, { client, mark, incarnation, epoch, owed }: Locate): World | undefined {
    const knownBy = ancestors(this.setting.tree, at).map((node) => this.name(node));
    return this.request(world, { kind: 'request', to: at, client, mark }, { incarnation, epoch, ttlMs: 0, knownBy, owed });
  }

  /** The handler is done: its writes, its reply and the lease in one command. */
  finish(world: World, at: number, process: Serve): World {
    const without = this.withProcess(world, at, undefined, process);
    const [after, reply] = this.run(without, at, {
      verb: 'release', session: SESSION, leaseId: process.lease, epoch: process.epoch, dirty: true,
    });
    return reply.kind === 'committed' ? this.#committed(world, after, at, process, reply.version) : after;
  }

  #committed(before: World, after: World, at: number, process: Serve | Short, version: number): World {
    const { incarnation, epoch } = after.nodes[at]!.slot!;
    const { client, seen } = process;
    const value = `${version} after ${seen || 'none'}`;
    if (process.kind === 'short') this.count('short');
    if (written(before.nodes[at]!.store.items) !== seen) this.blame(`client ${client} overwrites what it was never given`);
    const done = this.#write(after, at, client, value, version);
    const kept = done.left.short > 0
      ? this.withLife(done, at, { memory: { epoch, incarnation, version, seen: written(done.nodes[at]!.store.items) } }) : done;
    return this.send(this.#logged(kept, incarnation, process, value), { kind: 'response', client, value });
  }

  #write(world: World, at: number, client: number, value: string, version: number): World {
    const { store, slot } = world.nodes[at]!;
    const items = applied(store.items, { S: null, [`K${client}`]: String(version), [`R${client}`]: value });
    const notes = slot!.copying ? [...new Set([...store.notes, 'S', `K${client}`, `R${client}`])].sort() : store.notes;
    return this.withNode(world, at, { store: { ...store, items, notes } });
  }

  #logged(world: World, incarnation: string, { client, incarnation: granted }: Serve | Short, value: string): World {
    this.count('write');
    if (incarnation !== granted) this.blame(`client ${client} was granted incarnation ${granted} and committed to ${incarnation}`);
    const lives = world.ghost.lives.map((life) => {
      if (life.incarnation !== incarnation) return life;
      if (life.log.some(([who]) => who === client)) this.blame(`request ${client} took effect twice`);
      return { ...life, log: [...life.log, [client, value] as const] };
    });
    return { ...world, ghost: this.setting.interner.the({ ...world.ghost, lives }) };
  }

  fail(world: World, at: number, process: Serve): World {
    const without = this.withProcess(world, at, undefined, process);
    return this.run(without, at, { verb: 'abandon', session: SESSION, leaseId: process.lease })[0];
  }

  /** The handler runs on what this process remembers of its last commit, without a lease. */
  shortly(world: World, { to, client, mark }: Of<Message, 'request'>): World {
    const memory = world.nodes[to]!.life.memory!;
    return this.withProcess(this.spend(world, 'short'), to, { kind: 'short', client, mark, ...memory });
  }

  /** Its commit, on the basis of what was remembered; refused, the request goes the long way. */
  finishShort(world: World, at: number, process: Short): World {
    const without = this.withProcess(world, at, undefined, process);
    const { client, mark, epoch, version, incarnation } = process;
    const [after, reply] = this.run(without, at, {
      verb: 'release', session: SESSION, leaseId: '', basis: { version, incarnation }, epoch, dirty: true,
    }, {}, client);
    if (reply.kind === 'committed') return this.#committed(world, after, at, process, reply.version);
    const again: Of<Message, 'request'> = { kind: 'request', to: at, client, mark };
    return this.request(after, again) ?? this.send(after, again);
  }

  protected withLife(world: World, at: number, change: Partial<Life>): World {
    const { life } = world.nodes[at]!;
    return this.withNode(world, at, { life: { ...life, ...change } });
  }

  protected lease(world: World, at: number): string {
    return freshLease(world, this.setting.leasesRepeat ? world.nodes[at]!.slot?.epoch : undefined);
  }
}

export function locateKey({ client, step, incarnation }: Locate): string {
  return `locate ${client}/${step}/${incarnation}`;
}

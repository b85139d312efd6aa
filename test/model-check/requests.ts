/** Clients and the session layer as the protocol describes them: what becomes of a request at a node. */
import type { Owed, Slot } from '../../runtime/model/record.js';
import type { Acquire, Command } from '../../runtime/model/verbs.js';
import { judge as judgeMark, RecentMarks } from '../../runtime/session/marks.js';
import { applied, FUNCTION, FUTURE_MS, Machine, NOW_MS, SESSION } from './machine.js';
import { freshLease, freshName, written } from './names.js';
import { markOf, placeOf, rowAfter } from './senders.js';
import { ancestors, type Items, type Life, type Memory, type Message, type Of, type Process, type World } from './world.js';

export type Serve = Of<Process, 'serve'>;
export type Short = Of<Process, 'short'>;
export type Locate = Of<Process, 'locate'>;

export class Requests extends Machine {
  /** A request at a node; undefined while it has to wait there. */
  request(world: World, { to, client, mark, effect }: Of<Message, 'request'>, create?: Acquire['create']): World | undefined {
    const node = world.nodes[to]!;
    if (!create && node.processes.some((process) => process.kind === 'locate')) return undefined;
    const lease = this.lease(world, to);
    const command: Acquire = {
      verb: 'acquire', session: SESSION, function: FUNCTION, leaseId: lease, owner: this.name(to), boot: String(node.life.boot),
      leaseMs: FUTURE_MS - 1_000,
    };
    if (effect === undefined) command.request = { id: String(client), digest: 'd' };
    if (mark) command.redirected = { home: mark };
    if (create) command.create = create;
    const [after, reply] = this.run(world, to, command);
    switch (reply.kind) {
      case 'granted': {
        const next = reply.created ? this.#born(after, reply.slot) : after;
        this.judgeData(next, to, 'a granted request');
        if (effect !== undefined && this.#wasTaken(next, to, effect)) return this.#takenBefore(next, to, client, lease, effect);
        const { epoch, incarnation } = reply.slot;
        return this.withProcess(next, to, { kind: 'serve', client, lease, epoch, incarnation, seen: written(next.nodes[to]!.store.items), effect });
      }
      case 'replay':
        return this.send(after, { kind: 'response', client, value: node.store.items[`R${client}`]! });
      case 'moved':
        this.count('redirect');
        return this.send(after, { kind: 'request', to: this.indexOf(reply.to), client, mark: reply.home, effect });
      case 'astray':
        return this.send(after, { kind: 'request', to: this.indexOf(reply.home), client, mark: reply.home, effect });
      case 'absent':
        return this.#locate(after, { to, client, mark, effect }, reply.epoch);
      default:
        return undefined;
    }
  }

  /** Where a request would be sent on from a node by what its record says; `mark` as on a redirect. */
  redirect(world: World, at: number, mark: string): { kind: 'here' } | { kind: 'unknown' } | { kind: 'moved'; to: string; home: string } {
    const here = { node: this.name(at), nowMs: NOW_MS };
    const { reply } = this.setting.step(world.nodes[at]!.slot, {
      verb: 'acquire', session: SESSION, function: FUNCTION, leaseId: 'walk', owner: here.node, boot: '', leaseMs: 1, ...(mark && { redirected: { home: mark } }),
    }, here);
    if (reply.kind === 'moved') return { kind: 'moved', to: reply.to, home: reply.home };
    if (reply.kind === 'astray') return { kind: 'moved', to: reply.home, home: reply.home };
    return { kind: reply.kind === 'absent' ? 'unknown' : 'here' };
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
  #locate(world: World, { to: at, client, mark, effect }: Omit<Of<Message, 'request'>, 'kind'>, epoch: number): World | undefined {
    const above = ancestors(this.setting.tree, at);
    const incarnation = freshName(world, 'i');
    if (above.length === 0) return this.request(world, { kind: 'request', to: at, client, mark, effect }, { incarnation, epoch, ttlMs: 0, knownBy: [], owed: [] });
    return this.#askAncestor(world, at, { kind: 'locate', client, mark, step: 0, incarnation, epoch, owed: [], effect });
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
    if (to !== here) return this.send(world, { kind: 'request', to: this.indexOf(to), client: process.client, mark: home, effect: process.effect });
    // A claim of this very node that never came to a birth: the birth takes it up, and tells every ancestor again.
    const owed = ancestors(this.setting.tree, at).map((node): Owed => ({ to: this.name(node), kind: 'claim', epoch: 0 }));
    return this.#create(world, at, { ...process, incarnation, epoch: Math.max(epoch, process.epoch), owed });
  }

  #create(world: World, at: number, { client, mark, incarnation, epoch, owed, effect }: Locate): World | undefined {
    const knownBy = ancestors(this.setting.tree, at).map((node) => this.name(node));
    return this.request(world, { kind: 'request', to: at, client, mark, effect }, { incarnation, epoch, ttlMs: 0, knownBy, owed });
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
    const { client, seen, effect } = process;
    if (process.kind === 'short') this.count(effect === undefined ? 'short' : 'effect on the short way');
    if (written(before.nodes[at]!.store.items) !== seen) this.blame(`${effect === undefined ? `client ${client}` : `effect ${effect}`} overwrites what it was never given`);
    const value = effect === undefined ? `${version} after ${seen || 'none'}` : String(effect);
    const row = effect === undefined ? undefined : rowAfter(effect, after.nodes[at]!.store.items['M']);
    const done = row === undefined ? this.#write(after, at, { [`K${client}`]: String(version), [`R${client}`]: value }) : this.#take(after, at, row);
    const kept = done.left.short > 0
      ? this.withLife(done, at, { memory: { epoch, incarnation, version, seen: written(done.nodes[at]!.store.items), row: row ?? (process.kind === 'short' ? process.row : undefined) } }) : done;
    return this.send(this.#logged(kept, incarnation, process, row ?? value), { kind: 'response', client, value });
  }

  #write(world: World, at: number, changes: Items): World {
    const { store, slot } = world.nodes[at]!;
    const items = applied(store.items, { S: null, ...changes });
    const notes = slot!.copying ? [...new Set([...store.notes, 'S', ...Object.keys(changes)])].sort() : store.notes;
    return this.withNode(world, at, { store: { ...store, items, notes } });
  }

  #logged(world: World, incarnation: string, { client, effect, incarnation: granted }: Serve | Short, value: string): World {
    this.count(effect === undefined ? 'write' : 'effect');
    const [who, name] = effect === undefined ? [client, `request ${client}`] : [-effect, `effect ${effect}`];
    if (incarnation !== granted) this.blame(`${name} was granted incarnation ${granted} and committed to ${incarnation}`);
    const lives = world.ghost.lives.map((life) => {
      if (life.incarnation !== incarnation) return life;
      if (life.log.some(([other]) => other === who)) this.blame(`${name} took effect twice`);
      else if (life.log.some(([other]) => other < who && who < 0)) this.blame(`${name} took effect after a later one of its sender`);
      return { ...life, log: [...life.log, [who, value] as const] };
    });
    return { ...world, ghost: this.setting.interner.the({ ...world.ghost, lives }) };
  }

  // ── Effects of a sender: what tells a repeated delivery is the production code of its marks ─────

  #wasTaken(world: World, at: number, effect: number): boolean {
    const mark = markOf(world.nodes[at]!.store.items['M']);
    return judgeMark(placeOf(effect), { mark, count: mark ? 1 : 0 }, this.setting.guards) === 'applied';
  }

  /** It is acknowledged again, and the lease given back. */
  #takenBefore(world: World, at: number, client: number, lease: string, effect: number): World {
    this.count('effect taken before');
    const [after] = this.run(world, at, { verb: 'abandon', session: SESSION, leaseId: lease });
    return this.send(after, { kind: 'response', client, value: String(effect) });
  }

  /** What it writes and how far its sender has got, in one. */
  #take(world: World, at: number, row: string): World {
    return this.#write(world, at, { E: String(Number(world.nodes[at]!.store.items['E'] ?? 0) + 1), M: row });
  }

  /** Whether a process that remembers the session knows the delivery to be its sender's next one. */
  #isNext({ row }: Memory, effect: number): boolean {
    const recent = new RecentMarks(this.setting.guards);
    const mark = markOf(row);
    if (mark) recent.keep(placeOf(effect), mark);
    return recent.isNext(placeOf(effect));
  }

  fail(world: World, at: number, process: Serve): World {
    const without = this.withProcess(world, at, undefined, process);
    return this.run(without, at, { verb: 'abandon', session: SESSION, leaseId: process.lease })[0];
  }

  /** The handler runs on what this process remembers of its last commit, without a lease; undefined where a delivery must not. */
  shortly(world: World, { to, client, mark, effect }: Of<Message, 'request'>): World | undefined {
    const memory = world.nodes[to]!.life.memory!;
    if (effect !== undefined && !this.#isNext(memory, effect)) return undefined;
    return this.withProcess(this.spend(world, 'short'), to, { kind: 'short', client, mark, effect, ...memory });
  }

  /** Its commit, on the basis of what was remembered; refused, the request goes the long way. */
  finishShort(world: World, at: number, process: Short): World {
    const without = this.withProcess(world, at, undefined, process);
    const { client, mark, epoch, version, incarnation, effect } = process;
    const [after, reply] = this.run(without, at, {
      verb: 'release', session: SESSION, leaseId: '', basis: { version, incarnation }, epoch, dirty: true,
    }, {}, effect === undefined ? client : undefined);
    if (reply.kind === 'committed') return this.#committed(world, after, at, process, reply.version);
    const again: Of<Message, 'request'> = { kind: 'request', to: at, client, mark, effect };
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

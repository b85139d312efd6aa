/**
 * Clients, the session layer and the drivers of a move as the protocol describes them, one message
 * at a time. Whatever decides anything is a verb of the production step function.
 */
import type { Owed, Passport, Slot } from '../../runtime/model/record.js';
import type { Acquire, Command, Copy, Depart } from '../../runtime/model/verbs.js';
import { applied, FUNCTION, FUTURE_MS, Machine, SESSION } from './machine.js';
import { ancestors, type Changes, type Items, type Message, type Process, type World } from './world.js';

type Of<U, K> = U extends { kind: K } ? U : never;
export type Serve = Of<Process, 'serve'>;
export type Locate = Of<Process, 'locate'>;
export type Drive = Of<Process, 'drive'>;

export class Drivers extends Machine {
  // ── Requests ───────────────────────────────────────────────────────────────────────────────────

  /** A request at a node; undefined while it has to wait there. */
  request(world: World, { to, client, mark }: Of<Message, 'request'>, create?: Acquire['create']): World | undefined {
    const node = world.nodes[to]!;
    if (!create && node.processes.some((process) => process.kind === 'locate')) return undefined;
    const lease = this.freshLease(world);
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

  /** Two lives of one id have met: listed for the operator. */
  #split(world: World): World {
    return { ...world, ghost: this.setting.interner.the({ ...world.ghost, isSplit: true }) };
  }

  /** An unknown id: the ancestors are asked from the parent up, then told from the root down (the root decides who is first). */
  #locate(world: World, at: number, client: number, mark: string, epoch: number): World | undefined {
    const above = ancestors(this.setting.tree, at);
    const incarnation = this.#fresh(world, 'i');
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
    if (reply.kind !== 'committed') return after;
    const { incarnation } = after.nodes[at]!.slot!;
    const value = `${reply.version} after ${process.seen || 'none'}`;
    if (written(world.nodes[at]!.store.items) !== process.seen) this.blame(`client ${process.client} overwrites what it was never given`);
    const done = this.#write(after, at, process.client, value, reply.version);
    return this.send(this.#logged(done, incarnation, process, value), { kind: 'response', client: process.client, value });
  }

  #write(world: World, at: number, client: number, value: string, version: number): World {
    const { store, slot } = world.nodes[at]!;
    const items = applied(store.items, { S: null, [`K${client}`]: String(version), [`R${client}`]: value });
    const notes = slot!.copying ? [...new Set([...store.notes, 'S', `K${client}`, `R${client}`])].sort() : store.notes;
    return this.withNode(world, at, { store: { ...store, items, notes } });
  }

  #logged(world: World, incarnation: string, { client, incarnation: granted }: Serve, value: string): World {
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

  // ── The target's driver ────────────────────────────────────────────────────────────────────────

  /** Step 1, and the call that begins step 2. */
  offered(world: World, offer: Of<Message, 'offer'>): World {
    const { to, from, epoch, home, incarnation } = offer;
    // Fresh for every drive, and never taken from the wire: a fenced attempt must not come back to life.
    const attempt = this.#fresh(world, 'a');
    const [after, reply] = this.run(world, to, {
      verb: 'reserve', session: SESSION, function: FUNCTION, home, incarnation, from: this.name(from), epoch, attempt, deadlineMs: FUTURE_MS,
    });
    if (reply.kind !== 'reserved') return after;
    const driving = this.withProcess(after, to, { kind: 'drive', attempt, phase: 'copy', from, epoch, home, incarnation });
    return this.send(driving, {
      kind: 'call', to: from, from: to, for: `copy ${attempt}`, command: { verb: 'copy', session: SESSION, attempt, epoch, incarnation },
    });
  }

  driver(world: World, at: number, attempt: string): Drive | undefined {
    return world.nodes[at]!.processes.find((process): process is Drive => process.kind === 'drive' && process.attempt === attempt);
  }

  /** A part of the bulk came whole: it is staged, and the next round or step 3 begins. */
  #copied(world: World, at: number, driver: Drive, reply: { kind: string }): World {
    const { kind, items } = reply as { kind: string; items: Changes };
    if (kind !== 'copying' && kind !== 'drained') return this.giveUp(world, at, driver);
    const { attempt, from } = driver;
    const staged = this.stage(world, at, attempt, items);
    if (kind === 'drained') return this.depart(staged, at, driver);
    const next = this.withProcess(staged, at, { ...driver, phase: 'drain' }, driver);
    return this.send(next, { kind: 'call', to: from, from: at, for: `drain ${attempt}`, command: { verb: 'drain', attempt } });
  }

  /** Notes that the source may stop serving, then asks it to. Again with the same words when no answer came. */
  depart(world: World, at: number, driver: Drive): World {
    const { attempt, epoch, incarnation, from } = driver;
    const [after, reply] = this.run(world, at, { verb: 'departing', session: SESSION, attempt });
    if (reply.kind === 'refused') return this.withProcess(after, at, undefined, driver);
    const next = this.withProcess(after, at, { ...driver, phase: 'depart' }, driver);
    return this.send(next, {
      kind: 'call', to: from, from: at, for: `depart ${attempt}`,
      command: { verb: 'depart', session: SESSION, to: this.name(at), epoch, attempt, incarnation },
    });
  }

  giveUp(world: World, at: number, driver: Drive): World {
    const without = this.withProcess(world, at, undefined, driver);
    return this.run(without, at, { verb: 'drop', session: SESSION, attempt: driver.attempt })[0];
  }

  /** Steps 4 to 6. */
  departed(world: World, at: number, driver: Drive, reply: { kind: string }): World {
    const answer = reply as { kind: string; passport: Passport; delta: boolean; items: Changes };
    // Without a delta, what was staged may hold keys that are deleted by now: another attempt's copy took over.
    if (answer.kind !== 'departed' || !answer.delta) return this.giveUp(world, at, driver);
    const { attempt, epoch, home, incarnation, from } = driver;
    const here = this.name(at);
    const owed: Owed[] = home === here ? [] : [{ to: home, kind: 'update', epoch }];
    const knownBy = [...new Set([...answer.passport.knownBy, this.name(from), home])].filter((name) => name !== here).sort();
    const isLate = world.nodes[at]!.slot?.arriving?.deadlineMs === 500;
    const [after, outcome] = this.run(world, at, { verb: 'commit', passport: { ...answer.passport, knownBy }, epoch, attempt, owed }, answer.items);
    const without = this.withProcess(after, at, undefined, driver);
    if (outcome.kind !== 'committed') return without;
    this.count('move');
    if (isLate) this.blame(`${here} committed after the reservation's deadline: the pause has no bound`);
    this.judgeData(without, at, 'the commit of a move');
    const paying = this.#withLife(without, at, { paying: true });
    return this.send(paying, {
      kind: 'call', to: from, from: at, for: '',
      command: { verb: 'learn', session: SESSION, function: FUNCTION, home, current: here, epoch, incarnation },
    });
  }

  // ── The source ─────────────────────────────────────────────────────────────────────────────────

  #copying(world: World, call: Of<Message, 'call'>): World {
    const [after, reply] = this.run(world, call.to, call.command as Copy);
    const answer = reply.kind === 'copying' ? { kind: 'copying', items: after.nodes[call.to]!.store.items } : { kind: reply.kind as string };
    return this.send(after, { kind: 'answer', to: call.from, for: call.for, reply: answer });
  }

  /** Empties the notes. (Signed calls bear a nonce, so the network cannot make a second one of it.) */
  #draining(world: World, call: Of<Message, 'call'>, attempt: string): World {
    const { slot, store } = world.nodes[call.to]!;
    if (slot?.copying !== attempt || slot.state !== 'resident') {
      return this.send(world, { kind: 'answer', to: call.from, for: call.for, reply: { kind: 'refused' } });
    }
    const answer = { kind: 'drained', items: present(store.items, store.notes) };
    const after = this.withNode(world, call.to, { store: { ...store, notes: [] } });
    return this.send(after, { kind: 'answer', to: call.from, for: call.for, reply: answer });
  }

  #departing(world: World, call: Of<Message, 'call'>): World | undefined {
    const [after, reply] = this.run(world, call.to, call.command as Depart);
    if (reply.kind === 'leased') return undefined;
    const { store } = after.nodes[call.to]!;
    let answer: { kind: string } = { kind: reply.kind as string };
    let next = after;
    if (reply.kind === 'departed') {
      const items = reply.delta ? present(store.items, store.notes) : store.items;
      answer = { ...reply, items } as { kind: string };
      next = this.#withLife(after, call.to, { asking: true });
    }
    return this.send(next, { kind: 'answer', to: call.from, for: call.for, reply: answer });
  }

  ask(world: World, at: number): World {
    const leaving = world.nodes[at]!.slot!.leaving!;
    return this.send(world, {
      kind: 'call', to: this.indexOf(leaving.to), from: at, for: `ask ${leaving.attempt}`,
      command: { verb: 'ask', session: SESSION, epoch: leaving.epoch, incarnation: world.nodes[at]!.slot!.incarnation },
    });
  }

  #asked(world: World, at: number, reply: { kind: string }): World {
    if (reply.kind === 'fenced') return this.abort(world, at);
    const { current, home, epoch, incarnation } = reply as { kind: string; current: string; home: string; epoch: number; incarnation: string };
    return this.run(world, at, { verb: 'learn', session: SESSION, function: FUNCTION, home, current, epoch, incarnation })[0];
  }

  abort(world: World, at: number): World {
    const { epoch, attempt } = world.nodes[at]!.slot!.leaving!;
    return this.run(world, at, { verb: 'abort', session: SESSION, epoch, attempt })[0];
  }

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

  #call(world: World, call: Of<Message, 'call'>): World | undefined {
    const { command } = call;
    if (command.verb === 'drain') return this.#draining(world, call, command.attempt);
    if (command.verb === 'copy') return this.#copying(world, call);
    if (command.verb === 'depart') return this.#departing(world, call);
    const [after, reply] = this.run(world, call.to, command);
    if (call.for === '') return after;
    return this.send(after, { kind: 'answer', to: call.from, for: call.for, reply: reply as { kind: string } });
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
      case 'drain': return this.#copied(world, to, this.driver(world, to, name)!, reply);
      case 'depart': return this.departed(world, to, this.driver(world, to, name)!, reply);
      case 'ask': return this.#asked(world, to, reply);
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
    const resumes = this.setting.guards.resumeAtStart;
    const next = this.withNode(world, at, {
      processes: [], life: { boot: life.boot + 1, asking: resumes && slot?.state === 'leaving', paying: resumes },
    });
    if (!resumes || !slot?.arriving) return next;
    return this.run(next, at, { verb: 'drop', session: SESSION, attempt: slot.arriving.attempt })[0];
  }

  #withLife(world: World, at: number, change: Partial<{ asking: boolean; paying: boolean }>): World {
    const { life } = world.nodes[at]!;
    return this.withNode(world, at, { life: { ...life, ...change } });
  }

  // ── Names ──────────────────────────────────────────────────────────────────────────────────────

  /** A lease id that nobody remembers: as good as one that was never used. */
  freshLease(world: World): string {
    const used = new Set<string>();
    for (const { slot, processes } of world.nodes) {
      if (slot?.lease) used.add(slot.lease.id);
      for (const process of processes) if (process.kind === 'serve') used.add(process.lease);
    }
    let i = 1;
    while (used.has(`l${i}`)) i += 1;
    return `l${i}`;
  }

  #fresh(world: World, letter: string): string {
    const text = JSON.stringify([world.nodes, world.messages, world.ghost]);
    let i = 1;
    while (text.includes(`"${letter}${i}"`) || text.includes(` ${letter}${i}"`) || text.includes(`/${letter}${i}"`)) i += 1;
    return `${letter}${i}`;
  }
}

/** The requests whose writes are in the data. */
function written(items: Items): string {
  return Object.keys(items).filter((name) => name.startsWith('K')).sort().join('+');
}

export function locateKey({ client, step, incarnation }: Locate): string {
  return `locate ${client}/${step}/${incarnation}`;
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

/** The named items as they are now; what is gone comes as deleted. */
function present(items: Items, names: readonly string[]): Changes {
  return Object.fromEntries(names.map((name) => [name, items[name] ?? null]));
}

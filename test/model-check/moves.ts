/** Both drivers of a move as the protocol describes them, one message at a time. */
import type { Owed, Passport } from '../../runtime/model/record.js';
import type { AskReply, Copy, Depart, Fence } from '../../runtime/model/verbs.js';
import { FUNCTION, FUTURE_MS, SESSION } from './machine.js';
import { freshName } from './names.js';
import { Requests } from './requests.js';
import { ancestors, type Changes, type Items, type Message, type Of, type Process, type World } from './world.js';

export type Drive = Of<Process, 'drive'>;

export class Moves extends Requests {
  // ── The target's driver ────────────────────────────────────────────────────────────────────────

  /** Step 1, and the call that begins step 2. */
  offered(world: World, offer: Of<Message, 'offer'>): World {
    const { to, from, epoch, home, incarnation, rehome } = offer;
    // Fresh for every drive, and never taken from the wire: a fenced attempt must not come back to life.
    const attempt = freshName(world, 'a');
    const { tree } = this.setting;
    const course = rehome ? 're-home' : ancestors(tree, from).includes(to) ? 'offload' : 'onload';
    const way = course === 'onload' ? [home, ...ancestors(tree, this.indexOf(home)).map((node) => this.name(node))] : [];
    const [after, reply] = this.run(world, to, {
      verb: 'reserve', session: SESSION, function: FUNCTION, home, incarnation, from: this.name(from), epoch, attempt, deadlineMs: FUTURE_MS, course, way,
    });
    if (reply.kind !== 'reserved') return after;
    const driving = this.withProcess(after, to, { kind: 'drive', attempt, phase: 'copy', from, epoch, home, incarnation, ...(rehome && { rehome }) });
    return this.send(driving, {
      kind: 'call', to: from, from: to, for: `copy ${attempt}`, command: { verb: 'copy', session: SESSION, attempt, epoch, incarnation },
    });
  }

  driver(world: World, at: number, attempt: string): Drive | undefined {
    return world.nodes[at]!.processes.find((process): process is Drive => process.kind === 'drive' && process.attempt === attempt);
  }

  /** A part of the bulk came whole: it is staged, and the next round or step 3 begins. */
  protected copied(world: World, at: number, driver: Drive, reply: { kind: string }): World {
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
    const { attempt, epoch, incarnation, from } = driver;
    const here = this.name(at);
    const { passport, owed } = this.#stamped(at, driver, answer.passport);
    const { home } = passport;
    const isLate = world.nodes[at]!.slot?.arriving?.deadlineMs === 500;
    const [after, outcome] = this.run(world, at, { verb: 'commit', passport, epoch, attempt, owed }, answer.items);
    const without = this.withProcess(after, at, undefined, driver);
    if (outcome.kind !== 'committed') return without;
    this.count('move');
    if (isLate) this.blame(`${here} committed after the reservation's deadline: the pause has no bound`);
    this.judgeData(without, at, 'the commit of a move');
    const paying = this.withLife(without, at, { paying: true });
    return this.send(paying, {
      kind: 'call', to: from, from: at, for: '',
      command: { verb: 'learn', session: SESSION, function: FUNCTION, home, current: here, epoch, incarnation },
    });
  }

  /** The passport as the new residency goes on with it, and whom that concerns: home, or with a re-home everybody who may point to the session. */
  #stamped(at: number, { epoch, home: oldHome, from, rehome }: Drive, passport: Passport): { passport: Passport; owed: Owed[] } {
    const here = this.name(at);
    const above = rehome ? ancestors(this.setting.tree, at).map((node) => this.name(node)) : [];
    const knownBy = [...new Set([...passport.knownBy, this.name(from), oldHome, ...above])].filter((name) => name !== here).sort();
    if (!rehome) return { passport: { ...passport, knownBy }, owed: oldHome === here ? [] : [{ to: oldHome, kind: 'update', epoch }] };
    this.count('re-home');
    return { passport: { ...passport, home: here, knownBy }, owed: knownBy.map((to) => ({ to, kind: above.includes(to) ? 'claim' : 'update', epoch })) };
  }

  // ── The source ─────────────────────────────────────────────────────────────────────────────────

  protected copying(world: World, call: Of<Message, 'call'>): World {
    const [after, reply] = this.run(world, call.to, call.command as Copy);
    const answer = reply.kind === 'copying' ? { kind: 'copying', items: after.nodes[call.to]!.store.items } : { kind: reply.kind as string };
    return this.send(after, { kind: 'answer', to: call.from, for: call.for, reply: answer });
  }

  /** Empties the notes. (Signed calls bear a nonce, so the network cannot make a second one of it.) */
  protected draining(world: World, call: Of<Message, 'call'>, attempt: string): World {
    const { slot, store } = world.nodes[call.to]!;
    if (slot?.copying !== attempt || slot.state !== 'resident') {
      return this.send(world, { kind: 'answer', to: call.from, for: call.for, reply: { kind: 'refused' } });
    }
    const answer = { kind: 'drained', items: present(store.items, store.notes) };
    const after = this.withNode(world, call.to, { store: { ...store, notes: [] } });
    return this.send(after, { kind: 'answer', to: call.from, for: call.for, reply: answer });
  }

  protected departing(world: World, call: Of<Message, 'call'>): World | undefined {
    const [after, reply] = this.run(world, call.to, call.command as Depart);
    if (reply.kind === 'leased') return undefined;
    const { store } = after.nodes[call.to]!;
    let answer: { kind: string } = { kind: reply.kind as string };
    let next = after;
    if (reply.kind === 'departed') {
      const items = reply.delta ? present(store.items, store.notes) : store.items;
      answer = { ...reply, items } as { kind: string };
      next = this.withLife(after, call.to, { asking: true });
    }
    return this.send(next, { kind: 'answer', to: call.from, for: call.for, reply: answer });
  }

  ask(world: World, at: number): World {
    const leaving = world.nodes[at]!.slot!.leaving!;
    return this.send(world, {
      kind: 'call', to: this.indexOf(leaving.to), from: at, for: `ask ${leaving.attempt}`,
      command: { verb: 'ask', session: SESSION, epoch: leaving.epoch, incarnation: world.nodes[at]!.slot!.incarnation, home: world.nodes[at]!.slot!.home },
    });
  }

  protected asked(world: World, at: number, reply: { kind: string }): World {
    if (reply.kind === 'fenced') return this.abort(world, at, reply as AskReply & { kind: 'fenced' });
    const { current, home, epoch, incarnation } = reply as { kind: string; current: string; home: string; epoch: number; incarnation: string };
    return this.run(world, at, { verb: 'learn', session: SESSION, function: FUNCTION, home, current, epoch, incarnation })[0];
  }

  /** Without a fence: somebody gives up who never asked. */
  abort(world: World, at: number, fence?: Fence): World {
    const { epoch, attempt } = world.nodes[at]!.slot!.leaving!;
    return this.run(world, at, { verb: 'abort', session: SESSION, epoch, attempt, ...(fence && { fence: { by: fence.by, epoch: fence.epoch } }) })[0];
  }
}

/** The named items as they are now; what is gone comes as deleted. */
function present(items: Items, names: readonly string[]): Changes {
  return Object.fromEntries(names.map((name) => [name, items[name] ?? null]));
}

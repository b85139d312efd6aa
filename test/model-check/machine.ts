/** A node's store and everything that changes one part of a world; the verbs run in the production step function. */
import type { Guards } from '../../runtime/model/guards.js';
import type { Slot } from '../../runtime/model/record.js';
import type { StepFunction } from '../../runtime/model/step/step.js';
import type { Command, DataEffects, Here, Replies } from '../../runtime/model/verbs.js';
import type { Interner } from './intern.js';
import type { Changes, Ghost, Items, Life, Message, NodeState, Process, Store, Tree, World } from './world.js';

export const SESSION = 's';
export const FUNCTION = 'f';
/** The clock never moves: what has to run out is moved into the past. */
export const NOW_MS = 1_000;
export const FUTURE_MS = 2_000;
export const PAST_MS = 500;

export interface Setting {
  tree: Tree;
  step: StepFunction;
  guards: Guards;
  interner: Interner;
  /** Counts `verb:outcome` and what else has to have happened at least once. */
  coverage: Map<string, number>;
  /** Lease ids are new in their residency alone: then the epoch must tell them apart. */
  leasesRepeat?: boolean;
}

export class Machine {
  /** Set by the invariants that look at one transition. */
  violation: string | undefined;

  constructor(readonly setting: Setting) {}

  name(node: number): string {
    return this.setting.tree.names[node]!;
  }

  indexOf(name: string): number {
    return this.setting.tree.names.indexOf(name);
  }

  blame(what: string): void {
    this.violation ??= what;
  }

  count(what: string): void {
    const { coverage } = this.setting;
    coverage.set(what, (coverage.get(what) ?? 0) + 1);
  }

  // ── Parts of a world ───────────────────────────────────────────────────────────────────────────

  withNode(world: World, at: number, change: Partial<NodeState>): World {
    const { interner } = this.setting;
    const nodes = world.nodes.slice();
    const node = { ...world.nodes[at]!, ...change };
    if (change.slot) node.slot = interner.the(change.slot, slotText);
    if (change.store) node.store = interner.the(change.store, storeText);
    if (change.life) node.life = interner.the(change.life, lifeText);
    nodes[at] = node;
    return { ...world, nodes };
  }

  withProcess(world: World, at: number, added: Process | undefined, removed?: Process): World {
    const { interner } = this.setting;
    const processes = world.nodes[at]!.processes.filter((process) => process !== removed);
    if (added) processes.push(interner.the(added));
    processes.sort((a, b) => interner.number(a) - interner.number(b));
    return this.withNode(world, at, { processes });
  }

  send(world: World, message: Message): World {
    const { interner } = this.setting;
    const messages = [...world.messages, interner.the(message)];
    messages.sort((a, b) => interner.number(a) - interner.number(b));
    return { ...world, messages };
  }

  taken(world: World, message: Message): World {
    const at = world.messages.indexOf(message);
    return { ...world, messages: [...world.messages.slice(0, at), ...world.messages.slice(at + 1)] };
  }

  spend(world: World, what: keyof World['left']): World {
    return { ...world, left: this.setting.interner.the({ ...world.left, [what]: world.left[what] - 1 }) };
  }

  // ── One verb at one node's store ───────────────────────────────────────────────────────────────

  run<C extends Command>(world: World, at: number, command: C, adopted: Changes = {}, client?: number): [World, Replies[C['verb']]] {
    const node = world.nodes[at]!;
    const here: Here = { node: this.name(at), nowMs: NOW_MS };
    const id = command.verb === 'acquire' ? command.request?.id : client;
    const key = id === undefined ? '' : `R${id}`;
    const seen = node.store.items[key] === undefined ? undefined : { digest: 'd', kept: true };
    const { slot, reply, effects } = this.setting.step(node.slot, command, here, seen);
    this.count(`${command.verb}:${outcomeOf(reply)}`);
    if (slot === node.slot && Object.keys(effects).length === 0) return [world, reply as Replies[C['verb']]];
    this.#judgeLives(at, command.verb, node.slot, slot);
    this.#judgeEpochs(at, node.slot, slot);
    const store = this.#affect(node.store, effects, adopted);
    return [this.withNode(world, at, { slot, store }), reply as Replies[C['verb']]];
  }

  /** What is known of one life gives way to another only at its end, or when its home begins anew. */
  #judgeLives(at: number, verb: string, before: Slot | undefined, after: Slot | undefined): void {
    if (!before || !after || before.incarnation === after.incarnation || before.state === 'absent' || before.state === 'tombstone') return;
    if (verb === 'claim' && after.home === before.home && after.epoch > before.epoch) return;
    this.blame(`${verb} at ${this.name(at)} merges ${after.incarnation} into ${before.incarnation}`);
  }

  #judgeEpochs(at: number, before: Slot | undefined, after: Slot | undefined): void {
    if (!before || !after || before.state === 'absent' || before.incarnation !== after.incarnation) return;
    if (after.epoch < before.epoch) this.blame(`the epoch at ${this.name(at)} fell from ${before.epoch} to ${after.epoch}`);
    if (before.state !== 'resident' && after.state === 'resident' && after.epoch <= before.epoch) {
      this.blame(`${this.name(at)} became resident again under epoch ${after.epoch}`);
    }
  }

  #affect(store: Store, effects: DataEffects, adopted: Changes): Store {
    let { items, staged, notes } = store;
    if (effects.wipe) items = {};
    if (effects.renote) notes = [];
    if (effects.adopt !== undefined) items = applied({}, { ...staged[effects.adopt], ...adopted });
    for (const attempt of [effects.unstage, effects.adopt]) {
      if (attempt !== undefined && attempt in staged) {
        const { [attempt]: _, ...rest } = staged;
        staged = rest;
      }
    }
    return items === store.items && staged === store.staged && notes === store.notes ? store : { items, staged, notes };
  }

  /** Adds to what is staged for an attempt, if it is still reserved. */
  stage(world: World, at: number, attempt: string, items: Changes): World {
    const { store } = world.nodes[at]!;
    return this.withNode(world, at, { store: { ...store, staged: sorted({ ...store.staged, [attempt]: sorted({ ...store.staged[attempt], ...items }) }) } });
  }

  // ── What really happened ───────────────────────────────────────────────────────────────────────

  truth(ghost: Ghost, incarnation: string): Items {
    const life = ghost.lives.find((one) => one.incarnation === incarnation);
    if (!life) return {};
    const items: Record<string, string> = life.seeded && life.log.length === 0 ? { S: '0' } : {};
    life.log.forEach(([who, reply], i) => {
      if (who < 0) Object.assign(items, { E: String(Number(items['E'] ?? 0) + 1), M: reply });
      else Object.assign(items, { [`K${who}`]: String(i + 1), [`R${who}`]: reply });
    });
    return sorted(items);
  }

  judgeData(world: World, at: number, when: string): void {
    const { slot, store } = world.nodes[at]!;
    const truth = JSON.stringify(this.truth(world.ghost, slot!.incarnation));
    const data = JSON.stringify(sorted(store.items));
    if (data !== truth) this.blame(`${when} at ${this.name(at)} sees ${data}, but acknowledged is ${truth}`);
  }
}

export function applied(items: Items, changes: Changes): Items {
  const next: Record<string, string> = { ...items };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete next[name];
    else next[name] = value;
  }
  return sorted(next);
}

export function sorted<V>(record: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function outcomeOf(reply: { kind: string; reason?: string; repeat?: boolean; changed?: boolean; created?: boolean }): string {
  const more = reply.reason ?? (reply.repeat ? 'repeat' : reply.changed === false ? 'ignored' : reply.created ? 'created' : '');
  return more ? `${reply.kind}-${more}` : reply.kind;
}

/** Fields of a slot that are the same in every world, because there is one session, one function and no time. */
const CONSTANT = ['session', 'function', 'functions', 'ttlMs', 'createdAtMs', 'lastAccessAtMs', 'bytes'];
const VARYING = ['home', 'current', 'epoch', 'version', 'incarnation', 'state', 'lease', 'leaving', 'arriving', 'copying', 'bornBy', 'owed', 'knownBy'];
const FIELDS = new Set([...CONSTANT, ...VARYING]);

/** All of a slot that can vary, short; a field that is not known here would be lost, so it is refused. */
export function slotText(slot: Slot): string {
  for (const field in slot) if (!FIELDS.has(field)) throw new Error(`the model does not know the field ${field} of a slot`);
  const { lease, leaving, arriving } = slot;
  let text = `slot ${slot.state} ${slot.epoch} ${slot.version} ${slot.incarnation} ${slot.home} ${slot.current} ${slot.copying} ${slot.bornBy}`;
  if (lease) text += ` L${lease.id} ${lease.owner} ${lease.boot} ${lease.untilMs}`;
  if (leaving) text += ` T${leaving.to} ${leaving.epoch} ${leaving.attempt}`;
  if (arriving) text += ` F${arriving.from} ${arriving.epoch} ${arriving.attempt} ${arriving.deadlineMs} ${arriving.departing}`;
  for (const row of slot.owed) text += ` O${row.to} ${row.kind} ${row.epoch} ${row.incarnation}`;
  for (const name of slot.knownBy) text += ` K${name}`;
  return text;
}

export function storeText({ items, staged, notes }: Store): string {
  let text = 'store';
  for (const name in items) text += ` ${name}=${items[name]}`;
  for (const attempt in staged) {
    text += ` @${attempt}`;
    for (const name in staged[attempt]) text += ` ${name}=${staged[attempt]![name]}`;
  }
  for (const name of notes) text += ` !${name}`;
  return text;
}

export function lifeText({ boot, asking, paying, memory }: Life): string {
  const text = `life ${boot} ${asking} ${paying}`;
  return memory ? `${text} ${memory.epoch} ${memory.incarnation} ${memory.version} ${memory.seen} ${memory.row}` : text;
}

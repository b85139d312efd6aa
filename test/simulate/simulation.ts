/**
 * The whole domain under one plan: clients, moves, lost and late calls, crashes, pauses, failing stores and
 * stepping clocks. Whoever runs the plan again sees the same. What clients saw is judged by the linearizability checker.
 */
import type { Guards } from '../../runtime/model/guards.js';
import type { Subtree } from '../../runtime/base/directory.js';
import { namesOf } from '../domain/trees.js';
import { type Luck, World } from '../domain/world.js';
import type { Bounds } from '../linearizability/check.js';
import { checkHistory } from '../linearizability/explain.js';
import { listAppend } from '../linearizability/models.js';
import { versionFaults } from '../linearizability/versions.js';
import { Actors } from './actors.js';
import { Watch } from './invariants.js';
import { planOf, type Plan, type PlanOptions } from './plan.js';
import { Dice } from './random.js';
import { emptyTally, type SimulationReport } from './report.js';

const MOST_LATENCY_MS = 12;
const MOST_LATENESS_MS = 40_000;
/** A run without an end would be a fault of its own. */
const MOST_STEPS_PER_ACTION = 4_000;
const ledgerAt = (node: string) => `propagate:ledger@${node}`;

export interface RunLimits {
  /** Steps of the scheduler, after which the run is cut short; missing: so many that a run that needs more has no end, which is a violation. */
  steps?: number;
  /** Of the checker of histories. */
  checker?: Bounds;
  /** Asked after every step: whether there is no time left; the run is cut short then. */
  isOver?(): boolean;
}

export function simulate(options: PlanOptions, guards?: Guards): Promise<SimulationReport> {
  return new Simulation(planOf(options), guards).run();
}

export class Simulation {
  readonly #world: World;
  readonly #names: string[];
  readonly #tally = emptyTally();
  readonly #violations: string[] = [];
  readonly #faults: string[] = [];
  readonly #actors: Actors;
  readonly #dice: Dice;
  readonly #allowed: Set<string> | undefined;
  #stormy = false;
  #isCutShort = false;

  constructor(private readonly plan: Plan, guards?: Guards, private readonly limits: RunLimits = {}) {
    this.#world = new World(plan.tree, ['list'], guards);
    this.#world.deliveries = plan.deliveries;
    this.#names = namesOf(plan.tree);
    this.#dice = new Dice(plan.seed);
    this.#allowed = plan.faults && new Set(plan.faults);
    const violate = (what: string) => void this.#violations.push(what);
    const luck = (node: string) => this.#client(node);
    this.#actors = new Actors({ plan, world: this.#world, tally: this.#tally, violate, luck });
    const watch = new Watch(this.#world, violate);
    this.#world.stored = (node, session) => watch.changed(node, session);
    this.#world.latency = (site) => Math.floor(this.#dice.throw(`latency ${site}`).value * MOST_LATENCY_MS);
    this.#world.lateness = () => Math.floor(this.#dice.throw('lateness').value * MOST_LATENESS_MS);
    this.#world.weather = ({ from, to, path }) => this.#network(from, to, path.split('?')[0]!);
    this.#world.storeWeather = ({ node, method }) => this.#store(node, `${node}.${method}`);
  }

  /** Ends at the first violation. */
  async run(): Promise<SimulationReport> {
    try {
      await this.#act();
      await this.#end();
    } catch (error) {
      if (!(error instanceof Ended)) throw error;
    }
    const { storesDown: _, cuts: __, ...tally } = this.#tally;
    return {
      seed: this.plan.seed, nodes: this.#names.length, steps: this.#world.clock.ticks, judged: this.#actors.history.tries.length,
      ...tally, faults: this.#faults, violations: this.#violations, isCutShort: this.#isCutShort,
    };
  }

  async #act(): Promise<void> {
    const { sessions, bornAt, actions } = this.plan;
    for (const [at, session] of sessions.entries()) await this.#during(this.#actors.bear(session, bornAt[at]!));
    const byActor = grouped(actions);
    this.#stormy = true;
    await this.#during(Promise.all([...byActor.values()].map((own) => this.#actors.play(own))));
    this.#stormy = false;
  }

  /** The storm is over: everything has to come to rest by itself, and be right. */
  async #end(): Promise<void> {
    this.#tally.storesDown.clear();
    this.#tally.cuts.clear();
    for (const name of this.#names) {
      this.#world.processes.resume(name);
      this.#world.clockOffsets.delete(name);
    }
    // A deadline that was set by a clock ahead runs out later: several rounds outlast the farthest step.
    for (let round = 0; round < 4; round += 1) await this.#world.sweep();
    for (let before = Number.POSITIVE_INFINITY, left = await this.#undelivered(); left > 0 && left < before; [before, left] = [left, await this.#undelivered()]) {
      await this.#world.settle();
    }
    await this.#during(this.#judge());
    // What expired while it was looked for owes the news of its end.
    await this.#world.sweep();
    await this.#during(this.#nothingOpen());
  }

  // ── Luck ─────────────────────────────────────────────────────────────────────────────────────

  #network(from: string, to: string, path: string): Luck {
    const kinds: Luck[] = ['lost', 'answer-lost', 'late', 'twice'];
    const luck = this.#throw(`${from}>${to}${path}`, this.plan.chances.network, kinds);
    if (luck !== 'fine') this.#tally.lostCalls += 1;
    const { cuts } = this.#tally;
    if (cuts.has(`${from}>${to}`)) return 'lost';
    if (cuts.has(`${to}>${from}`)) return 'answer-lost';
    return luck;
  }

  #client(node: string): Luck {
    const luck = this.#throw(`client>${node}`, this.plan.chances.network, ['lost', 'answer-lost', 'twice']);
    if (luck !== 'fine') this.#tally.lostCalls += 1;
    return luck;
  }

  #store(node: string, place: string): Luck {
    const luck = this.#throw(place, this.plan.chances.store, ['lost', 'answer-lost']);
    if (this.#tally.storesDown.has(node)) return 'lost';
    if (luck !== 'fine') this.#tally.storeFailures += 1;
    return luck;
  }

  #throw(place: string, chance: number, kinds: Luck[]): Luck {
    const { count, value } = this.#dice.throw(place);
    if (!this.#stormy || value >= chance) return 'fine';
    const name = `${place}#${count}`;
    if (this.#allowed && !this.#allowed.has(name)) return 'fine';
    this.#faults.push(name);
    return kinds[Math.floor((value / chance) * kinds.length)]!;
  }

  // ── Judgement ────────────────────────────────────────────────────────────────────────────────

  async #judge(): Promise<void> {
    const { sessions, shortLived } = this.plan;
    const isLasting = (session: string) => !shortLived.includes(session);
    const mostRedirects = Math.max(2, levelsOf(this.plan.tree) - 1);
    for (const session of sessions) {
      // Once quiet, any node that knows the session reaches it on its path: two redirects in a domain of three levels.
      for (const name of this.#names) {
        if (!(await this.#world.slotAt(name, session))) continue;
        const answer = await this.#actors.patiently(() => this.#actors.reach(name, session, '', {}, 'judge'));
        if (answer && answer.redirects > mostRedirects && isLasting(session)) this.#violate(`far away: ${session} is ${answer.redirects} redirects from ${name}`);
      }
      await this.#judgeList(session, isLasting(session));
    }
    const judged = checkHistory(listAppend, this.#actors.history.tries.filter(({ session }) => isLasting(session)), this.limits.checker);
    for (const { kind, text } of judged.findings) this.#violate(`history ${kind}: ${text}`);
    for (const fault of versionFaults(this.#actors.sightings)) this.#violate(`version fault: ${fault}`);
    await this.#judgeLedgers();
  }

  async #judgeList(session: string, isLasting: boolean): Promise<void> {
    const last = this.#actors.history.invoke(session, 'judge', 'read');
    const list = (await this.#actors.patiently(() => this.#actors.reach(this.#names[0]!, session, '', {}, 'judge')))?.items ?? [];
    last.answer(list);
    if (new Set(list).size !== list.length) this.#violate(`item twice: ${session} has ${twice(list).join(', ')} twice`);
    const missing = isLasting ? this.#actors.acknowledged.get(session)!.filter((item) => !list.includes(item)) : [];
    if (missing.length > 0) this.#violate(`item lost: ${session} lost ${missing.join(', ')}`);
    const foreign = list.filter((item) => !this.#actors.sent.get(session)!.includes(item));
    if (foreign.length > 0) this.#violate(`foreign item: ${session} has ${foreign.join(', ')}, which nobody sent`);
  }

  /** Every path ends at the root: its ledger has every item once, each session's in the order of its list. */
  async #judgeLedgers(): Promise<void> {
    const root = this.#names[0]!;
    for (const session of this.plan.sessions) {
      const ofSession = (ledger: string[]) => ledger.filter((entry) => entry.startsWith(`${session}:`)).map((entry) => entry.slice(session.length + 1));
      const list = await this.#world.itemsOf(session);
      const atRoot = ofSession(await this.#world.itemsOf(ledgerAt(root)));
      // The list of a short-lived session ends and begins anew, its effects stay.
      const differs = this.plan.shortLived.includes(session) ? -1 : list.concat(atRoot).findIndex((_, at) => list[at] !== atRoot[at]);
      if (differs >= 0) this.#violate(`ledger differs: the root's of ${session} has ${atRoot[differs]} at ${differs} where its list has ${list[differs]}`);
      this.#tally.delivered += atRoot.length;
      for (const name of this.#names) {
        const ledger = ofSession(await this.#world.itemsOf(ledgerAt(name)));
        if (new Set(ledger).size !== ledger.length) this.#violate(`ledger twice: that of ${name} has ${twice(ledger).join(', ')} of ${session} twice`);
      }
    }
    for (const name of this.#names) {
      for (const { reason } of this.#world.node(name).offload.deadLetters.list()) this.#violate(`dead letter: at ${name}: ${reason}`);
    }
  }

  async #nothingOpen(): Promise<void> {
    for (const name of this.#names) {
      for (const session of await this.#world.node(name).store.unfinished()) {
        const slot = await this.#world.slotAt(name, session);
        this.#violate(`unfinished: ${session} at ${name} is ${slot?.state} and owes ${JSON.stringify(slot?.owed)}`);
      }
    }
    for (const session of this.plan.sessions) {
      for (const name of this.#names) {
        const slot = await this.#world.slotAt(name, session);
        if (slot?.lease) this.#violate(`lease stuck: ${session} is leased at ${name}`);
      }
    }
  }

  async #undelivered(): Promise<number> {
    const counts = this.plan.sessions.flatMap((session) => this.#names.map((name) => this.#world.node(name).store.effects(session, 10_000)));
    return (await this.#during(Promise.all(counts))).flat().length;
  }

  // ── Time ─────────────────────────────────────────────────────────────────────────────────────

  #violate(what: string): void {
    this.#violations.push(what);
  }

  /** Waits for a piece of work while time goes on. */
  async #during<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const end = () => { isOver = true; };
    work.then(end, end);
    const most = this.#world.clock.ticks + MOST_STEPS_PER_ACTION * (this.plan.actions.length + 100);
    const isUsedUp = () => this.#world.clock.ticks > (this.limits.steps ?? Number.POSITIVE_INFINITY) || this.limits.isOver?.() === true;
    await this.#world.settle(() => isOver || this.#violations.length > 0 || this.#world.clock.ticks > most || isUsedUp(), Number.POSITIVE_INFINITY);
    if (!isOver && this.#violations.length === 0) {
      this.#isCutShort = isUsedUp();
      if (!this.#isCutShort) this.#violate('no end: it goes on for ever, or nothing is left to happen');
    }
    if (this.#isCutShort || this.#violations.length > 0) throw new Ended();
    return work;
  }
}

class Ended extends Error {}

function grouped<T extends { actor: string }>(actions: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const action of actions) groups.set(action.actor, [...groups.get(action.actor) ?? [], action]);
  return groups;
}

function twice(items: string[]): string[] {
  return items.filter((item, at) => items.indexOf(item) !== at);
}

function levelsOf({ children }: Subtree): number {
  return 1 + Math.max(0, ...children.map(levelsOf));
}

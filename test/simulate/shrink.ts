/**
 * A plan that breaks an invariant, made small: nodes, actions and faults are taken out as long as it still
 * breaks one of the same kind. Delta debugging (Zeller): large pieces first, then smaller ones.
 */
import type { Guards } from '../../runtime/model/guards.js';
import { namesOf } from '../domain/trees.js';
import { withoutNode, type Plan } from './plan.js';
import type { SimulationReport } from './report.js';
import { Simulation } from './simulation.js';

export interface Shrunk {
  plan: Plan;
  report: SimulationReport;
  /** Runs that it took. */
  runs: number;
}

export interface ShrinkOptions {
  guards?: Guards;
  /** Most runs, and most steps of the scheduler in all of them; what is smallest by then is the result. */
  runs?: number;
  steps?: number;
  /** Whether there is no time left, for those who have a clock. */
  isOver?(): boolean;
}

const MOST_RUNS = 400;
const MOST_STEPS = 3_000_000;
/** A smaller plan shows the fault soon or not at all: one that needs many more steps than the plan before it is not waited for. */
const LONGER = 1.5;
const LONGER_STEPS = 1_000;
/** A history that needs more to be judged is no small one. */
const CHECKER = { configurations: 100_000 };
/** What the checker had no room for is no fault that a smaller plan could show. */
const UNDECIDED = 'history undecided';

/** What is broken, without whose and when. */
export function kindOf(violation: string): string {
  return violation.split(':')[0]!;
}

/** Whether a smaller plan could show more. */
export function isShrinkable({ violations }: SimulationReport): boolean {
  return violations.some((violation) => kindOf(violation) !== UNDECIDED);
}

/** @param report of the plan's run, with a violation */
export async function shrink(plan: Plan, report: SimulationReport, options: ShrinkOptions = {}): Promise<Shrunk> {
  const { guards, runs: most = MOST_RUNS, steps: mostSteps = MOST_STEPS, isOver = () => false } = options;
  const kind = kindOf(report.violations.find((violation) => kindOf(violation) !== UNDECIDED) ?? UNDECIDED);
  // From here on only the faults that happened may happen: luck that changes its place would hide what is being looked for.
  let best: Shrunk = { plan: { ...plan, faults: report.faults }, report, runs: 0 };
  let [runs, steps] = [0, 0];
  const isUsedUp = () => kind === UNDECIDED || runs >= most || steps >= mostSteps || isOver();

  async function attempt(candidate: Plan): Promise<boolean> {
    if (isUsedUp()) return false;
    runs += 1;
    const limits = { steps: Math.ceil(best.report.steps * LONGER) + LONGER_STEPS, checker: CHECKER, isOver };
    const tried = await new Simulation(candidate, guards, limits).run().catch(() => undefined);
    steps += tried?.steps ?? 0;
    if (!tried?.violations.some((violation) => kindOf(violation) === kind)) return false;
    best = { plan: { ...candidate, faults: tried.faults }, report: tried, runs };
    return true;
  }

  // Once through everything, and again for as long as that takes anything out.
  for (let size = Number.POSITIVE_INFINITY; sizeOf(best.plan) < size && !isUsedUp();) {
    size = sizeOf(best.plan);
    for (const name of namesOf(best.plan.tree).reverse()) {
      const smaller = withoutNode(best.plan, name);
      if (smaller) await attempt(smaller);
    }
    await reduce(() => best.plan.actions, (actions) => attempt({ ...best.plan, actions }));
    await reduce(() => best.plan.faults ?? [], (faults) => attempt({ ...best.plan, faults }));
  }
  return { ...best, runs };
}

/** Takes out pieces of a list, half of it first and single elements last. */
async function reduce<T>(list: () => T[], attempt: (smaller: T[]) => Promise<boolean>): Promise<void> {
  for (let piece = Math.max(1, list().length >> 1); ; piece = piece >> 1) {
    for (let at = 0; at < list().length;) {
      const smaller = [...list().slice(0, at), ...list().slice(at + piece)];
      if (!(await attempt(smaller))) at += piece;
    }
    if (piece <= 1) return;
  }
}

export function sizeOf({ tree, actions, faults = [] }: Plan): number {
  return namesOf(tree).length + actions.length + faults.length;
}

/** The plan in a few lines, for somebody who has to understand it. */
export function showPlan({ tree, actions, faults = [], bornAt, sessions }: Plan): string[] {
  const shape = (node: Plan['tree']): string => (node.children.length === 0 ? node.node.name : `${node.node.name}(${node.children.map(shape).join(' ')})`);
  return [
    `nodes ${shape(tree)}; sessions ${sessions.map((session, at) => `${session} at ${bornAt[at]}`).join(', ')}`,
    ...actions.map(({ id, actor, atMs, kind, ...rest }) => `  ${atMs} ms ${actor}: ${kind} ${Object.entries(rest).map(([name, value]) => `${name} ${String(value)}`).join(', ')} (action ${id})`),
    ...(faults.length > 0 ? [`  calls that fail: ${faults.join(' ')}`] : []),
  ];
}

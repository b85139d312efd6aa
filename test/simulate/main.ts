/**
 * `npm run simulate -- [--seed N] [--steps N | --seconds N | --runs N] [--size N] [--nodes N]`
 * Runs seeds one after the other until so many steps of the scheduler (10000000 and more), seconds or runs are done.
 * A seed that breaks an invariant is printed with the command that shows it again, then made small, and printed so:
 * `--plan FILE` runs that. `--without GUARD` switches a guard of the protocol off, to see what that would do.
 * With `--seconds N` it ends soon after them whatever happens: the seed in hand is cut short, making small has its own seconds
 * (`--shrink-seconds N`), and whoever does not end by itself a while later is ended, which is a failure.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, Worker } from 'node:worker_threads';
import { ALL_GUARDS, type Guards } from '../../runtime/model/guards.js';
import { MOST_NODES, planOf, type Plan } from './plan.js';
import { isShrinkable, showPlan, shrink } from './shrink.js';
import { Simulation } from './simulation.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' }, size: { type: 'string', default: '600' }, nodes: { type: 'string', default: String(MOST_NODES) },
    steps: { type: 'string' }, runs: { type: 'string' }, seconds: { type: 'string' },
    'shrink-seconds': { type: 'string', default: '30' }, plan: { type: 'string' }, without: { type: 'string' }, verbose: { type: 'boolean', default: false },
  },
});
const PROGRESS_EVERY_MS = 30_000;
/** So much longer than its seconds a run may take before it is ended by force. */
const GRACE_MS = 3 * 60_000;
const [first, size, nodes] = [Number(values.seed), Number(values.size), Number(values.nodes)];
const guards: Guards | undefined = values.without === undefined ? undefined : { ...ALL_GUARDS, [values.without]: false };
if (values.without !== undefined && !(values.without in ALL_GUARDS)) throw new Error(`there is no guard ${values.without}: ${Object.keys(ALL_GUARDS).join(', ')}`);
const without = values.without === undefined ? '' : ` --without ${values.without}`;

const startMs = performance.now();
const isLate = (seconds: number | undefined, sinceMs = startMs) => seconds !== undefined && performance.now() - sinceMs >= seconds * 1_000;
const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
const shrinkSeconds = Number(values['shrink-seconds']);
let [runs, whole, steps, judged, moves, acknowledged] = [0, 0, 0, 0, 0, 0];
let saidMs = startMs;

async function one(plan: Plan, again: string): Promise<boolean> {
  const report = await new Simulation(plan, guards, { isOver: () => isLate(seconds) }).run().catch((error: unknown) => {
    console.error(`again: ${again}`);
    throw error;
  });
  runs += 1;
  whole += report.isCutShort ? 0 : 1;
  steps += report.steps;
  judged += report.judged;
  moves += report.moves;
  acknowledged += report.acknowledged;
  if (values.verbose) console.log(JSON.stringify({ ...report, faults: report.faults.length }));
  if (report.isCutShort) console.log(`seed ${plan.seed} was cut short after ${report.steps} steps: the time is over`);
  if (report.violations.length === 0) return true;
  console.error([`seed ${plan.seed}:`, ...report.violations, `again: ${again}`].join('\n'));
  if (values.plan !== undefined || !isShrinkable(report)) return false;
  console.error('making it small …');
  const sinceMs = performance.now();
  const small = await shrink(plan, report, { guards, isOver: () => isLate(shrinkSeconds, sinceMs) });
  const file = join(tmpdir(), `plan-${plan.seed}-${size}${values.without ? `-${values.without}` : ''}.json`);
  await writeFile(file, JSON.stringify(small.plan));
  console.error([
    `${small.plan.actions.length} actions of ${plan.actions.length} and ${small.plan.faults!.length} faults of ${report.faults.length} suffice (${small.runs} runs):`,
    ...showPlan(small.plan), ...small.report.violations, `again: npm run simulate -- --plan ${file}${without}`,
  ].join('\n'));
  return false;
}

function isOver(seed: number): boolean {
  if (values.steps !== undefined) return steps >= Number(values.steps);
  if (seconds !== undefined) return isLate(seconds);
  return seed >= first + Number(values.runs ?? 1);
}

async function all(): Promise<boolean> {
  let isWell = true;
  if (values.plan !== undefined) return one(JSON.parse(await readFile(values.plan, 'utf8')) as Plan, `npm run simulate -- --plan ${values.plan}${without}`);
  for (let seed = first; isWell && !isOver(seed); seed += 1) {
    isWell = await one(planOf({ seed, size, nodes }), `npm run simulate -- --seed ${seed} --size ${size} --nodes ${nodes}${without}`);
    if (performance.now() - saidMs < PROGRESS_EVERY_MS) continue;
    saidMs = performance.now();
    console.error(`${runs} seeds, ${steps} steps, ${judged} operations judged, ${((saidMs - startMs) / 1_000).toFixed(0)} s`);
  }
  return isWell;
}

/** The same in a thread that can be ended, wherever it is. */
function watched(mostMs: number): void {
  const thread = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
  const timer = setTimeout(() => {
    console.error(`FAILED: it did not end within ${(mostMs / 1_000).toFixed(0)} s`);
    process.exitCode = 1;
    void thread.terminate();
  }, mostMs);
  thread.on('error', (error) => {
    console.error(error);
    process.exitCode = 1;
  });
  thread.on('exit', (code) => {
    clearTimeout(timer);
    process.exitCode ||= code;
  });
}

if (isMainThread && seconds !== undefined) {
  watched((seconds + shrinkSeconds) * 1_000 + GRACE_MS);
} else {
  const isWell = await all();
  // A seed that was cut short was not judged: no violation in nothing is no proof.
  const isVacuous = isWell && whole === 0;
  if (isVacuous) console.error('FAILED: no seed was run to its end and judged');
  console.log(`${runs} seeds, ${steps} steps, ${acknowledged} writes acknowledged, ${judged} operations judged, ${moves} moves, ${isWell ? 'no violation' : 'VIOLATION'}`);
  process.exitCode = isWell && !isVacuous ? 0 : 1;
}

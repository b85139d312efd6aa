/**
 * `npm run bench:load [-- --rounds 3 --clients 100 --seconds 30 --store auto --json FILE --plot FILE]`: many clients on one hot leaf of
 * real node processes, each node with the capacity of a small machine, under several policies with the same requests. And
 * `--clients 1000 --arms balanced --relief FILE`: how long a leaf takes to give more than 500 sessions away. README.md in the folder above explains the figures.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Figure, figureOf, quantile } from '../harness/figures.js';
import { type Arm, type ArmResult, ARMS, runArm } from './arms.js';
import type { LoadPlan } from './clients.js';
import { RELIEF, reliefPlot, responsesPlot } from './plot.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' }, clients: { type: 'string', default: '100' }, seconds: { type: 'string', default: '30' },
    store: { type: 'string', default: 'auto' }, arms: { type: 'string' }, json: { type: 'string' }, plot: { type: 'string' }, relief: { type: 'string' },
  },
});

/** A leaf can serve 160 requests a second; its clients would ask for half as many again. */
const PLACES = 4;
const SERVICE_MS = 25;
const OVERLOAD = 1.5;

interface Measured {
  meanMs: number;
  p50Ms: number;
  p99Ms: number;
  seconds: number;
  moves: number;
  firstMoveS: number;
  lastMoveS: number;
  away: number;
  redirected: number;
}

function measuredOf({ answered, tookMs, movesMs, away }: ArmResult): Measured {
  const times = answered.map((each) => each.tookMs).sort((left, right) => left - right);
  return {
    meanMs: times.reduce((sum, time) => sum + time, 0) / times.length, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99),
    seconds: tookMs / 1_000, moves: movesMs.length, firstMoveS: (movesMs[0] ?? NaN) / 1_000, lastMoveS: (movesMs.at(-1) ?? NaN) / 1_000, away, redirected: answered.filter(({ redirects }) => redirects > 0).length / answered.length,
  };
}

async function main(): Promise<void> {
  const [clients, seconds, rounds] = [Number(values.clients), Number(values.seconds), Number(values.rounds)];
  // Without waiting, the clients together would keep so many places busy as the overload says.
  const everyMs = clients * SERVICE_MS / (PLACES * OVERLOAD);
  const arms = values.arms === undefined ? ARMS : ARMS.filter(({ name }) => values.arms!.split(',').includes(name));
  const plan = { clients, requests: Math.round(seconds * 1_000 / everyMs), thinkMs: everyMs - SERVICE_MS, serviceMs: SERVICE_MS, places: PLACES };
  console.log(`${clients} clients of one leaf, ${plan.requests} requests each, together ${(1_000 * clients / everyMs).toFixed(0)} a second if none had to wait; each node serves ${1_000 * PLACES / SERVICE_MS} a second`);
  const seen = new Map(arms.map((arm) => [arm, [] as Measured[]]));
  const last = new Map<Arm, ArmResult>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const arm of arms) {
      const result = await runArm(arm, { ...plan, seed: round } satisfies LoadPlan, values.store);
      const measured = measuredOf(result);
      seen.get(arm)!.push(measured);
      last.set(arm, result);
      console.log(`round ${round} ${lineOf(arm.name, measured)}`);
      for (const fault of [...result.errors, ...result.wrong.map((session) => `${session}: its counter is wrong`)].slice(0, 5)) console.log(`  ERROR: ${fault}`);
      if (result.errors.length + result.wrong.length > 0) process.exitCode = 1;
    }
  }
  const figures = Object.fromEntries([...seen].map(([{ name }, all]) => [name, figuresOf(all)]));
  for (const [name, figure] of Object.entries(figures)) console.log(`${name.padEnd(10)} ${Object.entries(figure).map(([of, each]) => `${of} ${textOf(each)}`).join('  ')}`);
  const [none, balanced] = [figures['none'], figures['balanced']];
  if (none && balanced) {
    const ratio = balanced['meanMs']!.median / none['meanMs']!.median;
    console.log(`mean response with the default policy: ${ratio.toFixed(2)} of that without offloading (promised: at most 0.5) ${ratio <= 0.5 ? 'met' : 'MISSED'}`);
  }
  if (values.json) await writeFile(values.json, `${JSON.stringify({ plan, figures }, undefined, 2)}\n`);
  const relieved = last.get(arms.find(({ name }) => name === 'balanced')!);
  if (values.relief && relieved) {
    await writeFile(values.relief, reliefPlot(relieved, `A leaf with ${clients} busy sessions is relieved`));
    console.log(reliefLine(relieved));
  }
  if (values.plot) await writeFile(values.plot, responsesPlot([...last].map(([{ name }, result]) => ({ name, ...result })), `${clients} clients of one leaf: response time`));
}

function figuresOf(all: Measured[]): Record<string, Figure> {
  return Object.fromEntries((Object.keys(all[0]!) as (keyof Measured)[]).map((name) => [name, figureOf(all.map((each) => each[name]))]));
}

function textOf({ median, min, max }: Figure): string {
  return `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;
}

function lineOf(name: string, { meanMs, p50Ms, p99Ms, seconds, moves, firstMoveS, lastMoveS, away, redirected }: Measured): string {
  return `${name.padEnd(10)} mean ${meanMs.toFixed(1)} ms, median ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)}; ${seconds.toFixed(1)} s, ${moves} moves${moves > 0 ? ` (${firstMoveS.toFixed(1)} s to ${lastMoveS.toFixed(1)} s)` : ''}, ${away} away, ${(100 * redirected).toFixed(0)} % redirected`;
}

function reliefLine({ leftMs, backMs }: ArmResult): string {
  const at = (ms: number | undefined) => (ms === undefined ? 'never' : `at ${(ms / 1_000).toFixed(1)} s`);
  return `relief: the first session left ${at(leftMs[0])}, the ${RELIEF}th ${at(leftMs[RELIEF - 1])}, ${leftMs.length} in all; the first was back ${at(backMs[0])}`;
}

await main();

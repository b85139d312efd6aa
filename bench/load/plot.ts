/** The load test as a picture: mean response time of each second, a line an arm. */
import { svgOf } from '../harness/plot.js';
import type { ArmResult } from './arms.js';

export function responsesPlot(results: ({ name: string } & ArmResult)[], title: string): string {
  const last = results.find(({ movesMs }) => movesMs.length > 0)?.movesMs.at(-1);
  return svgOf({
    title, xName: 'seconds since the load began', yName: 'ms', isLogarithmic: true,
    lines: results.map(({ name, answered }) => ({ name, points: bySecond(answered) })),
    marks: last === undefined ? [] : [{ x: last / 1_000, name: 'last move' }],
  });
}

/** How many sessions have left the leaf, over the time since the load began, with the response time of each second below it. */
export function reliefPlot({ answered, movesMs }: ArmResult, title: string): string {
  const half = movesMs[Math.floor(movesMs.length / 2)] ?? 0;
  return svgOf({
    title, xName: 'seconds since the load began', yName: 'sessions moved; response time (ms)', isLogarithmic: true,
    lines: [
      { name: 'sessions moved', isStepped: true, points: movesMs.map((atMs, at) => ({ x: atMs / 1_000, y: at + 1 })) },
      { name: 'mean response, ms', points: bySecond(answered) },
    ],
    marks: [{ x: (movesMs[0] ?? 0) / 1_000, name: 'first move' }, { x: half / 1_000, name: 'half of them' }, { x: (movesMs.at(-1) ?? 0) / 1_000, name: 'last move' }],
  });
}

/** By the second in which the request was sent. */
function bySecond(answered: ArmResult['answered']): { x: number; y: number }[] {
  const seconds = new Map<number, number[]>();
  for (const { atMs, tookMs } of answered) {
    const second = Math.floor(atMs / 1_000);
    seconds.set(second, [...seconds.get(second) ?? [], tookMs]);
  }
  return [...seconds].sort(([left], [right]) => left - right).map(([x, times]) => ({ x: x + 0.5, y: times.reduce((sum, time) => sum + time, 0) / times.length }));
}

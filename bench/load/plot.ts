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

/** By the second in which the request was sent. */
function bySecond(answered: ArmResult['answered']): { x: number; y: number }[] {
  const seconds = new Map<number, number[]>();
  for (const { atMs, tookMs } of answered) {
    const second = Math.floor(atMs / 1_000);
    seconds.set(second, [...seconds.get(second) ?? [], tookMs]);
  }
  return [...seconds].sort(([left], [right]) => left - right).map(([x, times]) => ({ x: x + 0.5, y: times.reduce((sum, time) => sum + time, 0) / times.length }));
}

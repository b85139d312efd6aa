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

/** Sessions that a relief is measured by. */
export const RELIEF = 500;

/** How many sessions have left the leaf and come back, over the time since the load began, with the response time of each second. */
export function reliefPlot({ answered, leftMs, backMs }: ArmResult, title: string): string {
  const countOf = (times: number[]) => times.map((atMs, at) => ({ x: atMs / 1_000, y: at + 1 }));
  const marks = [{ atMs: leftMs[0], name: 'first has left' }, { atMs: leftMs[RELIEF - 1], name: `${RELIEF}th has left` }, { atMs: backMs[0], name: 'first is back' }];
  return svgOf({
    title, xName: 'seconds since the load began', yName: 'sessions; response time (ms)', isLogarithmic: true,
    lines: [
      { name: 'have left', isStepped: true, points: countOf(leftMs) },
      { name: 'have come back', isStepped: true, points: countOf(backMs) },
      { name: 'mean response, ms', points: bySecond(answered) },
    ],
    marks: marks.filter(({ atMs }) => atMs !== undefined).map(({ atMs, name }) => ({ x: atMs! / 1_000, name })),
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

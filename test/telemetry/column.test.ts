import { expect } from 'chai';
import { Random } from '../../bench/harness/random.js';
import { Column } from '../../runtime/telemetry/column.js';

const YEAR_MS = 365 * 86_400_000;

/** What the column says, each point once. */
function pointsOf(column: Column, fromMs: number, toMs: number): [number, number][] {
  const points: [number, number][] = [];
  column.eachPart(fromMs, toMs, (chunk, from, to) => {
    for (let at = from; at < to; at += 1) points.push([chunk.timeAt(at), chunk.valueAt(at)]);
  });
  return points;
}

describe('a column of points', () => {
  for (const [what, spanMs] of [['near each other', 2_000], ['far from each other', 30 * YEAR_MS]] as const) {
    it(`says the same as a plain map of points ${what}, whatever is put and deleted in whatever order`, () => {
      for (let seed = 1; seed <= 10; seed += 1) {
        const dice = new Random(seed);
        const column = new Column();
        const model = new Map<number, number>();
        const time = () => Math.floor(dice.below(1_000_000) / 1_000_000 * spanMs);
        let bytes = 0;
        let nextMs = 0;
        for (let step = 0; step < 3_000; step += 1) {
          const kind = dice.below(20);
          if (kind === 0) {
            const fromMs = time();
            const toMs = fromMs + Math.floor(spanMs / 20);
            bytes -= column.delete(fromMs, toMs);
            for (const atMs of model.keys()) if (atMs >= fromMs && atMs <= toMs) model.delete(atMs);
            continue;
          }
          const atMs = kind < 10 ? nextMs += dice.below(Math.ceil(spanMs / 2_000)) + 1 : time();
          bytes += column.put(atMs, step);
          model.set(atMs, step);
        }
        const all = [...model].sort(([left], [right]) => left - right);
        expect(pointsOf(column, 0, Number.MAX_SAFE_INTEGER)).to.deep.equal(all);
        expect(column.bytes, 'what it says of its size').to.equal(bytes);
        expect(column.latest()).to.deep.equal({ atMs: all.at(-1)![0], value: all.at(-1)![1] });
        for (let look = 0; look < 20; look += 1) {
          const fromMs = time();
          const toMs = fromMs + time();
          const wanted = all.filter(([atMs]) => atMs >= fromMs && atMs <= toMs);
          expect(pointsOf(column, fromMs, toMs)).to.deep.equal(wanted);
          const sum = { count: 0, sum: 0, min: Infinity, max: -Infinity };
          column.addTo(sum, fromMs, toMs);
          const values = wanted.map(([, value]) => value);
          expect(sum).to.deep.equal({ count: values.length, sum: values.reduce((total, value) => total + value, 0), min: Math.min(...values), max: Math.max(...values) });
        }
      }
    });
  }
});

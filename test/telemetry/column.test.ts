import { expect } from 'chai';
import { Random } from '../../bench/harness/random.js';
import { Column } from '../../runtime/telemetry/column.js';
import { pointSlabs } from '../../runtime/telemetry/slabs.js';
import { Slices, type Wanted } from '../../runtime/telemetry/slices.js';

const YEAR_MS = 365 * 86_400_000;

/** What the column says, each point once. */
function pointsOf(column: Column, fromMs: number, toMs: number): [number, number][] {
  const points: [number, number][] = [];
  column.eachPart(fromMs, toMs, (chunk, from, to) => {
    for (let at = from; at < to; at += 1) points.push([chunk.timeAt(at), chunk.valueAt(at)]);
  });
  return points;
}

/** What the points of a range come to. */
function told(column: Column, fromMs: number, toMs: number, wanted: Wanted = 'all') {
  const slices = Slices.of([{ fromMs, toMs, wanted }]);
  column.addTo(slices);
  return slices.of({ fromMs, toMs });
}

describe('a column of points', () => {
  it('of a few points says the same as a plain map of them, whatever is put, put before, dropped and deleted', () => {
    for (let seed = 1; seed <= 800; seed += 1) {
      const dice = new Random(seed);
      const slabs = pointSlabs();
      const column = new Column(slabs);
      const model = new Map<number, number>();
      let bytes = 0;
      for (let step = 0; step < 5; step += 1) {
        const atMs = dice.below(6);
        const kind = dice.below(6);
        if (kind < 3) {
          bytes += column.put(atMs, step);
          model.set(atMs, step);
        } else if (kind === 3) {
          bytes -= column.delete(atMs, atMs + 2);
          for (const each of model.keys()) if (each >= atMs && each <= atMs + 2) model.delete(each);
        } else if (kind === 4) {
          // Only whole pieces go, those that end before the time.
          bytes -= column.dropBefore(atMs);
          const left = pointsOf(column, 0, 100);
          for (const each of model.keys()) if (!left.some(([of]) => of === each)) {
            expect(each).to.be.lessThan(atMs);
            model.delete(each);
          }
        } else {
          const other = new Column(slabs);
          const older = Array.from({ length: dice.below(3) }, () => dice.below(4));
          for (const each of older) other.put(each, 100 + each);
          bytes += column.putBefore(other, 3);
          for (const each of older) if (!model.has(each)) model.set(each, 100 + each);
        }
        const all = [...model].sort(([left], [right]) => left - right);
        expect(pointsOf(column, 0, 100), `seed ${seed}`).to.deep.equal(all);
        expect(column.bytes, `seed ${seed}`).to.equal(bytes);
        expect(column.isEmpty).to.equal(all.length === 0);
        expect(column.latest()).to.deep.equal(all.length === 0 ? undefined : { atMs: all.at(-1)![0], value: all.at(-1)![1] });
        const sum = told(column, 2, 4);
        const within = all.filter(([of]) => of >= 2 && of <= 4).map(([, value]) => value);
        expect(sum).to.deep.equal({ count: within.length, sum: within.reduce((total, value) => total + value, 0), min: Math.min(...within), max: Math.max(...within) });
      }
    }
  });

  for (const [what, spanMs] of [['near each other', 2_000], ['far from each other', 30 * YEAR_MS]] as const) {
    it(`says the same as a plain map of points ${what}, whatever is put and deleted in whatever order`, () => {
      for (let seed = 1; seed <= 10; seed += 1) {
        const dice = new Random(seed);
        const column = new Column(pointSlabs());
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
          const sum = told(column, fromMs, toMs);
          const values = wanted.map(([, value]) => value);
          const extremes = told(column, fromMs, toMs, 'extremes');
          expect([extremes.count, extremes.min, extremes.max]).to.deep.equal([values.length, Math.min(...values), Math.max(...values)]);
          const added = told(column, fromMs, toMs, 'sum');
          expect([added.count, added.sum]).to.deep.equal([values.length, values.reduce((total, value) => total + value, 0)]);
          expect(sum).to.deep.equal({ count: values.length, sum: values.reduce((total, value) => total + value, 0), min: Math.min(...values), max: Math.max(...values) });
        }
      }
    });
  }

  it('of regular points says the same as a plain list of them, wherever a range begins and ends, and after points were overwritten', () => {
    const dice = new Random(5);
    const column = new Column(pointSlabs());
    const [stepMs, count] = [7, 2_300];
    const values = Array.from({ length: count }, () => dice.below(1_000));
    values.forEach((value, at) => column.put(1_000 + at * stepMs, value));
    for (let round = 0; round < 400; round += 1) {
      if (round % 4 === 0) {
        const at = dice.below(count);
        column.put(1_000 + at * stepMs, values[at] = dice.below(1_000));
      }
      const fromMs = dice.below(count * stepMs + 2_000);
      const toMs = fromMs + dice.below(round % 2 ? 40 : count * stepMs);
      const within = values.filter((_, at) => 1_000 + at * stepMs >= fromMs && 1_000 + at * stepMs <= toMs);
      const said = (wanted: Wanted) => told(column, fromMs, toMs, wanted);
      const sum = within.reduce((total, value) => total + value, 0);
      expect(said('all')).to.deep.equal({ count: within.length, sum, min: Math.min(...within), max: Math.max(...within) });
      expect(said('count').count).to.equal(within.length);
      expect(said('sum')).to.include({ count: within.length, sum });
      expect(said('extremes')).to.include({ count: within.length, min: Math.min(...within), max: Math.max(...within) });
    }
  });
});

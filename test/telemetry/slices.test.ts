import { expect } from 'chai';
import fc from 'fast-check';
import { Column } from '../../runtime/telemetry/column.js';
import { pointSlabs } from '../../runtime/telemetry/slabs.js';
import { Slices, type Wanted } from '../../runtime/telemetry/slices.js';

type Step = { put: [stepsAhead: number, jitterMs: number][] } | { late: number } | { again: number } | { gone: [number, number] };

const WANTED: readonly Wanted[] = ['count', 'sum', 'extremes', 'all'];
const SPAN_MS = 20_000;
const time = fc.integer({ min: 0, max: SPAN_MS });
/** Mostly regular runs, so that chunks are full and regular; late points, points that come again, and deletions between them. */
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ put: fc.array(fc.tuple(fc.constant(1), fc.constant(0)), { minLength: 100, maxLength: 900 }) }) },
  { weight: 1, arbitrary: fc.record({ put: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 6 })), { maxLength: 700 }) }) },
  { weight: 3, arbitrary: fc.record({ late: time }) },
  { weight: 6, arbitrary: fc.record({ again: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ gone: fc.tuple(time, fc.integer({ min: 0, max: 900 })) }) },
);
const question = fc.record({ fromMs: time, lengthMs: fc.oneof(fc.integer({ min: -5, max: 40 }), time), wanted: fc.constantFrom(...WANTED) });

function naive(points: readonly [number, number][], fromMs: number, toMs: number) {
  const values = points.filter(([atMs]) => atMs >= fromMs && atMs <= toMs).map(([, value]) => value);
  return { count: values.length, sum: values.reduce((sum, value) => sum + value, 0), min: Math.min(...values), max: Math.max(...values) };
}

describe('questions about a column, asked together', () => {
  it('get what a plain map of its points says, whatever came late, again, out of order, and went', () => {
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 14 }), fc.array(question, { minLength: 1, maxLength: 12 }), (steps, questions) => {
      const column = new Column(pointSlabs());
      const model = new Map<number, number>();
      let bytes = 0;
      let nextMs = 100;
      let value = 0;
      const put = (atMs: number) => {
        bytes += column.put(atMs, value = (value * 31 + 7) % 1_009 - 500);
        model.set(atMs, value);
      };
      const ask = () => {
        const ranges = questions.map(({ fromMs, lengthMs, wanted }) => ({ fromMs, toMs: fromMs + lengthMs, wanted }));
        const slices = Slices.of(ranges);
        column.addTo(slices);
        const points = [...model];
        for (const { wanted, ...range } of ranges) {
          const [said, expected] = [slices.of(range), naive(points, range.fromMs, range.toMs)];
          expect(said.count).to.equal(expected.count);
          if (wanted === 'sum' || wanted === 'all') expect(said.sum).to.equal(expected.sum);
          if (wanted === 'extremes' || wanted === 'all') expect([said.min, said.max]).to.deep.equal([expected.min, expected.max]);
        }
      };
      for (const each of steps) {
        if ('put' in each) for (const [ahead, jitterMs] of each.put) put((nextMs += ahead * 7) + jitterMs);
        else if ('late' in each) put(each.late);
        else if ('again' in each) put([...model.keys()][each.again % Math.max(model.size, 1)] ?? 0);
        else {
          const [fromMs, lengthMs] = each.gone;
          bytes -= column.delete(fromMs, fromMs + lengthMs);
          for (const atMs of model.keys()) if (atMs >= fromMs && atMs <= fromMs + lengthMs) model.delete(atMs);
        }
        ask();
      }
      expect(column.bytes, 'what it says of its size').to.equal(bytes);
    }), { numRuns: 60, seed: 6 });
  });

  it('use the room of points that went for others, and say how much they take', () => {
    const slabs = pointSlabs();
    const columns = Array.from({ length: 50 }, () => new Column(slabs));
    const fill = () => columns.forEach((column, of) => {
      for (let at = 0; at < 2_000; at += 1) column.put(at * 10 + (of % 2 ? at % 3 : 0), at);
    });
    fill();
    const [values, offsets] = [slabs.values.bytes, slabs.offsets.bytes];
    expect(values).to.be.greaterThan(50 * 2_000 * 8);
    for (let round = 0; round < 3; round += 1) {
      for (const column of columns) column.clear();
      expect([slabs.values.bytes, slabs.offsets.bytes]).to.deep.equal([0, 0]);
      fill();
      expect([slabs.values.bytes, slabs.offsets.bytes]).to.deep.equal([values, offsets]);
    }
  });
});

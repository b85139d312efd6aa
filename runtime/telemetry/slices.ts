/**
 * The time of several questions, cut into slices at the ends of all their ranges. What the points of a slice come to is added up once, whoever
 * asked for it, and the answer to a question is what its slices come to together: so each end costs a look into one block, and ranges that
 * overlap cost no more than one of them.
 */
import { type Aggregate, combine, emptyAggregate } from './aggregate.js';
import type { Range } from './read-query.js';

/** What a question needs of the points beside their count: what it does not need is not read from memory. */
export type Wanted = 'count' | 'sum' | 'extremes' | 'all';

/** What is needed of a slice, as bits; 0: nobody asked for it. */
export const COUNTED = 1;
const SUMMED = 2;
/** And the sum, which costs nothing then. */
export const EXTREMES = 4;
const NEEDS: Record<Wanted, number> = { count: COUNTED, sum: COUNTED | SUMMED, extremes: EXTREMES, all: EXTREMES };

/** Numbers of a slice's total: count, sum, least, most. */
export const TOTAL_NUMBERS = 4;

export class Slices {
  private constructor(
    /** Slice `n` has the times from the cut `n` up to, not including, the next one. */
    readonly cuts: Float64Array,
    readonly needs: Uint8Array,
    /** Of all points that were added so far, slice by slice. */
    readonly totals: Float64Array,
  ) {}

  static of(ranges: readonly (Range & { wanted: Wanted })[]): Slices {
    const ends = Float64Array.from(ranges.flatMap(({ fromMs, toMs }) => fromMs <= toMs ? [fromMs, toMs + 1] : [])).sort();
    const cuts = ends.filter((end, at) => at === 0 || end > ends[at - 1]!);
    const count = Math.max(cuts.length - 1, 0);
    const slices = new Slices(cuts, new Uint8Array(count), new Float64Array(count * TOTAL_NUMBERS));
    for (const range of ranges) for (let at = slices.indexOf(range.fromMs); at < count && cuts[at]! <= range.toMs; at += 1) slices.needs[at]! |= NEEDS[range.wanted];
    slices.clear();
    return slices;
  }

  get count(): number {
    return this.needs.length;
  }

  clear(): void {
    for (let at = 0; at < this.totals.length; at += TOTAL_NUMBERS) {
      this.totals[at] = this.totals[at + 1] = 0;
      this.totals[at + 2] = Infinity;
      this.totals[at + 3] = -Infinity;
    }
  }

  /** Adds what the points of one of the ranges come to. */
  tell(aggregate: Aggregate, { fromMs, toMs }: Range): void {
    const { cuts, totals } = this;
    for (let at = this.indexOf(fromMs); at < this.count && cuts[at]! <= toMs; at += 1) {
      const [count, sum, min, max] = totals.subarray(at * TOTAL_NUMBERS, (at + 1) * TOTAL_NUMBERS) as unknown as [number, number, number, number];
      combine(aggregate, { count, sum, min, max });
    }
  }

  of(range: Range): Aggregate {
    const aggregate = emptyAggregate();
    this.tell(aggregate, range);
    return aggregate;
  }

  /** Of the first cut at or after the time. */
  indexOf(atMs: number): number {
    let low = 0;
    let high = this.cuts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.cuts[middle]! < atMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

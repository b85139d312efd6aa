/** What travels between nodes instead of averages: sums, counts and extremes combine to exactly what one node would have said. */

export interface Aggregate {
  count: number;
  sum: number;
  /** Infinity when there is no point. */
  min: number;
  /** -Infinity when there is no point. */
  max: number;
}

const AGGREGATES = ['sum', 'max', 'min', 'avg', 'count'] as const;
export type PlainAgg = (typeof AGGREGATES)[number];

/** `p50`, `p99.9`: the value below which so many per cent of the points lie, between two points on the line between them. */
export interface Percentile {
  percent: number;
}

export type Agg = PlainAgg | Percentile;

/** Undefined for a word that is none. */
export function aggOf(word: string): Agg | undefined {
  if ((AGGREGATES as readonly string[]).includes(word)) return word as PlainAgg;
  const percent = word === 'median' ? 50 : Number(/^p(\d{1,3}(?:\.\d{1,4})?)$/.exec(word)?.[1] ?? NaN);
  return percent >= 0 && percent <= 100 ? { percent } : undefined;
}

export function emptyAggregate(): Aggregate {
  return { count: 0, sum: 0, min: Infinity, max: -Infinity };
}

export function combine(into: Aggregate, other: Aggregate): void {
  into.count += other.count;
  into.sum += other.sum;
  if (other.min < into.min) into.min = other.min;
  if (other.max > into.max) into.max = other.max;
}

/** Null when there is nothing to say it of; the count of nothing is 0. */
export function valueOf(aggregate: Aggregate, agg: PlainAgg): number | null {
  if (agg === 'count') return aggregate.count;
  if (aggregate.count === 0) return null;
  return agg === 'avg' ? aggregate.sum / aggregate.count : aggregate[agg];
}

/** @param values will be sorted */
export function percentileOf(values: Float64Array, percent: number): number | null {
  if (values.length === 0) return null;
  values.sort();
  const place = (values.length - 1) * percent / 100;
  const below = values[Math.floor(place)]!;
  const above = values[Math.ceil(place)]!;
  return below + (above - below) * (place - Math.floor(place));
}

/** As JSON travels: it has no infinities, and a sum may be one. */
export function toWire({ count, sum, min, max }: Aggregate): (number | string)[] {
  return count === 0 ? [0, 0, 0, 0] : [count, sum, min, max].map((each) => Number.isFinite(each) ? each : String(each));
}

export function fromWire(wire: unknown): Aggregate {
  const [count = 0, sum = 0, min = 0, max = 0] = Array.isArray(wire) ? wire.map(Number) : [];
  return count === 0 ? emptyAggregate() : { count, sum, min, max };
}

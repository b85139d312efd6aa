/** Percentiles of response times that are known only as counts below bounds. */
import { LATENCY_BOUNDS_MS } from '../../runtime/model/report.js';

/** @returns milliseconds, interpolated inside the bucket; undefined when nothing was counted */
export function percentile(counts: readonly number[], share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= share * total) {
      const from = bucket === 0 ? 0 : LATENCY_BOUNDS_MS[bucket - 1]!;
      // Nothing is known beyond the last bound: it is what can be said at least.
      const to = LATENCY_BOUNDS_MS[bucket] ?? from;
      return from + (to - from) * (share * total - below) / count;
    }
    below += count;
  }
  return LATENCY_BOUNDS_MS.at(-1);
}

export function addCounts(sum: number[], counts: readonly number[] = []): number[] {
  counts.forEach((count, bucket) => { sum[bucket] = (sum[bucket] ?? 0) + count; });
  return sum;
}

/** A figure over the rounds of a run. */
export interface Figure {
  median: number;
  min: number;
  max: number;
  rounds: number;
}

export function figureOf(values: number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: round(quantile(sorted, 0.5)), min: round(sorted[0] ?? NaN), max: round(sorted.at(-1) ?? NaN), rounds: sorted.length };
}

/** @param sorted ascending */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return NaN;
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low]! + (sorted[Math.ceil(at)]! - sorted[low]!) * (at - low);
}

function round(value: number): number {
  return Number(value.toPrecision(5));
}

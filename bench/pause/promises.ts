/** What is promised of the pause of a move, held against the figures of a run. */

/** A pause at the largest size against that at the smallest. */
const MOST_GROWTH = 1.5;
const MOST_P50_MS = 1;
const MOST_P99_MS = 5;
const MOST_FLOORS = 2;
const BOUNDED = ['1kb', '64kb', '1mb', '8mb', '64mb'];

export interface Verdict {
  isMet: boolean;
  says: string;
}

/** @param figures of the run, by name; sizes that were not measured have no verdict */
export function verdictsOf(figures: Record<string, number>): Verdict[] {
  const verdicts: Verdict[] = [];
  const hold = (figure: number | undefined, most: number, says: string) => {
    if (figure !== undefined && !Number.isNaN(most)) verdicts.push({ isMet: figure <= most, says: `${figure} ≤ ${Number(most.toFixed(3))}  ${says}` });
  };
  for (const size of BOUNDED) {
    const [p50, p99, floor] = [figures[`write_pause_${size}_p50_ms`], figures[`write_pause_${size}_p99_ms`], figures[`pause_floor_${size}_p99_ms`]];
    hold(p50, MOST_P50_MS, `ms of pause, p50, of a session of ${size}`);
    hold(p99, (floor ?? NaN) * MOST_FLOORS, `ms of pause, p99, of a session of ${size}: ${MOST_FLOORS} × the floor's p99 in the same run`);
    if (floor !== undefined && floor * MOST_FLOORS <= MOST_P99_MS) hold(p99, MOST_P99_MS, `ms of pause, p99, of a session of ${size}, where that floor allows it`);
  }
  hold(figures['write_pause_64mb_p50_ms'], (figures['write_pause_1kb_p50_ms'] ?? NaN) * MOST_GROWTH, `ms of pause, p50, at 64 MB: ${MOST_GROWTH} × that at 1 KB`);
  const errors = Object.entries(figures).filter(([name]) => name.startsWith('move_errors_')).reduce((sum, [, count]) => sum + count, 0);
  hold(errors, 0, 'errors that clients saw');
  return verdicts;
}

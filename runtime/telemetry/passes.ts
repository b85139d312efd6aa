/**
 * Aggregates over many series cost what it takes to get at them in memory, far more than the adding up. Questions that
 * wait at the same moment therefore share a pass: each series is visited once, and adds to every one of them. Each still
 * gets what it would have got alone, of one moment.
 */
import type { Aggregate } from './aggregate.js';
import { SERIES_A_PASS } from '../model/limits.js';
import type { Range, Selection } from './read-query.js';
import type { Series } from './series.js';
import { Slices, type Wanted } from './slices.js';

export interface PassParts {
  select(selection: Selection, owner: string): Series[];
  /** Which part of a range is in memory now, and which is not. */
  divide(range: Range): Divided;
}

export interface Divided {
  hot: Range;
  cold?: Range;
}

export interface Seen {
  series: readonly Series[];
  aggregate: Aggregate;
  /** What has to be asked of the disk, of the same moment. */
  cold?: Range;
}

interface Waiting {
  selection: Selection;
  owner: string;
  range: Range;
  wanted: Wanted;
  resolve(seen: Seen): void;
  reject(error: unknown): void;
}

export class Passes {
  private waiting: Waiting[] = [];

  constructor(private readonly parts: PassParts) {}

  /** What the points of the range come to that are in memory. */
  ask(selection: Selection, owner: string, range: Range, wanted: Wanted): Promise<Seen> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ selection, owner, range, wanted, resolve, reject });
      // After whatever else has arrived by now.
      if (this.waiting.length === 1) setImmediate(() => this.turn());
    });
  }

  /** As much as others can wait for; the rest after them. */
  private turn(): void {
    const alike = new Map<string, Waiting[]>();
    for (const each of this.waiting) {
      const key = keyOf(each);
      const same = alike.get(key);
      if (same) same.push(each);
      else alike.set(key, [each]);
    }
    let visits = 0;
    const left: Waiting[] = [];
    for (const same of alike.values()) {
      if (visits >= SERIES_A_PASS) left.push(...same);
      else visits += this.pass(same, left);
    }
    this.waiting = left;
    if (left.length > 0) setImmediate(() => this.turn());
  }

  /** @returns what it took: series by questions */
  private pass(same: readonly Waiting[], left: Waiting[]): number {
    const { select, divide } = this.parts;
    try {
      const series = select(same[0]!.selection, same[0]!.owner);
      const most = Math.max(1, Math.floor(SERIES_A_PASS / Math.max(series.length, 1)));
      const taken = same.slice(0, most);
      left.push(...same.slice(most));
      const divided = taken.map(({ range }) => divide(range));
      const slices = Slices.of(divided.map(({ hot }, at) => ({ ...hot, wanted: taken[at]!.wanted })));
      for (const { column } of series) column.addTo(slices);
      taken.forEach(({ resolve }, at) => {
        const { cold, hot } = divided[at]!;
        resolve({ series, aggregate: slices.of(hot), ...(cold && { cold }) });
      });
      return series.length * taken.length;
    } catch (error) {
      for (const { reject } of same) reject(error);
      return 0;
    }
  }
}

/** Questions of one key are about the same series. */
function keyOf({ selection: { filters }, owner }: Waiting): string {
  return JSON.stringify([owner, ...Object.entries(filters).map(([name, filter]) => [name, filter.text])]);
}

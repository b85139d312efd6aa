/**
 * Brings the younger part of the history back into memory after a start, beside everything else: questions are answered
 * from the database until it is done. What comes meanwhile goes to its place at once and wins over what is brought back.
 */
import type { Log } from '../base/log.js';
import { Column } from './column.js';
import type { ColdPoints } from './disk.js';
import type { HistoryClient } from './history-client.js';
import type { Points } from './points.js';
import type { PointSlabs } from './slabs.js';

export interface WarmingParts {
  points: Points;
  client: HistoryClient;
  log: Log;
  /** Region of what is on disk too. */
  pointBytes: number;
}

/** Of the region, so that there is room for what comes. */
const WARM_SHARE = 0.76;
/** Of regular ones, which take least: what is brought back is counted as it comes. */
const BYTES_PER_POINT = 10;
/** Points that are brought back together, about. */
const WARM_POINTS = 500_000;

export class Warming {
  #attempt = 0;
  #running = false;

  constructor(private readonly parts: WarmingParts) {}

  begin(): void {
    if (this.#running || this.parts.points.floorMs === 0 || this.#isFull()) return;
    this.#running = true;
    this.#run(this.#attempt += 1)
      .catch((error: unknown) => this.parts.log.warn({ reason: (error as Error).message }, 'the history could not be brought into memory'))
      .finally(() => { this.#running = false; });
  }

  /** What is under way is not taken up. */
  abandon(): void {
    this.#attempt += 1;
    this.parts.points.warmingMs = Infinity;
  }

  #isFull(): boolean {
    return this.parts.points.pointBytesUsed > this.parts.pointBytes * WARM_SHARE;
  }

  /** The youngest first, part by part: questions get their turn in between, and each part serves as soon as it is there. */
  async #run(attempt: number): Promise<void> {
    const { points, client, pointBytes } = this.parts;
    const room = Math.floor((pointBytes * WARM_SHARE - points.pointBytesUsed) / BYTES_PER_POINT);
    const { cuts } = await client.call('dimensions', { points: room, atOnce: WARM_POINTS });
    for (const fromMs of cuts) {
      if (attempt !== this.#attempt || this.#isFull()) return;
      if (fromMs < points.floorMs) await this.#take(attempt, fromMs);
    }
  }

  async #take(attempt: number, fromMs: number): Promise<void> {
    const { points, client } = this.parts;
    const untilMs = points.floorMs - 1;
    // What lies below the floor may have been overwritten on disk alone; what comes from now on is newer than what is loaded.
    for (const { column } of points.byId.values()) points.pointBytesUsed -= column.delete(0, untilMs);
    points.warmingMs = fromMs;
    const columns = new Map<number, Column>();
    // Whatever was stored until now is in the database: both go by this thread, one after the other.
    try {
      await client.call('load', { fromMs, toMs: untilMs }, (part) => {
        if (attempt === this.#attempt) fill(columns, points.slabs, part);
      });
      if (attempt === this.#attempt) this.#place(columns, fromMs, untilMs);
    } finally {
      for (const column of columns.values()) column.clear();
    }
  }

  #place(columns: ReadonlyMap<number, Column>, fromMs: number, untilMs: number): void {
    const { points } = this.parts;
    for (const [id, column] of columns) {
      const series = points.byId.get(id);
      if (series) points.pointBytesUsed += series.column.putBefore(column, untilMs);
    }
    points.floorMs = fromMs;
    points.warmingMs = Infinity;
  }
}

function fill(columns: Map<number, Column>, slabs: PointSlabs, { series, times, values }: ColdPoints): void {
  for (let at = 0; at < series.length; at += 1) {
    let column = columns.get(series[at]!);
    if (!column) columns.set(series[at]!, column = new Column(slabs));
    column.put(times[at]!, values[at]!);
  }
}

/**
 * Brings the younger part of the history back into memory after a start, beside everything else: questions are answered
 * from the database until it is done. What comes meanwhile goes to its place at once and wins over what is brought back.
 */
import type { Log } from '../base/log.js';
import { Column } from './column.js';
import type { ColdPoints } from './disk.js';
import type { HistoryClient } from './history-client.js';
import type { Points } from './points.js';

export interface WarmingParts {
  points: Points;
  client: HistoryClient;
  log: Log;
  /** Region of what is on disk too. */
  pointBytes: number;
}

/** Of the region, so that there is room for what comes. */
const WARM_SHARE = 0.62;
/** With half-filled chunks. */
const BYTES_PER_POINT = 13;

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

  async #run(attempt: number): Promise<void> {
    const { points, client, pointBytes } = this.parts;
    const room = Math.floor((pointBytes * WARM_SHARE - points.pointBytesUsed) / BYTES_PER_POINT);
    const { fromMs, points: all } = await client.call('dimensions', { points: room });
    if (attempt !== this.#attempt || all === 0) return;
    const floorMs = all <= room ? 0 : fromMs;
    const untilMs = points.floorMs - 1;
    points.warmingMs = floorMs;
    const columns = new Map<number, Column>();
    // Whatever was stored until now is in the database: both go by this thread, one after the other.
    await client.call('load', { fromMs: floorMs, toMs: untilMs }, (part) => {
      if (attempt === this.#attempt) fill(columns, part);
    });
    if (attempt !== this.#attempt) return;
    this.#takeUp(columns, floorMs);
  }

  #takeUp(columns: Map<number, Column>, floorMs: number): void {
    const { points } = this.parts;
    for (const [id, column] of columns) {
      const series = points.byId.get(id);
      if (!series) continue;
      for (const chunk of series.column.chunks) {
        for (let at = 0; at < chunk.length; at += 1) column.put(chunk.timeAt(at), chunk.valueAt(at));
      }
      points.pointBytesUsed += column.bytes - series.column.bytes;
      series.column.chunks = column.chunks;
    }
    points.floorMs = floorMs;
    points.warmingMs = Infinity;
  }
}

function fill(columns: Map<number, Column>, { series, times, values }: ColdPoints): void {
  for (let at = 0; at < series.length; at += 1) {
    let column = columns.get(series[at]!);
    if (!column) columns.set(series[at]!, column = new Column());
    column.put(times[at]!, values[at]!);
  }
}

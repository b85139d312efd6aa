/** What storage asks of the disk; a node without history has none. */
import type { Aggregate } from './aggregate.js';
import type { KeyedRow } from './keyed.js';
import type { StoredBatch } from './points.js';
import type { KeyedPoint } from './read-put.js';
import type { Range } from './read-query.js';

/** Points of many series, one after the other; `series` and the pairs of time and value go together. */
export interface ColdPoints {
  series: Uint32Array;
  times: Float64Array;
  values: Float64Array;
}

export interface ColdGroup {
  series?: number;
  bucketMs?: number;
  aggregate: Aggregate;
}

export interface Deletion {
  ids: number[];
  /** Missing: the series themselves go. */
  range?: Range;
}

/** Rows of analytics. */
export interface ColdRow extends KeyedRow {
  key: string;
}

export interface Disk {
  /** Throws HISTORY_UNAVAILABLE while nothing can be written, so that nothing is acknowledged that would be lost. */
  assertWritable(): void;
  /** Undefined when nobody has to wait, because an acknowledgement needs no more than memory. */
  stored(batch: StoredBatch): Promise<void> | undefined;
  analytics(points: readonly KeyedPoint[], storedMs: number, owner: string): Promise<void> | undefined;
  /** Written after everything before it. */
  deletion(deletion: Deletion): Promise<void>;
  analyticsDeletion(keys: readonly string[], range: Range | undefined, owner: string): Promise<void>;
  /** The floor of what is in memory rose. */
  onFloorRaised(): void;
  onAnalyticsFloorRaised(): void;
  /** False as long as nothing is on disk that is not in memory as well. */
  hasPoints(): boolean;
  range(ids: readonly number[], range: Range, limit: number): Promise<ColdPoints>;
  aggregate(ids: readonly number[], range: Range, by: { series: boolean; bucketMs?: number }): Promise<ColdGroup[]>;
  /** The greatest point of each. */
  latest(ids: readonly number[]): Promise<ColdPoints>;
  analyticsRange(keys: readonly string[], range: Range, owner: string, limit: number): Promise<ColdRow[]>;
  analyticsLatest(keys: readonly string[], owner: string): Promise<ColdRow[]>;
}

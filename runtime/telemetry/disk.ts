/** What storage asks of the disk; a node without history has none. */
import type { Aggregate } from './aggregate.js';
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

export interface Disk {
  /** Undefined when nobody has to wait, because an acknowledgement needs no more than memory. */
  stored(batch: StoredBatch): Promise<void> | undefined;
  analytics(points: readonly KeyedPoint[], storedMs: number): Promise<void> | undefined;
  /** Written after everything before it. */
  deletion(deletion: Deletion): Promise<void>;
  analyticsDeletion(keys: string[], range: Range | undefined): Promise<void>;
  /** The floor of what is in memory rose. */
  onFloorRaised(): void;
  /** False as long as nothing is on disk that is not in memory as well. */
  hasPoints(): boolean;
  range(ids: readonly number[], range: Range, limit: number): Promise<ColdPoints>;
  aggregate(ids: readonly number[], range: Range, by: { series: boolean; bucketMs?: number }): Promise<ColdGroup[]>;
}

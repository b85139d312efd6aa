/** What goes between the node and the thread that has the database. */
import type { ColdGroup, ColdPoints, ColdRow } from './disk.js';

export interface HistoryOptions {
  folder: string;
  memoryMb: number;
}

export interface Applied {
  /** Greatest time of any point in the database; -1 when it has none. */
  maxMs: number;
}

export interface Dimensions {
  points: number;
  /** Times, the greatest first: from one to the next there are about as many points as are wanted at once, and from the last on about as many as were asked for in all. */
  cuts: number[];
}

/** How far the database is: it is asked when the node's own note of it is gone. */
export interface Progress {
  applied: number;
  maxMs: number;
  analyticsApplied: number;
  analyticsMaxMs: number;
}

export interface HistoryCalls {
  progress: { ask: undefined; answer: Progress };
  apply: { ask: { segment: number; file: string }; answer: Applied };
  applyAnalytics: { ask: { segment: number; file: string }; answer: Applied };
  range: { ask: { ids: Uint32Array; fromMs: number; toMs: number; limit: number }; answer: ColdPoints };
  aggregate: { ask: { ids: Uint32Array; fromMs: number; toMs: number; bySeries: boolean; bucketMs?: number }; answer: ColdGroup[] };
  latest: { ask: { ids: Uint32Array }; answer: ColdPoints };
  analyticsRange: { ask: { keys: readonly string[]; fromMs: number; toMs: number; owner: string; limit: number }; answer: ColdRow[] };
  /** The greatest row of each key; without keys of all keys of all owners. */
  analyticsLatest: { ask: { keys?: readonly string[]; owner: string }; answer: (ColdRow & { owner: string })[] };
  /** Ids of the series that have points. */
  series: { ask: undefined; answer: Uint32Array };
  dimensions: { ask: { points: number; atOnce: number }; answer: Dimensions };
  /** Answers in parts: each is a message of its own, the last has none. */
  load: { ask: { fromMs: number; toMs: number }; answer: undefined };
  compact: { ask: { minPoints: number }; answer: number };
  retain: { ask: { beforeMs: number }; answer: number };
  /** Writes points, or without a file of points the groups that stand in the other, to a file, which the asker reads and removes. */
  export: { ask: { names: string; points?: string; file: string }; answer: undefined };
  close: { ask: undefined; answer: undefined };
}

export type HistoryCall = keyof HistoryCalls;

export interface CallMessage {
  id: number;
  call: HistoryCall;
  ask: unknown;
}

export interface AnswerMessage {
  id: number;
  answer?: unknown;
  part?: ColdPoints;
  error?: string;
}

/** What the page makes of the overview's rows. */

/** A node as the overview has it: what changes with every report. */
export interface NodeNow {
  name: string;
  alive: boolean;
  accepting: boolean;
  cordonedBy: '' | 'operator' | 'policy';
  capacity: number;
  busy: number;
  waiting: number;
  latencyMs: number;
  requestsPerSecond: number;
  memoryUsedBytes: number;
  memoryLimitBytes: number;
  resident: number;
  away: number;
  /** 0: it has not reported yet. */
  reportedMs: number;
}

export interface Flow {
  number: number;
  atMs: number;
  from: string;
  to: string;
  result: string;
}

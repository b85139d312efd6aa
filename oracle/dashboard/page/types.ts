/** What the oracle answers, as far as the page reads it. */

/** A node as the registry has it: what seldom changes. */
export interface TreeNode {
  id: string;
  name: string;
  url: string;
  level: string;
  parent: string | null;
  state: 'alive' | 'failed';
  labels: Record<string, string>;
  store: string;
  functions: string[];
  registeredMs: number;
  restarts: number;
}

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

export interface Overview {
  atMs: number;
  version: string;
  domain: string;
  tree: number;
  policy: { name: string; decidesFromMs: number; lookedMs?: number; tookMs?: number; decisions?: number };
  totals: { sessions: number; open: number; running: number; movesPerMinute: number };
  oracle: { startedMs: number; rssBytes: number; cpuShare: number; mirror: string; dataset: string | null; node: string };
  nodeColumns: string[];
  nodes: (string | number)[][];
  flows: [number, number, string, string, string][];
}

export type Series = (number | null)[];

export interface History {
  atMs: number[];
  requestsPerSecond: Series;
  p50Ms: Series;
  p99Ms: Series;
  movesPerMinute: Series;
  sessions: Series;
  memoryBytes: Series;
}

export interface NodeHistory {
  atMs: number[];
  nodes: Record<string, { memoryBytes: Series; load: Series }>;
}

export interface Session {
  id: string;
  lid: string;
  state: 'home' | 'away' | 'moving';
  home: string;
  current: string;
  epoch: number;
  bytes: number;
  functions: string[];
  requestsPerSecond: number;
  lastAccessMs: number;
  pinnedUntilMs?: number;
}

export interface Wish {
  kind: 'migrate' | 'cordon' | 'uncordon';
  session?: string;
  to?: string;
  node?: string;
  rehome?: boolean;
}

export interface Intent {
  id: string;
  wish: Wish;
  by: 'policy' | 'operator' | 'mirror';
  reason: string;
  state: 'waiting' | 'running' | 'done' | 'refused';
  answer?: string;
  createdMs: number;
  startedMs?: number;
  endedMs?: number;
}

export interface Move {
  number: number;
  atMs: number;
  session: string;
  from: string;
  to: string;
  by: Intent['by'] | 'node';
  reason: string;
  result: 'done' | 'refused';
  answer?: string;
  tookMs?: number;
}

export interface FunctionUse {
  name: string;
  nodes: string[];
  sessions: number;
  bytes: number;
  requestsPerSecond: number;
}

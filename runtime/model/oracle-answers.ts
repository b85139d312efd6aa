/** What the oracle's API answers: made in oracle/, read by the command line and by the dashboard's page. */
import type { Sample } from './report.js';

/** A node as the registry has it: what seldom changes. */
export interface RegisteredNode {
  id: string;
  name: string;
  url: string;
  level: string;
  /** Name of the node above; null at the root. */
  parent: string | null;
  state: 'alive' | 'failed';
  labels: Record<string, string>;
  store: string;
  functions: string[];
  /** Milliseconds since the epoch. */
  registeredMs: number;
  lastSeenMs: number;
  /** Lives after the first that the oracle has seen. */
  restarts: number;
}

/** All nodes at a glance: what changes with every report. */
export interface Overview {
  atMs: number;
  version: string;
  domain: string;
  /** Revision of the tree: another number, another answer of `/api/v1/nodes`. */
  tree: number;
  policy: { name: string; decidesFromMs: number; lookedMs?: number; tookMs?: number; decisions?: number };
  totals: { sessions: number; open: number; running: number; movesPerMinute: number };
  oracle: { startedMs: number; rssBytes: number; cpuShare: number; mirror: string; dataset: string | null; node: string };
  /** Names of the columns of `nodes`: for a thousand rows they would be most of the text. */
  nodeColumns: readonly string[];
  nodes: (string | number)[][];
  /** Moves of late, the newest first: number, time, from, to, result. */
  flows: [number, number, string, string, string][];
}

export type SessionState = 'home' | 'away' | 'moving';

/** A session in the oracle's books, as far as its readers look at it. */
export interface ListedSession {
  id: string;
  lid: string;
  state: SessionState;
  home: string;
  current: string;
  epoch: number;
  bytes: number;
  functions: readonly string[];
  /** Requests served each second, of late. */
  requestsPerSecond: number;
  lastAccessMs: number;
  /** Somebody other than the policy moved it: until then it stays where it was put. */
  pinnedUntilMs?: number;
  /** Output name → session that receives. */
  dependencies: Record<string, string>;
  /** Where its clients asked for it of late: node → requests each second. */
  arrivals: Record<string, number>;
}

export type IntentOrigin = 'policy' | 'operator' | 'mirror';

/** What is wanted. Nodes by name, sessions by id. */
export type Wish =
  | { kind: 'migrate'; session: string; to: string; rehome?: boolean }
  | { kind: 'cordon' | 'uncordon'; node: string };

export type IntentState = 'waiting' | 'running' | 'done' | 'refused';

export interface Intent {
  id: string;
  wish: Wish;
  by: IntentOrigin;
  reason: string;
  state: IntentState;
  /** Why it was refused, or where the session is now. */
  answer?: string;
  createdMs: number;
  /** It began to be carried out. */
  startedMs?: number;
  /** Where the session was then. */
  from?: string;
  endedMs?: number;
}

export interface Move {
  /** Counts up over all moves since the oracle's start. */
  number: number;
  atMs: number;
  session: string;
  from: string;
  to: string;
  /** `node`: no intent asked for it. */
  by: IntentOrigin | 'node';
  reason: string;
  result: 'done' | 'refused';
  answer?: string;
  tookMs?: number;
}

/** What all sessions of a function are together. */
export interface FunctionUse {
  sessions: number;
  bytes: number;
  requestsPerSecond: number;
}

export interface ListedFunction extends FunctionUse {
  name: string;
  /** That have it. */
  nodes: string[];
}

/** One line of a chart; null where nothing is known. */
export type Series = (number | null)[];

/** What is drawn of the whole domain. */
export interface DomainPoint {
  requestsPerSecond: number;
  p50Ms: number | null;
  p99Ms: number | null;
  movesPerMinute: number;
  sessions: number;
  memoryBytes: number;
}

export type DomainHistory = { atMs: number[] } & Record<keyof DomainPoint, Series>;

export interface NodeHistory {
  atMs: number[];
  /** `load`: share of the node's capacity in use, plus what waits. */
  nodes: Record<string, { memoryBytes: Series; load: Series }>;
}

export interface KeptSample extends Sample {
  node: string;
}

/** What one residency of a session did in one metric. Means and percentiles of numbers only. */
export interface SampleSummary {
  metric: string;
  session: string;
  node: string;
  epoch: number;
  count: number;
  mean: number | null;
  p50: number | null;
  p99: number | null;
  last: number | string;
  lastMs: number;
}

/**
 * What a policy gets to see of the domain at one moment: a plain value, or something that looks like
 * one. The oracle makes it from the nodes' refreshes, the simulator from its own state.
 */
import type { NodeLoad } from '../runtime/model/report.js';

/** With its load as the last refresh told it; `latencyMs` is 0 without requests. */
export interface NodeView extends Omit<NodeLoad, 'requests' | 'latencyCounts'> {
  name: string;
  /** Name of the node above; null at the root. */
  parent: string | null;
  alive: boolean;
  /** New sessions are born here: its status is `accept`. */
  accepting: boolean;
  /** Set when an operator cordoned it: a policy leaves such a node's status alone, and moves nothing there. */
  cordonedByOperator: boolean;
}

export interface SessionView {
  id: string;
  home: string;
  current: string;
  bytes: number;
  functions: readonly string[];
  /** Requests served each second, of late. */
  requestsPerSecond: number;
  /** Mean time one of its requests keeps a place of the node's capacity, milliseconds. */
  serviceMs: number;
  /** Where its clients asked for it of late: node → requests each second. */
  arrivals: ReadonlyMap<string, number>;
  lastAccessMs: number;
  /** End of its last move, milliseconds since the epoch; undefined when it never moved. */
  movedMs: number | undefined;
  /** A move is under way or asked for. */
  moving: boolean;
  /** Somebody other than the policy moved it: until then it stays where it was put. */
  pinnedUntilMs?: number;
}

/** A move that was decided and that the nodes' last figures do not show yet. */
export interface Shift {
  /** Missing: that node's figures show it already. */
  from?: string;
  to?: string;
  /** Places of capacity that go with it. */
  demand: number;
  bytes: number;
  /** It waits for its turn, or is being carried out. */
  isOpen: boolean;
}

export interface DomainView {
  atMs: number;
  /** Parents before their children. */
  nodes: readonly NodeView[];
  node(name: string): NodeView | undefined;
  /** Sessions that live there now. */
  sessionsAt(node: string): Iterable<SessionView>;
  /** Sessions whose home it is and that live above it: what could come back. */
  awayFrom(node: string): Iterable<SessionView>;
  /** Sessions that were asked for elsewhere than at home since the refresh before. */
  roaming(): Iterable<SessionView>;
  /** What is on its way: without it a policy would give the same load away again. */
  shifts?(): Iterable<Shift>;
  /** Does a wish about the session wait for its turn, or is one being carried out? */
  isAsked?(session: string): boolean;
  /** Has the node the functions of the session? */
  canRun(node: string, session: SessionView): boolean;
}

/** A wish of a policy. `reason` is a sentence for whoever reads the list of intents. */
export type Decision =
  | { kind: 'migrate'; session: string; from: string; to: string; rehome?: boolean; reason: string; demand: number; bytes: number }
  | { kind: 'cordon' | 'uncordon'; node: string; reason: string };

export interface Policy {
  name: string;
  /** One sentence: what it looks at, what it does. */
  about: string;
  /** It closes nodes for new sessions, and opens them again. */
  closesNodes?: boolean;
  /** Pure: the same view gives the same decisions, in order of urgency. */
  decide(view: DomainView): Decision[];
}

/** The node and everything above it, the root last. */
export function pathUp(view: DomainView, name: string): NodeView[] {
  const path: NodeView[] = [];
  for (let at = view.node(name); at; at = at.parent === null ? undefined : view.node(at.parent)) path.push(at);
  return path;
}

/** Hops between a node and one of its ancestors (or the other way round); undefined when neither is above the other. */
export function hopsBetween(view: DomainView, one: string, other: string): number | undefined {
  const up = pathUp(view, one).findIndex(({ name }) => name === other);
  if (up >= 0) return up;
  const down = pathUp(view, other).findIndex(({ name }) => name === one);
  return down >= 0 ? down : undefined;
}

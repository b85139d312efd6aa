/** Everything that one state of the model consists of. All parts are immutable and interned. */
import type { Owed, Slot } from '../../runtime/model/record.js';
import type { Command } from '../../runtime/model/verbs.js';

/**
 * A session's data by name: `S` is there from the start and deleted by every write, `K<client>` is what a request wrote, `R<client>` its
 * stored reply, `E` counts the effects of the sender that were taken, `M` is the row of its mark.
 */
export type Items = Readonly<Record<string, string>>;
/** Changes on top of items; null deletes. */
export type Changes = Readonly<Record<string, string | null>>;

export interface Store {
  items: Items;
  /** By attempt. */
  staged: Readonly<Record<string, Changes>>;
  /** Names written since `copy`. */
  notes: readonly string[];
}

/** What a crash takes: loops that are running. `boot` tells the lives of a node apart. */
export interface Life {
  boot: number;
  /** Asks the target while the session is leaving. */
  asking: boolean;
  /** Delivers what is owed. */
  paying: boolean;
  /** What the process remembers of its own last commit here; never dropped but by a crash, so that it is as stale as can be. */
  memory?: Memory;
}

/** The version that a handler may run on, and the requests whose writes are in it. */
export interface Memory {
  epoch: number;
  incarnation: string;
  version: number;
  seen: string;
  /** Row of the sender's mark, where the commit left one. */
  row?: string;
}

export type Of<U, K> = U extends { kind: K } ? U : never;

export type Process =
  /** A handler at work under its lease, with the requests whose writes it was given. */
  | { kind: 'serve'; client: number; lease: string; epoch: number; incarnation: string; seen: string; effect?: number }
  /** A handler at work on what the process remembered, without a lease. */
  | { kind: 'short'; client: number; mark: string; effect?: number } & Memory
  /** A request for an unknown id: ancestors are asked one by one before it is created. */
  | { kind: 'locate'; client: number; mark: string; step: number; incarnation: string; epoch: number; owed: Owed[]; effect?: number }
  /** The target's driver of a move. */
  | { kind: 'drive'; attempt: string; phase: 'copy' | 'drain' | 'depart'; from: number; epoch: number; home: string; incarnation: string; rehome?: true }
  /** Whether anybody needs a stub: its home and whom it knows are asked one after the other. */
  | { kind: 'check'; epoch: number; incarnation: string; home: string; current: string; knownBy: readonly string[]; step: number };

export type Message =
  /** `mark` names the home that the redirecting node knew; '' without a redirect. With `effect` a delivery: the number of a sender's effect. */
  | { kind: 'request'; to: number; client: number; mark: string; effect?: number }
  | { kind: 'response'; client: number; value: string }
  /** `offload-session`: the source's record, as it was, on its way to the target. */
  | { kind: 'offer'; to: number; from: number; epoch: number; home: string; incarnation: string; rehome?: true }
  | { kind: 'call'; to: number; from: number; for: string; command: Command | Drain }
  | { kind: 'answer'; to: number; for: string; reply: { kind: string } };

/** Another round of the bulk copy: what was written since the last. No verb: it changes no slot. */
export interface Drain {
  verb: 'drain';
  attempt: string;
}

export interface Client {
  state: 'new' | 'waiting' | 'done';
  /** First response it got. */
  got: string;
  /** Another session, whose effects on this one come in order, each again and again until it is acknowledged; ids of deliveries are forgotten at once. */
  sends?: { next: number; last: number };
}

/** How often each thing may still happen. */
export interface Budget {
  moves: number;
  crash: number;
  lost: number;
  duplicate: number;
  late: number;
  lease: number;
  deadline: number;
  /** Requests sent again though they were answered. */
  again: number;
  /** A handler that throws. */
  fail: number;
  /** Home ends the session. */
  expire: number;
  /** Some node's stub or tombstone is old enough to be forgotten, or to be asked for whether anybody needs it. */
  collect: number;
  /** An operator ends one of two lives of the id. */
  discard: number;
  /** `depart` by somebody without a name. */
  anonymous: number;
  /** Requests that run on what a process remembers. */
  short: number;
}

/** What really happened, for the invariants alone: per incarnation the requests that took effect, in order; those of a sender by their negative numbers. */
export interface Ghost {
  /** Two lives of the id have existed at once: from then on it is an operator's case. */
  isSplit: boolean;
  lives: readonly { incarnation: string; seeded: boolean; log: readonly (readonly [who: number, reply: string])[] }[];
}

export interface NodeState {
  slot: Slot | undefined;
  store: Store;
  life: Life;
  processes: readonly Process[];
}

export interface World {
  nodes: readonly NodeState[];
  messages: readonly Message[];
  clients: readonly Client[];
  left: Budget;
  ghost: Ghost;
}

export interface Tree {
  names: readonly string[];
  /** Index of the parent; -1 at the root. */
  parents: readonly number[];
}

/** Ancestors of a node, nearest first. */
export function ancestors(tree: Tree, node: number): number[] {
  const above: number[] = [];
  for (let at = tree.parents[node]!; at >= 0; at = tree.parents[at]!) above.push(at);
  return above;
}

/**
 * The verbs of the session protocol: each is one atomic command on one node's store.
 * A command carries its time; a reply says all that the caller may act on.
 */
import type { Owed, Passport, Slot } from './record.js';

/** Where and when a verb runs: the name of the node whose store it is, and that node's clock. */
export interface Here {
  node: string;
  nowMs: number;
}

// ── Serving ────────────────────────────────────────────────────────────────────────────────────

export interface Acquire {
  verb: 'acquire';
  session: string;
  function: string;
  leaseId: string;
  owner: string;
  boot: string;
  leaseMs: number;
  /** Client's request id and the digest of its method, path, query and body. */
  request?: { id: string; digest: string };
  /** Present when the request came by a redirect; names the home that the redirecting node knew. */
  redirected?: { home: string };
  /** Its time to live has passed, but its home cannot be asked to end it: it goes on. */
  revive?: true;
  /** Present once locating found no other home: the session may be created by this very command. */
  create?: { incarnation: string; epoch: number; ttlMs: number; knownBy: string[]; owed: Owed[] };
}

/** What the store knows of a request id of this session and function, looked up by `acquire`. */
export interface Seen {
  digest: string;
  /** False when the answer was too large to keep. */
  kept: boolean;
}

export type AcquireReply =
  | { kind: 'granted'; slot: Slot; created: boolean }
  /** The stored answer is to be given again. */
  | { kind: 'replay'; slot: Slot }
  /** The request took effect, but its answer was too large to keep. */
  | { kind: 'replay-too-large'; slot: Slot }
  /** The same request id came with another body. */
  | { kind: 'replay-mismatch'; slot: Slot }
  | { kind: 'moved'; to: string; home: string; epoch: number }
  /** A live lease of another holder. */
  | { kind: 'busy'; untilMs: number }
  /** A move is at its pause; it ends by itself. */
  | { kind: 'hold' }
  /** Its time to live has passed; it must be retired before the id is used again. */
  | { kind: 'expired'; home: string }
  /** Not known here. `epoch` is the one a birth has to start from. */
  | { kind: 'absent'; epoch: number }
  /** Redirected here, not known here: its home decides. */
  | { kind: 'astray'; home: string };

export interface Release {
  verb: 'release';
  session: string;
  /** '' with a basis. */
  leaseId: string;
  epoch: number;
  /**
   * Instead of a lease: the version that the handler ran on, from memory. The release commits only if nothing has
   * changed since, nobody holds the session and the request id is new: then it is the same as an acquire and a release
   * at this very moment, for one command instead of two.
   */
  basis?: { version: number; incarnation: string };
  /** True when the request changed the session's state or owes an effect; a pure read leaves the version as it is. */
  dirty: boolean;
  /** New idle time to live, when the function set one. */
  ttlMs?: number;
}
export type ReleaseReply =
  | { kind: 'committed'; version: number; epoch: number }
  | { kind: 'refused'; reason: 'lease' | 'epoch' | 'state' | 'basis' };

/** Gives a lease back without committing anything. */
export interface Abandon {
  verb: 'abandon';
  session: string;
  leaseId: string;
}
export type AbandonReply = { kind: 'abandoned' } | { kind: 'refused'; reason: 'lease' };

// ── Moving ─────────────────────────────────────────────────────────────────────────────────────

export interface Reserve {
  verb: 'reserve';
  session: string;
  function: string;
  home: string;
  incarnation: string;
  from: string;
  epoch: number;
  attempt: string;
  /** The driver's own former attempt that this one replaces. */
  replaces?: string;
  deadlineMs: number;
  /** Who picked this node: only what a child offers upward, and a new home, need not show that home lies below. */
  course: 'offload' | 'onload' | 'migrate' | 're-home';
  /** Nodes from the session's home upward, as the driver knows the tree; nothing with the courses that need not show it. */
  way: string[];
}
export type ReserveReply =
  | { kind: 'reserved' }
  /** The session is homed outside this node's subtree. */
  | { kind: 'off-path' }
  | { kind: 'already-here'; epoch: number }
  | { kind: 'busy' }
  /** A place with an epoch at least the asked one is known. */
  | { kind: 'stale'; epoch: number; current: string }
  | { kind: 'conflict'; incarnation: string };

/** Notes, before `depart` is sent, that it may reach the source. */
export interface Departing {
  verb: 'departing';
  session: string;
  attempt: string;
}
export type DepartingReply = { kind: 'ok' } | { kind: 'refused' };

/** Starts (or starts again) the bulk copy: from now on the source notes which keys are written. */
export interface Copy {
  verb: 'copy';
  session: string;
  attempt: string;
  epoch: number;
  incarnation: string;
}
export type CopyReply =
  | { kind: 'copying'; slot: Slot }
  | { kind: 'refused'; reason: 'epoch' | 'state'; slot?: Slot }
  | { kind: 'conflict'; incarnation: string };

export interface Depart {
  verb: 'depart';
  session: string;
  to: string;
  epoch: number;
  attempt: string;
  incarnation: string;
}
export type DepartReply =
  /** `repeat` marks the same answer given again; `delta` false means nothing was copied before: send everything. */
  | { kind: 'departed'; passport: Passport; repeat: boolean; delta: boolean }
  /** A live lease has to end first. */
  | { kind: 'leased'; untilMs: number }
  | { kind: 'busy' }
  | { kind: 'refused'; reason: 'epoch' | 'state' | 'name'; slot?: Slot }
  | { kind: 'conflict'; incarnation: string };

export interface Commit {
  verb: 'commit';
  passport: Passport;
  epoch: number;
  attempt: string;
  /** Updates this residency owes, written with the commit. */
  owed: Owed[];
}
export type CommitReply =
  | { kind: 'committed'; slot: Slot; repeat: boolean }
  | { kind: 'refused'; reason: 'reservation' | 'deadline' | 'state' };

/** Confirm and update are one: somebody says where the session is, and since which epoch. */
export interface Learn {
  verb: 'learn';
  session: string;
  function: string;
  home: string;
  current: string;
  epoch: number;
  incarnation: string;
}
export type LearnReply =
  | { kind: 'learned'; changed: boolean; left: boolean; epoch: number }
  | { kind: 'unknown' }
  | { kind: 'conflict'; incarnation: string };

/** The source asks whether the target committed the epoch; if not, the target never will. */
export interface Ask {
  verb: 'ask';
  session: string;
  epoch: number;
  /** Life that the asker departed: what is known here of another says nothing about it, unless this node is its home. */
  incarnation?: string;
  /** Home of that life. */
  home?: string;
}
export type AskReply =
  | { kind: 'committed'; epoch: number; current: string; home: string; incarnation: string }
  | { kind: 'fenced' } & Fence;

/** Said by a target: at this node no attempt under this epoch will ever commit. */
export interface Fence {
  by: string;
  epoch: number;
}

/** The source takes its session back after the target fenced the attempt. */
export interface Abort {
  verb: 'abort';
  session: string;
  epoch: number;
  attempt: string;
  /** What the target answered; without its word nothing is taken back. */
  fence?: Fence;
}
export type AbortReply = { kind: 'aborted'; epoch: number } | { kind: 'refused' };

/** The target gives its reservation up (deadline, failure, fence). */
export interface Drop {
  verb: 'drop';
  session: string;
  attempt: string;
}
export type DropReply = { kind: 'dropped' } | { kind: 'refused' };

/** The node starts: what its former life had begun with the session ends, or has to be gone on with (rule 6). */
export interface Wake {
  verb: 'wake';
  session: string;
}
/** What has to be gone on with: to ask what became of a departure, to pay what is owed, to deliver effects. */
export interface WakeReply {
  kind: 'woken';
  asks: boolean;
  owes: boolean;
  delivers: boolean;
}

// ── Knowing ────────────────────────────────────────────────────────────────────────────────────

/** An ancestor is asked to index a session homed below it, or to say whose it is. */
export interface Claim {
  verb: 'claim';
  session: string;
  function: string;
  home: string;
  epoch: number;
  incarnation: string;
  /** False only looks: nothing is written where the id is unknown. */
  write: boolean;
}
export type ClaimReply =
  | { kind: 'claimed'; epoch: number }
  /** Unknown here (only with `write: false`); a birth has to start from `epoch`. */
  | { kind: 'unknown'; epoch: number }
  | { kind: 'known'; home: string; current: string; epoch: number; incarnation: string };

/** An owed message was acknowledged. */
export interface Paid {
  verb: 'paid';
  session: string;
  owed: Owed;
}
export type PaidReply = { kind: 'paid' };

/** Ends a session that idled beyond its time to live (or at once, when forced), or forgets a stub. */
export interface Expire {
  verb: 'expire';
  session: string;
  /** Expire although the time to live has not passed. */
  forced: boolean;
  /** Expire what nobody has asked for during so many ms, whatever its time to live. */
  idleMs?: number;
  /** An operator's choice between two lives of one id: this one ends here, wherever its home is. */
  discards?: string;
  /** Epoch under which a stub elsewhere than on the session's path was found to be needed by nobody. */
  vouched?: number;
  /** Ancestors that indexed the session and now have to be told. */
  owed: Owed[];
  /** Age in ms after which a stub or tombstone is forgotten. */
  keepMs: number;
}
export type ExpireReply =
  | { kind: 'expired'; epoch: number }
  | { kind: 'forgotten' }
  | { kind: 'refused'; reason: 'alive' | 'busy' | 'owed' | 'not-home' | 'young' | 'incarnation' };

/** Home says that the session is gone: an index entry or stub of the same incarnation ends. */
export interface Gone {
  verb: 'gone';
  session: string;
  epoch: number;
  incarnation: string;
}
export type GoneReply = { kind: 'gone' } | { kind: 'ignored' };

export interface Replies {
  acquire: AcquireReply;
  release: ReleaseReply;
  abandon: AbandonReply;
  reserve: ReserveReply;
  departing: DepartingReply;
  copy: CopyReply;
  depart: DepartReply;
  commit: CommitReply;
  learn: LearnReply;
  ask: AskReply;
  abort: AbortReply;
  drop: DropReply;
  wake: WakeReply;
  claim: ClaimReply;
  paid: PaidReply;
  expire: ExpireReply;
  gone: GoneReply;
}

export type Command =
  | Acquire | Release | Abandon | Reserve | Departing | Copy | Depart | Commit
  | Learn | Ask | Abort | Drop | Wake | Claim | Paid | Expire | Gone;
export type Verb = keyof Replies;

/** What a store does to the session's data together with the change of its slot. */
export interface DataEffects {
  /** Writes, request id and outbox rows of this release take effect. */
  apply?: true;
  /** The attempt's staged data becomes the session's data. */
  adopt?: string;
  /** The attempt's staged data is thrown away. */
  unstage?: string;
  /** The session's data is deleted. */
  wipe?: true;
  /** The notes of written keys start afresh. */
  renote?: true;
}

export interface Step<R> {
  /** The slot afterwards; undefined when the node no longer knows the id. */
  slot: Slot | undefined;
  reply: R;
  effects: DataEffects;
}

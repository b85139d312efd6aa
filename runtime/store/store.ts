/**
 * What a node's store does for its sessions. Every method that changes a slot is one atomic,
 * durable command that follows the step function (model/step); three implementations stand behind
 * it (memory, embedded, redis) and one conformance suite drives them all.
 *
 * Values are opaque bytes here: what a handler put in is encoded by the EdgeDB above.
 * A store that cannot be reached rejects with the fault STORE_UNAVAILABLE.
 */
import type { Slot } from '../model/record.js';
import type {
  Acquire, AcquireReply, Command, Commit, CommitReply, Depart, DepartReply, Release, ReleaseReply, Replies,
} from '../model/verbs.js';

/** A session's data by key: one value, or the values of a list in order. */
export type SessionData = Map<string, Buffer | Buffer[]>;

/** One change of a release, applied in order. `append` and `setList` make the key a list, `set` makes it a value. */
export type Write =
  | { op: 'set'; key: string; value: Buffer }
  | { op: 'delete'; key: string }
  | { op: 'append'; key: string; values: Buffer[] }
  | { op: 'setList'; key: string; values: Buffer[] };

/** What is kept under a request id; `body` (an encoded response) is missing when it was too large to keep. */
export interface StoredReply {
  /** Function and request id, as `requestKey` joins them. */
  key: string;
  digest: string;
  atMs: number;
  body?: Buffer;
}

/** A row of the session's outbox: an effect on another session or function, opaque here, delivered in order. */
export interface Effect {
  id: string;
  body: Buffer;
}

/**
 * How far a sender's deliveries have got in a session: one row a lane, opaque here. It is kept beside the data, moves with it,
 * and is changed only together with what a delivery wrote.
 */
export type MarkChange =
  | { op: 'mark'; lane: string; row: Buffer }
  /** Takes the row away if it still begins so. */
  | { op: 'unmark'; lane: string; start: string };

/** Everything that one request commits together. */
export interface Commitment {
  writes: Write[];
  /** The data that the writes change, where the caller has it: a store need not look. Then each key is written once at most. */
  former?: SessionData;
  reply?: StoredReply;
  effects?: Effect[];
  marks?: MarkChange[];
}

/** What a move carries, in the order it is applied: a later item of the same name replaces the earlier. */
export type Item =
  | { kind: 'value'; key: string; value: Buffer }
  /** `more` continues the list of the item before it. */
  | { kind: 'list'; key: string; values: Buffer[]; more?: boolean }
  | { kind: 'deleted'; key: string }
  | { kind: 'reply'; reply: StoredReply }
  | { kind: 'effect'; effect: Effect }
  | { kind: 'effect-done'; id: string }
  | { kind: 'mark'; lane: string; row: Buffer }
  | { kind: 'mark-gone'; lane: string };

/** Names an item without its content; `bytes` is about what its content takes. */
export interface ItemName {
  kind: 'data' | 'reply' | 'effect' | 'mark';
  name: string;
  bytes: number;
}

/** Small sessions come whole; of large ones the keys are read one by one; `same` when the caller's version is current. */
export type Loaded = { kind: 'whole'; data: SessionData } | { kind: 'large' } | { kind: 'same' };

export type Acquired = AcquireReply & {
  /** With `granted`. */
  loaded?: Loaded;
  /** With `replay`. */
  reply?: StoredReply;
  /** With `granted`, where `lanes` were asked for: their rows in the same order, and how many lanes have one. */
  marks?: { rows: (Buffer | undefined)[]; count: number };
};

export interface AcquireOptions {
  /** The caller still has the data of this version and incarnation: do not send it again. */
  known?: { version: number; incarnation: string; epoch: number };
  /** Lanes whose marks the caller needs; at least one. */
  lanes?: string[];
}

export interface Snapshot {
  slot: Slot;
  loaded: Loaded;
}

export interface Page {
  slots: Slot[];
  /** Pass as `after` to get the next page; missing at the end. */
  next?: string;
}

export interface SessionStore {
  /** 'memory', 'embedded' or 'redis'. */
  readonly kind: string;

  acquire(command: Acquire, options?: AcquireOptions): Promise<Acquired>;
  release(command: Release, commitment: Commitment): Promise<ReleaseReply>;
  /** `items`: what the target still lacks (everything, when nothing was copied before). */
  depart(command: Depart): Promise<DepartReply & { items?: Item[] }>;
  /** Applies `items` on top of what was staged for the attempt, and commits all of it. */
  commit(command: Commit, items: Item[]): Promise<CommitReply>;
  /** Every other verb: they carry no data. */
  run<C extends Exclude<Command, Acquire | Release | Depart | Commit>>(command: C): Promise<Replies[C['verb']]>;

  /** One consistent snapshot without a lease, of a session that is resident or leaving here; else only the slot. */
  read(session: string): Promise<Snapshot | undefined>;
  /** One key, with the version and epoch it belongs to (a reader of many keys checks that they stay the same). */
  readKey(session: string, key: string): Promise<{ version: number; epoch: number; value: Buffer | Buffer[] | undefined }>;
  /** Names of the keys of a large session. */
  readKeys(session: string): Promise<{ version: number; epoch: number; keys: string[] }>;

  /** Everything the session consists of, for the bulk copy. */
  inventory(session: string): Promise<ItemName[]>;
  /**
   * What was written since `copy` or the last `drain` of this attempt; empties the notes. Undefined: another attempt
   * took over, or the session is leaving. A caller that lost the answer has lost the notes: it has to begin a new attempt.
   */
  drain(session: string, attempt: string): Promise<ItemName[] | undefined>;
  /**
   * Present content of the named items; a name that is gone comes as `deleted` or `effect-done` (a reply that is gone is left out).
   * Rejects with MOVE_REFUSED once the session's data is not here.
   */
  items(session: string, names: ItemName[]): Promise<Item[]>;
  /** Adds to what is staged for an attempt; nobody sees it before the commit. Rejects with MOVE_REFUSED without its reservation. */
  stage(session: string, attempt: string, items: Item[]): Promise<void>;

  /** Oldest undelivered effects of a session, in order. */
  effects(session: string, limit: number): Promise<Effect[]>;
  /**
   * Only of a resident session: what a leaving one answered to `depart` stays as it is, and the target delivers it again.
   * @returns whether it is resident, so that the effect is in nobody's outbox any more
   */
  effectDone(session: string, id: string): Promise<boolean>;

  /** Every lane that has a mark, with its row. */
  marks(session: string): Promise<[lane: string, row: Buffer][]>;

  slot(session: string): Promise<Slot | undefined>;
  /** Slots in order of their ids' bytes. */
  page(after: string | undefined, limit: number): Promise<Page>;
  /** Sessions that are leaving, arriving, owe a message or have undelivered effects: what a restart has to go on with. */
  unfinished(): Promise<string[]>;
  /** Bytes the session really takes in this store (MEMORY USAGE on Redis, own count elsewhere). */
  weight(session: string): Promise<number>;

  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Request ids are scoped by session, function and id; the session is the record they live in. */
export function requestKey(functionName: string, requestId: string): string {
  return `${functionName}\n${requestId}`;
}

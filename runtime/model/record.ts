/**
 * What a node durably knows about one session. PROTOCOL (docs/protocol.md) names the states:
 * a slot is `absent` when there is none, `leased` when a resident has a live lease, and
 * `arriving` is an overlay: the slot under it is what the node still believes until the commit.
 */

/** Durable state of a slot; `leased` and `arriving` are overlays, `absent` is the lack of a slot or a bare overlay. */
export type SlotState = 'absent' | 'resident' | 'leaving' | 'remote' | 'tombstone';

/** The right to commit once. `owner` + `boot` name the process life that took it. */
export interface Lease {
  /** Fresh UUID of every acquire (never a request id). */
  id: string;
  /** Node or container that took it. */
  owner: string;
  /** Life of the owner; a lease of an owner's former life is void. */
  boot: string;
  /** Milliseconds since the epoch at which it runs out. */
  untilMs: number;
}

/** The source's half of a move, durable before `depart` is answered. */
export interface Leaving {
  to: string;
  /** Epoch of the residency that the attempt would create: the record's own plus one. */
  epoch: number;
  attempt: string;
}

/** The target's half of a move, durable before anything is asked of the source. */
export interface Arriving {
  from: string;
  epoch: number;
  attempt: string;
  /** Milliseconds since the epoch; after it the commit is refused and the overlay may be dropped. */
  deadlineMs: number;
  /** True once `depart` may have reached the source: requests are held from then on. */
  departing: boolean;
}

/** What this node still has to tell another; never forgotten before it is acknowledged (rule 10). */
export interface Owed {
  to: string;
  /** `update`: where the session is now. `claim`: register the id with an ancestor. `gone`: it expired. */
  kind: 'update' | 'claim' | 'gone';
  epoch: number;
  /** With `gone`: the life that ended. The slot may be another's by the time the row is paid. */
  incarnation?: string;
}

export interface Slot {
  session: string;
  /** Function that created the session (seed 003's constant). */
  function: string;
  /** Every function that has used the session: a move considers only nodes that have them all. */
  functions: string[];
  /** Node where it was created, or re-homed to (seed 003: proprietaryLocation). */
  home: string;
  /** Node that holds it, as far as this node knows (seed 003: currentLocation). */
  current: string;
  /** Counts residencies; never falls. */
  epoch: number;
  /** Counts commits. */
  version: number;
  /** UUID given at creation; two incarnations of one id are never merged. */
  incarnation: string;
  state: SlotState;
  lease?: Lease;
  leaving?: Leaving;
  arriving?: Arriving;
  /** Attempt for which written keys are being noted at the source, from its first bulk copy on. */
  copying?: string;
  /** Attempt whose commit made this residency; lets a repeated commit be answered as the first was. */
  bornBy?: string;
  owed: Owed[];
  /**
   * Nodes that may point to the session: ancestors it was registered with, former holders and
   * homes. A re-home and an end are told to all of them, so that no chain of stubs grows.
   */
  knownBy: string[];
  /** Idle time after which the session may expire; 0 means never. */
  ttlMs: number;
  createdAtMs: number;
  lastAccessAtMs: number;
  /** Bytes of keys and values held here; kept by the store. */
  bytes: number;
}

/** The part of a slot that travels with a session from source to target. */
export interface Passport {
  session: string;
  function: string;
  functions: string[];
  home: string;
  version: number;
  incarnation: string;
  knownBy: string[];
  ttlMs: number;
  createdAtMs: number;
  lastAccessAtMs: number;
}

export function passportOf(slot: Slot): Passport {
  const { session, function: creator, functions, home, version, incarnation, knownBy, ttlMs, createdAtMs, lastAccessAtMs } = slot;
  return { session, function: creator, functions, home, version, incarnation, knownBy, ttlMs, createdAtMs, lastAccessAtMs };
}

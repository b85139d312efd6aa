/** Bounds of the oracle: its books, its intents, its dashboard, and what nodes report to it. */

/** The oracle's policy looks at the domain this often; nodes report at the same pace. */
export const ORACLE_TICK_MS = 2_000;
/** Samples that a node keeps for its next report; older ones are dropped and counted. */
export const MAX_SAMPLES_PER_REPORT = 10_000;
/** Sessions in one report that is not full; the others follow in the next. */
export const MAX_SESSIONS_PER_REPORT = 5_000;
/** A full report of a node with many sessions. */
export const MAX_REPORT_BYTES = 64 * 1024 * 1024;
/** Sessions that an oracle keeps in its books; the thousand nodes with a thousand each that it is made for, twice over. */
export const MAX_SESSIONS_OF_DOMAIN = 2_000_000;
/** Sessions of a failed node stay in the oracle's books for so long. */
export const SESSION_FORGOTTEN_MS = 10 * 60_000;
/** Intents that wait for their turn; a policy asks for fewer at a time, an operator's script is told when it asks for more. */
export const MAX_OPEN_INTENTS = 10_000;
/** Intents that ended and can still be read back. */
export const MAX_ENDED_INTENTS = 1_000;
/** Of those, what a restart still knows: enough to read back what became of the last wishes, and little to write after each. */
export const MAX_KEPT_ENDED_INTENTS = 200;
/** Intents that the oracle carries out at the same time; each is a call to a node that may last as long as a move. */
export const MAX_RUNNING_INTENTS = 256;
/** Of these, moves from or to one node: each may have to wait for a request of its session, and one node that hangs leaves the others their turn. */
export const MAX_RUNNING_INTENTS_OF_NODE = 48;
/** A policy's decision that has waited for so long is dropped: it rests on what was true then, and the policy looks again. */
export const STALE_DECISION_MS = 10_000;
/** Ticks in which nodes have time to say what they hold before a new oracle's policy decides: the least, when all have, and the most. */
export const SETTLE_LEAST_TICKS = 2;
export const SETTLE_MOST_TICKS = 5;
/** A move that an intent asked for is given up by the oracle after this; the nodes end it by themselves. */
export const INTENT_DEADLINE_MS = 60_000;
/** A session that an operator moved is left there by the policy for so long. */
export const PINNED_MS = 10 * 60_000;
/** What Kubernetes answers about all its machines; five thousand of them are some 40 MB. */
export const MAX_KUBERNETES_BYTES = 64 * 1024 * 1024;
/** Restarts and failures that the oracle remembers, of all nodes together. */
export const MAX_FALL_EVENTS = 10_000;
/** Values of functions and their times that the oracle keeps to be asked for; the mirror and the dataset have them all. */
export const MAX_SAMPLES_KEPT = 20_000;
/** Moves that the oracle shows; a relief of five hundred sessions fits in. */
export const MAX_MOVES_SHOWN = 1_000;
/** Points of the oracle's charts, one a tick: half an hour. Two numbers of a node for each are 7 MB for a thousand nodes. */
export const TIMELINE_POINTS = 900;
/** Nodes whose charts can be asked for at once: more lines than that nobody tells apart. */
export const MAX_CHARTED_NODES = 12;
/** Sessions that the oracle looks at in one go when it searches its books: a few milliseconds, then others get their turn. */
export const SEARCH_SLICE = 10_000;
/** What the oracle shows of all nodes is made anew no more often than this, however many look. */
export const OVERVIEW_EVERY_MS = 1_000;
/** Sums over all sessions by function are made anew no more often than this. */
export const FUNCTIONS_EVERY_MS = 10_000;

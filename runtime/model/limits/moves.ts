/** Bounds of a move, of finding a session, and of the stubs that moves leave behind. */

/** Nodes remembered that may point to a session; beyond, the oldest is left to find its way by its stub. */
export const MAX_KNOWN_BY = 64;
/** A reservation that has not committed by then is given up. */
export const RESERVATION_MS = 30_000;
/** The source asks its target this long after a departure that nobody confirmed. */
export const ASK_AFTER_MS = 1_000;
/** A target that is just taking the session keeps such a question so long: an answer before its commit would undo the move. */
export const ASK_WAITS_MS = 2_000;
/** Bulk rounds before the pause is begun with whatever remains. */
export const MAX_COPY_ROUNDS = 8;
/** Attempts whose copies a source keeps count of; beyond, the oldest is given up: many times more than can run at once. */
export const MAX_COPIES = 4_096;
/** A remainder up to this size goes into the pause. */
export const SMALL_DELTA_BYTES = 64 * 1024;
/** Items of a bulk copy are read and framed in batches of about this size. */
export const COPY_BATCH_BYTES = 256 * 1024;
/** Redirects in a row that a client can ever see; from then on a node holds or forwards. */
export const MAX_REDIRECTS = 4;
/** Redirects that a node follows for a client without hearing of a newer residency: from then on it is a circle. */
export const MAX_FORWARD_REDIRECTS = 8;
/** Unfinished moves and debts are looked over this often, for what a lost answer of the store has hidden. */
export const SWEEP_EVERY_MS = 2_000;
/** A stub is checked with its session's home after this, and then once in so long: what it points to may have ended. */
export const STUB_CHECK_MS = 24 * 3_600_000;
/** Stubs checked at one look of the reaper: each costs a call or two on other nodes. */
export const MAX_STUB_CHECKS = 10;
/** Rows that one call of the garbage collector looks at; its answer says where to go on. */
export const MAX_COLLECTED = 10_000;
/** How long after its start a node that has never met its parent waits for it before it creates sessions without it. */
export const UNMET_PARENT_MS = 5_000;
/** Sessions that one call of the offload trigger moves unless it says otherwise: a batch must end before the next. */
export const TRIGGER_BATCH = 16;
/** A session that the trigger has moved is not moved by it again for so long. */
export const TRIGGER_REST_MS = 5 * 60_000;

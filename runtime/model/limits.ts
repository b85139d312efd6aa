/** Every bound of the runtime, each with its reason. Sizes in bytes, times in milliseconds. */

/** `X-session` of 1 to 256 bytes: longer ids only cost index space. */
export const MAX_SESSION_ID_BYTES = 256;
/** A session is moved only to nodes that have all its functions; more than this is a design error of the application. */
export const MAX_FUNCTIONS_PER_SESSION = 16;
/** Request ids of a session that are remembered, newest first. */
export const MAX_REQUEST_IDS = 1_000;
/** How long a request id is remembered. */
export const REQUEST_ID_KEEP_MS = 24 * 3_600_000;
/** A stored answer above this keeps its digest only (409 REPLAY_TOO_LARGE). */
export const MAX_KEPT_RESPONSE_BYTES = 64 * 1024;
/** Body of a stateful request: it is held in memory while the session is waited for. */
export const MAX_STATEFUL_BODY_BYTES = 16 * 1024 * 1024;
/** One EdgeDB value. */
export const MAX_VALUE_BYTES = 8 * 1024 * 1024;
/** One EdgeDB key. */
export const MAX_KEY_BYTES = 1024;
/** All keys and values of one session. */
export const MAX_SESSION_BYTES = 256 * 1024 * 1024;
/** A session up to this size travels whole with `acquire` and to the worker; above, key by key. */
export const SMALL_SESSION_BYTES = 64 * 1024;
/** Requests that may wait for one session; beyond, 503 at once is kinder than a late time-out. */
export const MAX_WAITING_PER_SESSION = 256;
/** How long a request waits for its session before 503. */
export const MAX_WAIT_MS = 10_000;
/** A lease must outlive the longest handler (exec timeout) with room for its commit. */
export const LEASE_MS = 30_000;
/** Time a handler has unless its function says otherwise. */
export const HANDLER_TIMEOUT_MS = 20_000;
/** A reservation that has not committed by then is given up. */
export const RESERVATION_MS = 30_000;
/** The source asks its target this long after a departure that nobody confirmed. */
export const ASK_AFTER_MS = 1_000;
/** Bulk rounds before the pause is begun with whatever remains. */
export const MAX_COPY_ROUNDS = 8;
/** A remainder up to this size goes into the pause. */
export const SMALL_DELTA_BYTES = 64 * 1024;
/** Items of a bulk copy are read and framed in batches of about this size. */
export const COPY_BATCH_BYTES = 256 * 1024;
/** Nodes on a path to the root; a deeper tree is a mistake in the domain file. */
export const MAX_TREE_DEPTH = 16;
/** Redirects in a row that a client can ever see; from then on a node holds or forwards. */
export const MAX_REDIRECTS = 4;
/** Age after which a tombstone is forgotten: it must outlive every move, lease and late message. */
export const TOMBSTONE_KEEP_MS = 24 * 3_600_000;
/** Signed peer calls are accepted this far from the receiver's clock, and their nonces kept as long. */
export const PEER_SKEW_MS = 60_000;
/** Sessions answered in one page of a listing. */
export const MAX_PAGE = 1_000;

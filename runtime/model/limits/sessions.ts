/** Bounds of a session: its ids, its data, its requests and their turn. */

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
/** Lease of a session that an operator has paused: until it is resumed, whenever that is. */
export const PAUSE_MS = 100 * 365 * 24 * 3_600_000;
/** Age after which a tombstone is forgotten: it must outlive every move, lease and late message. */
export const TOMBSTONE_KEEP_MS = 24 * 3_600_000;
/** Sessions answered in one page of a listing. */
export const MAX_PAGE = 1_000;
/** Small sessions that a node remembers from its own commits, data and bookkeeping together. */
export const MAX_REMEMBERED_BYTES = 16 * 1024 * 1024;
/** Request ids remembered beside each; a retry is rarely later than a few requests, and what lives longer costs the garbage collector more. */
export const MAX_REMEMBERED_REQUEST_IDS = 8;
/** Conflicts kept for an operator; the oldest are dropped beyond, each is also in the log and found again when it is met again. */
export const MAX_CONFLICTS = 1_000;

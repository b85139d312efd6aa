/** Bounds of asynchronous calls. */

/** Body of an asynchronous call, and of an answer for its callback: it is kept on the disk until then. */
export const MAX_ASYNC_BODY_BYTES = 16 * 1024 * 1024;
/** Asynchronous calls that wait, of all functions together. */
export const MAX_ASYNC_CALLS = 10_000;
/** The same of one function, so that one does not fill the queue for all. */
export const MAX_ASYNC_CALLS_PER_FUNCTION = 5_000;
/** All their heads and bodies together. */
export const MAX_ASYNC_BYTES = 1024 * 1024 * 1024;
/** Dead asynchronous calls, kept until an operator has looked at them; of more the oldest are dropped, so that one broken function does not fill the disk. */
export const MAX_DEAD_CALLS = 5_000;
/** All their heads and bodies together. */
export const MAX_DEAD_BYTES = 256 * 1024 * 1024;
/** Asynchronous calls that are made at the same time; each holds a body in memory. */
export const MAX_ASYNC_RUNNING = 64;
/** The same of one function that does not say max_inflight. */
export const MAX_ASYNC_RUNNING_PER_FUNCTION = 16;
/** An asynchronous call whose files cannot be read or written, on a full disk say, is attended to again after so long. */
export const CALL_FILES_WAIT_MS = 10_000;
/** Ended asynchronous calls that can still be asked for, also after a restart; each is a line of some 300 bytes in a file. */
export const MAX_ENDED_CALLS = 10_000;
/** Tries of one asynchronous call, whatever its annotation says: a week at the longest default pause. */
export const MAX_RETRY_ATTEMPTS = 5_000;
/** Tries to tell a callback, and the first and longest pause between them. */
export const CALLBACK_ATTEMPTS = 6;
export const CALLBACK_MIN_WAIT_MS = 1_000;
export const CALLBACK_MAX_WAIT_MS = 60_000;
/** A callback that does not connect, answer or go on by then counts as unreachable. */
export const CALLBACK_DEADLINE_MS = 30_000;
/** X-Callback-Url and X-Call-Id of an asynchronous call. */
export const MAX_CALLBACK_URL_CHARS = 2_048;
export const MAX_CALL_ID_CHARS = 256;

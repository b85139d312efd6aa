/** Bounds of stores, and of the servers that nodes start for themselves. */

/** Finding a store server may have to download packages; a newcomer waits this long before the start goes on without. */
export const FIND_SERVER_MS = 60_000;
/** A store server reads its append-only file before it answers; a large one takes a while. */
export const STORE_START_MS = 60_000;
/** A store server that was told to stop is killed after this; what it acknowledged is in its file by then. */
export const STORE_STOP_MS = 1_500;
/** A store server that dies is started again after a pause that doubles between these. */
export const STORE_RESTART_MIN_MS = 50;
export const STORE_RESTART_MAX_MS = 5_000;
/** A Redis that has not answered the first greeting by then is none; one that has just been started on a busy machine takes its time. */
export const STORE_CONNECT_MS = 20_000;
/** A store that leaves commands unanswered for so long is taken for dead: its connection is made anew. */
export const STORE_ANSWER_MS = 10_000;

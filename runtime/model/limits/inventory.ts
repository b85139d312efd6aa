/** Bounds of the inventory. */

/** Body of a call to the inventory: an array of a few thousand objects. */
export const MAX_INVENTORY_BODY_BYTES = 32 * 1024 * 1024;
/** Objects of one call to the inventory: they are checked and applied in one go, while nobody else is served. */
export const MAX_INVENTORY_BATCH = 10_000;
/** Nesting of an object of the inventory: what people note of their machines has a handful of levels. */
export const MAX_INVENTORY_DEPTH = 64;
/** Objects of one page unless asked otherwise, and the most that may be asked for. */
export const INVENTORY_PAGE = 1_000;
export const MAX_INVENTORY_PAGE = 10_000;
/** A file of the inventory's journal is closed beyond this: each is read whole at a start. */
export const JOURNAL_SEGMENT_BYTES = 64 * 1024 * 1024;
/** Pause between two snapshots of an inventory that changes, unless configured. */
export const SNAPSHOT_EVERY_MS = 5 * 60_000;
/** Snapshots that are kept unless configured: two hours at that pace. */
export const KEEP_SNAPSHOTS = 24;
/** A shorter pause between snapshots would do nothing else. */
export const MIN_SNAPSHOT_EVERY_MS = 1_000;
/** Timers of the platform take no more than 24 days; what is longer would run at once. */
export const MAX_SNAPSHOT_EVERY_MS = 7 * 24 * 3_600_000;
/** A query of an administrator is stopped after this, and answers so many rows at most. */
export const QUERY_MS = 10_000;
export const MAX_QUERY_ROWS = 10_000;
/** An answer has so many bytes at most: the rows beyond are left out, as those above their number are. */
export const MAX_QUERY_BYTES = 16 * 1024 * 1024;
/** An engine that does not stop a query within this after its time is given up and another one started: some functions cannot be interrupted. */
export const QUERY_STOP_MS = 2_000;
/** Memory of the engine of queries and snapshots: 250,000 nodes take a third of it. */
export const ENGINE_MEMORY_MB = 1_024;
/** The engine is closed when nobody has needed it for so long; its tables are made again from snapshot and journal. */
export const ENGINE_IDLE_MS = 2 * 60_000;
/** Changes that wait for the engine are taken over in the background from so many bytes of journal on, so that a query or a snapshot finds few. */
export const ENGINE_FOLLOW_BYTES = 8 * 1024 * 1024;
/** A past state that was asked for is kept for further questions this long. */
export const PAST_KEEP_MS = 60_000;
/** A key set of another machine is asked for a key that it did not have this often at most: whoever makes up key names cannot make it be asked more. */
export const JWKS_AGAIN_MS = 30_000;
/** Text of a query: what people write has a few thousand characters, and deeper nesting than this allows is no question. */
export const MAX_QUERY_CHARS = 64 * 1024;
/** A source of queries that lies elsewhere is fetched or copied whole: so many bytes at most, in this time, and again after that one. */
export const MAX_SOURCE_BYTES = 256 * 1024 * 1024;
export const SOURCE_MS = 30_000;
export const SOURCE_FRESH_MS = 60_000;
/** Objects that are made from their rows before others get their turn: about ten milliseconds. */
export const ROWS_A_TURN = 2_000;

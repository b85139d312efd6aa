/** Bounds of telemetry. */

/** One body of telemetry: some 200,000 points; a larger batch is better sent in parts. */
export const MAX_TELEMETRY_BODY_BYTES = 16 * 1024 * 1024;
/** A name of a metric, an entity, a pod, a container, a key. */
export const MAX_TELEMETRY_NAME_CHARS = 1_024;
/** Texts that describe a metric; also a text kept as analytics or application data. */
export const MAX_TELEMETRY_TEXT_CHARS = 64 * 1024;
/** Names in one filter; more are a list of everything, which no filter says shorter. */
export const MAX_FILTER_NAMES = 10_000;
/** Series of one node, its own and those it keeps for others; each costs memory for as long as it lives. */
export const MAX_SERIES = 1_000_000;
/** Points in one answer: some 50 MB of JSON; more are asked for in parts, aggregated, or exported. */
export const MAX_POINTS_PER_ANSWER = 1_000_000;
/** Rows that a grouped query may answer. */
export const MAX_GROUPS_PER_ANSWER = 100_000;
/** A point may be so far ahead of the node's clock; more is a wrong clock or a wrong unit. */
export const MAX_FUTURE_MS = 24 * 3_600_000;
/** Wrong items of one batch that are listed; the first say enough. */
export const MAX_LISTED_ERRORS = 100;
/** Smallest region of memory, as the seed has it. */
export const MIN_REGION_MB = 100;
/** Points of one series that lie together: large enough for its summary to pay, small enough to shift for a late point. */
export const CHUNK_POINTS = 512;
/** Series, times questions about them, that are looked at before others get their turn: a few tens of milliseconds. */
export const SERIES_A_PASS = 100_000;
/** A node that has not answered a question to many by then is named unavailable. */
export const FAN_OUT_MS = 2_000;
/** What the oracle knows of nodes, replicas and restarts is asked for this often. */
export const LEARN_EVERY_MS = 2_000;
/** A log of points that has grown so far goes into the database: some 800,000 points, a second of its work, and as much to be read again by a start. */
export const TELEMETRY_LOG_BYTES = 16 * 1024 * 1024;
/** Points that are acknowledged from memory are written to the log this soon. */
export const TELEMETRY_WRITE_MS = 20;
/** What could not be written to the log is tried again after so long. */
export const TELEMETRY_RETRY_MS = 1_000;
/** Points that are acknowledged from memory may wait for a disk that takes none; beyond, they are refused. */
export const MAX_UNWRITTEN_BYTES = 64 * 1024 * 1024;
/** A log of analytics that has grown so far goes into the database. */
export const ANALYTICS_LOG_BYTES = 16 * 1024 * 1024;
/** Retention and compaction are looked after this often; their units are days. */
export const TELEMETRY_TIDY_MS = 15 * 60_000;
/** Points that go to a replica in one call. */
export const REPLICATE_POINTS = 20_000;
/** Analytics that go to a replica in one call, about. */
export const REPLICATE_BYTES = 4 * 1024 * 1024;
/** A replica that the oracle does not know of any more is deleted after so long, if its owner is alive. */
export const ABANDONED_REPLICA_MS = 10 * 60_000;
/** Series told to another node in one answer, as their names and what is known of them. */
export const META_SERIES_PER_ANSWER = 5_000;
/** Deleted series that are remembered for nodes that have not heard of it; who knows less gets everything anew. */
export const MAX_GONE_SERIES = 10_000;
/** Points that wait for a replica; beyond, it is brought up to date from the history instead. */
export const MAX_REPLICA_QUEUE_POINTS = 2_000_000;

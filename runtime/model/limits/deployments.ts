/** Bounds of deploying functions, and of what is kept beside them: secrets, namespaces, logs, scale. */

/** A bundle that nothing names any more is removed when its node starts, unless it is younger: it may be about to be deployed. */
export const BUNDLE_KEEP_MS = 24 * 60 * 60 * 1000;
/** One deployment without its code: every node keeps all of them in memory and passes them on; Kubernetes has the same bound. */
export const MAX_DEPLOYMENT_BYTES = 1024 * 1024;
/** One function's bundle: code with its libraries, no data. */
export const MAX_BUNDLE_BYTES = 32 * 1024 * 1024;
/** Archive of one build: code and its packages, no data. */
export const MAX_BUILD_BYTES = 64 * 1024 * 1024;
/** The same unpacked, and the entries of it. */
export const MAX_BUILD_UNPACKED_BYTES = 256 * 1024 * 1024;
export const MAX_BUILD_FILES = 50_000;
/** An archive has to be here by then; nobody knows before its end whether its sender may build at all. */
export const MAX_BUILD_RECEIVE_MS = 2 * 60_000;
/** Installing the packages of a function takes no longer than this, or the build fails. */
export const MAX_BUILD_MS = 5 * 60_000;
/** Builds that wait for their turn; each has its archive on the disk. */
export const MAX_WAITING_BUILDS = 16;
/** Names of built images that a node remembers; the oldest are forgotten beyond. */
export const MAX_BUILT_IMAGES = 10_000;
/** A removed function is remembered so long, so that a node that was down does not bring it back. */
export const REMOVED_KEEP_MS = 7 * 24 * 3_600_000;
/** First and longest pause between attempts to pass deployments on to a child. */
export const PASS_ON_FIRST_MS = 250;
export const PASS_ON_MOST_MS = 15_000;
/** A deploy that waits for its subtree answers what is still pending after this. */
export const SUBTREE_WAIT_MS = 30_000;
/** Secrets and namespaces go down the tree in bodies of about this size. */
export const SETTINGS_BATCH_BYTES = 4 * 1024 * 1024;
/** Namespaces of a node: they group functions of teams, not of users. */
export const MAX_NAMESPACES = 1_000;
/** Secrets of a node; each function reads a handful. */
export const MAX_SECRETS = 10_000;
/** One secret: a key or a certificate with its chain, as Kubernetes has it. */
export const MAX_SECRET_BYTES = 1024 * 1024;
/** Lines of one function's log that are kept to be read again; older ones are in the node's own log. */
export const MAX_LOG_LINES_PER_FUNCTION = 1_000;
/** All those lines together. */
export const MAX_LOG_BYTES_PER_FUNCTION = 512 * 1024;
/** Clients that follow logs at one node; each holds a connection. */
export const MAX_FOLLOWERS = 256;
/** Lines that wait for a client that follows too slowly; the oldest are dropped beyond. */
export const MAX_UNREAD_LOG_LINES = 1_000;
/** Alerts in one body of Alertmanager, which sends a group at a time. */
export const MAX_ALERTS = 1_000;
/** Functions are scaled by their load this often: about as long as a replica takes to start under load. */
export const AUTOSCALE_EVERY_MS = 2_000;
/** Calls a second are measured over so long: one look alone would take every burst for a load. */
export const RATE_WINDOW_MS = 10_000;
/** A function goes down to the most replicas that were wanted within so long, unless its label says otherwise. */
export const SCALE_DOWN_WINDOW_MS = 30_000;

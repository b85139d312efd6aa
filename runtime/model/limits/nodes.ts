/** Bounds of a node among others: the tree, its peers, its start and end. */

/** Nodes on a path to the root; a deeper tree is a mistake in the domain file. */
export const MAX_TREE_DEPTH = 16;
/** Nodes of one domain that the oracle keeps; a registration beyond is refused. */
export const MAX_NODES = 10_000;
/** Signed peer calls are accepted this far from the receiver's clock, and their nonces kept as long. */
export const PEER_SKEW_MS = 60_000;
/** Nonces of signed calls kept; enough for some four thousand calls a second. */
export const MAX_PEER_NONCES = 262_144;
/** A peer that has not answered by then is treated as unreachable; moves and deploys retry by themselves. */
export const PEER_DEADLINE_MS = 10_000;
/** Connections kept to one peer: the calls of many moves at once, without taking all of its sockets. */
export const MAX_PEER_CONNECTIONS = 64;
/** Idle connections end long before the peer's server ends them, and before any other server does (5 s as a rule), so that no call meets a closing socket. */
export const PEER_IDLE_MS = 4_000;
/** JSON answers of peers are held in memory; whole sessions come as streams, or as one packet in seed 003's form. */
export const MAX_PEER_REPLY_BYTES = 512 * 1024 * 1024;
/** A node tells its parent and the oracle that it is there this often. */
export const ANNOUNCE_EVERY_MS = 2_000;
/** A node that the oracle has not heard of for so long counts as failed. */
export const REGISTRATION_DEADLINE_MS = 10_000;
/** More than that between two looks of the oracle is its own pause or a step of its clock, and says nothing about nodes: their words wait to be read. */
export const MAX_WATCH_GAP_MS = 5_000;
/** A node may ask for a longer deadline than usual, but not for one that hides its failure. */
export const MAX_REGISTRATION_DEADLINE_MS = 10 * 60_000;
/** Body of a registration: names of functions and labels. */
export const MAX_REGISTRATION_BYTES = 256 * 1024;
/** How long a health probe waits for the store. */
export const HEALTH_PING_MS = 2_000;
/** Requests that a node works on at once for each core, where nothing else is said: most functions wait more than they compute. */
export const DEFAULT_CAPACITY_PER_CORE = 16;
/** More requests at once than any one process works on; a larger number in a domain file is a slip. */
export const MAX_CAPACITY = 100_000;
/** Memory that a start or a deployment took is given back this long after it. */
export const TIDY_AFTER_MS = 3_000;
/** A node that was busy for more than this share of that time serves somebody, who would wait for it: it is tried again later. */
export const TIDY_IDLE_SHARE = 0.1;
/** Time that requests in hand have at shutdown; Ctrl-C must be through within 4 s. */
export const CLOSE_GRACE_MS = 2_000;
/** A node that was told to stop is gone after this, whatever hangs: what it acknowledged is safe, and Ctrl-C must be through within 4 s. */
export const STOP_MS = 3_000;

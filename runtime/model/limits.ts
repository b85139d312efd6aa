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
/** Nodes remembered that may point to a session; beyond, the oldest is left to find its way by its stub. */
export const MAX_KNOWN_BY = 64;
/** Body of a stateful request: it is held in memory while the session is waited for. */
export const MAX_STATEFUL_BODY_BYTES = 16 * 1024 * 1024;
/** Of a request with a larger body the session is found before the body is read: it may have to go elsewhere. */
export const SMALL_BODY_BYTES = 64 * 1024;
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
/** A client may keep a node waiting so long for a body, or for the next piece of one that streams, unless the function says otherwise. */
export const READ_TIMEOUT_MS = 60_000;
/** A client may leave the bytes of an answer waiting so long, unless the function says otherwise. */
export const WRITE_TIMEOUT_MS = 60_000;
/** How long a browser may remember what it was told about other origins. */
export const CORS_MAX_AGE_S = 600;
/** A page's request that was redirected has to reach the other node by then, its preflight first. */
export const CORS_MARK_MS = 60_000;
/** The head of a request has to be here by then: whoever sends a header a second only wants to hold the connection. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** How often connections are looked over for heads that do not come. */
export const HEADERS_CHECK_MS = 1_000;
/** A connection of another protocol that is silent for so long is probed: the client may be gone without a word. */
export const PROBE_AFTER_MS = 30_000;
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
/** Redirects that a node follows for a client without hearing of a newer residency: from then on it is a circle. */
export const MAX_FORWARD_REDIRECTS = 8;
/** Age after which a tombstone is forgotten: it must outlive every move, lease and late message. */
export const TOMBSTONE_KEEP_MS = 24 * 3_600_000;
/** Signed peer calls are accepted this far from the receiver's clock, and their nonces kept as long. */
export const PEER_SKEW_MS = 60_000;
/** Sessions answered in one page of a listing. */
export const MAX_PAGE = 1_000;
/** Nonces of signed calls kept; enough for some four thousand calls a second. */
export const MAX_PEER_NONCES = 262_144;
/** A peer that has not answered by then is treated as unreachable; moves and deploys retry by themselves. */
export const PEER_DEADLINE_MS = 10_000;
/** Connections kept to one peer: the calls of many moves at once, without taking all of its sockets. */
export const MAX_PEER_CONNECTIONS = 64;
/** Idle connections end before the peer's server ends them (5 s), so that no call meets a closing socket. */
export const PEER_IDLE_MS = 4_000;
/** JSON answers of peers are held in memory; whole sessions come as streams, or as one packet in seed 003's form. */
export const MAX_PEER_REPLY_BYTES = 512 * 1024 * 1024;
/** Body of a stateless function that takes it whole; one that streams has no limit. */
export const MAX_STATELESS_BODY_BYTES = 64 * 1024 * 1024;
/** Bodies of commands and of the administration: the largest is a propagated value in base64. */
export const MAX_COMMAND_BODY_BYTES = 16 * 1024 * 1024;
/** Requests of one function in hand at a node; each holds memory. */
export const MAX_IN_HAND_PER_FUNCTION = 8_192;
/** Request line and headers; a 4 KB URL, 256 bytes of session and cookies fit with room to spare. */
export const MAX_HEADER_BYTES = 32 * 1024;
/** After an early refusal the rest of the body is thrown away for so long, so that the client gets to read the refusal. */
export const LINGER_MS = 2_000;
/** One deployment without its code: every node keeps all of them in memory and passes them on; Kubernetes has the same bound. */
export const MAX_DEPLOYMENT_BYTES = 1024 * 1024;
/** One function's bundle: code with its libraries, no data. */
export const MAX_BUNDLE_BYTES = 32 * 1024 * 1024;
/** Time that requests in hand have at shutdown; Ctrl-C must be through within 4 s. */
export const CLOSE_GRACE_MS = 2_000;
/** A node that was told to stop is gone after this, whatever hangs: what it acknowledged is safe, and Ctrl-C must be through within 4 s. */
export const STOP_MS = 3_000;
/** How long a health probe waits for the store. */
export const HEALTH_PING_MS = 2_000;
/** A removed function is remembered so long, so that a node that was down does not bring it back. */
export const REMOVED_KEEP_MS = 7 * 24 * 3_600_000;
/** First and longest pause between attempts to pass deployments on to a child. */
export const PASS_ON_FIRST_MS = 250;
export const PASS_ON_MOST_MS = 15_000;
/** A deploy that waits for its subtree answers what is still pending after this. */
export const SUBTREE_WAIT_MS = 30_000;
/** Telemetry samples that one call may record; further ones are dropped. */
export const MAX_TELEMETRY_PER_CALL = 1_000;
/** One frame between node and worker process: more than any request or answer may hold. */
export const MAX_FRAME_BYTES = 512 * 1024 * 1024;
/** Bytes of one stream on their way between node and worker: enough to keep both busy, little enough for thousands of streams. */
export const STREAM_WINDOW_BYTES = 256 * 1024;
/** One frame of a stream: other calls on the same wire wait no longer than for this. */
export const STREAM_PIECE_BYTES = 64 * 1024;
/** A line that a function logs or prints; the rest of it is cut. */
export const MAX_LOG_LINE_CHARS = 8 * 1024;
/** Calls of one function in hand at one node; beyond, 503 at once is kinder than a late time-out. */
export const MAX_CALLS_PER_FUNCTION = 2_000;
/** Calls in flight in one worker process: more would only wait in its socket, and have to run again should it die. */
export const MAX_CALLS_PER_PROCESS = 128;
/** From so many calls in flight in each of its processes on, a function gets another one. */
export const CALLS_PER_PROCESS_TO_GROW = 4;
/** A working process is asked this often whether it still answers. */
export const PING_EVERY_MS = 250;
/** A process that has not answered for so long is busy with one handler: its other calls run elsewhere. */
export const STALLED_AFTER_MS = 1_000;
/** For so long after a stall a function gets one call at a time in each process, so that none waits behind another. */
export const STALLS_REMEMBERED_MS = 60_000;
/** An unused worker process ends after this: a function that nobody calls has none. */
export const WORKER_IDLE_MS = 60_000;
/** Importing a function's module takes no longer than this, or it is refused. */
export const LOAD_TIMEOUT_MS = 10_000;
/** Replicas of one function at one node: what an autoscaler may ask for by mistake must not end the machine. */
export const MAX_REPLICAS = 100;
/** Processes of commands that one replica runs at once unless its `max_inflight` says otherwise. */
export const MAX_COMMANDS_PER_REPLICA = 32;
/** Processes of commands at one node, all functions together: beyond, 503 at once is kinder than a machine that swaps. */
export const MAX_COMMANDS = 256;
/** What one command may print: it is held in memory until the exit code says what it was. */
export const MAX_COMMAND_OUTPUT_BYTES = 64 * 1024 * 1024;
/** The same of all commands of a node together: 256 of them must not take its memory. */
export const MAX_COMMANDS_HELD_BYTES = 512 * 1024 * 1024;
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
/** Connections to one place where functions run: as many as calls may be in hand there, and sockets are no scarce good. */
export const MAX_UPSTREAM_CONNECTIONS = 1_024;
/** A container engine that has not answered a question by then is taken for dead. */
export const ENGINE_DEADLINE_MS = 30_000;
/** Pulling an image takes no longer than this, or the deployment fails. */
export const MAX_PULL_MS = 5 * 60_000;
/** A container has to be healthy by then, or it is given up. */
export const CONTAINER_START_MS = 60_000;
/** Pause between two looks at a container that starts: shorter than anybody notices. */
export const HEALTH_EVERY_MS = 50;
/** A container without calls that was told to end is killed after this: Ctrl-C must be through within 4 s. */
export const CONTAINER_STOP_MS = 500;
/** Processes and threads in one container, so that a function that forks for ever harms only itself. */
export const MAX_CONTAINER_PROCESSES = 1_024;
/** Pause before the second start of a process after deaths in a row, doubled with each, and its bound. */
export const RESTART_FIRST_MS = 100;
export const RESTART_MOST_MS = 2_000;
/** A process that lived this long has not died of starting. */
export const RESTART_FORGIVEN_MS = 10_000;
/** Starts in a row that may fail before the calls waiting for them do. */
export const MAX_FAILED_STARTS = 3;
/** Heap of one worker process unless the node says otherwise. */
export const WORKER_MEMORY_MB = 256;
/** What a process takes beside its heap: code, stacks, buffers on their way. */
export const WORKER_MEMORY_BESIDE_MB = 192;
/** A handler that goes on for so long after its call has ended will hardly end: its process is replaced. */
export const ORPHAN_GRACE_MS = 5_000;
/** A node tells its parent and the oracle that it is there this often. */
export const ANNOUNCE_EVERY_MS = 2_000;
/** A node that the oracle has not heard of for so long counts as failed. */
export const REGISTRATION_DEADLINE_MS = 10_000;
/** Finding a store server may have to download packages; a newcomer waits this long before the start goes on without. */
export const FIND_SERVER_MS = 60_000;
/** A store server reads its append-only file before it answers; a large one takes a while. */
export const STORE_START_MS = 60_000;
/** A store server that was told to stop is killed after this; what it acknowledged is in its file by then. */
export const STORE_STOP_MS = 1_500;
/** A store server that dies is started again after a pause that doubles between these. */
export const STORE_RESTART_MIN_MS = 50;
export const STORE_RESTART_MAX_MS = 5_000;
/** Unfinished moves and debts are looked over this often, for what a lost answer of the store has hidden. */
export const SWEEP_EVERY_MS = 2_000;
/** Nodes of one domain that the oracle keeps; a registration beyond is refused. */
export const MAX_NODES = 10_000;
/** Body of a registration: names of functions and labels. */
export const MAX_REGISTRATION_BYTES = 256 * 1024;
/** A node may ask for a longer deadline than usual, but not for one that hides its failure. */
export const MAX_REGISTRATION_DEADLINE_MS = 10 * 60_000;
/** A Redis that has not answered the first greeting by then is none. */
export const STORE_CONNECT_MS = 5_000;
/** A store that leaves commands unanswered for so long is taken for dead: its connection is made anew. */
export const STORE_ANSWER_MS = 10_000;
/** Memory that a start or a deployment took is given back this long after it. */
export const TIDY_AFTER_MS = 3_000;
/** A node that was busy for more than this share of that time serves somebody, who would wait for it: it is tried again later. */
export const TIDY_IDLE_SHARE = 0.1;
/** Small sessions that a node remembers from its own commits, data and bookkeeping together. */
export const MAX_REMEMBERED_BYTES = 16 * 1024 * 1024;
/** Request ids remembered beside each; a retry is rarely later than a few requests, and what lives longer costs the garbage collector more. */
export const MAX_REMEMBERED_REQUEST_IDS = 8;
/** Effects that one request may have on other sessions: each is a delivery of its own. */
export const MAX_EFFECTS_PER_REQUEST = 100;
/** One effect, as it lies in the outbox: outboxes are carried in a move's pause. */
export const MAX_EFFECT_BYTES = 256 * 1024;
/** Undelivered effects of one session; beyond, its requests get 503 until the receivers are back. */
export const MAX_UNDELIVERED_EFFECTS = 1_000;
/** Sessions of a node whose effects are on their way at once: fewer than may wait in the line of one receiving session. */
export const MAX_DELIVERING = 32;
/** First and longest pause before an effect is delivered again. */
export const DELIVER_FIRST_MS = 100;
export const DELIVER_MOST_MS = 2_000;
/** A delivery waits for its session, as any request, and for its handler. */
export const DELIVERY_MS = 45_000;
/** Senders of effects that one session remembers the last delivery of: about 100 bytes each, moved with the session. */
export const MAX_MARKS = 10_000;
/** A sender is remembered at least so long after its last delivery, unless it says itself that nothing of it will come again. */
export const MARK_KEEP_MS = 24 * 3_600_000;
/** Senders whose marks a node remembers beside each session that it remembers: one more is one more question to the store. */
export const MAX_REMEMBERED_LANES = 64;
/** How long after its last effect was struck out a sender says that nothing of it is under way: signed calls are void long before. */
export const SETTLE_AFTER_MS = 5 * 60_000;
/** Senders that one delivery says so of: more than one, so that their number falls. */
export const MAX_SETTLED_PER_DELIVERY = 50;
/** Senders that a node keeps in mind to say so; beyond, the receivers remember them for longer. */
export const MAX_SETTLING = 50_000;
/** Effects that nobody takes, kept for an operator to see; the oldest are dropped beyond, each is also in the log. */
export const MAX_DEAD_LETTERS = 1_000;
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
/** Samples that a node keeps for its next report; older ones are dropped and counted. */
export const MAX_SAMPLES_PER_REPORT = 10_000;
/** Sessions in one report that is not full; the others follow in the next. */
export const MAX_SESSIONS_PER_REPORT = 5_000;
/** A full report of a node with many sessions. */
export const MAX_REPORT_BYTES = 64 * 1024 * 1024;
/** The oracle's policy looks at the domain this often; nodes report at the same pace. */
export const ORACLE_TICK_MS = 2_000;
/** What Kubernetes answers about all its machines; five thousand of them are some 40 MB. */
export const MAX_KUBERNETES_BYTES = 64 * 1024 * 1024;
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
/** Values of functions and their times that the oracle keeps to be asked for; the mirror and the dataset have them all. */
export const MAX_SAMPLES_KEPT = 20_000;
/** Requests that a node works on at once for each core, where nothing else is said: most functions wait more than they compute. */
export const DEFAULT_CAPACITY_PER_CORE = 16;
/** More requests at once than any one process works on; a larger number in a domain file is a slip. */
export const MAX_CAPACITY = 100_000;
/** A session that an operator moved is left there by the policy for so long. */
export const PINNED_MS = 10 * 60_000;
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
/** Restarts and failures that the oracle remembers, of all nodes together. */
export const MAX_FALL_EVENTS = 10_000;
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
/** A receiver whose function fails so often in a row, for about two minutes, is not waited for any longer: a dead letter. */
export const MAX_THROWN_DELIVERIES = 60;
/** Conflicts kept for an operator; the oldest are dropped beyond, each is also in the log and found again when it is met again. */
export const MAX_CONFLICTS = 1_000;
/** Lease of a session that an operator has paused: until it is resumed, whenever that is. */
export const PAUSE_MS = 100 * 365 * 24 * 3_600_000;
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
/** Secrets and namespaces go down the tree in bodies of about this size. */
export const SETTINGS_BATCH_BYTES = 4 * 1024 * 1024;

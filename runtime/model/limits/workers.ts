/** Bounds of what runs functions: processes, commands, containers. */

/** Time a handler has unless its function says otherwise. */
export const HANDLER_TIMEOUT_MS = 20_000;
/** Calls of one function in hand at one node; beyond, 503 at once is kinder than a late time-out. */
export const MAX_CALLS_PER_FUNCTION = 2_000;
/** Telemetry samples that one call may record; further ones are dropped. */
export const MAX_TELEMETRY_PER_CALL = 1_000;
/** A line that a function logs or prints; the rest of it is cut. */
export const MAX_LOG_LINE_CHARS = 8 * 1024;
/** One frame between node and worker process: more than any request or answer may hold. */
export const MAX_FRAME_BYTES = 512 * 1024 * 1024;
/** Bytes of one stream on their way between node and worker: enough to keep both busy, little enough for thousands of streams. */
export const STREAM_WINDOW_BYTES = 256 * 1024;
/** One frame of a stream: other calls on the same wire wait no longer than for this. */
export const STREAM_PIECE_BYTES = 64 * 1024;
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
/** Importing a function's module takes no longer than this, or it is refused: at the start of a domain on a small machine dozens are imported at once. */
export const LOAD_TIMEOUT_MS = 30_000;
/** Heap of one worker process unless the node says otherwise. */
export const WORKER_MEMORY_MB = 256;
/** What a process takes beside its heap: code, stacks, buffers on their way. */
export const WORKER_MEMORY_BESIDE_MB = 192;
/** A handler that goes on for so long after its call has ended will hardly end: its process is replaced. */
export const ORPHAN_GRACE_MS = 5_000;
/** Pause before the second start of a process after deaths in a row, doubled with each, and its bound. */
export const RESTART_FIRST_MS = 100;
export const RESTART_MOST_MS = 2_000;
/** A process that lived this long has not died of starting. */
export const RESTART_FORGIVEN_MS = 10_000;
/** Starts in a row that may fail before the calls waiting for them do. */
export const MAX_FAILED_STARTS = 3;
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
/** Connections to one place where functions run: as many as calls may be in hand there, and sockets are no scarce good. */
export const MAX_UPSTREAM_CONNECTIONS = 1_024;
/** A container engine that has not answered a question by then is taken for dead; on a busy machine it takes long to start a container. */
export const ENGINE_DEADLINE_MS = 120_000;
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

/** Bounds of what a client sends and is answered. */

/** Request line and headers; a 4 KB URL, 256 bytes of session and cookies fit with room to spare. */
export const MAX_HEADER_BYTES = 32 * 1024;
/** The head of a request has to be here by then: whoever sends a header a second only wants to hold the connection. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** Idle connections of clients are kept so long: longer than load balancers keep theirs (a minute), so that none sends into a closing socket. */
export const CLIENT_IDLE_MS = 65_000;
/** How often connections are looked over for heads that do not come. */
export const HEADERS_CHECK_MS = 1_000;
/** A connection of another protocol that is silent for so long is probed: the client may be gone without a word. */
export const PROBE_AFTER_MS = 30_000;
/** A client may keep a node waiting so long for a body, or for the next piece of one that streams, unless the function says otherwise. */
export const READ_TIMEOUT_MS = 60_000;
/** A client may leave the bytes of an answer waiting so long, unless the function says otherwise. */
export const WRITE_TIMEOUT_MS = 60_000;
/** Body of a stateful request: it is held in memory while the session is waited for. */
export const MAX_STATEFUL_BODY_BYTES = 16 * 1024 * 1024;
/** Of a request with a larger body the session is found before the body is read: it may have to go elsewhere. */
export const SMALL_BODY_BYTES = 64 * 1024;
/** Body of a stateless function that takes it whole; one that streams has no limit. */
export const MAX_STATELESS_BODY_BYTES = 64 * 1024 * 1024;
/** Bodies of commands and of the administration: the largest is a propagated value in base64. */
export const MAX_COMMAND_BODY_BYTES = 16 * 1024 * 1024;
/** After an early refusal the rest of the body is thrown away for so long, so that the client gets to read the refusal. */
export const LINGER_MS = 2_000;
/** Requests of one function in hand at a node; each holds memory. */
export const MAX_IN_HAND_PER_FUNCTION = 8_192;
/** Answers that may wait for the end of a turn to leave together; more than that gains nothing. */
export const MAX_ANSWERS_DUE = 64;
/** An answer that is ready waits no longer than this when another handler is about to run. */
export const ANSWERS_DUE_MS = 1;
/** How long a browser may remember what it was told about other origins. */
export const CORS_MAX_AGE_S = 600;
/** A page's request that was redirected has to reach the other node by then, its preflight first. */
export const CORS_MARK_MS = 60_000;
/** Names in a refusal: so many help whoever has mistyped one, and a node may have thousands. */
export const MAX_NAMES_TOLD = 20;

/** Bounds of the WebSockets of functions. */

/** WebSockets open at one node, those that are being opened included: each holds some 15 KiB while it is silent. */
export const MAX_SOCKETS = 5_000;
/** One message, in pieces or whole: it is held in memory while its session is waited for, and a page can cut what is larger. */
export const MAX_SOCKET_MESSAGE_BYTES = 1024 * 1024;
/** Messages of one socket that wait behind the one in hand; then no more are read, and the client's own network makes it wait. */
export const MAX_SOCKET_WAITING = 16;
/** The same in bytes: a few small messages wait, a large one alone. */
export const MAX_SOCKET_WAITING_BYTES = 64 * 1024;
/** What comes is read in pieces so small that no more than some hundred tiny messages come after a socket was told to wait. */
export const SOCKET_PIECE_BYTES = 1024;
/** A client that has said nothing for so long is pinged, and cut off when so long again nothing has come: proxies in between drop what is silent for a minute. */
export const SOCKET_PING_MS = 30_000;
/** How often all sockets are looked over, because a timer for each message would cost more than many a message. */
export const SOCKET_LOOK_MS = 5_000;
/** A client answers a close by then, or is cut off. */
export const SOCKET_CLOSE_MS = 5_000;
/** The reason of a close, as RFC 6455 has it. */
export const MAX_CLOSE_REASON_BYTES = 123;

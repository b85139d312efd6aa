/** Bounds of effects on other sessions. */

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
/** A receiver whose function fails so often in a row, for about two minutes, is not waited for any longer: a dead letter. */
export const MAX_THROWN_DELIVERIES = 60;
/** Effects that nobody takes, kept for an operator to see; the oldest are dropped beyond, each is also in the log. */
export const MAX_DEAD_LETTERS = 1_000;
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

/** What was thrown, in words. Anything may be thrown by somebody else's code, also what has no text at all; nothing here throws. */

export function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return Object.prototype.toString.call(thrown);
  }
}

/** An error's own sentence. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : textOf(thrown);
}

/** With the places it came through, for a log. */
export function traceOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.stack ?? textOf(thrown) : textOf(thrown);
}

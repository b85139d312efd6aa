/** An asynchronous call of a function, from its acceptance to its end. */

export type CallState = 'waiting' | 'running' | 'answering' | 'done' | 'dead';

/** What a function answered, as its callback is told. Its body is kept beside it. */
export interface CallAnswer {
  status: number;
  durationSeconds: number;
  headers: Record<string, string>;
}

export interface Call {
  /** Ours; the request id of a stateful function, unless the caller gave one. */
  id: string;
  /** The caller's, or the same as `id`. */
  callId: string;
  /** With its namespace, unless that is the default one. */
  function: string;
  method: string;
  path: string;
  query: string;
  headers: Record<string, string | string[]>;
  /** Of its body. */
  bytes: number;
  callbackUrl?: string;
  queuedAtMs: number;
  state: CallState;
  /** Of the function, and of the callback. */
  attempts: number;
  callbackAttempts: number;
  /** When it is due, while it waits. */
  dueAtMs: number;
  answer?: CallAnswer;
  /** Of the answer's body, while its callback has to be told. */
  answerBytes?: number;
  /** Why it is dead, or will be once its callback is told; and who failed. */
  reason?: string;
  failed?: 'function' | 'callback';
  endedAtMs?: number;
}

/** What is told of a call: nothing of what was sent or answered. */
export type CallStatus = Pick<Call, 'id' | 'callId' | 'function' | 'state' | 'attempts' | 'callbackAttempts' | 'queuedAtMs' | 'dueAtMs' | 'endedAtMs' | 'reason' | 'failed' | 'bytes'>
  & { answer?: Pick<CallAnswer, 'status' | 'durationSeconds'> };

/**
 * What anybody may know who knows its id, and what the administrator may: only the latter is told why a callback failed, for who
 * may choose the callback could find out that way what there is in the node's network.
 */
export function statusOf(call: CallStatus, forAdmin: boolean): object {
  const { id, callId, function: name, state, attempts, callbackAttempts, queuedAtMs, dueAtMs, endedAtMs, answer, failed, bytes } = call;
  const time = (ms: number) => new Date(ms).toISOString();
  const reason = call.reason !== undefined && failed === 'callback' && !forAdmin ? 'the callback could not be told' : call.reason;
  return {
    id, callId, function: name, state, attempts, callbackAttempts, bytes, queuedAt: time(queuedAtMs),
    ...(state === 'waiting' && { dueAt: time(dueAtMs) }), ...(endedAtMs !== undefined && { endedAt: time(endedAtMs) }),
    ...(answer && { status: answer.status, durationSeconds: answer.durationSeconds }), ...(reason !== undefined && { reason }),
  };
}

/** Bytes that it takes while it waits: the bodies on the disk, its head in memory. */
export function weightOf({ bytes, answerBytes = 0, path, query, headers }: Call): number {
  let weight = bytes + answerBytes + path.length + query.length;
  for (const name in headers) weight += name.length + String(headers[name]).length;
  return weight;
}

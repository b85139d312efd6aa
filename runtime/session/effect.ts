/** What a row of the outbox says: JSON in its opaque body, written by the worker, read by whoever delivers it. */

/** Text goes as text/plain, bytes as application/octet-stream, anything else as application/json. */
export type Content = { value: unknown } | { base64: string };

export interface Propagation {
  kind: 'propagate';
  function: string;
  /** ['*'] for the whole path. */
  levels: string[];
  /** Home at the commit: a re-home meanwhile must not change who is told. */
  home: string;
  content: Content;
}

export interface SessionCall {
  kind: 'call';
  function: string;
  session: string;
  /** Home of the caller: the call starts there, so a session it creates is born near its cause. */
  home: string;
  request: CallRequest;
}

export interface CallRequest {
  method: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  content?: Content;
}

/** Where the row stands among all effects of its session's life; given at the commit, and the same wherever it is delivered from. */
export interface Stamp {
  /** Incarnation of the session. */
  life: string;
  number: number;
  atMs: number;
}

/** Rows committed by an older release have no stamp. */
export type EffectRow = (Propagation | SessionCall) & { stamp?: Stamp };

/** Room for the effects of one commit between the numbers of two. */
const NUMBERS_PER_VERSION = 65_536;

/** @param version the one that the commit makes */
export function numberOf(version: number, index: number): number {
  return version * NUMBERS_PER_VERSION + Math.min(index, NUMBERS_PER_VERSION - 1);
}

/** The row with its stamp behind all else: whatever a worker wrote under that name, the last one counts. */
export function stamped(body: Buffer, stamp: Stamp): Buffer {
  return Buffer.concat([body.subarray(0, -1), Buffer.from(`,"stamp":${JSON.stringify(stamp)}}`)]);
}

export function contentOf(value: unknown): Content {
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : { value };
}

export function encodeRow(row: EffectRow): Buffer {
  return Buffer.from(JSON.stringify(row));
}

export function decodeRow(body: Buffer): EffectRow {
  return JSON.parse(body.toString()) as EffectRow;
}

export function bodyOf(content: Content | undefined): { type?: string; body: Buffer } {
  if (content === undefined) return { body: Buffer.alloc(0) };
  if ('base64' in content) return { type: 'application/octet-stream', body: Buffer.from(content.base64, 'base64') };
  if (typeof content.value === 'string') return { type: 'text/plain; charset=utf-8', body: Buffer.from(content.value) };
  return { type: 'application/json', body: Buffer.from(JSON.stringify(content.value)) };
}

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

export type EffectRow = Propagation | SessionCall;

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

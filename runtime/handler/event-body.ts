/** The body of a request as OpenFaaS's Node.js templates give it to a handler: by its content type, inflated, within their limits. */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { fieldsOf, MOST_FIELDS } from './fields.js';
import type { HandlerRequest } from './request.js';

/** It cannot be given to the handler; the message is for the client. */
export class BodyRefused extends Error {
  constructor(readonly status: 400 | 413 | 415, message: string) {
    super(message);
  }
}

/** The templates' own. */
const MOST_BYTES = 100 * 1024;
const INFLATERS = new Map([['gzip', gunzipSync], ['deflate', inflateSync], ['br', brotliDecompressSync], ['identity', undefined]]);
const UNITS: Record<string, number> = { '': 1, b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 };

/** Throws BodyRefused. */
export function eventBody(request: HandlerRequest, env: Readonly<Record<string, string>>): unknown {
  if (!hasBody(request)) return {};
  const { type, charset } = typeOf(request);
  if (env['RAW_BODY'] === 'true') return plain(request, bytesOf(env['MAX_RAW_SIZE']));
  if (type === 'application/json') return jsonOf(decoded(plain(request, bytesOf(env['MAX_JSON_SIZE'])), charset));
  if (type.startsWith('text/')) return decoded(plain(request, MOST_BYTES), charset);
  if (type !== 'application/x-www-form-urlencoded') return {};
  const text = decoded(plain(request, MOST_BYTES), charset);
  if (text.split('&', MOST_FIELDS + 1).length > MOST_FIELDS) throw new BodyRefused(413, 'too many parameters');
  return fieldsOf(text);
}

function hasBody({ headers, body }: HandlerRequest): boolean {
  return body.length > 0 || headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined;
}

function typeOf({ headers }: HandlerRequest): { type: string; charset: string } {
  const given = String(headers['content-type'] ?? 'text/plain');
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(given)?.[1] ?? 'utf-8';
  return { type: given.split(';', 1)[0]!.trim().toLowerCase(), charset };
}

/** As the client had it before it was packed. */
function plain({ headers, body }: HandlerRequest, most: number): Buffer {
  const encoding = String(headers['content-encoding'] ?? 'identity').toLowerCase();
  if (!INFLATERS.has(encoding)) throw new BodyRefused(415, `unsupported content encoding "${encoding}"`);
  const inflate = INFLATERS.get(encoding);
  let whole = body;
  try {
    if (inflate !== undefined) whole = inflate(body, { maxOutputLength: most });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new BodyRefused(400, (error as Error).message);
  }
  if (whole.length > most) throw tooLarge();
  return whole;
}

function decoded(bytes: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    throw new BodyRefused(415, `unsupported charset "${charset.toUpperCase()}"`);
  }
}

/** An object or a list; nothing is an empty object. */
function jsonOf(text: string): unknown {
  if (text.length === 0) return {};
  const first = /[^\x20\t\n\r]/.exec(text)?.[0];
  try {
    const value: unknown = JSON.parse(text);
    if (first === '{' || first === '[') return value;
  } catch (error) {
    throw new BodyRefused(400, (error as Error).message);
  }
  throw new BodyRefused(400, 'the JSON is neither an object nor a list');
}

/** `512kb` → 524288. */
function bytesOf(text = ''): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmg]?b)?$/i.exec(text.trim()) ?? [];
  return amount === undefined ? MOST_BYTES : Math.floor(Number(amount) * UNITS[unit.toLowerCase()]!);
}

function tooLarge(): BodyRefused {
  return new BodyRefused(413, 'request entity too large');
}

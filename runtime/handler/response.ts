/** Turns what a handler returned into the response of the call. */
import type { FunctionResponse } from '../session/call.js';
import { AnswerStream, sourceOf } from './answer-stream.js';

/** A whole answer; `body` may be anything that may be returned by itself, a stream too. */
export interface HandlerResponse {
  status: number;
  headers?: Record<string, string | number | readonly string[] | undefined>;
  body?: unknown;
}

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
const JSON_TYPE = 'application/json';
const NOTHING = Buffer.alloc(0);
/** They describe the connection or the framing, which are the gateway's. */
const NOT_THE_HANDLERS = new Set([
  'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'upgrade', 'trailer', 'te', 'proxy-connection',
]);
/** As RFC 9110 has them; checked here so that no answer of a handler can break the connection it goes out on. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const PARTS = new Set(['status', 'headers', 'body']);

/**
 * undefined and null: 204 without a body. string: 200, text/plain. Buffer, Uint8Array, ArrayBuffer: 200, application/octet-stream.
 * An async iterable, a generator, a Web or node stream of texts and bytes: 200, application/octet-stream, piece by piece.
 * An object with a numeric `status` and nothing beside `status`, `headers`, `body`: just that answer. Anything else: 200, JSON.
 * Throws a TypeError for what cannot be sent (a status outside 200–599, an invalid header, a value JSON cannot express).
 */
export function toResponse(value: unknown): FunctionResponse {
  if (value === undefined || value === null) return { status: 204, headers: {}, body: NOTHING };
  if (isResponse(value)) return wholeResponse(value);
  const source = sourceOf(value);
  if (source) return { status: 200, headers: { 'content-type': BYTES }, body: NOTHING, stream: new AnswerStream(source) };
  const { body, type } = encodeBody(value);
  return { status: 200, headers: { 'content-type': type }, body };
}

function isResponse(value: unknown): value is HandlerResponse {
  if (typeof value !== 'object' || typeof (value as HandlerResponse).status !== 'number') return false;
  for (const name of Object.keys(value as object)) if (!PARTS.has(name)) return false;
  return true;
}

function wholeResponse(value: HandlerResponse): FunctionResponse {
  const { status } = value;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new TypeError(`A status must be a whole number from 200 to 599, not ${status}`);
  }
  const headers = value.headers === undefined ? {} : cleanHeaders(value.headers);
  if (value.body === undefined || value.body === null) return { status, headers, body: NOTHING };
  const source = sourceOf(value.body);
  if (source) {
    headers['content-type'] ??= BYTES;
    return { status, headers, body: NOTHING, stream: new AnswerStream(source) };
  }
  const { body, type } = encodeBody(value.body);
  headers['content-type'] ??= type;
  return { status, headers, body };
}

function cleanHeaders(given: NonNullable<HandlerResponse['headers']>): FunctionResponse['headers'] {
  const headers: FunctionResponse['headers'] = {};
  for (const [spelling, value] of Object.entries(given)) {
    const name = spelling.toLowerCase();
    if (value === undefined || NOT_THE_HANDLERS.has(name)) continue;
    if (!HEADER_NAME.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name of a header`);
    const clean = Array.isArray(value) ? value.map(String) : String(value as string | number);
    for (const one of Array.isArray(clean) ? clean : [clean]) {
      if (!HEADER_VALUE.test(one)) throw new TypeError(`The header ${name} has a character that no header may carry`);
    }
    headers[name] = clean;
  }
  return headers;
}

function encodeBody(value: unknown): { body: Buffer; type: string } {
  if (typeof value === 'string') return { body: Buffer.from(value, 'utf8'), type: TEXT };
  if (Buffer.isBuffer(value)) return { body: value, type: BYTES };
  if (value instanceof Uint8Array) return { body: Buffer.from(value.buffer, value.byteOffset, value.byteLength), type: BYTES };
  if (value instanceof ArrayBuffer) return { body: Buffer.from(value), type: BYTES };
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new TypeError(`A ${typeof value} cannot be answered`);
  return { body: Buffer.from(json, 'utf8'), type: JSON_TYPE };
}

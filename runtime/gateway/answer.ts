/** Writes answers: a function's response, a redirect, a command's reply, a fault. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Reply } from '../base/reply.js';
import { breakOff } from '../handler/http-body.js';
import { Fault } from '../model/faults.js';
import type { FunctionResponse } from '../session/call.js';

/** Name and value, one after the other, as writeHead takes them without another copy. */
export type RawHeaders = (string | string[])[];

const RETRY_AFTER_SECONDS = '1';
/** Bodies up to this size leave with their head. */
export const ONE_WRITE_BYTES = 16 * 1024;
/** The server's own business, or set by the gateway itself; a function cannot. */
const OWN_HEADERS = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'content-length', 'x-call-id',
  'x-session-location', 'x-session-epoch', 'x-session-version', 'x-session-replayed',
]);

/**
 * @param raw headers of the gateway, extended by those of the function
 * Throws HANDLER_FAILED, with nothing sent, when the function's status or headers cannot be sent.
 */
export function sendFunctionResponse(
  response: ServerResponse, answer: FunctionResponse, raw: RawHeaders, call: { callId: string }, hasCors: boolean,
): void {
  const { body } = answer;
  writeFunctionHead(response, answer, raw, call, hasCors);
  if (body.length > 0 && body.length <= ONE_WRITE_BYTES) endInOneWrite(response, body.toString('latin1'));
  else response.end(body);
}

/**
 * Head and a small body in one plain write. `end(body)` adds an empty piece behind them, which makes it a gathering
 * write of two: a sixth of all that a small request costs. As Latin-1, byte for byte, the body joins the head's string.
 */
function endInOneWrite(response: ServerResponse, text: string): void {
  const { socket } = response;
  // Without a socket an answer before this one is still to leave; what is corked leaves together anyway.
  if (socket === null || socket.destroyed || socket.writableCorked > 0) {
    response.end(text, 'latin1');
    return;
  }
  socket.cork();
  response.write(text, 'latin1');
  socket.uncork();
  response.end();
}

/** @param hasCors the gateway speaks to browsers for its functions, so what they say themselves about other origins is left out */
export function writeFunctionHead(
  response: ServerResponse, answer: FunctionResponse, raw: RawHeaders, call: { callId: string }, hasCors: boolean,
): void {
  const { status, headers, body, stream } = answer;
  let vary = hasCors ? 'Origin' : '';
  const isHead = response.req.method === 'HEAD';
  let length = String(body.length);
  for (const name in headers) {
    const lower = name.toLowerCase();
    if (hasCors && (lower === 'vary' || lower.startsWith('access-control-'))) {
      if (lower === 'vary') vary = `${String(headers[name])}, ${vary}`;
    } else if (!OWN_HEADERS.has(lower)) raw.push(name, headers[name]!);
    // The answer to HEAD may announce the length that GET would have.
    else if (isHead && lower === 'content-length' && body.length === 0) length = String(headers[name]);
  }
  if (hasCors) raw.push('vary', vary);
  if (status !== 204 && status !== 304 && stream === undefined) raw.push('content-length', length);
  try {
    if (status < 200) throw new RangeError(`The status ${status} is no final answer.`);
    response.writeHead(status, raw as never);
  } catch (cause) {
    throw new Fault('HANDLER_FAILED', { call: call.callId }, { cause });
  }
}

export type FaultForm = 'json' | 'text';

export interface FaultOptions {
  form?: FaultForm;
  /** What OpenFaaS calls the source of an error: gateway or provider. */
  layer?: string;
  /** Further fields of the JSON. */
  extra?: object;
}

export function sendFault(response: ServerResponse, fault: Fault, options: FaultOptions = {}): void {
  if (response.headersSent) {
    breakOff(response);
    return;
  }
  const { form = 'json', layer = 'gateway', extra } = options;
  const body = Buffer.from(form === 'text' ? fault.message : JSON.stringify({ ...fault.toJSON(), ...extra }));
  const raw: RawHeaders = [
    'content-type', form === 'text' ? 'text/plain; charset=utf-8' : 'application/json',
    'content-length', String(body.length), 'x-openfaas-internal', layer,
  ];
  if (fault.status === 503) raw.push('retry-after', RETRY_AFTER_SECONDS);
  if (fault.status === 401) raw.push('www-authenticate', 'Basic realm="node", charset="UTF-8"');
  if (fault.code === 'METHOD_NOT_ALLOWED') raw.push('allow', String(fault.details['allowed']).replaceAll(' or ', ', '));
  const { req } = response;
  // A client that waits for `100 Continue` sends no body any more, so the connection cannot be used for another request.
  if (!req.complete && (req.headers.expect !== undefined || fault.status === 408)) raw.push('connection', 'close');
  response.writeHead(fault.status, raw as never);
  response.end(body);
}

export async function sendReply(response: ServerResponse, reply: Reply): Promise<void> {
  const headers: Record<string, string> = { ...reply.headers };
  if (reply.status === 503) headers['retry-after'] ??= RETRY_AFTER_SECONDS;
  if (reply.stream) {
    const type = { 'content-type': 'application/octet-stream', ...headers };
    response.writeHead(reply.status, type);
    // Flushed at once: the reader may act on the head long before there is anything to send.
    response.flushHeaders();
    try {
      await pipeline(Readable.from(reply.stream, { objectMode: false }), response);
    } catch (error) {
      // The reader has gone: whoever follows something ends it so.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    }
    return;
  }
  const [type, body] = bodyOf(reply);
  const raw: RawHeaders = [];
  if (body.length > 0 && headers['content-type'] === undefined) raw.push('content-type', type);
  for (const name in headers) raw.push(name, headers[name]!);
  const hasNoBody = reply.status === 204 || reply.status === 304;
  if (!hasNoBody) raw.push('content-length', String(body.length));
  response.writeHead(reply.status, raw as never);
  if (body.length > 0 && body.length <= ONE_WRITE_BYTES && !hasNoBody) endInOneWrite(response, body.toString('latin1'));
  else response.end(body);
}

function bodyOf({ bytes, json, text }: Reply): [type: string, body: Buffer] {
  if (bytes) return ['application/octet-stream', bytes];
  return json !== undefined ? ['application/json', Buffer.from(JSON.stringify(json))] : ['text/plain; charset=utf-8', Buffer.from(text ?? '')];
}

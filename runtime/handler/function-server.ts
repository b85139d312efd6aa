/** HTTP in front of a single function: `/_/health`, `/_/ready`, and everything else is the function's. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.js';
import { FUNCTION_PREFIX, type FunctionPath, parseFunctionPath, redirectTo } from '../base/function-path.js';
import { isUuid, type Ids } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { asFault, Fault } from '../model/faults.js';
import { MAX_SESSION_ID_BYTES, MAX_STATEFUL_BODY_BYTES } from '../model/limits.js';
import type { FunctionRequest, FunctionResponse, Worker } from '../session/call.js';
import type { Invocation, Served, Sessions } from '../session/invoke.js';
import { breakOff, leave, mayHaveBody, pour, RequestStream } from './http-body.js';

export interface FunctionServerParts {
  name: string;
  node: string;
  worker: Worker;
  sessions: Sessions;
  timeoutMs: number;
  ids: Ids;
  log: Log;
  /** Rejects while the function cannot serve. */
  ready(): Promise<void>;
}

export interface FunctionServer {
  http: Server;
  listen(port: number, host: string): Promise<void>;
  /** Answers `/_/ready` with 503, ends when the requests in hand have, or after the grace. */
  drain(clock: Clock, graceMs: number): Promise<void>;
}

interface Answered {
  response: FunctionResponse;
  headers: Record<string, string>;
}

export function createFunctionServer(parts: FunctionServerParts): FunctionServer {
  const { name, node, worker, sessions, timeoutMs, ids, log } = parts;
  let draining = false;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const callId = ids.uuid();
    try {
      if (request.url === '/_/health') return send(response, { status: 200, headers: {}, body: Buffer.from('OK') }, {});
      if (request.url === '/_/ready') return await ready(response);
      const client = new AbortController();
      response.once('close', () => client.abort());
      const { response: answer, headers } = await answerTo(await requestOf(request, name, worker.streams === true), callId, client.signal);
      const own = { 'x-call-id': callId, ...headers, ...(draining ? { connection: 'close' } : {}) };
      if (answer.stream) await sendStream(response, answer, answer.stream, own);
      else send(response, answer, own);
    } catch (error) {
      refuse(response, asFault(error, callId), callId);
    }
  }

  async function ready(response: ServerResponse): Promise<void> {
    if (draining) throw new Fault('DRAINING', { node });
    await parts.ready();
    send(response, { status: 200, headers: {}, body: Buffer.from('OK') }, {});
  }

  async function answerTo(request: MarkedRequest, callId: string, signal: AbortSignal): Promise<Answered> {
    if (worker.kind === 'stateless') {
      return { response: (await worker.run({ function: name, callId, request, signal, timeoutMs })).response, headers: {} };
    }
    const invocation: Invocation = {
      function: name, worker, timeoutMs, ttlMs: 0, callId, request, signal, session: sessionOf(request), ...requestIdOf(request), ...marksOf(request),
    };
    const served = await sessions.invoke(invocation);
    if (served.kind === 'moved') return redirectOf(name, request, served);
    const headers: Record<string, string> = {
      'x-session-location': served.node, 'x-session-epoch': String(served.epoch), 'x-session-version': String(served.version),
    };
    if (served.replayed) headers['x-session-replayed'] = 'true';
    return { response: served.response, headers };
  }

  function refuse(response: ServerResponse, fault: Fault, callId: string): void {
    const { code, cause = '' } = fault;
    if (fault.status >= 500) log.error({ code, call: callId, function: name, reason: String(cause) }, 'a request failed');
    if (response.headersSent) breakOff(response);
    if (response.headersSent || response.destroyed) return;
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (fault.status === 503) headers['retry-after'] = '1';
    if (!response.req.complete) headers['connection'] = 'close';
    send(response, { status: fault.status, headers, body: Buffer.from(JSON.stringify(fault)) }, {});
  }

  const http = createServer((request, response) => void serve(request, response));
  return {
    http,
    listen: (port, host) => new Promise((resolve, reject) => http.once('error', reject).listen(port, host, resolve)),
    drain: (clock, graceMs) => new Promise((resolve) => {
      draining = true;
      const timer = clock.setTimeout(() => http.closeAllConnections(), graceMs);
      http.close(() => {
        clock.clearTimeout(timer);
        resolve();
      });
      http.closeIdleConnections();
    }),
  };
}

function send(response: ServerResponse, { status, headers, body }: FunctionResponse, own: Record<string, string>): void {
  const length: Record<string, string> = status === 204 || status === 304 ? {} : { 'content-length': String(body.length) };
  response.writeHead(status, { ...headers, ...length, ...own });
  response.end(body);
}

async function sendStream(
  response: ServerResponse, { status, headers }: FunctionResponse, stream: AsyncIterable<Buffer>, own: Record<string, string>,
): Promise<void> {
  response.writeHead(status, { ...headers, ...own });
  response.flushHeaders();
  if (mayHaveBody(response, status)) return pour(response, stream);
  leave(stream);
  response.end();
}

/** A request, with the marks of a redirect that led here. */
type MarkedRequest = FunctionRequest & Pick<FunctionPath, 'redirectedHome' | 'hops'>;

/** The gateway in front has taken the function's name off the path. */
async function requestOf(incoming: IncomingMessage, name: string, streams: boolean): Promise<MarkedRequest> {
  const { path, query, redirectedHome, hops } = parseFunctionPath(FUNCTION_PREFIX + encodeURIComponent(name) + (incoming.url ?? '/'));
  return {
    method: incoming.method ?? 'GET', path: path === '/' ? '' : path, query, headers: incoming.headers,
    ...(redirectedHome !== undefined && { redirectedHome }), ...(hops !== undefined && { hops }),
    ...(streams
      ? { body: Buffer.alloc(0), stream: new RequestStream(incoming, { now: () => performance.now() }) }
      : { body: await bodyOf(incoming) }),
  };
}

function marksOf({ redirectedHome, hops }: MarkedRequest): Pick<Invocation, 'redirectedHome' | 'hops'> {
  return { ...(redirectedHome !== undefined && { redirectedHome }), ...(hops !== undefined && { hops }) };
}

/** The same request at the gateway of the node that has the session. */
function redirectOf(name: string, { path, query }: MarkedRequest, { to, url, home, hops, epoch }: Served & { kind: 'moved' }): Answered {
  const location = redirectTo(url, { name, path, query }, home, hops);
  return { response: { status: 307, headers: {}, body: Buffer.alloc(0) }, headers: { location, 'x-session-location': to, 'x-session-epoch': String(epoch) } };
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_STATEFUL_BODY_BYTES) throw new Fault('BODY_TOO_LARGE', { limit: MAX_STATEFUL_BODY_BYTES });
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

function sessionOf({ headers }: FunctionRequest): string {
  const id = headers['x-session'];
  if (typeof id !== 'string') throw new Fault('SESSION_MISSING');
  if (id.length < 1 || id.length > MAX_SESSION_ID_BYTES) throw new Fault('SESSION_ID_INVALID', { bytes: id.length });
  return id;
}

function requestIdOf({ headers }: FunctionRequest): { requestId?: string } {
  const id = headers['x-session-request-id'];
  if (id === undefined) return {};
  if (typeof id !== 'string' || !isUuid(id)) throw new Fault('REQUEST_ID_INVALID');
  return { requestId: id.toLowerCase() };
}

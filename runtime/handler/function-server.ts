/** HTTP in front of a single function: `/_/health`, `/_/ready`, and everything else is the function's. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { serveAsEver } from '../base/as-ever.js';
import type { Clock, Timer } from '../base/clock.js';
import { FUNCTION_PREFIX, type FunctionPath, parseFunctionPath, redirectTo } from '../base/function-path.js';
import { headerText, textOfHeader } from '../base/header-text.js';
import { isUuid, type Ids } from '../base/ids.js';
import { listenOn } from '../base/listen.js';
import type { Log } from '../base/log.js';
import { textOf } from '../base/thrown.js';
import { asFault, Fault } from '../model/faults.js';
import { CLIENT_IDLE_MS, MAX_SESSION_ID_BYTES, MAX_STATEFUL_BODY_BYTES } from '../model/limits.js';
import { type FunctionRequest, type FunctionResponse, MESSAGE, type Worker } from '../session/call.js';
import type { Invocation, Served, Sessions } from '../session/invoke.js';
import type { Place } from '../session/marks.js';
import { openPlace, PLACE_HEADER } from '../session/sealed-place.js';
import { breakOff, leave, mayHaveBody, pour, RequestStream } from './http-body.js';
import { createSocketDoor, type SocketFunction } from './sockets/socket-door.js';

export interface FunctionServerParts {
  name: string;
  node: string;
  worker: Worker;
  sessions: Sessions;
  timeoutMs: number;
  /** How long a client may keep it waiting for a body, and leave an answer waiting; 0 for ever. */
  readMs?: number;
  writeMs?: number;
  /** Requests at once; 0 or missing: as many as come. */
  maxInflight?: number;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** The domain's key, where deliveries of effects come from its nodes. */
  key?: string;
  /** Rejects while the function cannot serve. */
  ready(): Promise<void>;
}

export interface FunctionServer {
  http: Server;
  /** As `listenOn`. */
  listen(port: number, host: string): Promise<string>;
  /**
   * Answers `/_/health` and `/_/ready` with 503 and goes on serving for `lameMs`, so that whoever sends requests here notices; then
   * takes no more connections, and ends when the requests in hand have, or after the grace (0 for ever).
   */
  drain(graceMs: number, lameMs?: number): Promise<void>;
}

/** A request until its answer is sent; times are of the monotonic clock, in ms. */
interface InHand {
  incoming: IncomingMessage;
  response: ServerResponse;
  callId: string;
  startedMs: number;
  /** Since when its whole body is awaited. */
  readingSinceMs?: number;
  /** Since when the client does not take the answer. */
  stalledSinceMs?: number | undefined;
  body: RequestStream;
}

const SWEEP_MS = 250;
const CLOSE_LOOK_MS = 20;
/** Ids come from gateways; what is none is not passed on. */
const CALL_ID = /^[\w.:-]{1,128}$/;

interface Answered {
  response: FunctionResponse;
  headers: Record<string, string>;
}

export function createFunctionServer(parts: FunctionServerParts): FunctionServer {
  const { name, node, worker, sessions, timeoutMs, ids, log, clock, readMs = 0, writeMs = 0, maxInflight = 0 } = parts;
  let draining = false;
  const inHand = new Set<InHand>();
  /** Messages of WebSockets in hand. */
  let messages = 0;
  let sweeping: Timer;

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const callId = callIdOf(incoming.headers['x-call-id']) ?? ids.uuid();
    try {
      if (incoming.url === '/_/health') return health(response);
      if (incoming.url === '/_/ready') return await ready(response);
    } catch (error) {
      return refuse(response, asFault(error, callId), callId);
    }
    const call = begin(incoming, response, callId);
    try {
      checkInflight();
      const client = new AbortController();
      response.once('close', () => client.abort());
      const request = await requestOf(call, name, worker.streams === true);
      const { response: answer, headers } = await answerTo(request, callId, client.signal);
      const own = { 'x-call-id': callId, 'x-duration-seconds': secondsSince(call), ...headers, ...(draining ? { connection: 'close' } : {}) };
      if (answer.stream) await sendStream(call, answer, answer.stream, own);
      else send(response, answer, own);
    } catch (error) {
      refuse(response, asFault(error, callId), callId, { 'x-call-id': callId, 'x-duration-seconds': secondsSince(call) });
    } finally {
      call.body.stop();
      inHand.delete(call);
      log.info({ call: callId, method: incoming.method, path: pathOf(incoming), status: response.statusCode, bytes: bytesOf(response), seconds: Number(secondsSince(call)) }, 'served');
    }
  }

  function checkInflight(): void {
    if (maxInflight > 0 && inHand.size + messages > maxInflight) throw new Fault('TOO_MANY_CALLS', { function: name, limit: maxInflight });
  }

  function begin(incoming: IncomingMessage, response: ServerResponse, callId: string): InHand {
    const call: InHand = { incoming, response, callId, startedMs: performance.now(), body: new RequestStream(incoming, { now: () => performance.now() }) };
    inHand.add(call);
    sweeping ??= clock.setTimeout(sweep, SWEEP_MS);
    return call;
  }

  /** One look over all of them now and then, because a timer for each would cost more than many a request. */
  function sweep(): void {
    const nowMs = performance.now();
    for (const { body, readingSinceMs, stalledSinceMs, response } of inHand) {
      const waitingSinceMs = readingSinceMs ?? body.waitingSinceMs;
      if (readMs > 0 && waitingSinceMs !== undefined && nowMs - waitingSinceMs >= readMs) {
        body.stop(new Fault('REQUEST_TIMEOUT', { limit: readMs, setting: 'read_timeout', layer: 'function' }));
      }
      if (writeMs > 0 && stalledSinceMs !== undefined && nowMs - stalledSinceMs >= writeMs) response.destroy();
    }
    sweeping = inHand.size === 0 ? undefined : clock.setTimeout(sweep, SWEEP_MS);
  }

  function health(response: ServerResponse): void {
    if (draining) return refuse(response, new Fault('DRAINING', { node }), '-');
    send(response, { status: 200, headers: {}, body: Buffer.from('OK') }, {});
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
    const place = placeOf(request, invocation, parts.key);
    if (place) invocation.place = place;
    const served = await sessions.invoke(invocation);
    if (served.kind === 'moved') return redirectOf(name, request, served);
    const headers: Record<string, string> = {
      'x-session-location': headerText(served.node), 'x-session-epoch': String(served.epoch), 'x-session-version': String(served.version),
    };
    if (served.replayed) headers['x-session-replayed'] = 'true';
    return { response: served.response, headers };
  }

  function refuse(response: ServerResponse, fault: Fault, callId: string, own: Record<string, string> = {}): void {
    if (fault.status >= 500) log.error({ code: fault.code, call: callId, function: name, reason: textOf(fault.cause ?? '') }, 'a request failed');
    if (response.headersSent) breakOff(response);
    if (response.headersSent || response.destroyed) return;
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (fault.status === 503) headers['retry-after'] = '1';
    if (!response.req.complete) headers['connection'] = 'close';
    send(response, { status: fault.status, headers, body: Buffer.from(JSON.stringify(fault)) }, own);
  }

  const http = createServer({ requestTimeout: 0, keepAliveTimeout: CLIENT_IDLE_MS }, (request, response) => void serve(request, response));
  const sockets = worker.sockets ? createSocketDoor({ node, sessions, clock, ids, log, monotonic: () => performance.now() }) : undefined;
  const target: SocketFunction = {
    name, writeMs, find: () => ({ worker, timeoutMs, ttlMs: 0 }),
    begin(call) {
      messages += 1;
      const end = (status: number, tookMs: number): void => {
        messages -= 1;
        log.info({ call, method: MESSAGE, status, seconds: tookMs / 1000 }, 'served');
      };
      try {
        checkInflight();
      } catch (error) {
        end(asFault(error).status, 0);
        throw error;
      }
      return end;
    },
  };
  // Without a listener all are answered as ever.
  if (sockets) http.on('upgrade', (request, socket, head) => {
    if (!/^websocket$/i.test(request.headers.upgrade ?? '')) return serveAsEver(http, request, socket, head);
    const at = placeOfFunction(name, request.url);
    return void sockets.serve(target, at, request, socket, head);
  });
  return {
    http,
    listen: (port, host) => listenOn(http, host, port),
    async drain(graceMs, lameMs = 0) {
      draining = true;
      if (lameMs > 0) await new Promise<void>((resolve) => clock.setTimeout(() => resolve(), lameMs));
      sockets?.drain();
      await new Promise<void>((resolve) => {
        const last = graceMs === 0 ? undefined : clock.setTimeout(() => {
          sockets?.close();
          http.closeAllConnections();
        }, graceMs);
        // A connection kept alive turns idle when its request ends, and nothing tells; hence the look every few moments.
        let look: Timer;
        const again = () => {
          http.closeIdleConnections();
          look = clock.setTimeout(again, CLOSE_LOOK_MS);
        };
        http.close(() => {
          clock.clearTimeout(last);
          clock.clearTimeout(look);
          clock.clearTimeout(sweeping);
          sockets?.close();
          resolve();
        });
        again();
      });
    },
  };
}

function send(response: ServerResponse, { status, headers, body }: FunctionResponse, own: Record<string, string>): void {
  const length: Record<string, string> = status === 204 || status === 304 ? {} : { 'content-length': String(body.length) };
  response.writeHead(status, { ...headers, ...length, ...own });
  response.end(body);
}

async function sendStream(
  call: InHand, { status, headers }: FunctionResponse, stream: AsyncIterable<Buffer>, own: Record<string, string>,
): Promise<void> {
  const { response } = call;
  response.writeHead(status, { ...headers, ...own });
  response.flushHeaders();
  if (mayHaveBody(response, status)) return pour(response, stream, { stalled: (is) => { call.stalledSinceMs = is ? performance.now() : undefined; } });
  leave(stream);
  response.end();
}

/** A request, with the marks of a redirect that led here. */
type MarkedRequest = FunctionRequest & Pick<FunctionPath, 'redirectedHome' | 'hops'>;

/** The gateway in front has taken the function's name off the path. */
function placeOfFunction(name: string, url = '/'): FunctionPath {
  const at = parseFunctionPath(FUNCTION_PREFIX + encodeURIComponent(name) + url);
  return at.path === '/' ? { ...at, path: '' } : at;
}

async function requestOf(call: InHand, name: string, streams: boolean): Promise<MarkedRequest> {
  const { incoming } = call;
  const { path, query, redirectedHome, hops } = placeOfFunction(name, incoming.url);
  return {
    method: incoming.method ?? 'GET', path, query, headers: incoming.headers,
    ...(redirectedHome !== undefined && { redirectedHome }), ...(hops !== undefined && { hops }),
    ...(streams ? { body: Buffer.alloc(0), stream: call.body } : { body: await bodyOf(call) }),
  };
}

function marksOf({ redirectedHome, hops }: MarkedRequest): Pick<Invocation, 'redirectedHome' | 'hops'> {
  return { ...(redirectedHome !== undefined && { redirectedHome }), ...(hops !== undefined && { hops }) };
}

/** The same request at the gateway of the node that has the session. */
function redirectOf(name: string, { path, query }: MarkedRequest, { to, url, home, hops, epoch }: Served & { kind: 'moved' }): Answered {
  const location = redirectTo(url, { name, path, query }, home, hops);
  return { response: { status: 307, headers: {}, body: Buffer.alloc(0) }, headers: { location, 'x-session-location': headerText(to), 'x-session-epoch': String(epoch) } };
}

function callIdOf(given: string | string[] | undefined): string | undefined {
  return typeof given === 'string' && CALL_ID.test(given) ? given : undefined;
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0]!;
}

function secondsSince({ startedMs }: InHand): string {
  return ((performance.now() - startedMs) / 1000).toFixed(6);
}

function bytesOf(response: ServerResponse): number {
  return Number(response.getHeader('content-length') ?? 0);
}

async function bodyOf(call: InHand): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  call.readingSinceMs = performance.now();
  for await (const chunk of call.body) {
    size += chunk.length;
    if (size > MAX_STATEFUL_BODY_BYTES) throw new Fault('BODY_TOO_LARGE', { limit: MAX_STATEFUL_BODY_BYTES });
    chunks.push(chunk);
  }
  delete call.readingSinceMs;
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

/** Where a delivery stands among its sender's, when a node of the domain says so. */
function placeOf({ headers }: FunctionRequest, { session, requestId }: Invocation, key: string | undefined): Place | undefined {
  const header = headers[PLACE_HEADER];
  if (key === undefined || requestId === undefined || typeof header !== 'string') return undefined;
  return openPlace(key, { session, id: requestId }, header);
}

function sessionOf({ headers }: FunctionRequest): string {
  const id = headers['x-session'];
  if (typeof id !== 'string') throw new Fault('SESSION_MISSING');
  if (id.length < 1 || id.length > MAX_SESSION_ID_BYTES) throw new Fault('SESSION_ID_INVALID', { bytes: id.length });
  return textOfHeader(id);
}

function requestIdOf({ headers }: FunctionRequest): { requestId?: string } {
  const id = headers['x-session-request-id'];
  if (id === undefined) return {};
  if (typeof id !== 'string' || !isUuid(id)) throw new Fault('REQUEST_ID_INVALID');
  return { requestId: id.toLowerCase() };
}

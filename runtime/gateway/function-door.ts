/**
 * The fast path: from node:http to the function, and back. Stateless functions go straight to their
 * worker, stateful ones through the session layer.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { linger } from '../base/bounded-body.js';
import type { Clock, Timer } from '../base/clock.js';
import { type FunctionPath, redirectTo } from '../base/function-path.js';
import { headerText } from '../base/header-text.js';
import type { Ids } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { traceOf } from '../base/thrown.js';
import { breakOff, leave, mayHaveBody, pour, RequestStream } from '../handler/http-body.js';
import { asFault, Fault } from '../model/faults.js';
import {
  MAX_IN_HAND_PER_FUNCTION, MAX_STATEFUL_BODY_BYTES, MAX_STATELESS_BODY_BYTES, MAX_WAIT_MS,
  SMALL_BODY_BYTES, STREAM_PIECE_BYTES, STREAM_WINDOW_BYTES,
} from '../model/limits.js';
import type { Activity } from '../report/activity.js';
import type { FunctionRequest, FunctionResponse, TelemetryEntry, WorkerAnswer } from '../session/call.js';
import type { Invocation, Served, Sessions } from '../session/invoke.js';
import { ONE_WRITE_BYTES, type RawHeaders, sendFault, sendFunctionResponse, writeFunctionHead } from './answer.js';
import { hasBody, readBody } from './body.js';
import type { Cors } from './cors.js';
import { CallsInHand } from './calls-in-hand.js';
import type { Deployed } from './deployed.js';
import { DueAnswers } from './due-answers.js';
import { type CallDoor, FunctionCall, LazyRequest } from './function-call.js';
import { KeptBody } from './kept-body.js';
import { invocationOf, wasSentOn } from './stateful-call.js';

export interface FunctionDoorParts {
  node: string;
  sessions: Sessions;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Missing: functions see to it themselves. */
  cors?: Cors;
  /** Told what functions say by `telemetryLog`, once their call has taken effect. */
  onSaid?(functionName: string, entries: readonly TelemetryEntry[], residency?: { session: string; epoch: number }): void;
  /** Milliseconds that only ever grow. */
  monotonic: () => number;
  /** Told of every stateful request that was served here or sent elsewhere. */
  activity?: Pick<Activity, 'serve' | 'redirect'>;
  limits?: { statefulBodyBytes?: number; statelessBodyBytes?: number; inHand?: number };
}

export interface FunctionDoor {
  serve(deployed: Deployed, at: FunctionPath, request: IncomingMessage, response: ServerResponse, expects: boolean): void;
}

const EMPTY = Buffer.alloc(0);
/** A worker ends its calls in time by itself; the door steps in when it did not by then. */
const OVERTIME_MS = 2_000;
const SWEEP_MS = 500;
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

export function createFunctionDoor(parts: FunctionDoorParts): FunctionDoor {
  const { node, sessions, clock, log, monotonic, activity, cors } = parts;
  const statefulBytes = parts.limits?.statefulBodyBytes ?? MAX_STATEFUL_BODY_BYTES;
  const statelessBytes = parts.limits?.statelessBodyBytes ?? MAX_STATELESS_BODY_BYTES;
  const inHand = parts.limits?.inHand ?? MAX_IN_HAND_PER_FUNCTION;
  const door: CallDoor = { life: parts.ids.uuid().slice(0, 8), finish, refuse };
  const running = new CallsInHand(onDisconnect);
  const due = new DueAnswers<FunctionCall>(sendDue, monotonic);
  let calls = 0;
  let sweeping: Timer;

  function serve(deployed: Deployed, at: FunctionPath, incoming: IncomingMessage, response: ServerResponse, expects: boolean): void {
    calls += 1;
    const nowMs = monotonic();
    due.flushLate(nowMs);
    const call = new FunctionCall(incoming, response, deployed, nowMs, door, calls);
    begin(call);
    if (cors !== undefined) cors.admit(incoming, response, at);
    if (deployed.isAsleep) deployed.wake();
    // What waits to leave holds no place.
    if (deployed.inHand > inHand || deployed.inHand > deployed.mostInHand) due.flush();
    if (deployed.inHand > inHand) refuse(call, new Fault('OVERLOADED', { function: deployed.name, limit: inHand }));
    else if (deployed.inHand > deployed.mostInHand) refuse(call, new Fault('TOO_MANY_CALLS', { function: deployed.name, limit: deployed.mostInHand }));
    else if (deployed.isStateful) void stateful(call, at, expects);
    else if (deployed.streams) streaming(call, at, expects);
    else if (expects || hasBody(incoming)) void statelessWithBody(call, at, expects);
    else stateless(call, new LazyRequest(call, at, EMPTY));
  }

  // ── In hand ──────────────────────────────────────────────────────────────────────────────────

  function begin(call: FunctionCall): void {
    call.deployed.metrics.started += 1;
    call.deployed.inHand += 1;
    running.add(call);
    sweeping ??= clock.setTimeout(sweep, SWEEP_MS);
  }

  /** False when it was settled before: then nothing may be sent any more. */
  function settle(call: FunctionCall): boolean {
    if (call.settled) return false;
    call.settled = true;
    running.remove(call);
    return true;
  }

  /** After the answer was handed to the connection, with its status. */
  function count(call: FunctionCall, status: number): void {
    call.deployed.metrics.finish(status, monotonic() - call.startedMs);
    call.deployed.leave();
  }

  function onDisconnect(inHand: FunctionCall[]): void {
    for (const call of inHand) {
      if (!settle(call)) continue;
      call.abort(new Fault('CLIENT_GONE'));
      count(call, 499);
    }
  }

  /** One look over all calls now and then, because a timer for each would cost a tenth of a small request. */
  function sweep(): void {
    due.flush();
    const now = monotonic();
    for (const call of running.list()) {
      const { isStateful } = call.deployed;
      const fault = call.overdue(now, OVERTIME_MS + (isStateful ? 2 * MAX_WAIT_MS : 0));
      if (fault === undefined) continue;
      const isInDoubt = isStateful && fault.code === 'HANDLER_TIMEOUT';
      call.abort(fault);
      // Nothing of a stateless call can be in doubt. Of a stateful one only the session layer knows, so its word is awaited.
      if (!isInDoubt) refuse(call, fault);
    }
    sweeping = running.isEmpty ? undefined : clock.setTimeout(sweep, SWEEP_MS);
  }

  function refuse(call: FunctionCall, error: unknown): void {
    if (!settle(call)) return;
    const fault = asFault(error, call.callId);
    if (fault.status >= 500 && fault.status !== 503) {
      const { code, cause } = fault;
      log.error({ code, call: call.callId, function: call.function, node, reason: traceOf(cause ?? error) }, 'a request failed');
    }
    count(call, fault.status);
    call.body?.stop(fault);
    if (call.response.destroyed) return;
    if (call.response.headersSent) breakOff(call.response);
    else sendFault(call.response, fault);
    linger(call.incoming, clock);
  }

  // ── Stateless ────────────────────────────────────────────────────────────────────────────────

  /** Without a promise when the worker needs none. */
  function stateless(call: FunctionCall, request: FunctionRequest): void {
    try {
      call.request = request;
      const { worker } = call.deployed;
      if (worker.runFor) return worker.runFor(call, call);
      const answer = worker.runNow ? worker.runNow(call) : worker.run(call);
      if ('then' in answer) answer.then((late) => finish(call, late), (error: unknown) => refuse(call, error));
      else finish(call, answer);
    } catch (error) {
      refuse(call, error);
    }
  }

  function finish(call: FunctionCall, { response, telemetry }: Pick<WorkerAnswer, 'response' | 'telemetry'>): void {
    if (call.settled) return;
    try {
      if (telemetry !== undefined && telemetry.length > 0) parts.onSaid?.(call.function, telemetry);
      reply(call, response, ['x-call-id', call.answerId]);
    } catch (error) {
      refuse(call, error);
    }
  }

  /** The function takes the body as it comes, or leaves it. */
  function streaming(call: FunctionCall, at: FunctionPath, expects: boolean): void {
    const { incoming, response } = call;
    call.body = new RequestStream(incoming, { now: monotonic, begin: () => { if (expects && !response.headersSent) response.writeContinue(); } });
    stateless(call, new LazyRequest(call, at, EMPTY, call.body));
  }

  // ── Answers ──────────────────────────────────────────────────────────────────────────────────

  function reply(call: FunctionCall, answer: FunctionResponse, raw: RawHeaders): void {
    if (answer.stream !== undefined || answer.body.length > STREAM_WINDOW_BYTES || call.body !== undefined) {
      void replyInPieces(call, answer, raw);
      return;
    }
    call.answer = answer;
    call.raw = raw;
    if (answer.body.length <= ONE_WRITE_BYTES) due.add(call);
    else sendDue(call);
  }

  function sendDue(call: FunctionCall): void {
    if (call.settled) return;
    const answer = call.answer!;
    try {
      sendFunctionResponse(call.response, answer, call.raw!, call, cors !== undefined);
    } catch (error) {
      return refuse(call, error);
    }
    settle(call);
    count(call, answer.status);
  }

  /** In hand until the client has taken it. */
  async function replyInPieces(call: FunctionCall, answer: FunctionResponse, raw: RawHeaders): Promise<void> {
    const { response } = call;
    const { status, stream = piecesOf(answer.body) } = answer;
    try {
      const hasBody = mayHaveBody(response, status);
      if (!hasBody) leave(stream);
      writeFunctionHead(response, answer, raw, call, cors !== undefined);
      if (answer.stream !== undefined) response.flushHeaders();
      if (hasBody) await pour(response, stream, { stalled: (is) => { call.stalledSinceMs = is ? monotonic() : undefined; } });
      else response.end();
      call.body?.stop();
      if (!settle(call)) return;
      count(call, status);
      linger(call.incoming, clock);
    } catch (error) {
      leave(stream);
      refuse(call, error);
    }
  }

  async function read(call: FunctionCall, limit: number, expects: boolean): Promise<Buffer> {
    call.isReading = true;
    const body = await readBody(call.incoming, call.response, limit, expects);
    call.isReading = false;
    call.ranMs = monotonic();
    return body;
  }

  async function statelessWithBody(call: FunctionCall, at: FunctionPath, expects: boolean): Promise<void> {
    let body: Buffer;
    try {
      body = await read(call, statelessBytes, expects);
    } catch (error) {
      return refuse(call, error);
    }
    return stateless(call, new LazyRequest(call, at, body));
  }

  // ── Stateful ─────────────────────────────────────────────────────────────────────────────────

  async function stateful(call: FunctionCall, at: FunctionPath, expects: boolean): Promise<void> {
    try {
      if (call.incoming.method === 'OPTIONS' && call.incoming.headers['x-session'] === undefined) return sendOptions(call);
      const invocation = invocationOf(call, at);
      const { incoming } = call;
      const comes = expects || hasBody(incoming);
      call.request = { method: incoming.method!, path: at.path, query: at.query, headers: call.headers, body: EMPTY };
      const isFirst = comes && sessions.sendOff !== undefined && (invocation.forward || expects || !isSmall(incoming));
      const carried = isFirst ? await sendOff(call, invocation, expects) : undefined;
      if (carried === undefined && comes && call.body === undefined) call.request.body = await read(call, statefulBytes, expects);
      const sentMs = stampOf(incoming.headers['x-start-time']);
      if (sentMs !== undefined) call.deployed.metrics.transfer(clock.now() - sentMs);
      const served = carried ?? await sessions.invoke(invocation);
      if (served.kind === 'answer' && served.telemetry && served.telemetry.length > 0) parts.onSaid?.(call.function, served.telemetry, { session: invocation.session, epoch: served.epoch });
      if (call.settled) return;
      if (served.kind === 'answer') {
        reply(call, served.response, headersOf(call, served));
        activity?.serve(invocation.session, monotonic() - call.startedMs, wasSentOn(invocation));
        return;
      }
      sendMoved(call, at, served);
      if (!wasSentOn(invocation)) activity?.redirect(invocation.session);
      call.body?.stop();
      settle(call);
      count(call, 307);
      linger(incoming, clock);
    } catch (error) {
      refuse(call, error);
    }
  }

  /** Finds the session first, and sends the body on while it comes when it is elsewhere; else there is a whole body. */
  async function sendOff(call: FunctionCall, invocation: Invocation, expects: boolean): Promise<Served | undefined> {
    const { incoming, response, request } = call;
    call.body = new RequestStream(incoming, { now: monotonic, begin: () => { if (expects) response.writeContinue(); } });
    const kept = new KeptBody(call.body, statefulBytes);
    call.request = { ...request, stream: kept };
    const served = await sessions.sendOff!(invocation);
    if (served === undefined) {
      // Only now is the limit this node's: what it carries on is its receiver's affair.
      if (announced(incoming) > statefulBytes) throw new Fault('BODY_TOO_LARGE', { limit: statefulBytes });
      call.request = { ...request, body: await kept.whole() };
      call.ranMs = monotonic();
    }
    return served;
  }

  function sendOptions(call: FunctionCall): void {
    call.response.writeHead(204, { allow: METHODS });
    call.response.end();
    settle(call);
    count(call, 204);
    linger(call.incoming, clock);
  }

  function sendMoved({ incoming, response }: FunctionCall, at: FunctionPath, { to, epoch, url, home, hops }: Served & { kind: 'moved' }): void {
    response.writeHead(307, {
      location: redirectTo(url, at, home, hops, cors?.markOf(incoming, at)), 'x-session-location': headerText(to), 'x-session-epoch': epoch, 'content-length': 0,
    });
    response.end();
  }

  return { serve };
}

/** When the sender sent it, in ms since the epoch: it may say so in ms, µs or ns. */
function stampOf(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string' || !/^\d{12,19}$/.test(header)) return undefined;
  const stamp = Number(header);
  return stamp > 1e17 ? stamp / 1e6 : stamp > 1e14 ? stamp / 1e3 : stamp;
}

function headersOf(call: FunctionCall, served: Served & { kind: 'answer' }): RawHeaders {
  const raw: RawHeaders = [
    'x-call-id', call.answerId, 'x-session-location', headerText(served.node),
    'x-session-epoch', String(served.epoch), 'x-session-version', String(served.version),
  ];
  if (served.replayed) raw.push('x-session-replayed', 'true');
  return raw;
}

/** A large body in pieces, so that it shows whether the client takes it. */
async function* piecesOf(body: Buffer): AsyncIterable<Buffer> {
  for (let at = 0; at < body.length; at += STREAM_PIECE_BYTES) yield body.subarray(at, at + STREAM_PIECE_BYTES);
}

function announced({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? 0);
}

/** Its body is here as soon as its session is found. */
function isSmall(incoming: IncomingMessage): boolean {
  const bytes = announced(incoming);
  return bytes > 0 && bytes <= SMALL_BODY_BYTES;
}

/**
 * The fast path: from node:http to the function, and back. Stateless functions go straight to their
 * worker, stateful ones through the session layer.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.js';
import { isUuid, type Ids } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { asFault, Fault } from '../model/faults.js';
import {
  MAX_IN_HAND_PER_FUNCTION, MAX_SESSION_ID_BYTES, MAX_STATEFUL_BODY_BYTES, MAX_STATELESS_BODY_BYTES, MAX_WAIT_MS,
} from '../model/limits.js';
import type { FunctionRequest } from '../session/call.js';
import type { Invocation, Sessions } from '../session/invoke.js';
import { type RawHeaders, sendFault, sendFunctionResponse } from './answer.js';
import { linger, hasBody, readBody } from './body.js';
import type { Deployed } from './deployed.js';
import { FunctionCall } from './function-call.js';
import { type FunctionPath, redirectTo } from './function-path.js';

export interface FunctionDoorParts {
  node: string;
  sessions: Sessions;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Milliseconds that only ever grow. */
  monotonic: () => number;
  limits?: { statefulBodyBytes?: number; statelessBodyBytes?: number; inHand?: number };
}

export interface FunctionDoor {
  serve(deployed: Deployed, at: FunctionPath, request: IncomingMessage, response: ServerResponse, expects: boolean): Promise<void>;
}

const EMPTY = Buffer.alloc(0);
/** A worker ends its calls in time by itself; the door steps in when it did not by then. */
const OVERTIME_MS = 2_000;
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

type Tracked = ServerResponse & { functionCall?: FunctionCall };

export function createFunctionDoor(parts: FunctionDoorParts): FunctionDoor {
  const { node, sessions, clock, log, monotonic } = parts;
  const statefulBytes = parts.limits?.statefulBodyBytes ?? MAX_STATEFUL_BODY_BYTES;
  const statelessBytes = parts.limits?.statelessBodyBytes ?? MAX_STATELESS_BODY_BYTES;
  const inHand = parts.limits?.inHand ?? MAX_IN_HAND_PER_FUNCTION;
  const life = parts.ids.uuid().slice(0, 8);
  let calls = 0;

  /** Shared by all responses: a closure for each would be paid by every request. */
  function onClose(this: Tracked): void {
    const call = this.functionCall!;
    call.deployed.leave(call);
    call.deployed.metrics.finish(this.writableFinished ? this.statusCode : 499, monotonic() - call.startedMs);
    if (this.writableFinished) return;
    call.settled = true;
    call.abort(new Fault('CLIENT_GONE'));
  }

  async function serve(deployed: Deployed, at: FunctionPath, incoming: IncomingMessage, response: Tracked, expects: boolean) {
    calls += 1;
    const call = new FunctionCall(incoming, response, deployed, `${life}-${calls.toString(36)}`, monotonic());
    response.functionCall = call;
    deployed.metrics.started += 1;
    deployed.enter(call);
    response.on('close', onClose);
    try {
      if (deployed.running.size > inHand) throw new Fault('OVERLOADED', { function: deployed.name, limit: inHand });
      if (deployed.isStateful) await stateful(call, at, expects);
      else await stateless(call, at, expects);
    } catch (error) {
      refuse(call, error);
    }
  }

  async function stateless(call: FunctionCall, at: FunctionPath, expects: boolean): Promise<void> {
    const body = hasBody(call.incoming) ? await readBody(call.incoming, call.response, statelessBytes, expects) : EMPTY;
    call.request = requestOf(call.incoming, at, body);
    const overtime = clock.setTimeout(() => expire(call), call.timeoutMs + OVERTIME_MS);
    try {
      const answer = await call.deployed.worker.run(call);
      if (call.settled) return;
      call.settled = true;
      sendFunctionResponse(call.response, answer.response, ['x-call-id', call.callId], call.callId);
    } finally {
      clock.clearTimeout(overtime);
    }
  }

  /** Nothing of a stateless call can be in doubt, so its client need not wait for a worker that does not let go. */
  function expire(call: FunctionCall): void {
    const fault = new Fault('HANDLER_TIMEOUT', { limit: call.timeoutMs });
    call.abort(fault);
    if (!call.settled) refuse(call, fault);
  }

  async function stateful(call: FunctionCall, at: FunctionPath, expects: boolean): Promise<void> {
    const { incoming, response } = call;
    if (incoming.method === 'OPTIONS' && incoming.headers['x-session'] === undefined) {
      response.writeHead(204, { allow: METHODS });
      response.end();
      return;
    }
    const invocation = invocationOf(call, at);
    call.request = invocation.request = requestOf(incoming, at, await readBody(incoming, response, statefulBytes, expects));
    // Only the session layer knows whether something was committed, so here the signal is given and its word awaited.
    const overtime = clock.setTimeout(
      () => call.abort(new Fault('HANDLER_TIMEOUT', { limit: call.timeoutMs })), MAX_WAIT_MS * 2 + call.timeoutMs + OVERTIME_MS,
    );
    try {
      const served = await sessions.invoke(invocation);
      if (call.settled) return;
      call.settled = true;
      const raw: RawHeaders = ['x-call-id', call.callId, 'x-session-epoch', String(served.epoch)];
      if (served.kind === 'moved') {
        raw.push('x-session-location', served.to, 'location', redirectTo(served.url, at, served.home, served.hops), 'content-length', '0');
        response.writeHead(307, raw as never);
        response.end();
        return;
      }
      raw.push('x-session-location', served.node, 'x-session-version', String(served.version));
      if (served.replayed) raw.push('x-session-replayed', 'true');
      sendFunctionResponse(response, served.response, raw, call.callId);
    } finally {
      clock.clearTimeout(overtime);
    }
  }

  function refuse(call: FunctionCall, error: unknown): void {
    call.settled = true;
    const fault = asFault(error, call.callId);
    if (fault.status >= 500 && fault.status !== 503) {
      const { code, cause } = fault;
      log.error({ code, call: call.callId, function: call.function, node, reason: reasonOf(cause ?? error) }, 'a request failed');
    }
    if (call.response.destroyed || call.response.writableEnded) return;
    sendFault(call.response, fault);
    linger(call.incoming, clock);
  }

  return { serve };
}

function requestOf(incoming: IncomingMessage, at: FunctionPath, body: Buffer): FunctionRequest {
  return { method: incoming.method!, path: at.path, query: at.query, headers: incoming.headers, body };
}

/** Everything that can be refused is refused here, before the body is read. */
function invocationOf(call: FunctionCall, at: FunctionPath): Invocation {
  const { headers } = call.incoming;
  const invocation: Invocation = {
    function: call.function, worker: call.deployed.worker, timeoutMs: call.timeoutMs, ttlMs: call.deployed.ttlMs, callId: call.callId,
    session: sessionIdOf(headers['x-session']), request: call.request, signal: call.signal,
  };
  const requestId = headers['x-session-request-id'];
  if (requestId !== undefined) {
    if (typeof requestId !== 'string' || !isUuid(requestId)) throw new Fault('REQUEST_ID_INVALID');
    invocation.requestId = requestId.toLowerCase();
  }
  const version = headers['x-session-version'];
  if (version !== undefined) {
    if (typeof version !== 'string' || !/^\d{1,15}$/.test(version)) {
      throw new Fault('PARAMETER_INVALID', { name: 'X-session-version', reason: 'it is a version that an answer carried' });
    }
    invocation.minVersion = Number(version);
  }
  if (headers['x-session-redirect'] === 'forward') invocation.forward = true;
  if (at.redirectedHome !== undefined) invocation.redirectedHome = at.redirectedHome;
  if (at.hops !== undefined) invocation.hops = at.hops;
  return invocation;
}

/** Header values are Latin-1: one character a byte. */
function sessionIdOf(header: string | string[] | undefined): string {
  if (typeof header !== 'string') throw new Fault('SESSION_MISSING');
  if (header.length < 1 || header.length > MAX_SESSION_ID_BYTES) throw new Fault('SESSION_ID_INVALID', { bytes: header.length });
  return header;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

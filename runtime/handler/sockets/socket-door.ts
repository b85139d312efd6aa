/**
 * WebSockets of functions that export `handleMessage`. Each message is one call: it waits in the line of its session, is
 * committed, counted and bounded as a request is, and what comes of it is sent back in the messages' order.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';
import type { Clock, Timer } from '../../base/clock.js';
import { type FunctionPath, redirectTo } from '../../base/function-path.js';
import { headerText } from '../../base/header-text.js';
import type { Ids } from '../../base/ids.js';
import type { Log } from '../../base/log.js';
import { traceOf } from '../../base/thrown.js';
import { rawFault } from '../../base/raw-answer.js';
import { asFault, Fault } from '../../model/faults.js';
import { MAX_REDIRECTS, MAX_SOCKET_MESSAGE_BYTES, MAX_SOCKETS, SOCKET_CLOSE_MS, SOCKET_LOOK_MS } from '../../model/limits.js';
import { type FunctionRequest, type FunctionResponse, MESSAGE, type TelemetryEntry, type Worker } from '../../session/call.js';
import type { Invocation, Served, Sessions } from '../../session/invoke.js';
import { type Closing, drained, failed, moved, withdrawn } from './closing.js';
import { Gate } from './gate.js';
import { MessageSocket, type SocketMessage } from './message-socket.js';
import { messageId, openingOf, type SocketOpening } from './opening.js';

/** A function as its sockets see it. */
export interface SocketFunction {
  readonly name: string;
  /** A client may leave an answer waiting so long, in ms; 0 for ever. */
  readonly writeMs: number;
  /** Undefined: it is not here any more, or takes no messages. It may be another one for every message, after a deployment. */
  find(): RunsMessages | undefined;
  /** Of a call that has begun, after which its end is awaited. Throws what refuses it for now. */
  begin?(callId: string): (status: number, tookMs: number) => void;
  said?(entries: readonly TelemetryEntry[], residency?: { session: string; epoch: number }): void;
  served?(session: string, tookMs: number): void;
  redirected?(session: string): void;
}

export interface RunsMessages {
  worker: Worker;
  timeoutMs: number;
  /** Idle time to live of sessions born by it; 0 for ever. */
  ttlMs: number;
}

export interface SocketDoorParts {
  node: string;
  sessions: Sessions;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Milliseconds that only ever grow. */
  monotonic: () => number;
  limits?: { sockets?: number };
}

export interface SocketDoor {
  /** Never rejects: what cannot be opened is answered, or closed. */
  serve(target: SocketFunction, at: FunctionPath, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** Functions have changed: sockets of those that take no messages any more are closed. */
  reconsider(): void;
  /** Refuses new ones, and closes each that is open once the message in hand is answered. */
  drain(): void;
  /** Cuts off those that are still open. */
  close(): void;
}

/** Without compression: it would cost each socket three hundred KiB, and its attacker nothing. */
const SERVER = { noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: MAX_SOCKET_MESSAGE_BYTES, closeTimeout: SOCKET_CLOSE_MS };

export function createSocketDoor(parts: SocketDoorParts): SocketDoor {
  const { node, sessions, clock, ids, log, monotonic } = parts;
  const limit = parts.limits?.sockets ?? MAX_SOCKETS;
  let server: Promise<WebSocketServer> | undefined;
  const raw = new Set<Duplex>();
  const open = new Map<MessageSocket, SocketFunction>();
  const life = ids.uuid().slice(0, 8);
  let calls = 0;
  let draining = false;
  let looking: Timer;

  /** Short enough for the reason of a close. */
  function nextCallId(): string {
    calls += 1;
    return `${life}-${calls.toString(36)}`;
  }

  async function serve(target: SocketFunction, at: FunctionPath, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = new AbortController();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      raw.delete(socket);
      gone.abort();
    });
    try {
      if (draining) throw new Fault('DRAINING', { node });
      if (raw.size >= limit) throw new Fault('TOO_MANY_SOCKETS', { node, limit });
      raw.add(socket);
      const opening = openingOf(request.headers, at);
      const conversation = new Conversation(target, at, opening, request.socket.remoteAddress);
      const [place, speaking] = await Promise.all([elsewhere(conversation, gone.signal), speaker()]);
      if (draining) throw new Fault('DRAINING', { node });
      // A page is not shown where a redirect leads, so it is told by the socket.
      if (place === undefined || request.headers.origin !== undefined) upgrade(speaking, conversation, place, request, socket, head);
      else redirect(socket, place, at);
      if (place !== undefined && at.redirectedHome === undefined) target.redirected?.(opening.session!);
    } catch (error) {
      if (!(error instanceof Fault)) log.error({ function: target.name, reason: traceOf(error) }, 'a WebSocket could not be opened');
      answer(socket, rawFault(asFault(error)));
    }
  }

  /** Where the session is when it is not here. */
  async function elsewhere({ target, at, opening }: Conversation, signal: AbortSignal): Promise<(Served & { kind: 'moved' }) | undefined> {
    const found = target.find();
    if (found === undefined || found.worker.kind === 'stateless') return undefined;
    if (opening.session === undefined) throw new Fault('SESSION_MISSING');
    // Nobody carries a socket on: a client that was sent round too often is told to try again.
    const hops = Math.min(at.hops ?? 0, MAX_REDIRECTS - 2);
    const served = await sessions.sendOff?.({
      ...found, ...placeOf(at, opening), function: target.name, hops, callId: nextCallId(), session: opening.session, signal,
      request: { method: MESSAGE, path: opening.path, query: opening.query, headers: opening.headers, body: Buffer.alloc(0) },
    });
    if (served?.kind !== 'moved') return undefined;
    if ((at.hops ?? 0) > hops) throw new Fault('MOVING');
    return served;
  }

  function redirect(socket: Duplex, { url, to, home, hops, epoch }: Served & { kind: 'moved' }, at: FunctionPath): void {
    answer(socket, [
      `HTTP/1.1 307 ${STATUS_CODES[307]}`, `Location: ${redirectTo(url, at, home, hops)}`, `X-session-location: ${headerText(to)}`,
      `X-session-epoch: ${epoch}`, 'Content-Length: 0', 'Connection: close', '', '',
    ].join('\r\n'));
  }

  /** The library costs 4 MB, which nodes without WebSockets need not spend. */
  function speaker(): Promise<WebSocketServer> {
    server ??= import('ws').then(({ WebSocketServer }) => new WebSocketServer(SERVER));
    return server;
  }

  function upgrade(
    speaking: WebSocketServer, conversation: Conversation, place: (Served & { kind: 'moved' }) | undefined, request: IncomingMessage, socket: Duplex, head: Buffer,
  ): void {
    // A handshake that is none is answered by the library.
    speaking.handleUpgrade(request, new Gate(socket, head), Buffer.alloc(0), (client) => {
      const { target } = conversation;
      const conversing = new MessageSocket({
        socket: client, writeMs: target.writeMs, monotonic, run: (message, signal) => run(conversation, message, signal),
      });
      if (place !== undefined) return conversing.end(moved(place));
      open.set(conversing, target);
      client.once('close', () => open.delete(conversing));
      looking ??= clock.setTimeout(look, SOCKET_LOOK_MS);
    });
  }

  function look(): void {
    for (const socket of open.keys()) socket.look();
    looking = open.size === 0 ? undefined : clock.setTimeout(look, SOCKET_LOOK_MS);
  }

  // ── Messages ─────────────────────────────────────────────────────────────────────────────────

  async function run(conversation: Conversation, message: SocketMessage, signal: AbortSignal): Promise<FunctionResponse | Closing> {
    const { target, opening } = conversation;
    const found = target.find();
    if (found === undefined) return withdrawn(target.name);
    const startedMs = monotonic();
    const callId = nextCallId();
    let status = 500;
    let end: ReturnType<NonNullable<SocketFunction['begin']>> | undefined;
    try {
      end = target.begin?.(callId);
      const served = await call(conversation, found, conversation.requestOf(message, callId), { callId, signal, arrivedMs: startedMs });
      status = served.kind === 'moved' ? 307 : served.response.status;
      if (served.kind === 'moved') return moved(served);
      opening.next += 1;
      if (opening.session !== undefined) target.served?.(opening.session, monotonic() - startedMs);
      return served.response;
    } catch (error) {
      const fault = asFault(error, callId);
      status = fault.status;
      if (fault.status >= 500 && fault.status !== 503) {
        log.error({ code: fault.code, call: callId, function: target.name, node, reason: traceOf(fault.cause ?? error) }, 'a message failed');
      }
      return failed(fault);
    } finally {
      end?.(status, monotonic() - startedMs);
    }
  }

  async function call(
    { target, at, opening }: Conversation, found: RunsMessages, request: FunctionRequest, one: Pick<Invocation, 'callId' | 'signal' | 'arrivedMs'>,
  ): Promise<Served> {
    const { worker, timeoutMs } = found;
    if (worker.kind === 'stateless') {
      const { response, telemetry } = await worker.run({ function: target.name, request, timeoutMs, ...one });
      if (telemetry.length > 0) target.said?.(telemetry);
      return { kind: 'answer', response, node, epoch: 0, version: 0, replayed: false };
    }
    const { session } = opening;
    if (session === undefined) throw new Fault('SESSION_MISSING');
    const requestId = messageId(opening);
    // Effects are named after it, as those of a request are.
    if (requestId !== undefined) request.headers['x-session-request-id'] = requestId;
    const served = await sessions.invoke({
      ...found, ...placeOf(at, opening), ...one, function: target.name, session, request,
      ...(requestId !== undefined && { requestId }),
    });
    if (served.kind === 'moved') return served;
    // What comes after reads nothing older than what came before.
    opening.minVersion = served.version;
    if (served.telemetry !== undefined && served.telemetry.length > 0) target.said?.(served.telemetry, { session, epoch: served.epoch });
    return served;
  }

  return {
    serve,
    reconsider() {
      for (const [socket, target] of open) if (target.find() === undefined) socket.end(withdrawn(target.name));
    },
    drain() {
      draining = true;
      for (const socket of open.keys()) socket.end(drained(node));
    },
    close() {
      clock.clearTimeout(looking);
      for (const socket of raw) socket.destroy();
    },
  };
}

/** What stays the same of all messages of a socket, and how far they have come. */
class Conversation {
  constructor(readonly target: SocketFunction, readonly at: FunctionPath, readonly opening: SocketOpening, private readonly address: string | undefined) {}

  requestOf({ body, isBinary }: SocketMessage, callId: string): FunctionRequest {
    const { path, query, headers } = this.opening;
    const type = isBinary ? 'application/octet-stream' : 'text/plain; charset=utf-8';
    const from = headers['x-forwarded-for'] ?? this.address;
    return { method: MESSAGE, path, query, headers: { ...headers, 'content-type': type, 'x-call-id': headers['x-call-id'] ?? callId, 'x-forwarded-for': from }, body };
  }
}

/** A redirected request creates no session, and a client that has seen a version is answered from none before. */
function placeOf({ redirectedHome }: FunctionPath, { minVersion }: SocketOpening): Pick<Invocation, 'redirectedHome' | 'minVersion'> {
  return { ...(redirectedHome !== undefined && { redirectedHome }), ...(minVersion !== undefined && { minVersion }) };
}

function answer(socket: Duplex, text: string): void {
  if (socket.writable) socket.end(text, () => socket.destroy());
  else socket.destroy();
}

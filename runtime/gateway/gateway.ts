/** The node's front: functions and commands straight from node:http, the rest through Express, loaded at its first use. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { linger } from '../base/bounded-body.js';
import type { Clock, Timer } from '../base/clock.js';
import { FUNCTION_PREFIX, parseFunctionPath } from '../base/function-path.js';
import type { Ids } from '../base/ids.js';
import { listenOn } from '../base/listen.js';
import type { Log } from '../base/log.js';
import type { Commands } from '../base/reply.js';
import { asFault, Fault } from '../model/faults.js';
import { CLIENT_IDLE_MS, CLOSE_GRACE_MS, HEADERS_CHECK_MS, HEADERS_TIMEOUT_MS, MAX_HEADER_BYTES, PROBE_AFTER_MS } from '../model/limits.js';
import { functionUnknown } from '../model/unknown.js';
import type { Sessions } from '../session/invoke.js';
import type { Access } from './access.js';
import { sendFault, sendReply } from './answer.js';
import type { AsyncDoor } from './calls/async-door.js';
import { createCommandDoor } from './command-door.js';
import type { Cors } from './cors.js';
import type { Deployments } from './deployments.js';
import { createFunctionDoor, type FunctionDoorParts } from './function-door.js';
import type { Health } from './health.js';
import { rawFault } from '../base/raw-answer.js';
import type { TelemetryDoor } from './telemetry-door.js';
import { createUpgradeDoor } from './upgrade-door.js';

export interface GatewayParts {
  node: string;
  host: string;
  /** 0 takes a free one. */
  port: number;
  deployments: Deployments;
  sessions: Sessions;
  commands: Commands;
  access: Access;
  health: Health;
  telemetry?: TelemetryDoor;
  asyncCalls?: AsyncDoor;
  onSaid?: FunctionDoorParts['onSaid'];
  /** Makes the handler of everything that is neither function nor command nor health; called at most once. */
  admin(): Promise<(request: IncomingMessage, response: ServerResponse) => void>;
  clock: Clock;
  ids: Ids;
  log: Log;
  cors?: Cors;
  limits?: FunctionDoorParts['limits'];
  activity?: FunctionDoorParts['activity'];
  /** Time for the head of a request, and between two looks for those that do not come. */
  headers?: { timeoutMs: number; checkMs: number };
  monotonic?: () => number;
}

export interface Gateway {
  /** Resolves with the URL, once connections are accepted. Rejects when the port is taken. */
  listen(): Promise<string>;
  /** '' before `listen`. */
  readonly url: string;
  /** The same for this machine itself: a node that listens on every address is called on its loopback. */
  readonly loopbackUrl: string;
  /** Refuses new requests, lets those in hand end within the grace, then closes every connection. */
  close(graceMs?: number): Promise<void>;
}

const SWEEP_MS = 20;

export function createGateway(parts: GatewayParts): Gateway {
  const { node, deployments, clock, log, cors, monotonic = () => performance.now() } = parts;
  const functions = createFunctionDoor({ ...parts, monotonic });
  const commands = createCommandDoor(parts.commands, parts.access);
  let admin: ReturnType<GatewayParts['admin']> | undefined;
  let draining = false;
  let url = '';

  function handle(request: IncomingMessage, response: ServerResponse, expects: boolean): void {
    if (request.url!.startsWith(FUNCTION_PREFIX) && !draining) {
      const at = parseFunctionPath(request.url!);
      if (cors !== undefined && request.method === 'OPTIONS' && cors.preflight(request, response, at)) return linger(request, clock);
      const deployed = deployments.find(at.name);
      if (deployed !== undefined && !commands.has(at.name)) {
        functions.serve(deployed, at, request, response, expects);
        return;
      }
    }
    otherwise(request, response, expects).catch((error: unknown) => refuse(request, response, error));
  }

  async function otherwise(request: IncomingMessage, response: ServerResponse, expects: boolean): Promise<void> {
    request.url = originForm(request.url!);
    const isFunction = request.url.startsWith(FUNCTION_PREFIX);
    const isAsync = parts.asyncCalls?.has(request.url) === true;
    const at = parseFunctionPath(isFunction ? request.url : FUNCTION_PREFIX);
    if ((isFunction || isAsync) && cors !== undefined) {
      if (isAsync && request.method === 'OPTIONS' && cors.preflight(request, response, at)) return linger(request, clock);
      cors.admit(request, response, at);
    }
    if (draining) throw new Fault('DRAINING', { node });
    if (isFunction) {
      if (commands.has(at.name)) return commands.serve(at, request, response, expects);
      const deployed = deployments.find(at.name);
      if (deployed) return functions.serve(deployed, at, request, response, expects);
      throw functionUnknown(at.name, node, deployments.names());
    }
    if (isAsync) return parts.asyncCalls!.serve(request, response, expects);
    if (request.url === '/healthz' || request.url.startsWith('/healthz?')) return healthz(request, response);
    if (parts.telemetry?.has(request.url.split('?', 1)[0]!)) return parts.telemetry.serve(request, response, expects);
    admin ??= parts.admin();
    (await admin)(request, response);
  }

  async function healthz(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reason = await parts.health.reason();
    if (reason === undefined) await sendReply(response, { status: 200, json: { status: 'ok', node } });
    else sendFault(response, new Fault('STARTING', { node, reason }), { extra: { reason } });
    linger(request, clock);
  }

  function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const call = parts.ids.uuid();
    const fault = asFault(error, call);
    if (fault.code === 'INTERNAL') log.error({ call, reason: String((error as Error)?.stack ?? error) }, 'a request failed');
    if (response.destroyed) return;
    sendFault(response, fault);
    linger(request, clock);
  }

  const { timeoutMs: headersTimeout, checkMs } = parts.headers ?? { timeoutMs: HEADERS_TIMEOUT_MS, checkMs: HEADERS_CHECK_MS };
  // How long a body may take is its function's business. Streams may be silent for hours: whether anybody is still there only a probe tells.
  const times = { headersTimeout, requestTimeout: 0, connectionsCheckingInterval: checkMs, keepAliveTimeout: CLIENT_IDLE_MS, keepAlive: true, keepAliveInitialDelay: PROBE_AFTER_MS };
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, ...times }, (request, response) => handle(request, response, false));
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => handle(request, response, true));
  const upgrades = createUpgradeDoor(server, { ...parts, monotonic });
  server.on('upgrade', upgrades.serve);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => answerMalformed(error, socket, headersTimeout));

  return {
    get url() { return url; },
    get loopbackUrl() { return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:'); },
    async listen() {
      url = await listenOn(server, parts.host, parts.port);
      return url;
    },
    async close(graceMs = CLOSE_GRACE_MS) {
      draining = true;
      upgrades.drain();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const last = clock.setTimeout(() => {
        upgrades.close();
        server.closeAllConnections();
      }, graceMs);
      // A connection kept alive turns idle when its request ends, and nothing tells; hence the look every few moments.
      let sweep: Timer;
      const again = () => {
        server.closeIdleConnections();
        sweep = clock.setTimeout(again, SWEEP_MS);
      };
      again();
      await closed;
      clock.clearTimeout(sweep);
      clock.clearTimeout(last);
    },
  };
}

/** `GET http://host/path` (what proxies are sent) as `GET /path`; anything odd stays as it is and finds nothing. */
function originForm(target: string): string {
  if (target.startsWith('/') || !URL.canParse(target)) return target;
  const { pathname, search } = new URL(target);
  return pathname + search;
}

function answerMalformed(error: NodeJS.ErrnoException, socket: Socket, headersTimeout: number): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(rawFault(malformation(error.code, headersTimeout)));
}

function malformation(code: string | undefined, headersTimeout: number): Fault {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': return new Fault('HEADERS_TOO_LARGE', { limit: MAX_HEADER_BYTES });
    case 'ERR_HTTP_REQUEST_TIMEOUT': return new Fault('REQUEST_TIMEOUT', { limit: headersTimeout, setting: 'headers', layer: 'gateway' });
    default: return new Fault('PARAMETER_INVALID', { name: 'request', reason: 'it is not well-formed HTTP/1.1' });
  }
}

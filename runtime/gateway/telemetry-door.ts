/** Telemetry over HTTP, straight from node:http: on the gateway, and on a port of its own for RAINBOW's clients. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { linger } from '../base/bounded-body.js';
import type { Clock } from '../base/clock.js';
import type { Ids } from '../base/ids.js';
import { type Listener, listenerOf } from '../base/listen.js';
import type { Log } from '../base/log.js';
import { asFault, Fault } from '../model/faults.js';
import { CLIENT_IDLE_MS, MAX_HEADER_BYTES, MAX_TELEMETRY_BODY_BYTES } from '../model/limits.js';
import type { TelemetryReply } from '../telemetry/answers.js';
import { faultReply, type TelemetryRoute } from '../telemetry/routes.js';
import type { Access, Admitted } from './access.js';
import { readBody } from './body.js';

export interface TelemetryDoorParts {
  routes: readonly TelemetryRoute[];
  access: Access;
  clock: Clock;
  ids: Ids;
  log: Log;
}

export interface TelemetryDoor {
  /** @param path without its query */
  has(path: string): boolean;
  serve(request: IncomingMessage, response: ServerResponse, expects: boolean): void;
}

type Judged = Socket & { isOfThisMachine?: boolean };

export function createTelemetryDoor({ routes, access, clock, ids, log }: TelemetryDoorParts): TelemetryDoor {
  const byPath = new Map<string, Map<string, TelemetryRoute>>();
  for (const route of routes) byPath.set(route.path, (byPath.get(route.path) ?? new Map<string, TelemetryRoute>()).set(route.method, route));

  function serve(request: IncomingMessage, response: ServerResponse, expects: boolean): void {
    const { path, query } = parted(request.url!);
    const methods = byPath.get(path);
    const route = methods?.get(request.method!);
    if (!route) {
      const fault = methods ? new Fault('METHOD_NOT_ALLOWED', { allowed: [...methods.keys()].join(' or ') }) : new Fault('NOT_FOUND', { path });
      return refuse(request, response, OTHER, fault);
    }
    let admitted: Admitted | undefined;
    try {
      admitted = admit(route, request);
    } catch (error) {
      return refuse(request, response, route, error);
    }
    readBody(request, response, MAX_TELEMETRY_BODY_BYTES, expects).then((sent) => {
      admitted?.assertBody(sent);
      return request.headers['content-encoding'] === 'gzip' ? unpacked(sent) : sent;
    }).then((body) => {
      return route.run({ query: query === '' ? NO_QUERY : new URLSearchParams(query), body, contentType: request.headers['content-type'] ?? '', accept: request.headers.accept ?? '' });
    }).then((reply) => send(response, reply), (error: unknown) => refuse(request, response, route, error));
  }

  /** Open to this machine; a proxy or a page in a browser on this machine speaks for others, and needs credentials. */
  function admit({ access: needed }: TelemetryRoute, request: IncomingMessage): Admitted | undefined {
    if (needed === 'open' && isOfThisMachine(request)) return undefined;
    const admitted = access.admit(request);
    if (needed === 'peer' && admitted.caller === 'admin') throw new Fault('FORBIDDEN', { reason: 'only nodes of the domain may call this' });
    return admitted;
  }

  function refuse(request: IncomingMessage, response: ServerResponse, route: TelemetryRoute, error: unknown): void {
    const call = ids.uuid();
    const fault = asFault(error, call);
    if (fault.code === 'INTERNAL') log.error({ call, path: route.path, reason: String((error as Error)?.stack ?? error) }, 'a request failed');
    if (response.destroyed || response.headersSent) return;
    const headers: Record<string, string> = {};
    if (fault.status === 401) headers['www-authenticate'] = 'Basic realm="node", charset="UTF-8"';
    if (fault.status === 405) headers['allow'] = String(fault.details['allowed']).replaceAll(' or ', ', ');
    if (fault.status === 503) headers['retry-after'] = '1';
    if (!request.complete && request.headers.expect !== undefined) headers['connection'] = 'close';
    send(response, { ...faultReply(route, fault, call), headers });
    linger(request, clock);
  }

  return { has: (path) => byPath.has(path), serve };
}

/** Collectors send packed bodies; unpacked they are no larger than any other. */
async function unpacked(body: Buffer): Promise<Buffer> {
  try {
    return await promisify(gunzip)(body, { maxOutputLength: MAX_TELEMETRY_BODY_BYTES });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw new Fault('BODY_TOO_LARGE', { limit: MAX_TELEMETRY_BODY_BYTES }, { cause });
    throw new Fault('TELEMETRY_INVALID', { pointer: '(the whole body)', reason: 'it is not what its content-encoding says' }, { cause });
  }
}

const NO_QUERY = new URLSearchParams();
/** Of what is no route. */
const OTHER: TelemetryRoute = { method: 'GET', path: '', access: 'open', wrong: 'Not found!', run: () => ({ status: 404, body: '' }) };

function parted(url: string): { path: string; query: string } {
  const mark = url.indexOf('?');
  return mark === -1 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;
const LOCAL_ORIGIN = /^https?:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
const OF_PROXIES = /^(?:forwarded|via|x-forwarded-.*|x-real-ip)$/i;

function isOfThisMachine(request: IncomingMessage): boolean {
  const socket = request.socket as Judged;
  socket.isOfThisMachine ??= LOOPBACK.test(socket.remoteAddress ?? '');
  if (!socket.isOfThisMachine) return false;
  const { headers: { origin }, rawHeaders } = request;
  if (origin !== undefined && !LOCAL_ORIGIN.test(origin)) return false;
  for (let at = 0; at < rawHeaders.length; at += 2) if (OF_PROXIES.test(rawHeaders[at]!)) return false;
  return true;
}

function send(response: ServerResponse, { status, body, type = 'application/json', headers }: TelemetryReply): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

/** The seed's port: nothing but telemetry is served on it. */
export function createAliasListener(door: TelemetryDoor, host: string, port: number): Listener {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: CLIENT_IDLE_MS }, (request, response) => door.serve(request, response, false));
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => door.serve(request, response, true));
  return listenerOf(server, host, port);
}

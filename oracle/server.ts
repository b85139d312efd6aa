/** The oracle's API over HTTP: who is in the domain, and the door through which nodes register. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { linger, readUpTo } from '../runtime/base/bounded-body.js';
import type { Clock } from '../runtime/base/clock.js';
import type { Ids } from '../runtime/base/ids.js';
import { type Listener, listenerOf } from '../runtime/base/listen.js';
import type { Log } from '../runtime/base/log.js';
import { parseJson } from '../runtime/base/parse-json.js';
import { assertBody, PEER_SIGNATURE_HEADER, type PeerVerifier, sha256Hex } from '../runtime/base/peer-signature.js';
import { asFault, Fault } from '../runtime/model/faults.js';
import { CLIENT_IDLE_MS, MAX_HEADER_BYTES, MAX_REGISTRATION_BYTES } from '../runtime/model/limits.js';
import type { RegisteredNode } from '../runtime/model/oracle-answers.js';
import { nodeUnknown } from '../runtime/model/unknown.js';
import { acceptsBasic, type Credentials } from '../runtime/base/credentials.js';
import { answerApi } from './api.js';
import type { DashboardFiles } from './dashboard/files.js';
import { type DashboardRoutes, JsonText } from './dashboard/routes.js';
import type { Orchestration } from './orchestration.js';
import type { Movement } from './movement-service.js';
import { registrationOf, type Registry } from './registry.js';

export interface OracleServerParts {
  host: string;
  /** 0 takes a free one. */
  port: number;
  domainId: string;
  registry: Registry;
  verifier: PeerVerifier;
  orchestration: Orchestration;
  /** Missing: only calls signed with the domain's key administer. */
  admin?: Credentials;
  ids: Ids;
  clock: Clock;
  log: Log;
  movement?: Movement;
  dashboard?: { files: DashboardFiles; routes: DashboardRoutes };
  /** Answers the paths that it owns, and is told of every registration; it answers the collections of the node. */
  inventory?: { whole(): Promise<void>; registered(node: RegisteredNode, hardware: unknown): string[]; owns(path: string): boolean; serve(request: IncomingMessage, response: ServerResponse): void };
}

const NODES = '/api/v1/nodes';

export function createOracleServer(parts: OracleServerParts): Listener {
  const { inventory, dashboard } = parts;
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: CLIENT_IDLE_MS }, (request, response) => {
    const path = request.url!.split('?')[0]!;
    if (dashboard?.files.serve(path, request, response)) return;
    if (inventory?.owns(path)) return inventory.serve(request, response);
    answer(parts, request).then((json) => send(response, 200, json), (error: unknown) => refuse(parts, request, response, error));
  });
  return listenerOf(server, parts.host, parts.port);
}

async function answer(parts: OracleServerParts, request: IncomingMessage): Promise<unknown> {
  const { registry, domainId } = parts;
  const path = request.url!.split('?')[0]!;
  if (path === NODES && request.method === 'POST') return register(parts, request);
  const asked = {
    method: request.method!, path, query: new URL(request.url!, 'http://oracle').searchParams, admit: (limitBytes: number) => admit(parts, request, limitBytes),
  };
  const answered = await answerApi(parts, asked) ?? await parts.dashboard?.routes.answer(asked);
  const moved = await parts.movement?.answer({ method: request.method!, path, admit: (limitBytes) => admit(parts, request, limitBytes) });
  if (moved !== undefined) return moved;
  if (answered !== undefined) return answered;
  if (path !== '/healthz' && path !== '/api/v1/domain' && path !== NODES && !path.startsWith(`${NODES}/`)) throw new Fault('NOT_FOUND', { path });
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new Fault('METHOD_NOT_ALLOWED', { allowed: path === NODES ? 'GET or POST' : 'GET' });
  if (path === '/healthz') return { status: 'ok' };
  if (path === '/api/v1/domain') return { id: domainId, nodes: registry.list().length };
  if (path === NODES) return registry.list();
  return nodeAt(registry, path);
}

function nodeAt(registry: Registry, path: string): unknown {
  const wanted = path.slice(NODES.length + 1);
  const nodes = registry.list();
  const found = nodes.find(({ name, id }) => name === wanted || id === wanted);
  if (!found) throw nodeUnknown(wanted, nodes.map(({ name }) => name));
  return found;
}

/** Only a node itself registers: the call is signed with the domain's key in its name. */
async function register({ registry, verifier, inventory }: OracleServerParts, request: IncomingMessage): Promise<unknown> {
  const signature = request.headers[PEER_SIGNATURE_HEADER];
  if (typeof signature !== 'string') throw new Fault('UNAUTHORIZED');
  const verified = verifier.verify(signature, request.method!, request.url!);
  const body = await readUpTo(request, MAX_REGISTRATION_BYTES);
  assertBody(verified, sha256Hex(body));
  const registration = registrationOf(parseJson(body));
  if (verified.peer !== registration.name) throw new Fault('FORBIDDEN', { reason: `${verified.peer} cannot register as ${registration.name}` });
  // It has the ids of nodes, and the collections that they are in.
  await inventory?.whole();
  const node = registry.register(registration);
  return { ...node, collections: inventory?.registered(node, registration.hardware) ?? [] };
}

/** Judges the headers first, so that nothing of an unknown caller is read. */
async function admit({ verifier, admin }: OracleServerParts, request: IncomingMessage, limitBytes: number) {
  const signature = request.headers[PEER_SIGNATURE_HEADER];
  if (typeof signature !== 'string') {
    if (!admin || !acceptsBasic(admin, request.headers.authorization)) throw new Fault('UNAUTHORIZED');
    return { caller: 'admin' as const, body: parseJson(await readUpTo(request, limitBytes)) };
  }
  const verified = verifier.verify(signature, request.method!, request.url!);
  const body = await readUpTo(request, limitBytes);
  assertBody(verified, sha256Hex(body));
  return { caller: { peer: verified.peer }, body: parseJson(body) };
}

function refuse({ ids, clock, log }: OracleServerParts, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const call = ids.uuid();
  const fault = asFault(error, call);
  if (fault.code === 'INTERNAL') log.error({ call, reason: String((error as Error)?.stack ?? error) }, 'a request failed');
  else log.debug({ path: request.url, code: fault.code, reason: fault.message }, 'a request was refused');
  if (response.destroyed) return;
  // A client that waits for `100 Continue` sends no body any more, so the connection cannot be used for another request.
  if (!request.complete && request.headers.expect !== undefined) response.setHeader('connection', 'close');
  if (fault.status === 405) response.setHeader('allow', String(fault.details['allowed']).replaceAll(' or ', ', '));
  send(response, fault.status, fault);
  linger(request, clock);
}

function send(response: ServerResponse, status: number, json: unknown): void {
  const body = Buffer.from(json instanceof JsonText ? json.text : JSON.stringify(json));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

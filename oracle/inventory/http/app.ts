/** The inventory's door: its routes on Express, below /inventory and, for the seed's paths, at the root. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import { linger, readUpTo } from '../../../runtime/base/bounded-body.js';
import type { Clock } from '../../../runtime/base/clock.js';
import { mountRoutes } from '../../../runtime/base/express-routes.js';
import type { Ids } from '../../../runtime/base/ids.js';
import type { Log } from '../../../runtime/base/log.js';
import { parseJson } from '../../../runtime/base/parse-json.js';
import { asFault, Fault } from '../../../runtime/model/faults.js';
import { MAX_INVENTORY_BODY_BYTES } from '../../../runtime/model/limits.js';
import type { Access } from './access.js';
import { problemOf } from './problem.js';
import type { InventoryReply, InventoryRoute } from './route.js';

export interface AppParts {
  routes: InventoryRoute[];
  /** Resolves when everything is brought back. */
  whole(): Promise<void>;
  access: Access;
  ids: Ids;
  clock: Clock;
  log: Log;
}

export interface InventoryDoor {
  /** Whether this path is the inventory's. */
  owns(path: string): boolean;
  serve(request: IncomingMessage, response: ServerResponse): void;
}

const BASE = '/inventory';

export function createDoor(parts: AppParts): InventoryDoor {
  const places = parts.routes.flatMap((route) => [route.path, ...route.aliases ?? []].flatMap((path) => (route.atRoot ? [BASE, ''] : [BASE]).map((base) => ({ route, base, path }))));
  const rootNames = new Set(places.filter(({ base }) => base === '').map(({ path }) => path.split('/')[1]!));
  const app = express();
  mountRoutes(app, places.map(({ route, base, path }) => ({
    method: route.method, path: base + path, serve: (request, response) => serve(parts, { route, base, params: request.params as Params }, request, response),
  })), (error, request, response) => refuse(parts, error, request, response));
  const direct = directRoutes(parts.routes);
  return {
    owns: (path) => path === BASE || path.startsWith(`${BASE}/`) || rootNames.has(path.split('/')[1]!),
    serve(request, response) {
      const found = request.method === 'GET' ? direct(request.url!) : undefined;
      if (!found) return void app(request, response);
      serve(parts, found, request, response).catch((error: unknown) => refuse(parts, error, request, response));
    },
  };
}

type Params = Record<string, string>;

interface Found {
  route: InventoryRoute;
  base: string;
  params: Params;
}

const ONE_OBJECT = /^(\/inventory)?(\/\w+)\/([\w:.-]+)(?:\?|$)/;

/** One object by a plain name is what is asked most, and the way through Express takes longer than all the rest of it. */
function directRoutes(routes: InventoryRoute[]): (url: string) => Found | undefined {
  const gets = new Map(routes.filter(({ method, path, atRoot }) => method === 'GET' && atRoot && /^\/\w+\/:id$/.test(path)).map((route) => [route.path.slice(0, -'/:id'.length), route]));
  return (url) => {
    const [, base = '', path, id] = ONE_OBJECT.exec(url) ?? [];
    const route = path === undefined ? undefined : gets.get(path);
    return route && { route, base, params: { id: id! } };
  };
}

async function serve({ access, whole }: AppParts, { route, base, params }: Found, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const caller = await access.admit(request, route.need);
  const mark = request.url!.indexOf('?');
  const query = new URLSearchParams(mark < 0 ? '' : request.url!.slice(mark + 1));
  const body = ['POST', 'PUT', 'PATCH'].includes(route.method) ? await readJson(request) : undefined;
  if (!route.isEarly) await whole();
  const reply = await route.run({ params, query, body, headers: request.headers, caller, base });
  send(response, reply);
}

/** JSON, or lines of JSON, which come as an array. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = (request.headers['content-type'] ?? 'application/json').split(';')[0]!.trim().toLowerCase();
  const isLines = type === 'application/x-ndjson' || type === 'application/jsonl';
  // Callers that do not say what they send, send JSON: curl calls it a form.
  const isJson = type === 'application/json' || type.endsWith('+json') || type === 'application/x-www-form-urlencoded' || type === 'text/plain';
  if (!isLines && !isJson) throw new Fault('CONTENT_UNKNOWN', { type, allowed: 'application/json or application/x-ndjson' });
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity') throw new Fault('CONTENT_UNKNOWN', { type: `${type}, encoded as ${encoding}`, allowed: 'application/json or application/x-ndjson, not compressed' });
  const bytes = await readUpTo(request, MAX_INVENTORY_BODY_BYTES);
  if (!isUtf8(bytes)) throw new Fault('JSON_INVALID', { reason: 'it is not in UTF-8' });
  const text = bytes.toString('utf8');
  if (text.trim() === '') return undefined;
  return isLines ? text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [parseJson(line, `line ${index + 1}: `)])) : parseJson(text);
}

function send(response: ServerResponse, { status, headers = {}, json, text }: InventoryReply): void {
  const hasBody = json !== undefined || text !== undefined;
  const body = Buffer.from(json !== undefined ? JSON.stringify(json) : text ?? '');
  const type = json !== undefined && headers['content-type'] === undefined ? { 'content-type': 'application/json' } : {};
  const length = status === 204 || status === 304 ? {} : { 'content-length': body.length };
  response.writeHead(status, { ...type, ...headers, ...length, 'cache-control': 'no-cache' });
  response.end(hasBody && response.req.method !== 'HEAD' ? body : undefined);
}

function refuse({ ids, clock, log }: AppParts, error: unknown, request: IncomingMessage, response: ServerResponse): void {
  const call = ids.uuid();
  const fault = asFault(error, call);
  if (fault.code === 'INTERNAL') log.error({ call, path: request.url!.split('?')[0], reason: String((error as Error)?.stack ?? error) }, 'a call of the inventory failed');
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  // A client that waits for `100 Continue` sends no body any more, so the connection cannot be used for another request.
  if (!request.complete && request.headers.expect !== undefined) headers['connection'] = 'close';
  if (fault.status === 401) headers['www-authenticate'] = 'Bearer realm="inventory", Basic realm="inventory"';
  if (fault.status === 405) headers['allow'] = String(fault.details['allowed']).replaceAll(' or ', ', ');
  if (fault.status === 503) headers['retry-after'] = '1';
  send(response, { status: fault.status, headers, json: problemOf(fault) });
  linger(request, clock);
}

/** The inventory's door: its routes on Express, below /inventory and, for the seed's paths, at the root. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { Ids } from '../../../runtime/base/ids.js';
import type { Log } from '../../../runtime/base/log.js';
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
  log: Log;
}

export interface InventoryDoor {
  /** Whether this path is the inventory's. */
  owns(path: string): boolean;
  serve(request: IncomingMessage, response: ServerResponse): void;
}

const BASE = '/inventory';

export function createDoor(parts: AppParts): InventoryDoor {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  const rootNames = new Set<string>();
  for (const route of parts.routes) {
    for (const path of [route.path, ...route.aliases ?? []]) {
      const places = route.atRoot ? [BASE, ''] : [BASE];
      for (const base of places) {
        app[METHODS[route.method]](base + path, (request: Request, response: Response) => serve(parts, { route, base, params: request.params as Params }, request, response));
      }
      if (route.atRoot) rootNames.add(path.split('/')[1]!);
    }
  }
  for (const [path, methods] of methodsByPath(parts.routes)) {
    app.all(path, () => {
      throw new Fault('METHOD_NOT_ALLOWED', { allowed: methods.join(' or ') });
    });
  }
  app.use((request: Request) => {
    throw new Fault('NOT_FOUND', { path: request.path });
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => refuse(parts, error, request, response));
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

const METHODS = { GET: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const;

function methodsByPath(routes: InventoryRoute[]): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, aliases = [], method, atRoot } of routes) {
    for (const each of [path, ...aliases].flatMap((spelling) => (atRoot ? [BASE + spelling, spelling] : [BASE + spelling]))) {
      methods.set(each, [...methods.get(each) ?? [], method]);
    }
  }
  return methods;
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
  const bytes = await readBody(request);
  if (!isUtf8(bytes)) throw new Fault('JSON_INVALID', { reason: 'it is not in UTF-8' });
  const text = bytes.toString('utf8');
  if (text.trim() === '') return undefined;
  return isLines ? text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [parsed(line, `line ${index + 1}: `)])) : parsed(text, '');
}

function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // V8 quotes the text around the fault, which may hold a password.
    throw new Fault('JSON_INVALID', { reason: where + placeIn((cause as Error).message) }, { cause });
  }
}

function placeIn(message: string): string {
  return /position \d+( \(line \d+ column \d+\))?/.exec(message)?.[0].replace(/^/, 'it breaks at ') ?? 'it ends too early or is no JSON at all';
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_INVENTORY_BODY_BYTES) throw new Fault('BODY_TOO_LARGE', { limit: MAX_INVENTORY_BODY_BYTES });
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_INVENTORY_BODY_BYTES) throw new Fault('BODY_TOO_LARGE', { limit: MAX_INVENTORY_BODY_BYTES });
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof Fault ? cause : new Fault('CLIENT_GONE', {}, { cause });
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, { status, headers = {}, json, text }: InventoryReply): void {
  const hasBody = json !== undefined || text !== undefined;
  const body = Buffer.from(json !== undefined ? JSON.stringify(json) : text ?? '');
  const type = json !== undefined && headers['content-type'] === undefined ? { 'content-type': 'application/json' } : {};
  const length = status === 204 || status === 304 ? {} : { 'content-length': body.length };
  response.writeHead(status, { ...type, ...headers, ...length, 'cache-control': 'no-cache' });
  response.end(hasBody && response.req.method !== 'HEAD' ? body : undefined);
}

function refuse({ ids, log }: AppParts, error: unknown, request: IncomingMessage, response: ServerResponse): void {
  const call = ids.uuid();
  const fault = error instanceof Fault ? error : routerFault(error) ?? asFault(error, call);
  if (fault.code === 'INTERNAL') log.error({ call, path: request.url!.split('?')[0], reason: String((error as Error)?.stack ?? error) }, 'a call of the inventory failed');
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  // What is left of a refused body would be taken for the next request.
  if (!request.complete) headers['connection'] = 'close';
  if (fault.status === 401) headers['www-authenticate'] = 'Bearer realm="inventory", Basic realm="inventory"';
  if (fault.status === 405) headers['allow'] = String(fault.details['allowed']).replaceAll(' or ', ', ');
  if (fault.status === 503) headers['retry-after'] = '1';
  send(response, { status: fault.status, headers, json: problemOf(fault) });
}

/** Express itself refuses paths that are not well percent-encoded. */
function routerFault(error: unknown): Fault | undefined {
  const { status } = (error ?? {}) as { status?: number };
  return status === 400 ? new Fault('PARAMETER_INVALID', { name: 'path', reason: 'it is not well percent-encoded' }) : undefined;
}

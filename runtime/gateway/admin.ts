/** The administrative half of the gateway: routes on Express, each with its access, its body and its form of errors. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import type { Clock } from '../base/clock.js';
import type { Ids } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { Reply, Route, RouteRequest } from '../base/reply.js';
import { asFault, Fault } from '../model/faults.js';
import { READ_TIMEOUT_MS } from '../model/limits.js';
import type { Access, Admitted } from './access.js';
import { type FaultForm, sendFault, sendReply } from './answer.js';
import { RequestStream } from '../handler/http-body.js';
import { linger } from './body.js';
import { readPayload } from './incoming-body.js';

/** A route that reads its body itself, as a stream. */
export interface StreamRoute extends Omit<Route, 'run'> {
  stream(request: RouteRequest, body: AsyncIterable<Buffer>, admitted: Admitted | undefined): Promise<Reply>;
}

export interface AdminParts {
  routes: (Route | StreamRoute)[];
  access: Access;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Told of every answer of a route. @param path as the route writes it */
  onAnswered?(method: string, path: string, status: number, tookMs: number): void;
  monotonic?: () => number;
}

/** Express is loaded here and not before: a node that only runs functions never pays for it. */
export async function createAdmin(parts: AdminParts): Promise<(request: IncomingMessage, response: ServerResponse) => void> {
  const { default: express } = await import('express');
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // The query is read by URLSearchParams below.
  app.set('query parser', false);
  for (const route of parts.routes) {
    app[METHODS[route.method]](route.path, (request: Request, response: Response) => serve(parts, route, request, response));
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
  return app;
}

const METHODS = { GET: 'get', POST: 'post', PUT: 'put', DELETE: 'delete' } as const;

function methodsByPath(routes: AdminParts['routes']): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) methods.set(path, [...methods.get(path) ?? [], method]);
  return methods;
}

async function serve({ access, clock, onAnswered, monotonic = () => performance.now() }: AdminParts, route: Route | StreamRoute, request: Request, response: Response): Promise<void> {
  if (onAnswered) {
    const startedMs = monotonic();
    response.once('close', () => onAnswered(request.method, route.path, response.statusCode, monotonic() - startedMs));
  }
  const admitted = route.access === 'open' ? undefined : access.admit(request);
  if (route.access === 'peer' && admitted?.caller === 'admin') {
    throw new Fault('FORBIDDEN', { reason: 'only nodes of the domain may call this' });
  }
  const wanted: RouteRequest = {
    params: request.params as Record<string, string>, query: queryOf(request.originalUrl), body: undefined,
    accept: request.headers.accept ?? '', headers: request.headers, ...(admitted && { caller: admitted.caller }),
  };
  const expects = request.headers.expect?.toLowerCase() === '100-continue';
  if ('stream' in route) {
    if (expects) response.writeContinue();
    // Whoever stops reading it can still be answered; the request itself would end its connection.
    await sendReply(response, await route.stream(wanted, new RequestStream(request, { now: monotonic }), admitted));
    return;
  }
  wanted.body = await readPayload(request, response, admitted, expects, { clock, limitMs: READ_TIMEOUT_MS });
  await sendReply(response, await route.run(wanted));
}

function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1));
}

function refuse({ ids, log, clock }: AdminParts, error: unknown, request: Request, response: Response): void {
  const call = ids.uuid();
  const fault = error instanceof Fault ? error : routerFault(error) ?? asFault(error, call);
  if (fault.code === 'INTERNAL') {
    log.error({ call, path: request.path, reason: String((error as Error)?.stack ?? error) }, 'a request failed');
  }
  if (response.destroyed) return;
  sendFault(response, fault, { form: formOf(request), layer: 'provider' });
  linger(request, clock);
}

/** Express itself refuses paths that are not well percent-encoded. */
function routerFault(error: unknown): Fault | undefined {
  const { status } = (error ?? {}) as { status?: number };
  return status === 400 ? new Fault('PARAMETER_INVALID', { name: 'path', reason: 'it is not well percent-encoded' }) : undefined;
}

/** OpenFaaS's clients print the body of an error as it is; everyone else, and whoever asks for it, gets JSON. */
function formOf(request: Request): FaultForm {
  return request.originalUrl.startsWith('/system/') && !request.headers.accept?.includes('application/json') ? 'text' : 'json';
}

/** The administrative half of the gateway: routes on Express, each with its access, its body and its form of errors. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, Response } from 'express';
import { linger } from '../base/bounded-body.js';
import type { Clock } from '../base/clock.js';
import { mountRoutes } from '../base/express-routes.js';
import type { Ids } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { Reply, Route, RouteRequest } from '../base/reply.js';
import { asFault, Fault } from '../model/faults.js';
import { READ_TIMEOUT_MS } from '../model/limits.js';
import type { Access, Admitted } from './access.js';
import { type FaultForm, sendFault, sendReply } from './answer.js';
import { RequestStream } from '../handler/http-body.js';
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
  mountRoutes(app, parts.routes.map((route) => ({
    method: route.method, path: route.path, serve: (request, response) => serve(parts, route, request, response),
  })), (error, request, response) => refuse(parts, error, request, response));
  return app;
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
  const fault = asFault(error, call);
  if (fault.code === 'INTERNAL') {
    log.error({ call, path: request.path, reason: String((error as Error)?.stack ?? error) }, 'a request failed');
  }
  if (response.destroyed) return;
  sendFault(response, fault, { form: formOf(request), layer: 'provider' });
  linger(request, clock);
}

/** OpenFaaS's clients print the body of an error as it is; everyone else, and whoever asks for it, gets JSON. */
function formOf(request: Request): FaultForm {
  return request.originalUrl.startsWith('/system/') && !request.headers.accept?.includes('application/json') ? 'text' : 'json';
}

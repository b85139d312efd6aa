/** What routes on Express have in common: queries are read by URLSearchParams, and whatever is not there is refused in the form of all refusals. */
import type { Express, NextFunction, Request, Response } from 'express';
import { Fault } from '../model/faults.js';

export interface ExpressRoute {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As Express writes it. */
  path: string;
  serve(request: Request, response: Response): Promise<void>;
}

/** @param refuse gets whatever was thrown; nothing else answers then */
export function mountRoutes(app: Express, routes: ExpressRoute[], refuse: (error: unknown, request: Request, response: Response) => void): void {
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  for (const { method, path, serve } of routes) app[METHODS[method]](path, serve);
  for (const [path, methods] of methodsByPath(routes)) {
    app.all(path, () => {
      throw new Fault('METHOD_NOT_ALLOWED', { allowed: methods.join(' or ') });
    });
  }
  app.use((request: Request) => {
    throw new Fault('NOT_FOUND', { path: request.path });
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => refuse(routerFault(error) ?? error, request, response));
}

const METHODS = { GET: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const;

function methodsByPath(routes: ExpressRoute[]): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) methods.set(path, [...methods.get(path) ?? [], method]);
  return methods;
}

/** Express itself refuses paths that are not well percent-encoded. */
function routerFault(error: unknown): Fault | undefined {
  const { status } = (error ?? {}) as { status?: number };
  return !(error instanceof Fault) && status === 400 ? new Fault('PARAMETER_INVALID', { name: 'path', reason: 'it is not well percent-encoded' }) : undefined;
}

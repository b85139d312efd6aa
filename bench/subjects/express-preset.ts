/**
 * Express spends most of a small request on two `Object.setPrototypeOf` calls, which turn a request
 * that V8 had optimised into a slow one. A server whose request and response already have the app's
 * prototypes makes both calls do nothing: `createServer` takes the constructors as options.
 */
import express, { type Express } from 'express';
import { createServer, IncomingMessage, ServerResponse, type Server } from 'node:http';

export function presetServer(app: Express): Server {
  return createServer({
    IncomingMessage: withPrototype(IncomingMessage, app.request) as never,
    ServerResponse: withPrototype(ServerResponse, app.response) as never,
  }, app);
}

/** A class cannot be given another prototype, a plain function can. */
function withPrototype(base: unknown, prototype: object): unknown {
  function Preset(this: object, ...args: unknown[]): void {
    (base as (...given: unknown[]) => void).apply(this, args);
  }
  Preset.prototype = prototype;
  return Preset;
}

export function leanApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  return app;
}

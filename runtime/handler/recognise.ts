/** Finds out what a function's module exports. */
import { pathToFileURL } from 'node:url';
import { type FunctionKind, MESSAGE } from '../session/call.js';
import type { HandlerContext } from './context.js';
import type { Target } from './execution.js';
import { KIND } from './offloadable.js';
import type { HandlerRequest, StreamingRequest } from './request.js';

type Method = (request: HandlerRequest & StreamingRequest, context: HandlerContext) => unknown;
type Handler = Partial<Record<'handle' | 'handleOffload' | 'handleMessage', Method>> & { constructor?: unknown };

/** Imports a bundle (a file ending in .mjs); two functions of one bundle share no module state. Rejects with whatever is wrong with it. */
export async function importTarget(path: string, service: string): Promise<Target> {
  const url = pathToFileURL(path);
  url.searchParams.set('function', service);
  return recognise(await import(url.href) as Record<string, unknown>);
}

/**
 * The default export (or the export `handler`) is a class that extends Offloadable, ReadOnlyOffloadable or Streaming, a class with
 * the method `handle`, an instance of one of these, or a plain function. It takes messages of WebSockets when it has a method
 * `handleMessage`, or the module exports a function of that name. Throws a TypeError saying what is missing.
 */
export function recognise(module: Record<string, unknown>): Target {
  const exported = module['default'] ?? module['handler'];
  const beside = module['handleMessage'] as Method | undefined;
  if (typeof exported === 'function') return isClass(exported) ? fromInstance(construct(exported), beside) : withMessages(fromFunction(exported as Method), beside);
  if (typeof exported === 'object' && exported !== null) return fromInstance(exported as Handler, beside);
  throw new TypeError('the module exports no handler: export default a function, or a class that extends Offloadable');
}

function isClass(exported: object): boolean {
  const { prototype } = exported as { prototype?: Handler };
  return KIND in exported || typeof prototype?.handle === 'function' || typeof prototype?.handleOffload === 'function';
}

function construct(exported: unknown): Handler {
  return new (exported as new () => Handler)();
}

function fromFunction(handler: Method): Target {
  return { kind: 'stateless', invoke: handler };
}

function fromInstance(handler: Handler, beside: Method | undefined): Target {
  const own = handler.handleMessage;
  return withMessages(targetOf(handler), typeof own === 'function' ? (request, context) => own.call(handler, request, context) : beside);
}

/** A function that takes none is called as ever, without a look at what kind of call it is. */
function withMessages(target: Target, handleMessage: Method | undefined): Target {
  if (typeof handleMessage !== 'function') return target;
  return {
    ...target, sockets: true,
    invoke: (request, context) => request.method === MESSAGE ? handleMessage(request, context) : target.invoke(request, context),
  };
}

function targetOf(handler: Handler): Target {
  const kind = kindOf(handler);
  if (kind === 'stateless' || kind === 'streaming') {
    if (typeof handler.handle !== 'function') throw new TypeError('the exported handler has no method handle(request, context)');
    return { kind: 'stateless', streams: kind === 'streaming', invoke: (request, context) => handler.handle!(request, context) };
  }
  if (typeof handler.handleOffload !== 'function') {
    throw new TypeError('the exported class has no method handleOffload(request, context)');
  }
  return { kind, invoke: (request, context) => handler.handleOffload!(request, context) };
}

function kindOf(handler: Handler): FunctionKind | 'streaming' {
  const brand = (handler.constructor as Record<symbol, unknown> | undefined)?.[KIND];
  if (brand === undefined) {
    if (typeof handler.handleOffload === 'function' && typeof handler.handle !== 'function') {
      throw new TypeError('the class has handleOffload but extends neither Offloadable nor ReadOnlyOffloadable');
    }
    return 'stateless';
  }
  if (brand === 'offloadable' || brand === 'read-only' || brand === 'streaming') return brand;
  throw new TypeError(`the class is of an unknown kind ${String(brand)}: it was built with a newer library`);
}

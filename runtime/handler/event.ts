/** Handlers as OpenFaaS's Node.js templates have them: `(event, context, callback)`, run as a function of this runtime. */
import { textOf, traceOf } from '../base/thrown.js';
import type { StatelessContext } from './context.js';
import { BodyRefused, eventBody } from './event-body.js';
import { type Field, fieldsOf } from './fields.js';
import type { HandlerRequest } from './request.js';
import type { HandlerResponse } from './response.js';

/** What such a handler reads of its request. */
export interface FunctionEvent {
  /** JSON, form fields or text as the content type says; bytes where `RAW_BODY` is `true`; {} when there is none, or of another type. */
  body: unknown;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  method: string;
  /** `a=1&a=2` and `a[]=1` are lists, `a[b]=1` is an object. */
  query: Record<string, Field>;
  path: string;
}

type Callback = (error: unknown, result?: unknown) => void;
export type EventHandler = (event: FunctionEvent, context: FunctionContext, callback: Callback) => unknown;

/** Where it says its answer: the status and headers first, then once `succeed` or `fail`. */
export class FunctionContext {
  #status = 200;
  #headers: Record<string, string> = {};

  constructor(private readonly settle: Callback) {}

  status(): number;
  status(code: number): this;
  status(code?: number): number | this {
    if (!code) return this.#status;
    this.#status = Number(code);
    return this;
  }

  headers(): Record<string, string>;
  headers(values: Record<string, string>): this;
  headers(values?: Record<string, string>): Record<string, string> | this {
    if (!values) return this.#headers;
    this.#headers = values;
    return this;
  }

  succeed(result?: unknown): void {
    this.settle(undefined, result);
  }

  fail(error: unknown): void {
    if (this.#status === 200) this.#status = 500;
    this.settle(error ?? '');
  }
}

/** @param module what the handler's file exports */
export function eventFunction(module: unknown): (request: HandlerRequest, context: StatelessContext) => Promise<HandlerResponse> {
  const handler = handlerOf(module);
  return async (request, { env, logger }) => {
    let event: FunctionEvent;
    try {
      event = eventOf(request, env);
    } catch (error) {
      if (!(error instanceof BodyRefused)) throw error;
      return { status: error.status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: error.message };
    }
    return new Promise((resolve) => {
      const context = new FunctionContext((problem, result) => {
        let error = problem;
        try {
          if (error === undefined || error === null) return resolve(answerOf(context, result));
        } catch (unspeakable) {
          error = unspeakable;
        }
        logger.error(traceOf(error));
        if (context.status() === 200) context.status(500);
        resolve({ status: context.status(), headers: { 'content-type': 'text/html; charset=utf-8' }, body: textOf(error) });
      });
      // A second word on the same request changes nothing. Only who takes the callback may speak later.
      Promise.resolve().then(() => handler(event, context, (error, result) => error ? context.fail(error) : context.succeed(result)))
        .then((result) => { if (result !== undefined || handler.length < 3) context.succeed(result); })
        .catch((error: unknown) => context.fail(error));
    });
  };
}

function handlerOf(module: unknown): EventHandler {
  const exported = (module as { default?: unknown; handler?: unknown } | undefined) ?? {};
  for (const candidate of [module, exported.default, (exported.default as { default?: unknown } | undefined)?.default, exported.handler]) {
    if (typeof candidate === 'function') return candidate as EventHandler;
  }
  throw new TypeError('the module exports no handler: module.exports = async (event, context) => …');
}

function eventOf(request: HandlerRequest, env: Readonly<Record<string, string>>): FunctionEvent {
  return {
    body: eventBody(request, env), headers: { 'content-type': 'text/plain', ...request.headers }, method: request.method,
    query: fieldsOf(request.query.toString()), path: request.path === '' ? '/' : request.path,
  };
}

/** Types as Express's `send` gives them, which these templates answer with. */
function answerOf(context: FunctionContext, result: unknown): HandlerResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(context.headers())) headers[name.toLowerCase()] = value;
  const status = context.status();
  if (result === undefined || result === null) return { status, headers };
  if (result instanceof Uint8Array) return { status, headers, body: result };
  const isText = typeof result === 'string' || Array.isArray(result) || typeof result === 'object' && result.constructor === Object;
  const type = headers['content-type'] ?? (isText ? 'text/html' : 'application/json');
  const body = typeof result === 'string' ? result : JSON.stringify(result) as string | undefined;
  return { status, headers: { ...headers, 'content-type': withCharset(type) }, body };
}

/** Text goes out as UTF-8, and says so. */
function withCharset(type: string): string {
  return /;\s*charset=/i.test(type) ? type.replace(/(;\s*charset=)[^;]*/i, '$1utf-8') : `${type}; charset=utf-8`;
}

/** Handlers as OpenFaaS's Node.js templates have them: `(event, context, callback)`, run as a function of this runtime. */
import type { StatelessContext } from './context.js';
import type { HandlerRequest } from './request.js';
import type { HandlerResponse } from './response.js';

/** What such a handler reads of its request. */
export interface FunctionEvent {
  /** JSON, form fields or text as the content type says; bytes where `RAW_BODY` is `true`; {} when there is none, or of another type. */
  body: unknown;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  method: string;
  query: Record<string, string | string[]>;
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
    this.#status = code;
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
      return { status: 400, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: (error as Error).message };
    }
    return new Promise((resolve) => {
      const context = new FunctionContext((error, result) => {
        if (error === undefined || error === null) return resolve(answerOf(context, result));
        logger.error(error instanceof Error ? error.stack ?? error.message : String(error));
        if (context.status() === 200) context.status(500);
        resolve({ status: context.status(), headers: { 'content-type': 'text/html; charset=utf-8' }, body: String(error) });
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
  const query: Record<string, string | string[]> = {};
  for (const name of new Set(request.query.keys())) query[name] = one(request.query.getAll(name));
  return { body: bodyOf(request, env['RAW_BODY'] === 'true'), headers: request.headers, method: request.method, query, path: request.path === '' ? '/' : request.path };
}

/** Throws a SyntaxError for JSON that is none. */
function bodyOf(request: HandlerRequest, raw: boolean): unknown {
  if (request.body.length === 0) return {};
  if (raw) return request.body;
  const type = String(request.headers['content-type'] ?? 'text/plain').split(';', 1)[0]!.trim().toLowerCase();
  if (type === 'application/json') return request.json();
  if (type.startsWith('text/')) return request.text();
  if (type !== 'application/x-www-form-urlencoded') return {};
  const fields = new URLSearchParams(request.text());
  return Object.fromEntries([...new Set(fields.keys())].map((name) => [name, one(fields.getAll(name))]));
}

function one(values: string[]): string | string[] {
  return values.length === 1 ? values[0]! : values;
}

/** Types as Express's `send` gives them, which these templates answer with. */
function answerOf(context: FunctionContext, result: unknown): HandlerResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(context.headers())) headers[name.toLowerCase()] = value;
  const status = context.status();
  if (result === undefined || result === null) return { status, headers };
  if (result instanceof Uint8Array) return { status, headers, body: result };
  if (typeof result === 'boolean' || typeof result === 'number') return { status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body: JSON.stringify(result) };
  return { status, headers: { 'content-type': 'text/html; charset=utf-8', ...headers }, body: typeof result === 'string' ? result : JSON.stringify(result) };
}

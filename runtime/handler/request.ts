import type { FunctionRequest } from '../session/call.js';

/** The request as a handler sees it. Nothing is parsed before it is asked for. */
export class HandlerRequest {
  #query: URLSearchParams | undefined;

  constructor(private readonly source: FunctionRequest) {}

  get method(): string {
    return this.source.method;
  }

  /** Path behind the function's name: '' or '/a/b'. */
  get path(): string {
    return this.source.path;
  }

  get query(): URLSearchParams {
    return this.#query ??= new URLSearchParams(this.source.query);
  }

  /** Lower-case names; a header that came more than once may be a list. */
  get headers(): Readonly<Record<string, string | string[] | undefined>> {
    return this.source.headers;
  }

  get body(): Buffer {
    return this.source.body;
  }

  /** The body as UTF-8. */
  text(): string {
    return this.source.body.toString('utf8');
  }

  /** The body as JSON; throws a SyntaxError when it is none. */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}

import type { FunctionRequest } from '../session/call.js';

/** What every handler sees of its request. Nothing is parsed before it is asked for. */
class RequestHead {
  #query: URLSearchParams | undefined;

  constructor(protected readonly source: FunctionRequest) {}

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
}

/** The request with its body whole. */
export class HandlerRequest extends RequestHead {
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

/**
 * The request with its body as it comes. It can be read once, in one of these ways. Nothing is asked of the client before it is
 * read, and never more than a window ahead. Reading throws when the client goes away before the end.
 */
export class StreamingRequest extends RequestHead {
  /** Pieces in order, none empty, of whatever sizes they came. */
  get body(): AsyncIterable<Buffer> {
    return this.source.stream ?? wholeOf(this.source.body);
  }

  /** The same as a Web stream. */
  get stream(): ReadableStream<Uint8Array> {
    const pieces = this.body[Symbol.asyncIterator]();
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void await pieces.return?.(),
    }, { highWaterMark: 0 });
  }

  /** The rest of the body as bytes, all of it in memory. */
  async bytes(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.body) pieces.push(piece);
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** As UTF-8. */
  async text(): Promise<string> {
    return (await this.bytes()).toString('utf8');
  }

  /** As JSON; rejects with a SyntaxError when it is none. */
  async json<T = unknown>(): Promise<T> {
    return JSON.parse(await this.text()) as T;
  }
}

async function* wholeOf(body: Buffer): AsyncIterable<Buffer> {
  if (body.length > 0) yield body;
}

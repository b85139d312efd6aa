/** A function that is served over HTTP somewhere else: calls go there as they come, answers come back as they go. */
import { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import { Fault } from '../../model/faults.js';
import { MAX_UPSTREAM_CONNECTIONS, PEER_IDLE_MS, STREAM_PIECE_BYTES } from '../../model/limits.js';
import type { FunctionRequest, WorkerAnswer, WorkerCall } from '../../session/call.js';

type Headers = Record<string, string | string[]>;

/** They describe one connection, and are not carried to the next. */
const OF_THE_CONNECTION = [
  'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'proxy-authorization', 'proxy-authenticate', 'expect',
];
const NOTHING = Buffer.alloc(0);

export class Upstream {
  readonly #base: URL;
  readonly #agent: Agent;

  /** @param url with or without a path, to which the request's is added */
  constructor(readonly service: string, url: string) {
    this.#base = new URL(url);
    // Deadlines belong to the call; idle connections end before the other side ends them.
    this.#agent = new Agent({ connections: MAX_UPSTREAM_CONNECTIONS, keepAliveTimeout: PEER_IDLE_MS, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** Rejects with UPSTREAM_UNREACHABLE, or as the request's body does; with PARAMETER_INVALID for a path that leads out. */
  async run(call: WorkerCall, signal: AbortSignal): Promise<WorkerAnswer> {
    const { request, callId } = call;
    const path = this.pathOf(request);
    const body = new Body(request);
    try {
      const answer = await this.#agent.request({
        origin: this.#base.origin, path, method: request.method as Dispatcher.HttpMethod, body: body.readable, signal,
        headers: { ...carried(request.headers), host: this.#base.host, ...forwarded(request, callId) },
      });
      const response = await responseOf(answer);
      if (response.stream !== undefined) response.stream = this.#told(response.stream, signal);
      return { response, writes: [], effects: [], telemetry: [] };
    } catch (error) {
      if (body.broken !== undefined) throw body.broken;
      throw this.#faultOf(error, signal);
    }
  }

  /** The rest of an answer; that it breaks off is the upstream's fault, too. */
  async* #told(stream: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
    try {
      yield* stream;
    } catch (error) {
      throw this.#faultOf(error, signal);
    }
  }

  #faultOf(error: unknown, { aborted }: AbortSignal): Fault {
    if (aborted) return new Fault('CLIENT_GONE', {}, { cause: error });
    return this.unreachable(error);
  }

  /** Where it runs, and what is wrong there, is for the log and not for whoever calls. */
  unreachable(error: unknown): Fault {
    const { code, message } = error as NodeJS.ErrnoException;
    return new Fault('UPSTREAM_UNREACHABLE', { function: this.service }, { cause: new Error(`${this.#base.origin}: ${code ?? message}`, { cause: error }) });
  }

  /** Throws PARAMETER_INVALID. */
  pathOf({ path, query }: FunctionRequest): string {
    if (leadsOut(path)) throw new Fault('PARAMETER_INVALID', { name: 'path', reason: 'it leads out of the function' });
    const joined = this.#base.pathname.replace(/\/$/, '') + (path === '' ? '/' : path);
    return query === '' ? joined : `${joined}?${query}`;
  }

  get url(): URL {
    return this.#base;
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

/** The request's body as undici takes it; notes what it failed with. */
class Body {
  broken: unknown;
  readonly readable: Readable | Buffer | null;

  constructor({ stream, body, headers }: FunctionRequest) {
    const comes = headers['content-length'] !== undefined && headers['content-length'] !== '0' || headers['transfer-encoding'] !== undefined;
    if (stream === undefined) this.readable = body.length > 0 ? body : null;
    else this.readable = comes ? Readable.from(this.#watched(stream), { objectMode: false }) : null;
  }

  async* #watched(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* stream;
    } catch (error) {
      this.broken = error;
      throw error;
    }
  }
}

async function responseOf({ statusCode: status, headers, body }: Dispatcher.ResponseData): Promise<WorkerAnswer['response']> {
  const length = Number(headers['content-length'] ?? Infinity);
  const passed = carried(headers);
  if (length > STREAM_PIECE_BYTES) return { status, headers: passed, body: NOTHING, stream: body as AsyncIterable<Buffer> };
  const pieces = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const first = await pieces.next();
  if (first.done === true) return { status, headers: passed, body: NOTHING };
  if (first.value.length === length) {
    // To its end, so that the connection is free for another call.
    await pieces.next();
    return { status, headers: passed, body: first.value };
  }
  // It comes bit by bit: none of them waits for the others.
  return { status, headers: passed, body: NOTHING, stream: after(first.value, pieces) };
}

async function* after(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** All but those of the connection, and those that `Connection` names. */
export function carried(headers: Record<string, string | string[] | undefined>): Headers {
  const named = String(headers['connection'] ?? '').toLowerCase().split(/[\s,]+/);
  const dropped = new Set([...OF_THE_CONNECTION, ...named]);
  return Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined && !dropped.has(entry[0])));
}

/** The call's id is the client's own if it has one: it may name a whole chain of calls. */
export function forwarded({ headers }: FunctionRequest, callId: string): Record<string, string> {
  const host = headers['x-forwarded-host'] ?? headers['host'];
  return { 'x-call-id': String(headers['x-call-id'] ?? callId), ...(typeof host === 'string' && { 'x-forwarded-host': host }) };
}

/** Whether a server that resolves `..`, however it is spelled, would end above where the path begins. */
function leadsOut(path: string): boolean {
  let depth = 0;
  for (const segment of path.replace(/%(?:2e|2f|5c)/gi, decodeURIComponent).split(/[/\\]/)) {
    if (segment === '..') depth -= 1;
    else if (segment !== '' && segment !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

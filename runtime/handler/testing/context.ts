/** For unit tests of handlers: a request and a context without a node around them. */
import type { SessionInfo, TelemetryEntry } from '../../session/call.js';
import type { EffectRequest, HandlerContext, LogLevel } from '../context.js';
import { ExecutionContext } from '../execution.js';
import { HandlerRequest, StreamingRequest } from '../request.js';
import { type Secrets, secretsOf } from '../secrets.js';
import { encodeValue, type Value } from '../value.js';

export interface TestRequestOptions {
  method?: string;
  path?: string;
  query?: string | Record<string, string>;
  headers?: Record<string, string>;
  /** Text and bytes go as they are, anything else as JSON. */
  body?: unknown;
}

export function testRequest(options: TestRequestOptions = {}): HandlerRequest {
  const { method = 'GET', path = '', query = '', headers = {} } = options;
  return new HandlerRequest({ method, path, query: new URLSearchParams(query).toString(), headers, body: bodyOf(options.body) });
}

/** For a handler that extends Streaming: the body's pieces come one by one. */
export function testStreamingRequest(options: Omit<TestRequestOptions, 'body'> & { body?: Iterable<string | Uint8Array> } = {}): StreamingRequest {
  const { method = 'POST', path = '', query = '', headers = {}, body = [] } = options;
  const stream = (async function* () {
    for (const piece of body) yield Buffer.from(piece as Uint8Array);
  })();
  return new StreamingRequest({ method, path, query: new URLSearchParams(query).toString(), headers, body: Buffer.alloc(0), stream });
}

/** The bytes of a request's body as a test gives it. */
export function bodyOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  return body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
}

export interface TestContextOptions {
  /** What the session holds at the beginning: values and lists by key. */
  data?: Record<string, Value | Value[]>;
  session?: Partial<SessionInfo>;
  env?: Record<string, string>;
  /** Values by name. */
  secrets?: Record<string, string | Uint8Array>;
  /** Writing fails, as it does for a ReadOnlyOffloadable. */
  readOnly?: boolean;
  signal?: AbortSignal;
  /** Called for every line the handler logs. */
  log?: (level: LogLevel, message: string, details?: Record<string, unknown>) => void;
  /** Called for every sample the handler records. */
  telemetry?: (entry: Omit<TelemetryEntry, 'atMs'>) => void;
  /** Called for every value the handler propagates. */
  propagate?: (value: unknown, levels: string, functionName: string) => void;
  /** Called for every call the handler asks for on another session. */
  call?: (functionName: string, session: string, request: EffectRequest) => void;
}

/** As a test gives them. */
export function givenSecrets(values: Record<string, string | Uint8Array>): Secrets {
  const read = (name: string) => Object.hasOwn(values, name) ? Buffer.from(values[name] as Uint8Array) : undefined;
  return secretsOf({ names: () => Object.keys(values), read });
}

class TestContext extends ExecutionContext {
  constructor(private readonly options: TestContextOptions) {
    const { data = {}, env = {}, secrets = {}, session = {}, log, readOnly = false } = options;
    const stored = new Map(Object.entries(data).map(([key, value]) =>
      [key, Array.isArray(value) ? value.map((one) => encodeValue(key, one)) : encodeValue(key, value)] as const));
    const info = { id: 'test', node: 'test', home: 'test', epoch: 0, version: 0, ...session };
    super({
      callId: 'test',
      request: { method: 'GET', path: '', query: '', headers: {}, body: Buffer.alloc(0) },
      session: { info, data: stored, fetch: async (key) => stored.get(key), fetchKeys: async () => [...stored.keys()] },
      signal: options.signal ?? new AbortController().signal,
    }, { service: 'test', env, secrets: givenSecrets(secrets), now: () => 0, log: (level, _call, message, details) => log?.(level, message, details) }, readOnly);
  }

  override telemetryLog(level: TelemetryEntry['level'], target: string, value: number): void {
    super.telemetryLog(level, target, value);
    this.options.telemetry?.({ level, target, value });
  }

  override propagate(value: unknown, levels: string, functionName: string): void {
    super.propagate(value, levels, functionName);
    this.options.propagate?.(value, levels, functionName);
  }

  override call(functionName: string, session: string, request: EffectRequest = {}): void {
    super.call(functionName, session, request);
    this.options.call?.(functionName, session, request);
  }
}

/** One session in memory. What a handler writes stays in it, so calls with the same context follow each other as requests do. */
export function testContext(options: TestContextOptions = {}): HandlerContext {
  return new TestContext(options);
}

/** `/async-function/<name>` takes a call and says that it will be made; `/async-calls/<id>` says what became of it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { linger } from '../../base/bounded-body.js';
import type { Clock } from '../../base/clock.js';
import { FUNCTION_PREFIX, parseFunctionPath } from '../../base/function-path.js';
import type { Ids } from '../../base/ids.js';
import type { Route, RouteRequest } from '../../base/reply.js';
import { Fault } from '../../model/faults.js';
import { MAX_ASYNC_BODY_BYTES, MAX_CALL_ID_CHARS, MAX_CALLBACK_URL_CHARS, MAX_PAGE } from '../../model/limits.js';
import { functionUnknown } from '../../model/unknown.js';
import { sendReply } from '../answer.js';
import { readBody } from '../body.js';
import type { Deployments } from '../deployments.js';
import { type Call, type CallState, statusOf } from './call.js';
import type { CallQueue } from './call-queue.js';
import type { CallbackRules } from './callback-rules.js';

const ASYNC_PREFIX = '/async-function/';
const STATUS_PREFIX = '/async-calls/';
const ROUTE = `${ASYNC_PREFIX}:name`;
const STATUS_ROUTE = `${STATUS_PREFIX}:id`;

export interface AsyncDoorParts {
  node: string;
  deployments: Pick<Deployments, 'find' | 'names'>;
  queue: CallQueue;
  callbacks: CallbackRules;
  clock: Clock;
  ids: Ids;
  /** Told of every answer, as the routes of the administration are. */
  onAnswered?(method: string, path: string, status: number, tookMs: number): void;
  monotonic?: () => number;
}

export interface AsyncDoor {
  /** Whether it is this door's; both are open to everybody, pages of a browser included. */
  has(url: string): boolean;
  /** Rejects with a fault. */
  serve(request: IncomingMessage, response: ServerResponse, expects: boolean): Promise<void>;
}

export function createAsyncDoor(parts: AsyncDoorParts): AsyncDoor {
  const { node, deployments, queue, callbacks, clock, ids, onAnswered, monotonic = () => performance.now() } = parts;

  async function take(request: IncomingMessage, response: ServerResponse, expects: boolean): Promise<void> {
    const at = parseFunctionPath(FUNCTION_PREFIX + request.url!.slice(ASYNC_PREFIX.length));
    const deployed = deployments.find(at.name);
    if (!deployed) throw functionUnknown(at.name, node, deployments.names());
    if (request.method !== 'POST') throw new Fault('METHOD_NOT_ALLOWED', { allowed: 'POST' });
    const [callbackUrl, id] = [callbackOf(request, callbacks), ids.uuid()];
    const callId = callIdOf(request) ?? id;
    const body = await readBody(request, response, MAX_ASYNC_BODY_BYTES, expects, { clock, limitMs: deployed.readMs });
    const nowMs = clock.now();
    const call: Call = {
      id, callId, function: deployed.name, method: 'POST', path: at.path, query: at.query, headers: headersOf(request), bytes: body.length,
      ...(callbackUrl !== undefined && { callbackUrl }), queuedAtMs: nowMs, state: 'waiting', attempts: 0, callbackAttempts: 0, dueAtMs: nowMs,
    };
    await queue.accept(call, body);
    response.writeHead(202, { 'x-call-id': callId, 'x-start-time': `${nowMs}000000`, 'content-length': 0 });
    response.end();
  }

  async function show(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url } = request;
    if (method !== 'GET' && method !== 'HEAD') throw new Fault('METHOD_NOT_ALLOWED', { allowed: 'GET or HEAD' });
    const call = idOf(url!.slice(STATUS_PREFIX.length).split('?', 1)[0]!);
    const known = queue.get(call);
    if (!known) throw new Fault('CALL_UNKNOWN', { call });
    await sendReply(response, { status: 200, json: statusOf(known, false) });
    linger(request, clock);
  }

  return {
    has: (url) => url.startsWith(ASYNC_PREFIX) || url.startsWith(STATUS_PREFIX),
    async serve(request, response, expects) {
      const startedMs = monotonic();
      const isStatus = request.url!.startsWith(STATUS_PREFIX);
      response.once('close', () => onAnswered?.(request.method!, isStatus ? STATUS_ROUTE : ROUTE, response.statusCode, monotonic() - startedMs));
      await (isStatus ? show(request, response) : take(request, response, expects));
    },
  };
}

function idOf(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

function headersOf({ headers }: IncomingMessage): Call['headers'] {
  return Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined));
}

function callIdOf({ headers }: IncomingMessage): string | undefined {
  const given = headers['x-call-id'];
  if (given === undefined || given === '') return undefined;
  if (typeof given === 'string' && given.length <= MAX_CALL_ID_CHARS) return given;
  throw new Fault('PARAMETER_INVALID', { name: 'X-Call-Id', reason: `it has at most ${MAX_CALL_ID_CHARS} characters` });
}

function callbackOf({ headers }: IncomingMessage, rules: CallbackRules): string | undefined {
  const given = headers['x-callback-url'];
  if (given === undefined || given === '') return undefined;
  const isUrl = typeof given === 'string' && given.length <= MAX_CALLBACK_URL_CHARS && URL.canParse(given) && /^https?:$/.test(new URL(given).protocol);
  const problem = isUrl ? rules.problem(new URL(given)) : `it is one http or https URL of at most ${MAX_CALLBACK_URL_CHARS} characters`;
  if (problem === undefined) return given as string;
  throw new Fault('PARAMETER_INVALID', { name: 'X-Callback-Url', reason: problem });
}

// ── Looking and mending ────────────────────────────────────────────────────────────────────────

const STATES: readonly CallState[] = ['waiting', 'running', 'answering', 'done', 'dead'];

/** What only the administrator may. */
export function callRoutes(queue: CallQueue): Route[] {
  const admin = { access: 'admin' } as const;
  const one = { ...admin, path: '/system/async-calls/:id' };
  const show = async ({ params }: RouteRequest) => {
    const call = queue.get(params['id']!);
    if (!call) throw new Fault('CALL_UNKNOWN', { call: params['id']! });
    return { status: 200, json: statusOf(call, true) };
  };
  return [
    { ...admin, method: 'GET', path: '/system/async-calls', run: async ({ query }) => ({ status: 200, json: listed(queue, query) }) },
    { ...one, method: 'GET', run: show },
    {
      ...one, method: 'DELETE',
      run: async ({ params }) => {
        await queue.drop(params['id']!);
        return { status: 202 };
      },
    },
    {
      ...admin, method: 'POST', path: '/system/async-calls/:id/retry',
      run: async ({ params }) => {
        await queue.retry(params['id']!);
        return { status: 202 };
      },
    },
  ];
}

function listed(queue: CallQueue, query: URLSearchParams): object {
  const [state, name, limit] = [query.get('state'), query.get('function'), Number(query.get('limit') ?? 100)];
  if (state !== null && !STATES.includes(state as CallState)) throw new Fault('PARAMETER_INVALID', { name: 'state', reason: `it is one of ${STATES.join(', ')}` });
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) throw new Fault('PARAMETER_INVALID', { name: 'limit', reason: `it is a whole number from 1 to ${MAX_PAGE}` });
  const calls = queue.list({ ...(state !== null && { state: state as CallState }), ...(name !== null && { function: name }) });
  return { total: calls.length, calls: calls.slice(0, limit).map((call) => statusOf(call, true)) };
}

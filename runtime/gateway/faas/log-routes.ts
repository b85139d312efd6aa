/** `/system/logs` as OpenFaaS has it: one JSON document a line, as they come. */
import type { Reply, Route, RouteRequest } from '../../base/reply.js';
import { Fault } from '../../model/faults.js';
import { MAX_FOLLOWERS } from '../../model/limits.js';
import { functionUnknown } from '../../model/unknown.js';
import type { Deployments } from '../deployments.js';
import type { FunctionLine, FunctionLogs } from './function-logs.js';
import { keyOfAsked, serviceOf } from './names.js';

export interface LogParts {
  node: string;
  logs: FunctionLogs;
  deployments: Pick<Deployments, 'find' | 'names'>;
}

const HEADERS = { 'content-type': 'application/x-ndjson', 'cache-control': 'no-cache' };

export function logRoutes(parts: LogParts): Route[] {
  return [{ method: 'GET', path: '/system/logs', access: 'admin', run: (request) => read(parts, request) }];
}

async function read({ node, logs, deployments }: LogParts, { query }: RouteRequest): Promise<Reply> {
  const name = lastOf(query, 'name');
  if (name === undefined || name === '') throw new Fault('PARAMETER_INVALID', { name: 'name', reason: 'the function whose log is wanted' });
  const key = keyOfAsked(name, lastOf(query, 'namespace'));
  if (!deployments.find(key)) throw functionUnknown(key, node, deployments.names());
  const wanted = { ...tailOf(lastOf(query, 'tail')), ...sinceOf(lastOf(query, 'since')) };
  const instance = lastOf(query, 'instance') || undefined;
  const isHere = (line: FunctionLine) => instance === undefined || line.instance === instance;
  const follows = ['true', '1', 't', 'T', 'TRUE', 'True'].includes(lastOf(query, 'follow') ?? '');
  // Asked to follow before the past is read, so that no line falls between the two.
  const next = follows ? logs.follow(key) : undefined;
  if (follows && !next) throw new Fault('TOO_MANY_FOLLOWERS', { limit: MAX_FOLLOWERS });
  return { status: 200, headers: HEADERS, stream: new Lines(logs.last(key, wanted).filter(isHere), next, isHere) };
}

/** When a parameter is given again the last one counts. */
function lastOf(query: URLSearchParams, name: string): string | undefined {
  return query.getAll(name).at(-1);
}

function tailOf(text: string | undefined): { tail?: number } {
  if (text === undefined || text === '') return {};
  if (!/^[+-]?\d{1,9}$/.test(text)) throw new Fault('LOG_QUERY_INVALID', { name: 'tail', reason: 'it is a whole number' });
  return { tail: Number(text) };
}

function sinceOf(text: string | undefined): { sinceMs?: number } {
  if (text === undefined || text === '') return {};
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text);
  const sinceMs = isTime ? Date.parse(text) : NaN;
  if (Number.isNaN(sinceMs)) throw new Fault('LOG_QUERY_INVALID', { name: 'since', reason: 'it is a time such as 2026-01-31T12:00:00Z' });
  return { sinceMs };
}

function bytesOf({ name, instance, atMs, text }: FunctionLine): Buffer {
  const { service, namespace } = serviceOf(name);
  return Buffer.from(`${JSON.stringify({ name: service, namespace, instance, timestamp: new Date(atMs).toISOString(), text })}\n`);
}

/** First the lines of the past, then those that come. */
class Lines implements AsyncIterableIterator<Buffer> {
  #at = 0;

  constructor(
    private readonly past: readonly FunctionLine[],
    private readonly following: AsyncIterator<FunctionLine> | undefined,
    private readonly isWanted: (line: FunctionLine) => boolean,
  ) {}

  async next(): Promise<IteratorResult<Buffer>> {
    if (this.#at < this.past.length) return { done: false, value: bytesOf(this.past[this.#at++]!) };
    for (;;) {
      const next = await this.following?.next();
      if (!next || next.done) return { done: true, value: undefined };
      if (this.isWanted(next.value)) return { done: false, value: bytesOf(next.value) };
    }
  }

  async return(): Promise<IteratorResult<Buffer>> {
    await this.following?.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

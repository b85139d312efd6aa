/** Carries one function call to a peer's gateway, for a client that cannot follow a redirect or has followed enough of them. */
import { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import { HOME_MARK, parseFunctionPath, redirectTo } from '../base/function-path.js';
import { Fault, FAULTS, type FaultCode } from '../model/faults.js';
import { MAX_PEER_CONNECTIONS, MAX_WAIT_MS, PEER_IDLE_MS, STREAM_PIECE_BYTES } from '../model/limits.js';
import type { ForwardedAnswer, SendOn } from '../offload/forward.js';
import type { Invocation } from '../session/invoke.js';

/** Headers that belong to one connection, and what the gateway at the other end sets by itself. */
const NOT_CARRIED = new Set([
  'connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'proxy-authorization', 'proxy-connection',
  'content-length', 'expect', 'host', 'x-session-redirect', 'date',
]);
const OURS = new Set(['x-session-location', 'x-session-epoch', 'x-session-version', 'x-session-replayed', 'x-call-id']);

export function createSendOn(urlOf: (node: string) => Promise<string>): { sendOn: SendOn; close(): Promise<void> } {
  const agent = new Agent({ connections: MAX_PEER_CONNECTIONS, keepAliveTimeout: PEER_IDLE_MS });

  async function sendOn(call: Invocation, to: string, home: string, hops: number): Promise<ForwardedAnswer> {
    const base = await urlOf(to);
    // As it came: a URL object would resolve `/../` and lead out of the function.
    const { origin, path } = split(redirectTo(base, { name: call.function, path: call.request.path, query: call.request.query }, home, hops));
    try {
      const { method, body, stream, headers } = call.request;
      // The receiver can refuse a body for its length before it comes.
      const length = stream && headers['content-length'] !== undefined ? { 'content-length': String(headers['content-length']) } : {};
      const answer = await agent.request({
        origin, path, method: method as Dispatcher.HttpMethod, headers: { ...carried(headers), ...length }, body: stream ? Readable.from(stream, { objectMode: false }) : body.length > 0 ? body : null, signal: call.signal,
        headersTimeout: call.timeoutMs + 2 * MAX_WAIT_MS,
      });
      const answered = Number(answer.headers['content-length'] ?? Infinity);
      if (answered <= STREAM_PIECE_BYTES || answer.statusCode === 503 || answer.statusCode === 307) {
        return answerOf(answer.statusCode, answer.headers, Buffer.from(await answer.body.arrayBuffer()));
      }
      const { response, ...rest } = answerOf(answer.statusCode, answer.headers, Buffer.alloc(0));
      return { ...rest, response: { ...response, stream: answer.body } };
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw new Fault('PEER_UNREACHABLE', { node: to, url: base, reason: (error as Error).message }, { cause: error });
    }
  }

  return { sendOn, close: () => agent.destroy() };
}

function split(url: string): { origin: string; path: string } {
  const at = url.indexOf('/', url.indexOf('://') + '://'.length);
  return { origin: url.slice(0, at), path: url.slice(at) };
}

function answerOf(status: number, headers: Record<string, string | string[] | undefined>, body: Buffer): ForwardedAnswer {
  const text = (name: string) => String(headers[name] ?? '');
  const answer: ForwardedAnswer = {
    response: { status, headers: responseHeaders(headers), body },
    node: text('x-session-location'), epoch: Number(text('x-session-epoch')) || 0, version: Number(text('x-session-version')) || 0,
    replayed: text('x-session-replayed') === 'true',
  };
  if (status === 307 && headers.location !== undefined && text('x-session-location') !== '') {
    answer.moved = { to: text('x-session-location'), home: markedHome(text('location')) };
  }
  if (status === 503 && isOwnFault(body)) answer.busy = true;
  return answer;
}

function markedHome(location: string): string {
  const { pathname, search } = new URL(location);
  return parseFunctionPath(pathname + search).redirectedHome ?? new URL(location).searchParams.get(HOME_MARK) ?? '';
}

/** A 503 of the node itself may pass by waiting; a function's own 503 is its answer. */
function isOwnFault(body: Buffer): boolean {
  try {
    const { code } = JSON.parse(body.toString()) as { code?: string };
    return code !== undefined && Object.hasOwn(FAULTS, code) && FAULTS[code as FaultCode].status === 503;
  } catch {
    return false;
  }
}

function carried(headers: Record<string, string | string[] | undefined>): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined && !NOT_CARRIED.has(entry[0])));
}

function responseHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(carried(headers)).filter(([name]) => !OURS.has(name)));
}

/** Makes the HTTP calls of the queue: to the function through the node's own gateway, and to the callback. */
import { Agent, type Dispatcher, request } from 'undici';
import { FUNCTION_PREFIX } from '../../base/function-path.js';
import { CALLBACK_DEADLINE_MS, MAX_ASYNC_BODY_BYTES } from '../../model/limits.js';
import type { Call, CallAnswer } from './call.js';
import type { CallbackRules } from './callback-rules.js';

export interface Sender {
  /**
   * Calls the function and reads its answer, as far as it is wanted. Any status is an answer; rejects when there is none.
   * @returns `body` undefined when it is not wanted, or too large to be kept
   */
  invoke(call: Call, body: Buffer, signal: AbortSignal): Promise<{ answer: CallAnswer; body?: Buffer }>;
  /** Resolves with the status; a redirect is not followed. Rejects also when nothing may be sent there. */
  callBack(call: Call & { callbackUrl: string }, body: Buffer, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

/** What belongs to one connection, or is about the calling itself. */
const NOT_SENT = new Set([
  'connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'proxy-authorization', 'proxy-connection', 'content-length', 'expect', 'host',
  'x-callback-url', 'x-call-id', 'x-start-time',
]);
/** Status that a callback is told when the function could not be called at all. */
const NO_ANSWER = 502;
/** Headers of an answer that its callback gets too. */
const PASSED_ON = ['content-type', 'content-encoding', 'content-language'];

/** @param url of the node's own gateway */
export function createSender({ node, url, callbacks, monotonic }: { node: string; url: () => string; callbacks: CallbackRules; monotonic: () => number }): Sender {
  // The deadlines of a function are its own: its gateway keeps them.
  const own = new Agent({ headersTimeout: 0, bodyTimeout: 0, connections: null });
  const others = new Agent({ headersTimeout: CALLBACK_DEADLINE_MS, bodyTimeout: CALLBACK_DEADLINE_MS, connect: { timeout: CALLBACK_DEADLINE_MS, lookup: callbacks.lookup } });

  return {
    async invoke(call, body, signal) {
      const startedMs = monotonic();
      // As it came: a URL object would resolve `/../` and lead out of the function.
      const path = `${FUNCTION_PREFIX}${call.function}${call.path}${call.query && `?${call.query}`}`;
      const { statusCode, headers, body: stream } = await own.request({
        origin: url(), path, method: call.method as Dispatcher.HttpMethod, headers: headersOf(call), body: body.length > 0 ? body : null, signal,
      });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (call.callbackUrl !== undefined && bytes <= MAX_ASYNC_BODY_BYTES) chunks.push(chunk);
      }
      const kept = Object.fromEntries(PASSED_ON.filter((name) => headers[name] !== undefined).map((name) => [name, String(headers[name])]));
      const answer = { status: statusCode, durationSeconds: (monotonic() - startedMs) / 1000, headers: kept };
      const isWanted = call.callbackUrl !== undefined && bytes <= MAX_ASYNC_BODY_BYTES;
      return { answer, ...(isWanted && { body: Buffer.concat(chunks) }) };
    },
    async callBack(call, body, signal) {
      const { answer } = call;
      const problem = callbacks.problem(new URL(call.callbackUrl));
      if (problem !== undefined) throw new Error(problem);
      const { statusCode, body: stream } = await request(call.callbackUrl, {
        method: 'POST', body: body.length > 0 ? body : null, dispatcher: others, signal,
        headers: {
          ...answer?.headers, 'x-call-id': call.callId, 'x-function-name': call.function, 'x-function-status': String(answer?.status ?? NO_ANSWER),
          'x-duration-seconds': (answer?.durationSeconds ?? 0).toFixed(6), 'x-start-time': `${call.queuedAtMs}000000`,
          // Somebody else's wish: what trusts this machine itself must not trust it.
          via: `1.1 ${encodeURIComponent(node)}`,
        },
      });
      await stream.dump();
      return statusCode;
    },
    async close() {
      await Promise.all([own.destroy(), others.destroy()]);
    },
  };
}

/** A session that is elsewhere is called there, by the node: nobody is here to follow a redirect. */
function headersOf({ id, callId, headers }: Call): Record<string, string | string[]> {
  const sent = Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_SENT.has(name)));
  const isStateful = sent['x-session'] !== undefined;
  return {
    ...sent, 'x-call-id': callId,
    ...(isStateful && { 'x-session-redirect': 'forward', 'x-session-request-id': sent['x-session-request-id'] ?? id }),
  };
}

/** How a node calls another: pooled connections, a deadline, a signature, and faults that come back as faults. */
import { Agent, type Dispatcher, request } from 'undici';
import { Fault, type FaultCode, type FaultDetails, FAULTS } from '../model/faults.js';
import { MAX_PEER_CONNECTIONS, MAX_PEER_REPLY_BYTES, MAX_SESSION_BYTES, PEER_DEADLINE_MS, PEER_IDLE_MS } from '../model/limits.js';
import { PEER_SIGNATURE_HEADER, type PeerSigner } from './peer-signature.js';
import { wholeAnswer, type WholeAnswer } from './whole-answer.js';

const JSON_TYPE = 'application/json';

export interface PeerReply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Parsed JSON; undefined for an empty body or a stream. */
  body?: unknown;
  /** Present instead of `stream` when the whole of it was asked for. */
  bytes?: Buffer;
  /** Present when another type than JSON was asked for and came. The caller reads it to its end or destroys it. */
  stream?: AsyncIterable<Buffer> & { destroy(error?: Error): unknown };
}

export interface PeerCallOptions {
  /** Until the answer's head (of a stream) or the whole answer is here. */
  timeoutMs?: number;
  /** What is no JSON is answered once all of it is here. */
  whole?: boolean;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

export interface PeerClient {
  /**
   * @param url gateway of the peer, e.g. http://127.0.0.1:8081
   * @param path path with its query
   * @param body undefined for none, bytes as they are, anything else as JSON
   * @param accept JSON when missing
   * Rejects with PEER_UNREACHABLE, or with the fault that the peer answered.
   */
  call(url: string, method: string, path: string, body?: unknown, accept?: string, options?: PeerCallOptions): Promise<PeerReply>;
  close(): Promise<void>;
}

/** @param parts `mostBytes` of an answer in JSON */
export function createPeerClient(parts: { signer: PeerSigner; timeoutMs?: number; mostBytes?: number }): PeerClient {
  // A stream may pause (its reader applies it to a store) but not for ever: bodyTimeout counts silence only.
  const agent = new Agent({ connections: MAX_PEER_CONNECTIONS, keepAliveTimeout: PEER_IDLE_MS, bodyTimeout: PEER_DEADLINE_MS * 3 });
  return {
    async call(url, method, path, body, accept = JSON_TYPE, options = {}) {
      const deadline = deadlineOf(options.timeoutMs ?? parts.timeoutMs ?? PEER_DEADLINE_MS, options.signal);
      try {
        const bytes = bytesOf(body);
        const sent = {
          method: method as Dispatcher.HttpMethod, body: bytes ?? null,
          // What was sent may have been done: whoever asked decides whether it is asked again.
          idempotent: false,
          headers: {
            ...options.headers, accept, ...(bytes && { 'content-type': Buffer.isBuffer(body) ? 'application/octet-stream' : JSON_TYPE }),
            [PEER_SIGNATURE_HEADER]: parts.signer.sign({ method, path, body: bytes }),
          },
        };
        const base = url.replace(/\/+$/, '');
        if (accept === JSON_TYPE || options.whole) {
          // What a session has beside its values (answers under request ids, framing) fits into as much again.
          const mostBytes = accept === JSON_TYPE ? parts.mostBytes ?? MAX_PEER_REPLY_BYTES : 2 * MAX_SESSION_BYTES;
          return replyOf(await wholeAnswer(agent, base + path, sent, { signal: deadline.signal, mostBytes }), accept, url);
        }
        return await streamedReplyOf(await request(base + path, { ...sent, dispatcher: agent, signal: deadline.signal }), accept, url);
      } catch (error) {
        throw faultOf(error, url, deadline.signal);
      } finally {
        deadline.end();
      }
    },
    close: () => agent.destroy(),
  };
}

function bytesOf(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined;
  return Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
}

/** Ends by itself or with the caller's signal; `end` takes the timer back, so that a stream outlives the deadline of its head. */
function deadlineOf(timeoutMs: number, outer: AbortSignal | undefined): { signal: AbortSignal; end(): void } {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const signal = outer ? AbortSignal.any([outer, control.signal]) : control.signal;
  return { signal, end: () => clearTimeout(timer) };
}

function replyOf({ status, headers, body }: WholeAnswer, accept: string, url: string): PeerReply {
  if (isStream(status, headers, accept)) return { status, headers, bytes: body };
  const json = parsed(body.toString('utf8'));
  if (status >= 400) throw peersFault(json, status, url);
  return { status, headers, body: json };
}

async function streamedReplyOf({ statusCode: status, headers, body }: Dispatcher.ResponseData, accept: string, url: string): Promise<PeerReply> {
  if (isStream(status, headers, accept)) return { status, headers, stream: body };
  return replyOf({ status, headers, body: await bytesIn(body) }, accept, url);
}

function isStream(status: number, headers: PeerReply['headers'], accept: string): boolean {
  return status < 400 && accept !== JSON_TYPE && !String(headers['content-type'] ?? '').startsWith(JSON_TYPE);
}

async function bytesIn(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_PEER_REPLY_BYTES) throw new Error(`its answer is larger than ${MAX_PEER_REPLY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Text that is not JSON stays text: a proxy between nodes may answer anything. */
function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function peersFault(body: unknown, status: number, url: string): Fault {
  const { code, details } = (typeof body === 'object' && body !== null ? body : {}) as { code?: unknown; details?: unknown };
  if (typeof code === 'string' && Object.hasOwn(FAULTS, code)) return new Fault(code as FaultCode, detailsOf(details));
  return new Fault('PEER_UNREACHABLE', { node: url, url, reason: `it answered ${status}` });
}

function detailsOf(details: unknown): FaultDetails {
  if (typeof details !== 'object' || details === null) return {};
  const plain = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value)
    || (Array.isArray(value) && value.every((item) => typeof item === 'string'));
  return Object.fromEntries(Object.entries(details).filter(([, value]) => plain(value))) as FaultDetails;
}

function faultOf(error: unknown, url: string, signal: AbortSignal): Fault {
  if (error instanceof Fault) return error;
  const cause = signal.aborted ? signal.reason : error;
  const { code, message } = (cause ?? {}) as { code?: string; message?: string };
  const reason = [code, message].filter(Boolean).join(' ') || 'unknown';
  return new Fault('PEER_UNREACHABLE', { node: url, url, reason }, { cause });
}

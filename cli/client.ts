/** Calls to nodes with the admin's credentials; whatever goes wrong comes back as one clear line. */
import { basicHeader, type Credentials } from '../runtime/base/credentials.js';
import { CliFailure, EXIT } from './failure.js';

const DEADLINE_MS = 45_000;

export interface CallOptions {
  /** Bytes as they are, anything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

export interface Answer {
  status: number;
  headers: Headers;
  bytes: Buffer;
}

export class Client {
  constructor(private readonly credentials?: Credentials) {}

  /** The parsed JSON of the answer. Throws with exit code 1 when the node refuses, 3 when it cannot be reached. */
  async json<T>(url: string, method: string, path: string, options: CallOptions = {}): Promise<T> {
    const { bytes } = await this.call(url, method, path, options);
    return (bytes.length > 0 ? parsed(bytes.toString('utf8')) : undefined) as T;
  }

  async call(url: string, method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const answer = await this.send(url, method, path, options);
    if (answer.status < 400) return answer;
    throw refusalOf(answer);
  }

  /** Any answer at all; throws only when there is none. */
  async send(url: string, method: string, path: string, { body, headers, timeoutMs = DEADLINE_MS }: CallOptions = {}): Promise<Answer> {
    // Bytes go as a Blob: Node 20's fetch has lost a Buffer by the time it follows a redirect.
    const isBytes = Buffer.isBuffer(body);
    try {
      const response = await fetch(url.replace(/\/+$/, '') + path, {
        method, redirect: 'follow', signal: AbortSignal.timeout(timeoutMs),
        headers: {
          ...(this.credentials && { authorization: basicHeader(this.credentials) }),
          ...(body !== undefined && !isBytes && { 'content-type': 'application/json' }), ...headers,
        },
        ...(body !== undefined && { body: isBytes ? new Blob([new Uint8Array(body)]) : JSON.stringify(body) }),
      });
      return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
    } catch (error) {
      throw new CliFailure(`${url} cannot be reached: ${reasonOf(error)}`, EXIT.unreachable);
    }
  }
}

function refusalOf({ status, bytes }: Answer): CliFailure {
  const text = bytes.toString('utf8').trim();
  const body = parsed(text) as { code?: unknown; message?: unknown } | undefined;
  if (typeof body?.message !== 'string') return new CliFailure(text.split('\n')[0] || `it answered ${status}`);
  const code = typeof body.code === 'string' ? ` (${body.code})` : '';
  return new CliFailure(`${body.message}${code}`, EXIT.refused, body);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** undici wraps what really happened: the innermost cause has the code. */
function reasonOf(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause ?? error;
  const { code, message, name } = cause as { code?: string; message?: string; name?: string };
  if (name === 'TimeoutError') return 'it did not answer in time';
  return code === 'ECONNREFUSED' ? 'nothing listens there' : message || code || 'unknown reason';
}

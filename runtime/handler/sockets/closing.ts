/** Why a WebSocket is closed, as its client is told: a code, and a reason of at most 123 bytes. */
import { HOME_MARK, HOPS_MARK } from '../../base/function-path.js';
import type { Fault } from '../../model/faults.js';
import { MAX_CLOSE_REASON_BYTES } from '../../model/limits.js';
import type { Served } from '../../session/invoke.js';

export interface Closing {
  code: number;
  reason: string;
}

/** Of RFC 6455: the node stops; what is behind the socket begins anew. */
const GOING_AWAY = 1001;
const SERVICE_RESTART = 1012;
/** What HTTP says by a status, a socket says by 4000 and the status: such codes are everybody's own. */
const STATUS_BASE = 4000;
const MOVED = 307;

export function drained(node: string): Closing {
  return { code: GOING_AWAY, reason: fitting(`node ${node} is shutting down`) };
}

export function withdrawn(functionName: string): Closing {
  return { code: SERVICE_RESTART, reason: fitting(`function ${functionName} was removed or takes no messages any more`) };
}

/** `CODE: sentence`, cut where it is too long. */
export function failed(fault: Fault): Closing {
  return { code: STATUS_BASE + fault.status, reason: fitting(`${fault.code}: ${fault.message}`) };
}

/** The reason is the node's URL with the marks of a redirect; the path and query are the client's own. */
export function moved({ url, home, hops }: Served & { kind: 'moved' }): Closing {
  const address = `${url.replace(/^http/i, 'ws').replace(/\/+$/, '')}/`;
  const marked = `${address}?${HOME_MARK}=${encodeURIComponent(home)}&${HOPS_MARK}=${hops}`;
  return { code: STATUS_BASE + MOVED, reason: Buffer.byteLength(marked) <= MAX_CLOSE_REASON_BYTES ? marked : fitting(address) };
}

/** At most 123 bytes of it, without half a character at the end. */
function fitting(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_CLOSE_REASON_BYTES) return text;
  let end = MAX_CLOSE_REASON_BYTES;
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

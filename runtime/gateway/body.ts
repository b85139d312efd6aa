/** Request bodies, buffered up to a limit; what is too large is refused before it is read where that can be known. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readUpTo } from '../base/bounded-body.js';
import type { Clock } from '../base/clock.js';
import { Fault } from '../model/faults.js';

const EMPTY = Buffer.alloc(0);

/** Looks at the headers as they came: to build the object of all headers costs more than the rest of a small request. */
export function hasBody({ rawHeaders }: IncomingMessage): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 14 && name.toLowerCase() === 'content-length' && rawHeaders[at + 1] !== '0') return true;
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') return true;
  }
  return false;
}

/** How long a body may take to come; 0 for ever. */
export interface Patience {
  clock: Clock;
  limitMs: number;
}

/**
 * @param expects the client waits for `100 Continue` before it sends the body
 * @param patience missing where somebody else looks after the time
 * Rejects with BODY_TOO_LARGE, REQUEST_TIMEOUT, or CLIENT_GONE when the body breaks off.
 */
export function readBody(request: IncomingMessage, response: ServerResponse, limit: number, expects: boolean, patience?: Patience): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit) return Promise.reject(new Fault('BODY_TOO_LARGE', { limit }));
  if (expects) response.writeContinue();
  if (!hasBody(request)) return Promise.resolve(EMPTY);
  const body = readUpTo(request, limit);
  return patience !== undefined && patience.limitMs > 0 ? Promise.race([body, tooLate(patience, request)]) : body;
}

/** Rejects when the body has taken too long; never settles otherwise. */
function tooLate({ clock, limitMs }: Patience, request: IncomingMessage): Promise<never> {
  return new Promise((_, reject) => {
    const timer = clock.setTimeout(() => reject(new Fault('REQUEST_TIMEOUT', { limit: limitMs, setting: 'read_timeout', layer: 'gateway' })), limitMs);
    for (const event of ['end', 'close'] as const) request.once(event, () => clock.clearTimeout(timer));
  });
}

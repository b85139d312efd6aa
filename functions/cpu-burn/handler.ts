/** Keeps a processor busy for ?ms= milliseconds (10 by default). */
import type { HandlerRequest } from 'xylem';
import { burn } from './burn.js';

const MOST_MS = 60_000;

export default function cpuBurn(request: HandlerRequest, _context?: unknown, now?: () => number): unknown {
  const ms = Number(request.query.get('ms') ?? 10);
  if (!(ms >= 0 && ms <= MOST_MS)) return { status: 400, body: { message: `ms is a number from 0 to ${MOST_MS}` } };
  return { ms, rounds: burn(ms, now) };
}

/**
 * A session that an operator has paused is one that the operator holds: a lease without an end, which every
 * guard of the protocol respects as it does any other. It is durable and is given back by its id.
 */
import { PAUSE_MS } from '../model/limits.js';
import type { Slot } from '../model/record.js';

export const OPERATOR = '(operator)';

export function isPaused({ lease }: Pick<Slot, 'lease'>): boolean {
  return lease?.owner === OPERATOR;
}

/** Of a `busy` answer, which tells only until when: no handler may take so long. */
export function isPauseUntil(untilMs: number, nowMs: number): boolean {
  return untilMs - nowMs > PAUSE_MS / 2;
}

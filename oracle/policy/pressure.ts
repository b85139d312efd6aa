/**
 * How hard-pressed a node is, in one number that goes on growing when the node is full: the share of
 * its capacity in use, plus what waits. Near 1 the node is full; above, requests queue.
 */
import type { NodeView, SessionView } from '../view.js';

/** So many waiting requests for each place of the capacity count as one more capacity's worth of load. */
const WAITING_PER_PLACE = 8;

export function pressureOf({ capacity, busy, waiting }: NodeView): number {
  return capacity <= 0 ? 0 : busy / capacity + waiting / (capacity * WAITING_PER_PLACE);
}

/** Places of a node's capacity that a session keeps, in the mean. */
export function demandOf({ requestsPerSecond, serviceMs }: SessionView): number {
  return requestsPerSecond * serviceMs / 1000;
}

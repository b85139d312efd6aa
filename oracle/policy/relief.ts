/** Giving load away: which sessions go up, and how many, until a node is below its target again. */
import type { NodeView, SessionView } from '../view.js';
import type { Plan } from './plan.js';
import { demandOf } from './pressure.js';

/** Order of victims: the one that should go first, first. */
export type Order = (left: SessionView, right: SessionView) => number;

export interface Relief {
  from: number;
  to: number;
  /** Pressure the receiving node may reach. */
  mark: number;
  order: Order;
  reason: string;
}

/**
 * Asks sessions of the node to move to the nearest ancestor with room until the plan has it at `to`.
 * A node that is full measures only the load it manages; what its sessions ask for beyond it waits in
 * the queue, so each session's share of the pressure counts, not what it was served.
 */
export function relieve(plan: Plan, node: NodeView, { from, to, mark, order, reason }: Relief): void {
  if (plan.pressure(node) <= from) return;
  const sessions = [...plan.view.sessionsAt(node.name)].filter((session) => demandOf(session) > 0);
  const served = sessions.reduce((sum, session) => sum + demandOf(session), 0);
  if (served <= 0) return;
  const stretch = Math.max(1, plan.pressure(node) * node.capacity / served);
  for (const session of sessions.filter((candidate) => plan.isFree(candidate)).sort(order)) {
    if (plan.pressure(node) <= to || !plan.hasMoves(node.name)) return;
    const demand = demandOf(session) * stretch;
    const target = plan.roomAbove(session, mark, demand);
    if (target && plan.hasMoves(target.name)) plan.move(session, target.name, reason, { demand });
  }
}

/** Most load first: fewest moves. */
export const busiestFirst: Order = (left, right) => demandOf(right) - demandOf(left) || (left.id < right.id ? -1 : 1);

/** Fewest bytes for each place of capacity that it frees first: what a move costs, against what it brings. */
export const cheapestFirst: Order = (left, right) => costOf(left) - costOf(right) || (left.id < right.id ? -1 : 1);

/** A move has a price of its own, whatever the session's size. */
const BYTES_OF_A_MOVE = 64 * 1024;

function costOf(session: SessionView): number {
  return (session.bytes + BYTES_OF_A_MOVE) / Math.max(1e-6, demandOf(session));
}

/** Longest unused first, as the seed's own choice of a victim. */
export const idlestFirst: Order = (left, right) => left.lastAccessMs - right.lastAccessMs || (left.id < right.id ? -1 : 1);

import type { DomainView, Policy } from '../view.js';
import { byLoad } from './load-aware.js';
import type { Plan } from './plan.js';
import type { PolicySettings } from './settings.js';
import { cheapestFirst } from './relief.js';

/** New sessions are born above while a node is warm; old ones move only when it is hot. */
export function redirectFirst(given: Partial<PolicySettings> = {}): Policy {
  return byLoad({
    name: 'redirect-first', closesNodes: true, order: cheapestFirst, first: redirectNew,
    about: 'a warm node sends new sessions up before old ones have to move; hot, it gives the cheapest away',
  }, given);
}

/** A node that an operator cordoned stays as it is; the root has nobody to send sessions to. */
export function redirectNew(plan: Plan, view: DomainView, { redirect, low }: PolicySettings): void {
  for (const node of view.nodes) {
    if (!node.alive || node.parent === null || node.cordonedByOperator) continue;
    const pressure = plan.pressure(node);
    if (node.accepting && pressure > redirect) plan.status('cordon', node.name, 'warm: new sessions are born above');
    else if (!node.accepting && pressure < low) plan.status('uncordon', node.name, 'cool again');
  }
}

import type { DomainView, Policy } from '../view.js';
import { Plan } from './plan.js';
import { bySettings, type PolicySettings } from './settings.js';
import { cheapestFirst, relieve } from './relief.js';
import { bringHome } from './return.js';

/** New sessions are born above while a node is warm; old ones move only when it is hot. */
export function redirectFirst(given: Partial<PolicySettings> = {}): Policy {
  const settings = bySettings(given);
  const { high, target, low } = settings;
  return {
    name: 'redirect-first', closesNodes: true,
    about: 'a warm node sends new sessions up before old ones have to move; hot, it gives the cheapest away',
    decide(view) {
      const plan = new Plan(view, settings);
      redirectNew(plan, view, settings);
      for (const node of view.nodes) {
        if (node.alive) relieve(plan, node, { from: high, to: target, mark: high, order: cheapestFirst, reason: 'the node is above its load mark' });
      }
      for (const node of view.nodes) bringHome(plan, node, { below: low, mark: target, memoryMark: settings.memoryLow, reason: 'home has room' });
      return plan.decisions;
    },
  };
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

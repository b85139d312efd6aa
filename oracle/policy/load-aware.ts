import type { DomainView, Policy } from '../view.js';
import { Plan } from './plan.js';
import { bySettings, type PolicySettings } from './settings.js';
import { busiestFirst, cheapestFirst, type Order, relieve } from './relief.js';
import { bringHome } from './return.js';

/** Load with hysteresis: up above `high`, back below `low`, and nothing between the two. */
export function loadAware(given: Partial<PolicySettings> = {}): Policy {
  const about = 'load with hysteresis: above the high mark the busiest sessions go up until the target, below the low mark they come back';
  return byLoad({ name: 'load-aware', about, order: busiestFirst }, given);
}

/** The same marks; the victims are those that free most for the bytes they carry. */
export function cheapestVictim(given: Partial<PolicySettings> = {}): Policy {
  return byLoad({ name: 'cheapest-victim', about: 'as load-aware, but first goes what frees most load for the bytes it carries', order: cheapestFirst }, given);
}

export interface LoadPolicy extends Omit<Policy, 'decide'> {
  order: Order;
  /** What is done before anything moves. */
  first?(plan: Plan, view: DomainView, settings: PolicySettings): void;
}

/** Relief of whoever is hot, then the way home: what these policies have in common. */
export function byLoad({ order, first, ...policy }: LoadPolicy, given: Partial<PolicySettings>): Policy {
  const settings = bySettings(given);
  const { high, target, low } = settings;
  return {
    ...policy,
    decide(view) {
      const plan = new Plan(view, settings);
      first?.(plan, view, settings);
      for (const node of view.nodes) {
        if (node.alive) relieve(plan, node, { from: high, to: target, mark: high, order, reason: 'the node is above its load mark' });
      }
      for (const node of view.nodes) bringHome(plan, node, { below: low, mark: target, memoryMark: settings.memoryLow, reason: 'home has room' });
      return plan.decisions;
    },
  };
}

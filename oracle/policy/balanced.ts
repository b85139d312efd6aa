import type { Policy } from '../view.js';
import { Plan } from './plan.js';
import { rehomeRoaming } from './follow-demand.js';
import { redirectNew } from './redirect-first.js';
import { cheapestFirst, relieve } from './relief.js';
import { bringHome } from './return.js';
import { bySettings, type PolicySettings } from './settings.js';
import { freeMemory } from './watermarks.js';

/** The default: everything that proved to pay, most urgent first. */
export function balanced(given: Partial<PolicySettings> = {}): Policy {
  const settings = bySettings(given);
  const { high, target, low } = settings;
  return {
    name: 'balanced', closesNodes: true,
    about: 'relieves hot nodes (cheapest sessions first) and full stores, sends new sessions past warm nodes, follows roaming clients, brings sessions home',
    decide(view) {
      const plan = new Plan(view, settings);
      for (const node of view.nodes) {
        if (node.alive) relieve(plan, node, { from: high, to: target, mark: high, order: cheapestFirst, reason: 'the node is above its load mark' });
      }
      redirectNew(plan, view, settings);
      rehomeRoaming(plan, view, settings);
      for (const node of view.nodes) {
        bringHome(plan, node, { below: low, mark: target, memoryMark: settings.memoryLow, reason: 'home has room' });
      }
      freeMemory(plan, settings);
      return plan.decisions;
    },
  };
}

import type { Policy } from '../view.js';
import { Plan } from './plan.js';
import { bySettings, type PolicySettings } from './settings.js';
import { busiestFirst, relieve } from './relief.js';
import { bringHome } from './return.js';

/** Acts when requests queue, and not before. */
export function queueAware(given: Partial<PolicySettings> = {}): Policy {
  const settings = bySettings(given);
  const { queueHigh, target, low } = settings;
  return {
    name: 'queue-aware',
    about: 'acts when requests queue: the busiest sessions go up until none should wait; back when home is quiet and has no queue',
    decide(view) {
      const plan = new Plan(view, settings);
      for (const node of view.nodes) {
        const isQueueing = node.alive && node.waiting > queueHigh * node.capacity;
        if (isQueueing) relieve(plan, node, { from: target, to: target, mark: 1, order: busiestFirst, reason: `${node.waiting} requests wait` });
      }
      for (const node of view.nodes) if (node.waiting === 0) bringHome(plan, node, { below: low, mark: target, memoryMark: settings.memoryLow, reason: 'home has no queue' });
      return plan.decisions;
    },
  };
}

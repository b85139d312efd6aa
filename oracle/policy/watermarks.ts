import type { Policy } from '../view.js';
import { Plan } from './plan.js';
import { bySettings, type PolicySettings } from './settings.js';
import { idlestFirst } from './relief.js';

/** The thesis's trigger: a store above its high mark gives idle sessions away until it is at the low one; below it takes them back. */
export function watermarks(given: Partial<PolicySettings> = {}): Policy {
  const settings = bySettings(given);
  return {
    name: 'watermarks',
    about: 'memory alone: above the high mark the longest idle sessions go up until the low mark is reached, below it they come back',
    decide(view) {
      const plan = new Plan(view, settings);
      freeMemory(plan, settings);
      refillMemory(plan, settings);
      return plan.decisions;
    },
  };
}

export function freeMemory(plan: Plan, { memoryHigh, memoryLow }: PolicySettings): void {
  for (const node of plan.view.nodes) {
    if (!node.alive || node.parent === null || plan.fullness(node) <= memoryHigh) continue;
    for (const session of [...plan.view.sessionsAt(node.name)].filter((candidate) => plan.isFree(candidate)).sort(idlestFirst)) {
      if (plan.fullness(node) <= memoryLow || !plan.hasMoves(node.name)) break;
      const target = plan.roomAbove(session, Infinity);
      if (target && plan.hasMoves(target.name)) plan.move(session, target.name, `the store is above ${percent(memoryHigh)} of its memory`);
    }
  }
}

function refillMemory(plan: Plan, { memoryLow }: PolicySettings): void {
  for (const node of plan.view.nodes) {
    if (!node.alive || !node.accepting) continue;
    for (const session of plan.view.awayFrom(node.name)) {
      if (plan.fullness(node) >= memoryLow) break;
      if (!plan.isFree(session) || !plan.hasMoves(node.name, session.current)) continue;
      const after = plan.fullness(node) + (node.memoryLimitBytes > 0 ? session.bytes / node.memoryLimitBytes : 0);
      if (after < memoryLow && plan.hasRoom(node, session, Infinity)) plan.move(session, node.name, `home is below ${percent(memoryLow)} of its memory`);
    }
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

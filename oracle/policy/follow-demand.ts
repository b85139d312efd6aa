import { type DomainView, hopsBetween, type Policy, type SessionView } from '../view.js';
import { Plan } from './plan.js';
import { bySettings, type PolicySettings } from './settings.js';
import { bringHome } from './return.js';

/**
 * Sessions are drawn to where they are asked for, as a mass to where its potential is least: the energy of a
 * session at a node is its requests times the hops each takes to get there.
 */
export function followDemand(given: Partial<PolicySettings> = {}): Policy {
  const settings = bySettings(given);
  return {
    name: 'follow-demand',
    about: 'sessions go to where their requests arrive: home when there is room, and a new home when their clients have moved',
    decide(view) {
      const plan = new Plan(view, settings);
      rehomeRoaming(plan, view, settings);
      for (const node of view.nodes) bringHome(plan, node, { below: settings.target, mark: settings.target, memoryMark: settings.memoryLow, reason: 'closer to its clients' });
      return plan.decisions;
    },
  };
}

/** Re-homes a session to the node where most of its requests arrive, if it has room and the way there is worth the bytes. */
export function rehomeRoaming(plan: Plan, view: DomainView, { roamingShare, target }: PolicySettings): void {
  for (const session of view.roaming()) {
    if (!plan.isFree(session)) continue;
    const wanted = demandPoint(session, roamingShare);
    const node = wanted === undefined ? undefined : view.node(wanted);
    if (!node || node.name === session.home || !plan.hasMoves(node.name, session.current)) continue;
    // An ancestor of home is no new home: clients that follow a redirect stay at the holder.
    if ((hopsBetween(view, session.home, node.name) ?? -1) > 0 && isAbove(view, node.name, session.home)) continue;
    if (plan.hasRoom(node, session, target)) plan.move(session, node.name, 'its requests arrive there', { rehome: true });
  }
}

function demandPoint({ arrivals }: SessionView, share: number): string | undefined {
  let sum = 0;
  let most: [string, number] | undefined;
  for (const entry of arrivals) {
    sum += entry[1];
    if (!most || entry[1] > most[1]) most = entry;
  }
  return most && most[1] >= share * sum ? most[0] : undefined;
}

function isAbove(view: DomainView, above: string, below: string): boolean {
  for (let at = view.node(below); at?.parent; at = view.node(at.parent)) if (at.parent === above) return true;
  return false;
}

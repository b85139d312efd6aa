/** What has to be true of every world, and of those in which nothing is under way any more. */
import type { Drivers } from './drivers.js';
import { ancestors, type World } from './world.js';

export function judge(world: World, drivers: Drivers): string | undefined {
  const holders = new Map<string, number>();
  for (let at = 0; at < world.nodes.length; at++) {
    const { slot } = world.nodes[at]!;
    if (slot?.state !== 'resident') continue;
    const other = holders.get(slot.incarnation);
    if (other !== undefined) return `${drivers.name(other)} and ${drivers.name(at)} can both commit for ${slot.incarnation}`;
    holders.set(slot.incarnation, at);
    const home = drivers.indexOf(slot.home);
    if (home !== at && !ancestors(drivers.setting.tree, home).includes(at)) return `${drivers.name(at)} holds a session that is homed at ${slot.home}, off its path`;
  }
  return undefined;
}

/** Faults that may split an id into two lives: without one of them two lives are a violation. */
export function isSplitExcused(world: World, granted: World['left']): boolean {
  const { left } = world;
  return left.lost < granted.lost || left.late < granted.late || left.crash < granted.crash;
}

/** Nothing moves by itself any more: every move has ended, and whoever knows the session reaches it. */
export function judgeQuiet(world: World, drivers: Drivers): string | undefined {
  for (let at = 0; at < world.nodes.length; at++) {
    const { slot } = world.nodes[at]!;
    const name = drivers.name(at);
    if (slot?.state === 'leaving') return `${name} is leaving for ever`;
    if (slot?.arriving) return `${name} is arriving for ever`;
    if (slot && slot.owed.length > 0) return `${name} owes ${slot.owed[0]!.kind} to ${slot.owed[0]!.to} for ever`;
  }
  const unindexed = indexing(world, drivers);
  if (unindexed) return unindexed;
  for (const [client, { state }] of world.clients.entries()) if (state === 'waiting') return `client ${client} waits for ever`;
  for (let at = 0; at < world.nodes.length; at++) {
    const fault = world.nodes[at]!.slot ? walk(world, drivers, at) : undefined;
    if (fault) return fault;
  }
  return undefined;
}

/** Follows redirects as a client would. */
function walk(world: World, drivers: Drivers, start: number): string | undefined {
  const alive = world.nodes.filter(({ slot }) => slot?.state === 'resident').length;
  const path = [drivers.name(start)];
  let at = start;
  let mark = '';
  for (;;) {
    const to = drivers.redirect(world, at, mark);
    if (to.kind === 'here') break;
    if (to.kind === 'moved') mark = to.home;
    const next = to.kind === 'moved' ? to.to : located(world, drivers, at);
    if (next === undefined) {
      // A birth: fine when the session has ended.
      if (alive > 0 && !world.ghost.isSplit) return `${path.join(' → ')} would create the session, which lives elsewhere`;
      return undefined;
    }
    path.push(next);
    at = drivers.indexOf(next);
    if (path.length > 6) return `${path.join(' → ')} is a loop`;
  }
  // Two lives of one id are an operator's case: only loops count there.
  return path.length > 3 && !world.ghost.isSplit ? `${path.join(' → ')} takes more than two redirects` : undefined;
}

/** Where an ancestor says the session is, when a node that does not know it asks. */
function located(world: World, drivers: Drivers, at: number): string | undefined {
  for (const above of ancestors(drivers.setting.tree, at)) {
    const { slot } = world.nodes[above]!;
    if ((slot?.state === 'remote' || slot?.state === 'resident') && slot.current !== drivers.name(at)) return slot.current;
  }
  return undefined;
}

/** Every ancestor of a session's home knows the session: else a client that comes there gets another one. */
function indexing(world: World, drivers: Drivers): string | undefined {
  const holder = world.nodes.find(({ slot }) => slot?.state === 'resident')?.slot;
  if (!holder || world.ghost.isSplit) return undefined;
  for (const above of ancestors(drivers.setting.tree, drivers.indexOf(holder.home))) {
    const { slot } = world.nodes[above]!;
    if (slot?.state !== 'remote' && slot?.state !== 'resident') return `${drivers.name(above)} does not know the session homed below it`;
  }
  return undefined;
}

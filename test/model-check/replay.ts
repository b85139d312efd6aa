/** The steps of a counterexample once more, with every guard on: as far as they go. */
import { ALL_GUARDS } from '../../runtime/model/guards.js';
import { createStep } from '../../runtime/model/step/step.js';
import { Actions } from './actions.js';
import { Drivers } from './drivers.js';
import { Interner } from './intern.js';
import { judge, judgeQuiet } from './invariants.js';
import { startOf, wishesOf, type Scenario } from './scenarios.js';
import { PATH } from './starts.js';
import type { World } from './world.js';

export function replay(one: Scenario, steps: readonly string[]): { withGuard: string; holds: boolean } {
  const interner = new Interner();
  const drivers = new Drivers({ tree: one.tree ?? PATH, step: createStep(ALL_GUARDS), guards: ALL_GUARDS, interner, coverage: new Map(), leasesRepeat: one.leasesRepeat });
  const actions = new Actions(drivers, wishesOf(one));
  let world = startOf(one, interner);
  for (const [i, step] of steps.entries()) {
    const { next, violation } = follow(world, step, actions, drivers);
    if (violation) return { withGuard: `broken as well at step ${i + 1}: ${violation}`, holds: false };
    if (!next) return { withGuard: `step ${i + 1} (${step}) cannot happen`, holds: true };
    world = next;
  }
  let isQuiet = true;
  actions.each(world, (kind) => (isQuiet &&= kind !== 'progress'));
  drivers.violation = undefined;
  const violation = isQuiet ? judgeQuiet(world, drivers) : undefined;
  return violation ? { withGuard: `broken as well: ${violation}`, holds: false } : { withGuard: 'all invariants hold', holds: true };
}

function follow(world: World, step: string, actions: Actions, drivers: Drivers): { next?: World; violation?: string } {
  let found: { next?: World; violation?: string } = {};
  actions.each(world, (_, label, next) => {
    const violation = drivers.violation ?? judge(next, drivers);
    drivers.violation = undefined;
    if (!found.next && label() === step) found = { next: drivers.settled(next), violation };
  });
  return found;
}

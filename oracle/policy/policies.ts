/** The policies by name: the folder's door. */
import type { Policy } from '../view.js';
import { balanced } from './balanced.js';
import { followDemand } from './follow-demand.js';
import { cheapestVictim, loadAware } from './load-aware.js';
import { none } from './none.js';
import { queueAware } from './queue-aware.js';
import { redirectFirst } from './redirect-first.js';
import type { PolicySettings } from './settings.js';
import { watermarks } from './watermarks.js';

const POLICIES: Record<string, (settings: Partial<PolicySettings>) => Policy> = {
  none, watermarks, 'queue-aware': queueAware, 'load-aware': loadAware, 'cheapest-victim': cheapestVictim,
  'redirect-first': redirectFirst, 'follow-demand': followDemand, balanced,
};

export const POLICY_NAMES = Object.keys(POLICIES);
export const DEFAULT_POLICY = 'balanced';

/** Throws a RangeError with the names there are. */
export function policyNamed(name: string, settings: Partial<PolicySettings> = {}): Policy {
  const make = Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
  if (!make) throw new RangeError(`there is no policy ${name}; there are ${POLICY_NAMES.join(', ')}`);
  return make(settings);
}

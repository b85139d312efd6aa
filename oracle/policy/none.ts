import type { Policy } from '../view.js';

/** Nobody moves: the baseline. */
export function none(): Policy {
  return { name: 'none', about: 'moves nothing', decide: () => [] };
}

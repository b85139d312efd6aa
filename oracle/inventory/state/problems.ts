/** Refusals of the inventory with everything that offends: a fault of the table, and the list behind it. */
import type { Offence } from '../../../runtime/base/validation.js';
import { Fault, type FaultCode, type FaultDetails } from '../../../runtime/model/faults.js';
import type { Clash } from './working-set.js';

/** A clash, with the pointer of the field that clashes. */
export interface Conflict extends Clash {
  pointer: string;
}

export class Refusal extends Fault {
  constructor(code: FaultCode, details: FaultDetails, readonly offences: Offence[] = [], readonly conflicts: Conflict[] = []) {
    super(code, details);
  }
}

/** What is wrong with one object of a call. */
export interface Trouble {
  offences: Offence[];
  conflicts: Conflict[];
}

export function isTrouble({ offences, conflicts }: Trouble): boolean {
  return offences.length > 0 || conflicts.length > 0;
}

/** Pointers of one object of an array begin with its place in it. */
export function atIndex({ offences, conflicts }: Trouble, index: number | undefined): Trouble {
  if (index === undefined) return { offences, conflicts };
  const moved = <T extends { pointer: string }>(each: T): T => ({ ...each, pointer: `/${index}${each.pointer}` });
  return { offences: offences.map(moved), conflicts: conflicts.map(moved) };
}

/** Invalid wins over conflicting: what is wrong in itself can be mended without a look at the inventory. */
export function refusalOf(object: string, { offences, conflicts }: Trouble): Refusal {
  if (offences.length > 0) {
    const [first] = offences;
    const more = offences.length > 1 ? `, and ${offences.length - 1} more` : '';
    return new Refusal('OBJECT_INVALID', { object, reason: `${first!.pointer || 'the whole'}: ${first!.detail}${more}` }, offences, conflicts);
  }
  const [first] = conflicts;
  const more = conflicts.length > 1 ? `, and ${conflicts.length - 1} more` : '';
  return new Refusal('OBJECT_CONFLICT', { object, reason: `${first!.field} ${first!.value} is that of the ${first!.object} ${first!.id}${more}` }, [], conflicts);
}

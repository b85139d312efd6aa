/** A record on the wire: seed 003's SessionToken with the fields that make moves safe. */
import { Fields } from '../base/fields.js';
import { MAX_FUNCTIONS_PER_SESSION } from '../model/limits.js';
import type { Slot } from '../model/record.js';

export interface SessionToken {
  session: string;
  /** Home. */
  proprietaryLocation: string;
  /** Holder. */
  currentLocation: string;
  function: string;
  /** Missing in a seed's plain token, where it means 0. */
  epoch: number;
  version: number;
  /** Empty in a seed's plain token. */
  incarnation: string;
  functions: string[];
}

export function tokenOf(slot: Slot): SessionToken {
  const { session, home, current, epoch, version, incarnation, functions } = slot;
  return { session, proprietaryLocation: home, currentLocation: current, function: slot.function, epoch, version, incarnation, functions };
}

/** @throws PARAMETER_INVALID naming the field */
export function parseToken(body: unknown): SessionToken {
  const fields = new Fields(body);
  const creator = fields.text('function');
  return {
    session: fields.session(), proprietaryLocation: fields.text('proprietaryLocation'), currentLocation: fields.text('currentLocation'),
    function: creator, epoch: fields.has('epoch') ? fields.count('epoch') : 0, version: fields.has('version') ? fields.count('version') : 0,
    // A seed's plain token has none.
    incarnation: fields.has('incarnation') ? fields.anyText('incarnation') : '',
    functions: fields.has('functions') ? fields.texts('functions', MAX_FUNCTIONS_PER_SESSION) : [creator],
  };
}

/** Whether a token names an epoch at all; a seed's plain one does not. */
export function hasEpoch(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'epoch' in body;
}

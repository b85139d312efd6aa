/** A node that could not answer, as an answer names it. */
import { Fault } from '../model/faults.js';

export interface Unavailable {
  name: string;
  reason: string;
}

/** Without addresses or causes: who reads it need not know how nodes reach each other. */
export function reasonOfSilence(error: unknown): string {
  return error instanceof Fault ? error.code : 'INTERNAL';
}

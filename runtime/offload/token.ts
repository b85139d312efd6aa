/** A record on the wire: seed 003's SessionToken with the fields that make moves safe. */
import { Fault } from '../model/faults.js';
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
  const fields = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const text = (name: string): string => {
    const value = fields[name];
    if (typeof value !== 'string' || value === '') throw new Fault('PARAMETER_INVALID', { name, reason: 'a non-empty string is needed' });
    return value;
  };
  const count = (name: string): number => {
    const value = fields[name] ?? 0;
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Fault('PARAMETER_INVALID', { name, reason: 'a whole number from 0 on is needed' });
    return value as number;
  };
  const creator = text('function');
  const functions = Array.isArray(fields.functions) ? fields.functions.filter((name): name is string => typeof name === 'string') : [creator];
  return {
    session: text('session'), proprietaryLocation: text('proprietaryLocation'), currentLocation: text('currentLocation'),
    function: creator, epoch: count('epoch'), version: count('version'),
    incarnation: typeof fields.incarnation === 'string' ? fields.incarnation : '', functions,
  };
}

/** Whether a token names an epoch at all; a seed's plain one does not. */
export function hasEpoch(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'epoch' in body;
}

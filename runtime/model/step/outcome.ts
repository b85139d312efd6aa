/** Small words shared by the verbs. */
import type { Slot } from '../record.js';
import type { DataEffects, Here, Step } from '../verbs.js';

/** The slot stays as it is. */
export function unchanged<R>(slot: Slot | undefined, reply: R): Step<R> {
  return { slot, reply, effects: {} };
}

export function changed<R>(slot: Slot | undefined, reply: R, effects: DataEffects = {}): Step<R> {
  return { slot, reply, effects };
}

/** A lease counts while it has time left and its owner still lives the life that took it. */
export function isLeased(slot: Slot, here: Here, by?: { owner: string; boot: string }): boolean {
  const { lease } = slot;
  if (!lease || lease.untilMs <= here.nowMs) return false;
  return !(by && by.owner === lease.owner && by.boot !== lease.boot);
}

/** The node holds the session and nobody is taking it away. */
export function isResident(slot: Slot | undefined): slot is Slot {
  return slot?.state === 'resident';
}

/** Nothing but (at most) a reservation: the node has never known the id, or has forgotten it. */
export function isAbsent(slot: Slot): boolean {
  return slot.state === 'absent';
}

/** A slot without its `arriving` overlay; undefined when nothing is left under it. */
export function withoutArriving(slot: Slot): Slot | undefined {
  if (slot.state === 'absent') return undefined;
  const { arriving: _, ...rest } = slot;
  return rest;
}

/** An empty slot, the ground for a reservation, a claim or a birth. */
export function blank(session: string, creator: string, here: Here): Slot {
  return {
    session, function: creator, functions: [creator], home: '', current: '', epoch: 0, version: 0,
    incarnation: '', state: 'absent', owed: [], knownBy: [], ttlMs: 0,
    createdAtMs: here.nowMs, lastAccessAtMs: here.nowMs, bytes: 0,
  };
}

export function hasExpired(slot: Slot, here: Here): boolean {
  return slot.ttlMs > 0 && here.nowMs - slot.lastAccessAtMs > slot.ttlMs;
}

/** Finds where a session is before anything of its request's body is read: a large body goes straight to where it is wanted. */
import type { Clock } from '../base/clock.js';
import { Fault } from '../model/faults.js';
import { MAX_WAIT_MS } from '../model/limits.js';
import type { Slot } from '../model/record.js';
import type { SessionStore } from '../store/store.js';
import type { Changes } from './changes.js';
import type { Elsewhere } from './elsewhere.js';
import type { Invocation, Served } from './invoke.js';
import type { Neighbourhood } from './ports.js';
import { HOLD_POLL_MS, isGone, mustBeCertain } from './work.js';

export interface SeekOptions {
  node: string;
  store: SessionStore;
  changes: Changes;
  neighbourhood: Neighbourhood;
  clock: Clock;
}

/** @returns undefined when the session is here, or may be born here */
export type Seek = (call: Invocation) => Promise<Served | undefined>;

export function createSeek({ node, store, changes, neighbourhood, clock }: SeekOptions, { moved, astray }: Elsewhere): Seek {
  return async (call) => {
    const deadlineMs = clock.now() + MAX_WAIT_MS;
    for (;;) {
      const slot = await store.slot(call.session);
      if (!isOnHold(call, slot)) return placeOf(call, slot);
      if (clock.now() >= deadlineMs) throw new Fault('MOVING');
      await changes.next(call.session, HOLD_POLL_MS, call.signal);
      if (isGone(call)) throw new Fault('CLIENT_GONE');
    }
  };

  /** A move is at its pause: where the session will be is not decided. What only reads is served here all the same. */
  function isOnHold({ worker }: Invocation, slot: Slot | undefined): boolean {
    if (slot?.arriving) return slot.arriving.departing && worker.kind !== 'read-only';
    return slot?.state === 'leaving' && worker.kind !== 'read-only';
  }

  async function placeOf(call: Invocation, slot: Slot | undefined): Promise<Served | undefined> {
    if (slot?.arriving) return moved(call, slot.arriving.from, slot.home, slot.arriving.epoch - 1);
    if (slot?.state === 'resident' || slot?.state === 'leaving') return undefined;
    if (slot?.state === 'remote') return moved(call, slot.current, slot.home, slot.epoch);
    if (call.redirectedHome && call.redirectedHome !== node) return astray(call, call.redirectedHome);
    const located = await neighbourhood.locate(call.session, call.function, { claim: false, epoch: slot?.epoch ?? 0 });
    if (located.kind === 'known') return moved(call, located.current, located.home, located.epoch);
    mustBeCertain(call, located);
    return undefined;
  }
}

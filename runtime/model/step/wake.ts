import type { Guards } from '../guards.js';
import type { Slot } from '../record.js';
import type { Step, WakeReply } from '../verbs.js';
import { changed, isResident, unchanged, withoutArriving } from './outcome.js';

/**
 * Rule 6: a driver that was at work here died with its process, so what was to arrive is dropped, which fences it; a
 * departure is asked about until its target answers, and what is owed is paid.
 */
export function wake(slot: Slot | undefined, guards: Guards): Step<WakeReply> {
  if (!slot || !guards.resumeAtStart) return unchanged(slot, { kind: 'woken', asks: false, owes: false, delivers: false });
  const reply = { kind: 'woken', asks: slot.state === 'leaving', owes: slot.owed.length > 0, delivers: isResident(slot) } as const;
  return slot.arriving ? changed(withoutArriving(slot), reply, { unstage: slot.arriving.attempt }) : unchanged(slot, reply);
}

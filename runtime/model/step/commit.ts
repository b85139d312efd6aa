import type { Guards } from '../guards.js';
import type { Slot } from '../record.js';
import type { Commit, CommitReply, Here, Step } from '../verbs.js';
import { blank, changed, unchanged, withoutArriving } from './outcome.js';

/** Step 4, the only decision point of a move: data, ids, outbox and state become the target's in one command. */
export function commit(slot: Slot | undefined, command: Commit, here: Here, guards: Guards): Step<CommitReply> {
  const { passport, epoch, attempt } = command;
  if (slot?.state === 'resident') {
    const isRepeat = slot.bornBy === attempt && slot.epoch === epoch;
    return unchanged(slot, isRepeat ? { kind: 'committed', slot, repeat: true } : { kind: 'refused', reason: 'state' });
  }
  const overlay = slot?.arriving;
  const isReserved = overlay !== undefined && overlay.epoch === epoch && overlay.attempt === attempt;
  if (!isReserved && guards.attemptCompare) return unchanged(slot, { kind: 'refused', reason: 'reservation' });
  if (overlay && guards.pauseDeadline && here.nowMs > overlay.deadlineMs) {
    return changed(withoutArriving(slot!), { kind: 'refused', reason: 'deadline' }, { unstage: attempt });
  }
  // Another life of the id was registered here since the reservation: it must not be overwritten (rule 13).
  const isOther = slot !== undefined && slot.state !== 'absent' && slot.state !== 'tombstone' && slot.incarnation !== passport.incarnation;
  if (isOther && guards.incarnationCompare) {
    return changed(withoutArriving(slot), { kind: 'refused', reason: 'state' }, { unstage: attempt });
  }
  const resident: Slot = {
    ...blank(passport.session, passport.function, here),
    ...passport,
    current: here.node, epoch, state: 'resident', bornBy: attempt,
    owed: [...(slot?.owed ?? []), ...command.owed],
  };
  return changed(resident, { kind: 'committed', slot: resident, repeat: false }, { adopt: attempt });
}

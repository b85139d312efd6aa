import type { Guards } from '../guards.js';
import type { Slot } from '../record.js';
import type { Gone, GoneReply, Here, Learn, LearnReply, Step } from '../verbs.js';
import { blank, changed, isAbsent, unchanged } from './outcome.js';

/** Confirm and update: somebody says where the session is, and since which epoch. Older news is ignored (rule 5). */
export function learn(slot: Slot | undefined, command: Learn, here: Here, guards: Guards): Step<LearnReply> {
  if (slot === undefined || isAbsent(slot)) return learnAtHome(slot, command, here);
  const ignored = unchanged(slot, { kind: 'learned', changed: false, left: false, epoch: slot.epoch } as LearnReply);
  if (slot.state === 'tombstone') {
    return command.epoch <= slot.epoch ? ignored : changed(stub(slot, command), { kind: 'learned', changed: true, left: false, epoch: command.epoch });
  }
  if (guards.incarnationCompare && command.incarnation !== slot.incarnation) {
    return unchanged(slot, { kind: 'conflict', incarnation: slot.incarnation });
  }
  if (slot.state === 'leaving') {
    if (guards.updateEpochCompare && command.epoch < slot.leaving!.epoch) return ignored;
    // The target has committed: only now may the source's copy go (delete after confirm).
    const { leaving: _, copying: __, lease: ___, ...rest } = slot;
    return changed(stub(rest, command), { kind: 'learned', changed: true, left: true, epoch: command.epoch }, { wipe: true, renote: true });
  }
  if (guards.updateEpochCompare && command.epoch <= slot.epoch) return ignored;
  if (slot.state === 'resident') {
    // A holder learns of its successor only after it departed; anything else is not news but a fault elsewhere.
    if (guards.updateEpochCompare) return ignored;
    return changed(stub(slot, command), { kind: 'learned', changed: true, left: true, epoch: command.epoch }, { wipe: true });
  }
  return changed(stub(slot, command), { kind: 'learned', changed: true, left: false, epoch: command.epoch });
}

/** Home may have lost its record; anyone else does not keep news about a session it never knew. */
function learnAtHome(slot: Slot | undefined, command: Learn, here: Here): Step<LearnReply> {
  if (command.home !== here.node || command.current === here.node) return unchanged(slot, { kind: 'unknown' });
  const ground = slot ?? blank(command.session, command.function, here);
  return changed(stub(ground, command), { kind: 'learned', changed: true, left: false, epoch: command.epoch });
}

function stub(slot: Slot, command: Learn): Slot {
  const { home, current, epoch, incarnation } = command;
  return { ...slot, state: 'remote', home, current, epoch, incarnation, bytes: 0 };
}

/** Home ended the session: whoever only points to it may stop pointing. */
export function gone(slot: Slot | undefined, command: Gone, here: Here, guards: Guards): Step<GoneReply> {
  const isSame = slot?.incarnation === command.incarnation || !guards.incarnationCompare;
  if (slot?.state !== 'remote' || !isSame || command.epoch < slot.epoch) return unchanged(slot, { kind: 'ignored' });
  const { arriving, ...rest } = slot;
  if (arriving && arriving.epoch > command.epoch) return unchanged(slot, { kind: 'ignored' });
  // What was to arrive has ended at its source: nothing of it can come any more.
  const effects = arriving ? { unstage: arriving.attempt } : {};
  return changed({ ...rest, state: 'tombstone', epoch: command.epoch, lastAccessAtMs: here.nowMs }, { kind: 'gone' }, effects);
}

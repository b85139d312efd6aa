import type { Guards } from '../guards.js';
import type { Slot } from '../record.js';
import type { Ask, AskReply, Here, Step } from '../verbs.js';
import { changed, isAbsent, unchanged, withoutArriving } from './outcome.js';

/** The source asks its target what became of the move; the answer decides it for good (rule 1). */
export function ask(slot: Slot | undefined, command: Ask, here: Here, guards: Guards): Step<AskReply> {
  const isSameLife = command.incarnation === undefined || slot?.incarnation === command.incarnation || !guards.incarnationCompare;
  if (slot && !isAbsent(slot) && isSameLife) {
    const isCommitted = guards.askJudgesEpoch ? slot.epoch >= command.epoch : slot.state === 'resident' && slot.epoch === command.epoch;
    if (isCommitted) {
      const { current, home, incarnation } = slot;
      // A tombstone's epoch is where the next life begins: the asker's stub must not stand in its way.
      const epoch = slot.state === 'tombstone' ? command.epoch : slot.epoch;
      return unchanged(slot, { kind: 'committed', epoch, current, home, incarnation });
    }
  }
  // Home alone ends a life, and only one that it holds: a later life at home says that the asked one arrived, and ended there.
  const { epoch: asked, incarnation = '', home } = command;
  if (slot && !isAbsent(slot) && !isSameLife && home === here.node && slot.epoch > asked) {
    return unchanged(slot, { kind: 'committed', epoch: asked, current: home, home, incarnation });
  }
  const fenced = { kind: 'fenced', by: here.node, epoch: asked } as const;
  if (guards.askFences && slot?.arriving?.epoch === asked) {
    return changed(withoutArriving(slot), fenced, { unstage: slot.arriving.attempt });
  }
  return unchanged(slot, fenced);
}

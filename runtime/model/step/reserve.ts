import type { Guards } from '../guards.js';
import type { Slot } from '../record.js';
import type { Departing, DepartingReply, Drop, DropReply, Here, Reserve, ReserveReply, Step } from '../verbs.js';
import { blank, changed, unchanged, withoutArriving } from './outcome.js';

/** Step 1 of a move: the target notes what is to arrive, over what it believed before. */
export function reserve(slot: Slot | undefined, command: Reserve, here: Here, guards: Guards): Step<ReserveReply> {
  if (slot?.state === 'resident') return unchanged(slot, { kind: 'already-here', epoch: slot.epoch });
  if (slot?.state === 'leaving') return unchanged(slot, { kind: 'busy' });
  if (guards.subtreeOnOnload && !mayHold(command, here)) return unchanged(slot, { kind: 'off-path' });
  const overlay = slot?.arriving;
  if (overlay && overlay.attempt !== command.attempt && overlay.attempt !== command.replaces) {
    return unchanged(slot, { kind: 'busy' });
  }
  if (slot && slot.state !== 'absent') {
    // A stub or tombstone at least as new as what is asked: the move cannot succeed, so it is refused early.
    if (slot.epoch >= command.epoch) return unchanged(slot, { kind: 'stale', epoch: slot.epoch, current: slot.current });
    if (slot.state === 'remote' && guards.incarnationCompare && slot.incarnation !== command.incarnation) {
      return unchanged(slot, { kind: 'conflict', incarnation: slot.incarnation });
    }
  }
  const ground = slot && slot.state !== 'absent' ? slot : groundFor(command, here);
  const { from, epoch, attempt, deadlineMs } = command;
  // The same reservation again must not send requests back to a source that may have stopped serving.
  const departing = overlay?.attempt === attempt && overlay.epoch === epoch && overlay.departing;
  const arriving = { from, epoch, attempt, deadlineMs, departing };
  const replaced = overlay && overlay.attempt !== attempt ? { unstage: overlay.attempt } : {};
  return changed({ ...ground, arriving }, { kind: 'reserved' }, replaced);
}

/** A session lives on the way from its home to the root: so does the parent of its holder, and its new home; any other has to show it. */
function mayHold({ course, way, home }: Reserve, here: Here): boolean {
  return course === 'offload' || course === 're-home' || way[0] === home && way.includes(here.node);
}

/** Nothing is known here but what the reservation says; a replaced one says nothing any more. */
function groundFor(command: Reserve, here: Here): Slot {
  return { ...blank(command.session, command.function, here), home: command.home, incarnation: command.incarnation };
}

/** Before `depart` is sent: from here on requests are held, because the source may have stopped serving. */
export function departing(slot: Slot | undefined, command: Departing): Step<DepartingReply> {
  if (slot?.arriving?.attempt !== command.attempt) return unchanged(slot, { kind: 'refused' });
  return changed({ ...slot, arriving: { ...slot.arriving, departing: true } }, { kind: 'ok' });
}

/** The reservation ends: back to what was believed before. A later commit of it finds none (that is the fence). */
export function drop(slot: Slot | undefined, command: Drop): Step<DropReply> {
  if (slot?.arriving?.attempt !== command.attempt) return unchanged(slot, { kind: 'refused' });
  return changed(withoutArriving(slot), { kind: 'dropped' }, { unstage: command.attempt });
}

import type { Guards } from '../guards.js';
import { passportOf, type Slot } from '../record.js';
import type { Abort, AbortReply, Copy, CopyReply, Depart, DepartReply, Here, Step } from '../verbs.js';
import { changed, isLeased, isResident, unchanged } from './outcome.js';

/** Step 2 of a move: from the attempt's first copy on the source notes which keys are written, and goes on serving. */
export function copy(slot: Slot | undefined, command: Copy, _here: Here, guards: Guards): Step<CopyReply> {
  if (!isResident(slot)) return unchanged(slot, { kind: 'refused', reason: 'state', slot });
  const mismatch = refusal(slot, command, guards);
  if (mismatch) return unchanged(slot, mismatch);
  const noting = { ...slot, copying: command.attempt };
  // A late second `copy` of the same attempt must not lose what was noted since the first.
  return changed(noting, { kind: 'copying', slot: noting }, slot.copying === command.attempt ? {} : { renote: true });
}

/** Step 3: the source stops serving and answers what the target still lacks. The pause begins. */
export function depart(slot: Slot | undefined, command: Depart, here: Here, guards: Guards): Step<DepartReply> {
  if (guards.departNeedsName && (command.to === '' || command.to === here.node)) {
    return unchanged(slot, { kind: 'refused', reason: 'name', slot });
  }
  if (slot?.state === 'leaving') return departAgain(slot, command, guards);
  if (slot?.arriving) return unchanged(slot, { kind: 'busy' });
  if (!isResident(slot)) return unchanged(slot, { kind: 'refused', reason: 'state', slot });
  const mismatch = refusal(slot, command, guards);
  if (mismatch) return unchanged(slot, mismatch);
  if (isLeased(slot, here)) return unchanged(slot, { kind: 'leased', untilMs: slot.lease!.untilMs });
  const { lease: _, ...rest } = slot;
  const { to, epoch, attempt } = command;
  const left: Slot = { ...rest, state: 'leaving', leaving: { to, epoch, attempt } };
  const delta = slot.copying === attempt;
  const effects = guards.deleteAfterConfirm ? {} : { wipe: true as const };
  return changed(left, { kind: 'departed', passport: passportOf(left), repeat: false, delta }, effects);
}

function departAgain(slot: Slot, command: Depart, guards: Guards): Step<DepartReply> {
  const { to, attempt } = slot.leaving!;
  const isSame = to === command.to && attempt === command.attempt;
  if (!isSame && guards.departRepeatsToSameOnly) return unchanged(slot, { kind: 'busy' });
  return unchanged(slot, { kind: 'departed', passport: passportOf(slot), repeat: true, delta: slot.copying === command.attempt });
}

/** A move asked for on the ground of an old record, or of another incarnation, must not begin. */
function refusal(slot: Slot, command: Copy | Depart, guards: Guards) {
  if (guards.incarnationCompare && slot.incarnation !== command.incarnation) {
    return { kind: 'conflict', incarnation: slot.incarnation } as const;
  }
  if (guards.departEpochCompare && slot.epoch !== command.epoch - 1) return { kind: 'refused', reason: 'epoch', slot } as const;
  return undefined;
}

/** The target fenced the attempt: the source serves again, under an epoch that no attempt has (rule 2). */
export function abort(slot: Slot | undefined, command: Abort, here: Here, guards: Guards): Step<AbortReply> {
  const leaving = slot?.leaving;
  if (slot?.state !== 'leaving' || leaving?.attempt !== command.attempt || leaving.epoch !== command.epoch) {
    return unchanged(slot, { kind: 'refused' });
  }
  const isFenced = command.fence?.by === leaving.to && command.fence.epoch === leaving.epoch;
  if (guards.fenceBeforeAbort && !isFenced) return unchanged(slot, { kind: 'refused' });
  const { leaving: _, copying: __, ...rest } = slot;
  const epoch = guards.abortRaisesEpoch ? leaving.epoch : slot.epoch;
  return changed({ ...rest, state: 'resident', epoch, lastAccessAtMs: here.nowMs }, { kind: 'aborted', epoch }, { renote: true });
}

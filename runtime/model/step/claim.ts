import type { Guards } from '../guards.js';
import type { Owed, Slot } from '../record.js';
import type { Claim, ClaimReply, Here, Paid, PaidReply, Step } from '../verbs.js';
import { blank, changed, isAbsent, unchanged } from './outcome.js';

/**
 * An ancestor indexes a session homed below it as a stub that points to its home; the first
 * incarnation to claim an id has it, any other is told whose it is.
 */
export function claim(slot: Slot | undefined, command: Claim, here: Here, guards: Guards): Step<ClaimReply> {
  if (slot === undefined || isAbsent(slot) || slot.state === 'tombstone') {
    const epoch = slot?.epoch ?? 0;
    if (!command.write) return unchanged(slot, { kind: 'unknown', epoch });
    // A late claim of the life that the tombstone ended: acknowledged, but it must not stand in the next life's way.
    const isDead = slot?.state === 'tombstone' && slot.incarnation === command.incarnation && command.epoch <= epoch;
    if (isDead && guards.incarnationCompare) return unchanged(slot, { kind: 'claimed', epoch });
    return changed(index(slot ?? blank(command.session, command.function, here), command), { kind: 'claimed', epoch });
  }
  // Home itself may begin a new life of the id: its tombstone gave it an epoch beyond the old life's.
  const isReborn = slot.state === 'remote' && slot.home === command.home && command.epoch > slot.epoch;
  // Home that only looks is told that the id is free for it: what is indexed here is its former life.
  if (isReborn && !command.write && guards.incarnationCompare) return unchanged(slot, { kind: 'unknown', epoch: slot.epoch });
  const isOwn = slot.incarnation === command.incarnation || isReborn || !guards.incarnationCompare;
  if (!isOwn || !command.write) {
    const { home, current, epoch, incarnation } = slot;
    return unchanged(slot, { kind: 'known', home, current, epoch, incarnation });
  }
  // The same claim again, or the claim of a new home after a re-home.
  const isNews = slot.state === 'remote' && command.epoch > slot.epoch;
  return isNews ? changed(index(slot, command), { kind: 'claimed', epoch: command.epoch }) : unchanged(slot, { kind: 'claimed', epoch: slot.epoch });
}

function index(slot: Slot, command: Claim): Slot {
  const { home, incarnation, function: creator } = command;
  return {
    ...slot, state: 'remote', home, current: home, incarnation,
    epoch: Math.max(slot.epoch, command.epoch), function: creator, functions: [creator],
  };
}

/** An owed message was acknowledged: the debt is struck out. */
export function paid(slot: Slot | undefined, command: Paid): Step<PaidReply> {
  if (!slot) return unchanged(slot, { kind: 'paid' });
  const isPaid = (row: Owed) => row.to === command.owed.to && row.kind === command.owed.kind && row.epoch <= command.owed.epoch;
  return changed({ ...slot, owed: slot.owed.filter((row) => !isPaid(row)) }, { kind: 'paid' });
}

import type { Guards } from '../guards.js';
import type { Slot } from '../record.js';
import type { Expire, ExpireReply, Here, Step } from '../verbs.js';
import { changed, hasExpired, isLeased, unchanged } from './outcome.js';

/** Ends a session at its home, or forgets a tombstone that nobody needs any more (rules 10 to 12). */
export function expire(slot: Slot | undefined, command: Expire, here: Here, guards: Guards): Step<ExpireReply> {
  if (!slot) return unchanged(slot, { kind: 'forgotten' });
  if (slot.arriving || slot.state === 'leaving') return unchanged(slot, { kind: 'refused', reason: 'busy' });
  if (slot.owed.length > 0 && guards.owedBlocksForgetting) return unchanged(slot, { kind: 'refused', reason: 'owed' });
  return slot.state === 'resident' ? retire(slot, command, here, guards) : forget(slot, command, here, guards);
}

function retire(slot: Slot, command: Expire, here: Here, guards: Guards): Step<ExpireReply> {
  if (isLeased(slot, here)) return unchanged(slot, { kind: 'refused', reason: 'busy' });
  const refusal = command.discards === undefined ? stillNeeded(slot, command, here, guards) : otherLife(slot, command, guards);
  if (refusal) return unchanged(slot, { kind: 'refused', reason: refusal });
  if (!guards.tombstoneOnExpiry) return changed(undefined, { kind: 'expired', epoch: slot.epoch }, { wipe: true });
  const { lease: _, copying: __, bornBy: ___, ...rest } = slot;
  const epoch = slot.epoch + 1;
  const owed = command.owed.map((row) => ({ ...row, epoch, incarnation: slot.incarnation }));
  const tomb: Slot = { ...rest, state: 'tombstone', epoch, owed, bytes: 0, lastAccessAtMs: here.nowMs };
  return changed(tomb, { kind: 'expired', epoch }, { wipe: true, renote: true });
}

function stillNeeded(slot: Slot, { forced, idleMs }: Expire, here: Here, guards: Guards): 'alive' | 'not-home' | undefined {
  const isIdle = idleMs !== undefined && here.nowMs - slot.lastAccessAtMs >= idleMs;
  if (!forced && !isIdle && !hasExpired(slot, here)) return 'alive';
  return slot.home !== here.node && guards.onlyHomeExpires ? 'not-home' : undefined;
}

function otherLife(slot: Slot, { discards }: Expire, guards: Guards): 'incarnation' | undefined {
  return discards === slot.incarnation || !guards.discardCompare ? undefined : 'incarnation';
}

function forget(slot: Slot, command: Expire, here: Here, guards: Guards): Step<ExpireReply> {
  // A stub is the way to a session that lives: home's the only one, an ancestor's what keeps it from
  // being born twice. It ends by a commit, or when home says that the session is gone, never by age alone:
  // one off the path may be forgotten once it is known that nobody needs its word (docs/protocol.md, Endings).
  const isOfNow = guards.vouchedEpochCompare ? command.vouched === slot.epoch : command.vouched !== undefined;
  const isVouched = isOfNow && slot.home !== here.node;
  if (slot.state === 'remote' && !isVouched && guards.onlyHomeExpires) return unchanged(slot, { kind: 'refused', reason: 'not-home' });
  if (here.nowMs - slot.lastAccessAtMs <= command.keepMs) return unchanged(slot, { kind: 'refused', reason: 'young' });
  return changed(undefined, { kind: 'forgotten' });
}

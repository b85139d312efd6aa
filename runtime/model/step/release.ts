import type { Guards } from '../guards.js';
import type { Slot } from '../record.js';
import type { Abandon, AbandonReply, Here, Release, ReleaseReply, Seen, Step } from '../verbs.js';
import { changed, hasExpired, isLeased, isResident, unchanged } from './outcome.js';

/** Commit: still my lease and my epoch? Then the writes, the request id with its answer, and the lease, in one. */
export function release(slot: Slot | undefined, command: Release, seen: Seen | undefined, here: Here, guards: Guards): Step<ReleaseReply> {
  if (!isResident(slot)) return unchanged(slot, { kind: 'refused', reason: 'state' });
  if (guards.releaseEpochCompare && slot.epoch !== command.epoch) return unchanged(slot, { kind: 'refused', reason: 'epoch' });
  if (command.basis === undefined) {
    if (guards.leaseCompare && slot.lease?.id !== command.leaseId) return unchanged(slot, { kind: 'refused', reason: 'lease' });
  } else if (seen && guards.requestIdDedupe || guards.basisCompare && !stands(slot, command.basis, here)) {
    return unchanged(slot, { kind: 'refused', reason: 'basis' });
  }
  const { lease: _, ...rest } = slot;
  const after: Slot = {
    ...rest,
    version: slot.version + (command.dirty ? 1 : 0),
    ttlMs: command.ttlMs ?? slot.ttlMs,
    lastAccessAtMs: here.nowMs,
  };
  return changed(after, { kind: 'committed', version: after.version, epoch: after.epoch }, { apply: true });
}

/** Whether an acquire at this moment would be granted, with just the version that the handler ran on. */
function stands(slot: Slot, { version, incarnation }: NonNullable<Release['basis']>, here: Here): boolean {
  if (slot.version !== version || slot.incarnation !== incarnation || isLeased(slot, here)) return false;
  return !hasExpired(slot, here) || slot.owed.length > 0;
}

/** The handler threw, timed out or lost its client: nothing is committed, the lease is free. */
export function abandon(slot: Slot | undefined, command: Abandon): Step<AbandonReply> {
  if (!isResident(slot) || slot.lease?.id !== command.leaseId) return unchanged(slot, { kind: 'refused', reason: 'lease' });
  const { lease: _, ...rest } = slot;
  return changed(rest, { kind: 'abandoned' });
}

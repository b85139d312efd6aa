import type { Guards } from '../guards.js';
import type { Slot } from '../record.js';
import type { Abandon, AbandonReply, Here, Release, ReleaseReply, Step } from '../verbs.js';
import { changed, isResident, unchanged } from './outcome.js';

/** Commit: still my lease and my epoch? Then the writes, the request id with its answer, and the lease, in one. */
export function release(slot: Slot | undefined, command: Release, here: Here, guards: Guards): Step<ReleaseReply> {
  if (!isResident(slot)) return unchanged(slot, { kind: 'refused', reason: 'state' });
  if (guards.releaseEpochCompare && slot.epoch !== command.epoch) return unchanged(slot, { kind: 'refused', reason: 'epoch' });
  if (guards.leaseCompare && slot.lease?.id !== command.leaseId) return unchanged(slot, { kind: 'refused', reason: 'lease' });
  const { lease: _, ...rest } = slot;
  const after: Slot = {
    ...rest,
    version: slot.version + (command.dirty ? 1 : 0),
    ttlMs: command.ttlMs ?? slot.ttlMs,
    lastAccessAtMs: here.nowMs,
  };
  return changed(after, { kind: 'committed', version: after.version, epoch: after.epoch }, { apply: true });
}

/** The handler threw, timed out or lost its client: nothing is committed, the lease is free. */
export function abandon(slot: Slot | undefined, command: Abandon): Step<AbandonReply> {
  if (!isResident(slot) || slot.lease?.id !== command.leaseId) return unchanged(slot, { kind: 'refused', reason: 'lease' });
  const { lease: _, ...rest } = slot;
  return changed(rest, { kind: 'abandoned' });
}

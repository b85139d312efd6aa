import type { Guards } from '../guards.js';
import { MAX_FUNCTIONS_PER_SESSION } from '../limits.js';
import type { Slot } from '../record.js';
import type { Acquire, AcquireReply, Here, Seen, Step } from '../verbs.js';
import { blank, changed, hasExpired, isAbsent, isLeased, unchanged } from './outcome.js';

/** Look up, dedupe, lease: the first of the two commands that a stateful call costs. */
export function acquire(slot: Slot | undefined, command: Acquire, seen: Seen | undefined, here: Here, guards: Guards): Step<AcquireReply> {
  const overlay = slot?.arriving;
  if (overlay) {
    if (overlay.departing) return unchanged(slot, { kind: 'hold' });
    return unchanged(slot, { kind: 'moved', to: overlay.from, home: slot.home, epoch: overlay.epoch - 1 });
  }
  if (slot === undefined || isAbsent(slot) || slot.state === 'tombstone') return birth(slot, command, here, guards);
  switch (slot.state) {
    case 'leaving':
      return unchanged(slot, { kind: 'hold' });
    case 'remote': {
      const to = guards.stubFollowsRecord ? slot.current : slot.home;
      return unchanged(slot, { kind: 'moved', to, home: slot.home, epoch: slot.epoch });
    }
    default:
      return lease(slot, command, seen, here, guards);
  }
}

function lease(slot: Slot, command: Acquire, seen: Seen | undefined, here: Here, guards: Guards): Step<AcquireReply> {
  if (seen && guards.requestIdDedupe) {
    if (seen.digest !== command.request?.digest) return unchanged(slot, { kind: 'replay-mismatch', slot });
    return unchanged(slot, seen.kept ? { kind: 'replay', slot } : { kind: 'replay-too-large', slot });
  }
  if (isLeased(slot, here, command)) return unchanged(slot, { kind: 'busy', untilMs: slot.lease!.untilMs });
  if (hasExpired(slot, here) && slot.owed.length === 0 && !command.revive) return unchanged(slot, { kind: 'expired', home: slot.home });
  const held = grant(slot, command, here);
  return changed(held, { kind: 'granted', slot: held, created: false });
}

function birth(slot: Slot | undefined, command: Acquire, here: Here, guards: Guards): Step<AcquireReply> {
  const { redirected, create } = command;
  if (redirected && redirected.home !== here.node && guards.redirectedNeverCreates) {
    return unchanged(slot, { kind: 'astray', home: redirected.home });
  }
  const epoch = slot?.epoch ?? 0;
  if (!create) return unchanged(slot, { kind: 'absent', epoch });
  const born: Slot = {
    ...blank(command.session, command.function, here),
    home: here.node, current: here.node, state: 'resident',
    epoch: Math.max(epoch, create.epoch), incarnation: create.incarnation, ttlMs: create.ttlMs, knownBy: create.knownBy,
    // What a former life of the id still owes is owed all the same; that it is gone is said by the new life's claim.
    owed: [...(slot?.owed ?? []).filter((row) => row.kind !== 'gone'), ...create.owed],
  };
  const held = grant(born, command, here);
  return changed(held, { kind: 'granted', slot: held, created: true }, { wipe: true });
}

function grant(slot: Slot, command: Acquire, here: Here): Slot {
  const knowsFunction = slot.functions.includes(command.function) || slot.functions.length >= MAX_FUNCTIONS_PER_SESSION;
  return {
    ...slot,
    functions: knowsFunction ? slot.functions : [...slot.functions, command.function],
    lease: { id: command.leaseId, owner: command.owner, boot: command.boot, untilMs: here.nowMs + command.leaseMs },
    lastAccessAtMs: here.nowMs,
  };
}

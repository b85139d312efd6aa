/** Readers: one consistent snapshot, no lease, no waiting for writers. */
import { Fault } from '../model/faults.js';
import { MAX_WAIT_MS } from '../model/limits.js';
import type { Slot } from '../model/record.js';
import { emptyAccess, SnapshotGone, StoredSession } from './access.js';
import type { SessionAccess } from './call.js';
import type { Elsewhere } from './elsewhere.js';
import type { Invocation, Served, SessionLayerOptions } from './invoke.js';
import { HOLD_POLL_MS, isGone, mustBeCertain, Work } from './work.js';

/** A read of a large session starts again this often when writers overtake it; then it takes a turn as a writer does. */
const READ_TRIES = 5;

type ReaderOptions = Pick<SessionLayerOptions, 'node' | 'store' | 'line' | 'changes' | 'neighbourhood' | 'clock'>;

export function createReader(options: ReaderOptions, { moved, astray }: Elsewhere): (call: Invocation) => Promise<Served> {
  const { node, store, line, changes, neighbourhood, clock } = options;

  /** A read takes no lease and waits for nobody; it only never goes back behind what its client has seen. */
  async function read(call: Invocation): Promise<Served> {
    const deadlineMs = clock.now() + MAX_WAIT_MS;
    for (let overtaken = 0; ; ) {
      try {
        const next = overtaken < READ_TRIES ? await readOnce(call) : await readInTurn(call);
        if (next !== 'again') return next;
      } catch (error) {
        if (!(error instanceof SnapshotGone)) throw error;
        overtaken += 1;
      }
      if (isGone(call)) throw new Fault('CLIENT_GONE');
      if (clock.now() >= deadlineMs) throw new Fault('MOVING');
    }
  }

  /** Writers have overtaken the read too often: in its turn none of them runs. */
  async function readInTurn(call: Invocation): Promise<Served | 'again'> {
    const leave = await line.enter(call.session, call);
    try {
      return await readOnce(call);
    } finally {
      leave();
    }
  }

  async function readOnce(call: Invocation): Promise<Served | 'again'> {
    const snapshot = await store.read(call.session);
    const slot = snapshot?.slot;
    if (slot && (slot.state === 'resident' || slot.state === 'leaving')) {
      if (slot.state === 'leaving' && call.minVersion !== undefined && slot.version < call.minVersion) return hold(call);
      // Away from home it has not ended before it is brought home.
      if (slot.state === 'resident' && slot.home === node && slot.ttlMs > 0 && clock.now() - slot.lastAccessAtMs > slot.ttlMs) return readAnswer(call, undefined);
      return readAnswer(call, slot, new StoredSession(store, slot, snapshot.loaded, node));
    }
    // Before and during the hand-over the source answers reads, and holds those that have seen more than it has.
    if (slot?.arriving) return moved(call, slot.arriving.from, slot.home, slot.arriving.epoch - 1);
    if (slot?.state === 'remote') return moved(call, slot.current, slot.home, slot.epoch);
    if (call.redirectedHome && call.redirectedHome !== node) return astray(call, call.redirectedHome);
    const located = await neighbourhood.locate(call.session, call.function, { claim: false, epoch: slot?.epoch ?? 0 });
    if (located.kind === 'known') return moved(call, located.current, located.home, located.epoch);
    mustBeCertain(call, located);
    // It may have been born here, or have come here, while the others were asked.
    const since = await store.slot(call.session);
    if (since?.state !== slot?.state || since?.epoch !== slot?.epoch) return 'again';
    return readAnswer(call, undefined);
  }

  async function hold(call: Invocation): Promise<'again'> {
    await changes.next(call.session, HOLD_POLL_MS, call.signal);
    return 'again';
  }

  async function readAnswer(call: Invocation, slot: Slot | undefined, access: SessionAccess = emptyAccess(call.session, node)): Promise<Served> {
    const { response, telemetry } = await call.worker.run(new Work(call, access));
    return { kind: 'answer', response, node, epoch: slot?.epoch ?? 0, version: slot?.version ?? 0, replayed: false, telemetry };
  }

  return read;
}

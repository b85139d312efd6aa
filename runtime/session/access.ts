import { Fault } from '../model/faults.js';
import type { Slot } from '../model/record.js';
import type { Loaded, SessionData, SessionStore } from '../store/store.js';
import type { SessionAccess, SessionInfo } from './call.js';

const EMPTY: SessionData = new Map();

export function infoOf(slot: Slot, node: string): SessionInfo {
  return { id: slot.session, node, home: slot.home, epoch: slot.epoch, version: slot.version };
}

/** What a worker gets of a session: a small one's data at once, a large one's key by key from one version only. */
export function accessTo(store: SessionStore, slot: Slot, loaded: Loaded, node: string): SessionAccess {
  const { session, version, epoch } = slot;
  const sameVersion = <T extends { version: number; epoch: number }>(found: T): T => {
    if (found.version !== version || found.epoch !== epoch) throw new SnapshotGone();
    return found;
  };
  return {
    info: infoOf(slot, node),
    data: loaded.kind === 'whole' ? loaded.data : undefined,
    fetch: async (key) => sameVersion(await store.readKey(session, key)).value,
    fetchKeys: async () => sameVersion(await store.readKeys(session)).keys,
  };
}

/** The version a reader began with has been replaced: it has to read again. */
export class SnapshotGone extends Fault {
  constructor() {
    super('MOVING');
  }
}

/** A session that does not exist reads as an empty one. */
export function emptyAccess(session: string, node: string): SessionAccess {
  return {
    info: { id: session, node, home: node, epoch: 0, version: 0 },
    data: EMPTY,
    fetch: async () => undefined,
    fetchKeys: async () => [],
  };
}

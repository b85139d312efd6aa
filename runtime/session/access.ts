import { Fault } from '../model/faults.js';
import type { Slot } from '../model/record.js';
import type { Loaded, SessionData, SessionStore } from '../store/store.js';
import type { SessionAccess, SessionInfo } from './call.js';

const EMPTY: SessionData = new Map();

/** What a worker gets of a session: a small one's data at once, a large one's key by key from one version only. */
export class StoredSession implements SessionAccess {
  readonly data: SessionData | undefined;

  constructor(private readonly store: SessionStore, private readonly slot: Slot, loaded: Loaded, private readonly node: string) {
    this.data = loaded.kind === 'whole' ? loaded.data : undefined;
  }

  get info(): SessionInfo {
    const { slot, node } = this;
    return { id: slot.session, node, home: slot.home, epoch: slot.epoch, version: slot.version };
  }

  async fetch(key: string): Promise<Buffer | Buffer[] | undefined> {
    return this.#same(await this.store.readKey(this.slot.session, key)).value;
  }

  async fetchKeys(): Promise<string[]> {
    return this.#same(await this.store.readKeys(this.slot.session)).keys;
  }

  #same<T extends { version: number; epoch: number }>(found: T): T {
    if (found.version !== this.slot.version || found.epoch !== this.slot.epoch) throw new SnapshotGone();
    return found;
  }
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

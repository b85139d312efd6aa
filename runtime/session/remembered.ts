import type { Slot } from '../model/record.js';
import { MAX_REMEMBERED_BYTES, MAX_REMEMBERED_REQUEST_IDS, SMALL_SESSION_BYTES } from '../model/limits.js';
import type { SessionData, Write } from '../store/store.js';
import type { Place, RecentMarks } from './marks.js';

/** What this process knows of a session from its own last commit. It is never trusted: the store compares it at the commit. */
export interface Remembered {
  slot: Slot;
  data: SessionData;
  /** Request ids that took effect while it was remembered; older ones only the store knows. */
  requests: RecentRequests;
  /** How far the senders of effects have got, where there were any. */
  marks?: RecentMarks;
}

/** Room that an entry takes beside its data. */
const ENTRY_BYTES = 1_024;

/**
 * Small sessions as of their last commit here, least recently used first out. A call on a remembered
 * session costs one store command, the commit, which fails if the memory is not the present.
 */
export class RememberedSessions {
  readonly #sessions = new Map<string, Remembered>();
  #bytes = 0;

  /** What is remembered, handed over: until it is kept again nobody else can act on it. */
  take(session: string): Remembered | undefined {
    const found = this.#sessions.get(session);
    if (found === undefined) return undefined;
    this.#sessions.delete(session);
    this.#bytes -= found.slot.bytes + ENTRY_BYTES;
    return found;
  }

  /** Whether the delivery is known from memory to be its sender's next one. */
  isNext(session: string, place: Place): boolean {
    return this.#sessions.get(session)?.marks?.isNext(place) ?? false;
  }

  /** Keeps a session as it is after a commit; one that has grown large is forgotten. */
  keep(known: Remembered): void {
    const { session, bytes } = known.slot;
    if (bytes > SMALL_SESSION_BYTES) return;
    this.take(session);
    this.#sessions.set(session, known);
    this.#bytes += bytes + ENTRY_BYTES;
    if (this.#bytes > MAX_REMEMBERED_BYTES) this.#shrink();
  }

  #shrink(): void {
    for (const [oldest] of this.#sessions) {
      this.take(oldest);
      if (this.#bytes <= MAX_REMEMBERED_BYTES) return;
    }
  }
}

/** The last few request ids that took effect; with too many the oldest goes, and a retry of it is left to the store. */
export class RecentRequests {
  readonly #ids: string[] = [];
  #next = 0;

  has(id: string): boolean {
    return this.#ids.includes(id);
  }

  add(id: string): void {
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % MAX_REMEMBERED_REQUEST_IDS;
  }
}

/** Applies a commit's writes as the store did. @returns by how many bytes the session has grown */
export function applyWrites(data: SessionData, writes: readonly Write[]): number {
  let grown = 0;
  for (const write of writes) {
    const former = data.get(write.key);
    if (write.op === 'delete') {
      data.delete(write.key);
      grown -= former === undefined ? 0 : sizeOf(write.key, former);
      continue;
    }
    const value = write.op === 'set' ? write.value
      : write.op === 'append' && Array.isArray(former) ? [...former, ...write.values] : write.values;
    data.set(write.key, value);
    grown += sizeOf(write.key, value) - (former === undefined ? 0 : sizeOf(write.key, former));
  }
  return grown;
}

function sizeOf(key: string, value: Buffer | Buffer[]): number {
  const content = Array.isArray(value) ? value.reduce((sum, { length }) => sum + length, 0) : value.length;
  return Buffer.byteLength(key) + content;
}

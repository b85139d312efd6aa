/**
 * Transactions in memory over rows on disk. Each runs at once over what is still on its way to the disk; changes are
 * written in groups, one group at a time, so that one flush serves all that waited for it, and no change gets to the
 * disk before those it was made upon. When a group cannot be written, it and all after it are taken back and their
 * callers told so.
 */
import { Fault } from '../model/faults.js';
import { Overlay, type Change } from './overlay.js';
import type { Backend, ReadRows, Rows } from './rows.js';

export type { Change } from './overlay.js';

export interface Disk extends ReadRows {
  /** All or nothing; resolves when the changes are on disk and can be read. */
  write(changes: Iterable<Change>): Promise<void>;
  close(): Promise<void>;
}

interface Group {
  overlay: Overlay;
  /** Settles once the group is on disk, or is not. */
  written: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class GroupedBackend implements Backend {
  #writing: Group | undefined;
  #waiting: Group | undefined;
  /** Ends when nothing waits to be written. */
  #draining: Promise<void> | undefined;
  #isClosed = false;

  /** @param place what the fault STORE_UNAVAILABLE says of the store. */
  constructor(readonly kind: string, private readonly disk: Disk, private readonly place: { node: string; store: string }) {}

  async transact<T>(work: (rows: Rows) => T, mayLag?: (result: T) => boolean): Promise<T> {
    this.#assertOpen();
    const changes = new Overlay(this.#top());
    const result = work(changes);
    if (changes.size > 0) this.#enqueue(changes);
    // An answer may rest on changes of others that are still on their way: it waits for them too.
    const pending = (this.#waiting ?? this.#writing)?.written;
    if (pending && !mayLag?.(result)) await pending;
    return result;
  }

  view<T>(work: (rows: ReadRows) => T): T {
    this.#assertOpen();
    return work(this.#top());
  }

  async settled(bucket: string, name: string): Promise<void> {
    const group = [this.#waiting, this.#writing].find((each) => each?.overlay.isSet(bucket, name));
    await group?.written;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#draining;
    await this.disk.close();
  }

  #top(): ReadRows {
    return this.#waiting?.overlay ?? this.#writing?.overlay ?? this.disk;
  }

  #enqueue(changes: Overlay): void {
    this.#waiting ??= newGroup(this.#top());
    this.#waiting.overlay.absorb(changes);
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // What comes in the same turn of the event loop goes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting) {
      const group = this.#waiting;
      this.#writing = group;
      this.#waiting = undefined;
      try {
        await this.disk.write(group.overlay.changes());
        this.#writing = undefined;
        (this.#waiting as Group | undefined)?.overlay.rebase(this.disk);
        group.resolve();
      } catch (error) {
        this.#takeBack(group, error);
      }
    }
    this.#draining = undefined;
  }

  #takeBack(group: Group, cause: unknown): void {
    const lost = [group, this.#waiting];
    this.#writing = undefined;
    this.#waiting = undefined;
    for (const each of lost) each?.reject(this.#unavailable(cause));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw this.#unavailable();
  }

  #unavailable(cause?: unknown): Fault {
    return new Fault('STORE_UNAVAILABLE', this.place, { cause });
  }
}

function newGroup(base: ReadRows): Group {
  const { promise: written, resolve, reject } = deferred();
  // Nobody may be waiting: a lease that is lost is noticed at its release.
  written.catch(() => undefined);
  return { overlay: new Overlay(base), written, resolve, reject };
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((yes, no) => { [resolve, reject] = [yes, no]; });
  return { promise, resolve, reject };
}

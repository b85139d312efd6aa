/** Ends what nobody asks for any more: expired sessions, and tombstones after their time. A few rows at each look. */
import type { Clock } from '../base/clock.js';
import { reasonOf, type Log } from '../base/log.js';
import { TOMBSTONE_KEEP_MS } from '../model/limits.js';
import type { Slot } from '../model/record.js';
import { hasExpired, isLeased } from '../model/step/outcome.js';
import type { WaitingLine } from '../session/line.js';
import type { SessionStore } from '../store/store.js';

export interface ReaperOptions {
  node: string;
  store: SessionStore;
  line: WaitingLine;
  clock: Clock;
  log: Log;
  /** Ends an expired session homed here; called in its turn. */
  retire(session: string): Promise<void>;
  /** Has an expired session's home take it back. */
  sendHome(session: string, home: string): Promise<void>;
}

/** Rows looked at each time: some 6,000 a minute, at a cost that no request notices. */
const ROWS = 200;

export class Reaper {
  #after: string | undefined;
  #looking = false;

  constructor(private readonly options: ReaperOptions) {}

  /** Looks at the next rows unless it still does; a home that does not answer must not hold up whoever calls this. */
  start(): void {
    if (this.#looking) return;
    this.#looking = true;
    void this.look()
      .catch((error: unknown) => this.options.log.debug({ reason: reasonOf(error) }, 'what has expired could not be looked for'))
      .finally(() => {
        this.#looking = false;
      });
  }

  /** Looks at the next rows; begins anew behind the last. */
  async look(): Promise<void> {
    const { slots, next } = await this.options.store.page(this.#after, ROWS);
    this.#after = next;
    for (const slot of slots) await this.#end(slot);
  }

  async #end(slot: Slot): Promise<void> {
    const { node, clock, sendHome } = this.options;
    const here = { node, nowMs: clock.now() };
    if (slot.arriving || slot.owed.length > 0) return;
    if (slot.state === 'tombstone' && here.nowMs - slot.lastAccessAtMs > TOMBSTONE_KEEP_MS) await this.#inTurn(slot.session);
    if (slot.state !== 'resident' || !hasExpired(slot, here) || isLeased(slot, here)) return;
    if (slot.home === node) await this.#inTurn(slot.session);
    else await sendHome(slot.session, slot.home);
  }

  async #inTurn(session: string): Promise<void> {
    const { line, retire } = this.options;
    const leave = await line.enter(session);
    try {
      await retire(session);
    } finally {
      leave();
    }
  }
}

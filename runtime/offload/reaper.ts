/** The garbage collector's own round: a few rows at each look, at a cost that no request notices. */
import type { Clock } from '../base/clock.js';
import { reasonOf, type Log } from '../base/log.js';
import { MAX_STUB_CHECKS, STUB_CHECK_MS } from '../model/limits.js';
import type { Slot } from '../model/record.js';
import type { SessionStore } from '../store/store.js';
import type { Collector } from './collect.js';

export interface ReaperOptions {
  node: string;
  store: SessionStore;
  clock: Clock;
  log: Log;
  collector: Collector;
}

/** Rows looked at each time: some 6,000 a minute. */
const ROWS = 200;
/** Stubs of which it is remembered when they were checked; beyond, the oldest is checked earlier. */
const MAX_CHECKED = 20_000;

export class Reaper {
  #after: string | undefined;
  #looking = false;
  readonly #checked = new Map<string, number>();

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
    const { node, collector } = this.options;
    const { slots, next } = await this.options.store.page(this.#after, ROWS);
    this.#after = next;
    let checks = MAX_STUB_CHECKS;
    for (const slot of slots) {
      // Home hears of its sessions' end by their holders: only what nobody tells is asked for.
      if (slot.state !== 'remote') await collector.settle(slot, { forced: false });
      else if (slot.home !== node && checks > 0 && this.#isDue(slot)) {
        checks -= 1;
        await collector.settle(slot, { forced: false });
      }
    }
  }

  #isDue({ session, lastAccessAtMs }: Slot): boolean {
    const nowMs = this.options.clock.now();
    if (nowMs - Math.max(lastAccessAtMs, this.#checked.get(session) ?? 0) <= STUB_CHECK_MS) return false;
    const oldest = this.#checked.size >= MAX_CHECKED ? this.#checked.keys().next().value : undefined;
    if (oldest !== undefined) this.#checked.delete(oldest);
    this.#checked.delete(session);
    this.#checked.set(session, nowMs);
    return true;
  }
}

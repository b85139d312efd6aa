/**
 * The node's own policy: above the high watermark sessions go up until it is below, under the low one sessions
 * homed in its subtree may come back, never so many that it would be above the low one. Between the marks nothing
 * happens, and what was moved rests for a while, so that no session goes to and fro.
 */
import type { Clock } from '../base/clock.js';
import { reasonOf, type Log } from '../base/log.js';
import type { Directory } from '../base/directory.js';
import { Fault } from '../model/faults.js';
import { completed, marksProblem, type Watermarks } from '../model/watermarks.js';
import { MAX_PAGE, TRIGGER_BATCH, TRIGGER_REST_MS } from '../model/limits.js';
import type { SessionStore } from '../store/store.js';
import type { Choice } from './choose.js';
import type { SessionToken } from './token.js';

export interface TriggerOptions {
  node: string;
  store: SessionStore;
  directory: Directory;
  clock: Clock;
  log: Log;
  marks?: Partial<Watermarks>;
  /** Offloads one session of its choice, none of `resting`, and says how large it was. Throws NOTHING_TO_MOVE. */
  offload(choice: Choice, resting: ReadonlySet<string>): Promise<{ session: string; bytes: number }>;
  /** Brings back one session of at most so many bytes. Throws NOTHING_TO_MOVE. */
  onload(choice: Choice, maxBytes: number, resting: ReadonlySet<string>): Promise<SessionToken[]>;
}

export interface Triggered {
  node: string;
  usedBytes: number;
  capacityBytes: number;
  highPercent: number;
  lowPercent: number;
  offloaded: string[];
  onloaded: string[];
  /** Why it ended before the mark was reached. */
  stopped?: string;
}

const MB = 1024 * 1024;
/** Of twenty parts of its time a node spends at most one on counting what it holds. */
const RESTS_PER_COUNT = 19;

export class Trigger {
  /** Sessions that this policy has moved, by when. */
  readonly #moved = new Map<string, number>();
  #running: Promise<Triggered> | undefined;
  #dueMs = 0;
  /** Not before: looking at every session may take no more than a small part of the time. */
  #restUntilMs = 0;

  constructor(private readonly options: TriggerOptions) {}

  /** One round; asked for again while it runs, the same round answers. */
  run(given: Partial<Watermarks> = {}): Promise<Triggered> {
    this.#running ??= this.#round(given).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** To be called from time to time: runs a round when the configuration asks for one and it is time. */
  tick(): void {
    const { marks, clock, log } = this.options;
    if (!marks?.everySeconds || clock.now() < Math.max(this.#dueMs, this.#restUntilMs)) return;
    this.#dueMs = clock.now() + marks.everySeconds * 1_000;
    this.run().then(
      ({ offloaded, onloaded, stopped }) => {
        if (offloaded.length + onloaded.length > 0) log.info({ offloaded: offloaded.length, onloaded: onloaded.length, stopped }, 'the offload trigger has moved sessions');
      },
      (error: unknown) => log.warn({ reason: reasonOf(error) }, 'the offload trigger failed'),
    );
  }

  async #round(given: Partial<Watermarks>): Promise<Triggered> {
    const { node, directory } = this.options;
    const { capacityMb, highPercent, lowPercent, batch = TRIGGER_BATCH, choose = 'largest' } = checked({ ...this.options.marks, ...given });
    const capacityBytes = capacityMb * MB;
    const report: Triggered = { node, usedBytes: await this.#usedBytes(), capacityBytes, highPercent, lowPercent, offloaded: [], onloaded: [] };
    if (directory.isRoot()) return { ...report, stopped: 'the root has no parent to offload to' };
    const resting = this.#resting();
    const high = capacityBytes * highPercent / 100;
    const low = capacityBytes * lowPercent / 100;
    try {
      if (report.usedBytes > high) {
        for (let left = batch; report.usedBytes > high && left > 0; left -= 1) {
          const { session, bytes } = await this.options.offload(choose, resting);
          this.#note(session, resting);
          report.offloaded.push(session);
          report.usedBytes -= bytes;
        }
      } else if (report.usedBytes < low) {
        for (let left = batch; report.usedBytes < low && left > 0; left -= 1) {
          const tokens = await this.options.onload(choose, Math.floor(low - report.usedBytes), resting);
          for (const { session } of tokens) {
            this.#note(session, resting);
            report.onloaded.push(session);
            report.usedBytes += (await this.options.store.slot(session))?.bytes ?? 0;
          }
        }
      }
    } catch (error) {
      return { ...report, stopped: error instanceof Fault ? error.code : 'INTERNAL' };
    }
    return report;
  }

  /** Keys and values of all sessions held here: counted once a round, and then by what the round itself moves. */
  async #usedBytes(): Promise<number> {
    const { store, clock } = this.options;
    const startMs = clock.now();
    let bytes = 0;
    for (let after: string | undefined; ;) {
      const { slots, next } = await store.page(after, MAX_PAGE);
      for (const slot of slots) bytes += slot.bytes;
      if (next === undefined) break;
      after = next;
    }
    this.#restUntilMs = clock.now() + (clock.now() - startMs) * RESTS_PER_COUNT;
    return bytes;
  }

  #note(session: string, resting: Set<string>): void {
    resting.add(session);
    this.#moved.set(session, this.options.clock.now());
  }

  #resting(): Set<string> {
    const sinceMs = this.options.clock.now() - TRIGGER_REST_MS;
    for (const [session, atMs] of this.#moved) if (atMs < sinceMs) this.#moved.delete(session);
    return new Set(this.#moved.keys());
  }
}

/** The parameters of the command are named shorter than the fields of the configuration. */
const PARAMETERS: Partial<Record<keyof Watermarks, string>> = { capacityMb: 'capacity', highPercent: 'high', lowPercent: 'low' };

function checked(marks: Partial<Watermarks>): Watermarks {
  const problem = marksProblem(marks);
  if (problem) throw new Fault('PARAMETER_INVALID', { name: PARAMETERS[problem.name] ?? problem.name, reason: problem.reason });
  return completed(marks) as Watermarks;
}

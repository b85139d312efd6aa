import type { Clock, Timer } from '../../runtime/base/clock.js';

/** Time moves when nothing else does: the world advances it to the next timer. */
export class TestClock implements Clock {
  nowMs = 1_700_000_000_000;
  /** Timers that have run. */
  ticks = 0;
  readonly #timers = new Map<number, { atMs: number; task: () => void }>();
  #next = 1;

  now(): number {
    return this.nowMs;
  }

  setTimeout(task: () => void, ms: number): Timer {
    const id = (this.#next += 1);
    this.#timers.set(id, { atMs: this.nowMs + ms, task });
    return id;
  }

  clearTimeout(timer: Timer): void {
    this.#timers.delete(timer as number);
  }

  /** Runs the next timer; false when none waits. */
  advance(): boolean {
    let [first, due]: [number, { atMs: number; task: () => void } | undefined] = [0, undefined];
    // The earliest, and of those at one time the one that was set first.
    for (const [id, timer] of this.#timers) if (!due || timer.atMs < due.atMs) [first, due] = [id, timer];
    if (!due) return false;
    this.#timers.delete(first);
    this.ticks += 1;
    this.nowMs = Math.max(this.nowMs, due.atMs);
    due.task();
    return true;
  }
}

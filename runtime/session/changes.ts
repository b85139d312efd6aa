import type { Clock } from '../base/clock.js';

/** Wakes requests that wait for a session's record to change: a move ended, an attempt was given up. */
export class Changes {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #listeners = new Set<(session: string) => void>();

  constructor(private readonly clock: Clock) {}

  /** Says that the record of the session changed here. */
  announce(session: string): void {
    for (const listener of this.#listeners) listener(session);
    const waiters = this.#waiting.get(session);
    if (!waiters) return;
    this.#waiting.delete(session);
    for (const wake of waiters) wake();
  }

  /** Calls the listener at every change of any session. */
  onAny(listener: (session: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Resolves at the next change, or after `ms`: a store shared with a container changes without our knowing. */
  next(session: string, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.clock.clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#waiting.get(session)?.delete(wake);
        if (this.#waiting.get(session)?.size === 0) this.#waiting.delete(session);
        resolve();
      };
      const timer = this.clock.setTimeout(wake, ms);
      const waiters = this.#waiting.get(session) ?? new Set();
      this.#waiting.set(session, waiters.add(wake));
      if (signal.aborted) wake();
      else signal.addEventListener('abort', wake, { once: true });
    });
  }
}

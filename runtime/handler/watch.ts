/** Ends a run that takes too long, or whose client has gone, without costing the runs that end at once anything. */
import type { Clock, Timer } from '../base/clock.js';
import { Fault } from '../model/faults.js';

export interface Watched {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

interface Guard {
  readonly call: Watched;
  settled: boolean;
  timer?: Timer;
  onAbort?: () => void;
  give(fault: Fault): void;
}

export interface Watch {
  /** Settles as `running` does, or earlier with HANDLER_TIMEOUT or CLIENT_GONE; then `stopped` is called. */
  over<T>(running: Promise<T>, call: Watched, stopped: () => void): Promise<T>;
}

/** Runs shorter than this are never watched: making a signal and a timer costs more than many a call. */
const WATCHED_AFTER_MS = 5;

/** Timers and abort listeners of all runs that began together are armed together, a little later: most have ended by then. */
export function createWatch(clock: Clock): Watch {
  let fresh: Guard[] = [];

  function armAll(): void {
    const guards = fresh;
    fresh = [];
    for (const guard of guards) if (!guard.settled) arm(guard);
  }

  function arm(guard: Guard): void {
    const { signal, timeoutMs } = guard.call;
    if (signal.aborted) return guard.give(new Fault('CLIENT_GONE'));
    guard.onAbort = () => guard.give(new Fault('CLIENT_GONE'));
    signal.addEventListener('abort', guard.onAbort, { once: true });
    const leftMs = Math.max(timeoutMs - WATCHED_AFTER_MS, 0);
    guard.timer = clock.setTimeout(() => guard.give(new Fault('HANDLER_TIMEOUT', { limit: timeoutMs })), leftMs);
  }

  function settle(guard: Guard): boolean {
    if (guard.settled) return false;
    guard.settled = true;
    if (guard.onAbort) {
      guard.call.signal.removeEventListener('abort', guard.onAbort);
      clock.clearTimeout(guard.timer);
    }
    return true;
  }

  function over<T>(running: Promise<T>, call: Watched, stopped: () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const guard: Guard = {
        call, settled: false,
        give(fault) {
          if (!settle(guard)) return;
          reject(fault);
          stopped();
        },
      };
      running.then(
        (value) => { if (settle(guard)) resolve(value); },
        (error: unknown) => { if (settle(guard)) reject(error as Error); },
      );
      if (fresh.push(guard) === 1) clock.setTimeout(armAll, WATCHED_AFTER_MS);
    });
  }

  return { over };
}

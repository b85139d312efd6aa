/** Ends a run that takes too long, or whose client has gone, without costing the runs that end at once anything. */
import type { Clock, Timer } from '../base/clock.js';
import { Fault } from '../model/faults.js';
import type { WorkerAnswer } from '../session/call.js';
import { WatchedStream } from './watched-stream.js';

export interface Watched {
  readonly signal: AbortSignal;
  /** 0 for ever. */
  readonly timeoutMs: number;
}

interface Guard {
  readonly call: Watched;
  settled: boolean;
  /** An answer that streams is watched to its end. */
  stream?: WatchedStream;
  timer?: Timer;
  onAbort?: () => void;
  give(fault: Fault): void;
}

export interface Watch {
  /**
   * Settles as `running` does, or earlier with HANDLER_TIMEOUT or CLIENT_GONE; then `stopped` is called. An answer that streams is
   * watched further: `stopped` is also called when its reader leaves.
   */
  over(running: Promise<WorkerAnswer>, call: Watched, stopped: () => void): Promise<WorkerAnswer>;
  /** For an answer that streams and came at once. */
  stream(answer: WorkerAnswer, call: Watched, stopped: () => void): WorkerAnswer;
}

/** Runs shorter than this are never watched: making a signal and a timer costs more than many a call. */
const WATCHED_AFTER_MS = 5;

/** Timers and abort listeners of all runs that began together are armed together, a little later: most have ended by then. */
export function createWatch(clock: Clock): Watch {
  let fresh: Guard[] = [];

  function add(guard: Guard): void {
    if (fresh.push(guard) === 1) clock.setTimeout(armAll, WATCHED_AFTER_MS);
  }

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
    if (timeoutMs === 0) return;
    const leftMs = Math.max(timeoutMs - WATCHED_AFTER_MS, 0);
    guard.timer = clock.setTimeout(() => guard.give(new Fault('HANDLER_TIMEOUT', { limit: timeoutMs, setting: 'exec_timeout', layer: 'worker' })), leftMs);
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

  function over(running: Promise<WorkerAnswer>, call: Watched, stopped: () => void): Promise<WorkerAnswer> {
    return new Promise<WorkerAnswer>((resolve, reject) => {
      const guard: Guard = {
        call, settled: false,
        give(fault) {
          if (!settle(guard)) return;
          if (guard.stream) guard.stream.fail(fault);
          else reject(fault);
          stopped();
        },
      };
      running.then(
        (answer) => {
          if (answer.response.stream !== undefined) {
            if (guard.settled) void answer.response.stream[Symbol.asyncIterator]().return?.();
            else resolve(further(guard, answer, stopped));
          } else if (settle(guard)) resolve(answer);
        },
        (error: unknown) => { if (settle(guard)) reject(error as Error); },
      );
      add(guard);
    });
  }

  function stream(answer: WorkerAnswer, call: Watched, stopped: () => void): WorkerAnswer {
    const guard: Guard = {
      call, settled: false,
      give(fault) {
        if (!settle(guard)) return;
        guard.stream!.fail(fault);
        stopped();
      },
    };
    add(guard);
    return further(guard, answer, stopped);
  }

  function further(guard: Guard, answer: WorkerAnswer, stopped: () => void): WorkerAnswer {
    const { response } = answer;
    guard.stream = new WatchedStream(response.stream!, (hasLeft) => {
      if (settle(guard) && hasLeft) stopped();
    });
    return { ...answer, response: { ...response, stream: guard.stream } };
  }

  return { over, stream };
}

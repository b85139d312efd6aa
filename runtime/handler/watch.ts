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

/** A run that is watched, until it is settled. */
export abstract class Guard {
  settled = false;
  /** An answer that streams is watched to its end. */
  watched: WatchedStream | undefined;
  /** Its neighbours among the runs that began lately, and the look that it began before. */
  newer: Guard | undefined;
  older: Guard | undefined;
  look = 0;
  timer: Timer;
  onAbort: (() => void) | undefined;

  constructor(readonly call: Watched) {}

  /** It is settled: with a fault, because its time is up or its client gone. An answer that streams has been told. */
  abstract failed(fault: Fault): void;
  /** Nobody waits for what it goes on doing: after `failed`, and when the reader of an answer that streams has left. */
  abstract stopped(): void;
}

/** Runs shorter than this are never watched: making a signal and a timer costs more than many a call. */
const WATCHED_AFTER_MS = 5;

/**
 * Runs are looked at together now and then; those that were there at the last look are given a timer and a listener of their own. Most
 * have ended by then, and nothing holds on to them: what a young collection finds alive is what it costs.
 */
export class Watch {
  #newest: Guard | undefined;
  #oldest: Guard | undefined;
  #looks = 0;
  #isLookDue = false;

  constructor(private readonly clock: Clock) {}

  begin(guard: Guard): void {
    guard.look = this.#looks;
    guard.older = this.#newest;
    if (this.#newest) this.#newest.newer = guard;
    else this.#oldest = guard;
    this.#newest = guard;
    if (!this.#isLookDue) this.#lookLater();
  }

  /** False when it was settled before: then nothing may be made of what it came to. */
  settle(guard: Guard): boolean {
    if (guard.settled) return false;
    guard.settled = true;
    if (guard.onAbort) {
      guard.call.signal.removeEventListener('abort', guard.onAbort);
      this.clock.clearTimeout(guard.timer);
    } else this.#remove(guard);
    return true;
  }

  /**
   * Settles as `running` does, or earlier with HANDLER_TIMEOUT or CLIENT_GONE; then `stopped` is called. An answer that streams is
   * watched further: `stopped` is also called when its reader leaves.
   */
  over(running: Promise<WorkerAnswer>, call: Watched, stopped: () => void): Promise<WorkerAnswer> {
    return new Promise<WorkerAnswer>((resolve, reject) => {
      const guard = new Told(call, reject, stopped);
      running.then(
        (answer) => {
          const given = this.take(guard, answer);
          if (given) resolve(given);
        },
        (error: unknown) => { if (this.settle(guard)) reject(error as Error); },
      );
      this.begin(guard);
    });
  }

  /** For an answer that streams and came at once. */
  stream(answer: WorkerAnswer, call: Watched, stopped: () => void): WorkerAnswer {
    const guard = new Told(call, () => undefined, stopped);
    this.begin(guard);
    return this.#further(guard, answer);
  }

  /** What a run came to, to be handed on; undefined when it was settled before. One that streams is settled at its end. */
  take(guard: Guard, answer: WorkerAnswer): WorkerAnswer | undefined {
    const { stream } = answer.response;
    if (stream === undefined) return this.settle(guard) ? answer : undefined;
    if (!guard.settled) return this.#further(guard, answer);
    void stream[Symbol.asyncIterator]().return?.();
    return undefined;
  }

  #further(guard: Guard, answer: WorkerAnswer): WorkerAnswer {
    const { response } = answer;
    guard.watched = new WatchedStream(response.stream!, (hasLeft) => {
      if (this.settle(guard) && hasLeft) guard.stopped();
    });
    return { ...answer, response: { ...response, stream: guard.watched } };
  }

  #remove(guard: Guard): void {
    const { newer, older } = guard;
    if (newer) newer.older = older;
    else this.#newest = older;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    guard.newer = guard.older = undefined;
  }

  #lookLater(): void {
    this.#isLookDue = true;
    this.clock.setTimeout(this.#look, WATCHED_AFTER_MS);
  }

  /** Made once, because there are many looks. */
  readonly #look = (): void => {
    this.#isLookDue = false;
    for (let guard = this.#oldest; guard && guard.look < this.#looks; guard = this.#oldest) {
      this.#remove(guard);
      this.#arm(guard);
    }
    this.#looks += 1;
    if (this.#oldest && !this.#isLookDue) this.#lookLater();
  };

  #arm(guard: Guard): void {
    const { signal, timeoutMs } = guard.call;
    guard.onAbort = () => this.#give(guard, new Fault('CLIENT_GONE'));
    if (signal.aborted) return guard.onAbort();
    signal.addEventListener('abort', guard.onAbort, { once: true });
    if (timeoutMs === 0) return;
    // Its first look was at least so long ago: nobody's time is cut short.
    const leftMs = Math.max(timeoutMs - WATCHED_AFTER_MS, 0);
    guard.timer = this.clock.setTimeout(() => this.#give(guard, new Fault('HANDLER_TIMEOUT', { limit: timeoutMs, setting: 'exec_timeout', layer: 'worker' })), leftMs);
  }

  #give(guard: Guard, fault: Fault): void {
    if (!this.settle(guard)) return;
    if (guard.watched) guard.watched.fail(fault);
    else guard.failed(fault);
    guard.stopped();
  }
}

/** One whose answer is a promise. */
class Told extends Guard {
  constructor(call: Watched, readonly failed: (fault: Fault) => void, readonly stopped: () => void) {
    super(call);
  }
}

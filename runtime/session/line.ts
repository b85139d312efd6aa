import { Fault } from '../model/faults.js';
import type { Clock } from '../base/clock.js';

/** Ends a turn; the next in line goes on. Calling it twice does nothing more. */
export type Leave = () => void;

interface Waiter {
  go(leave: Leave): void;
}

interface Line {
  waiting: Waiter[];
  /** Ends the turn of whoever has it. */
  leave?: Leave;
}

export interface WaitingLineOptions {
  clock: Clock;
  /** Requests that may wait for one session. */
  maxWaiting: number;
  maxWaitMs: number;
}

/**
 * One line a session: whoever wants it takes a turn, first come first served. A departure goes to
 * the front, so that a busy session can still be moved; it waits for one request, not for the line.
 */
export class WaitingLine {
  readonly #lines = new Map<string, Line>();

  constructor(private readonly options: WaitingLineOptions) {}

  /**
   * @param client its signal is looked at only when there is something to wait for
   * @returns the end of the turn, at once when nobody has the session
   * @throws BUSY when the line is full or the wait too long, CLIENT_GONE when the signal aborts
   */
  enter(session: string, client?: { readonly signal: AbortSignal }, place: 'last' | 'first' = 'last'): Leave | Promise<Leave> {
    const line = this.#lines.get(session);
    if (line === undefined) return this.enterIfFree(session)!;
    if (place === 'last' && line.waiting.length >= this.options.maxWaiting) {
      throw new Fault('BUSY', { waiting: line.waiting.length });
    }
    return this.#wait(line, place, client?.signal);
  }

  /** @returns the end of the turn, or undefined when somebody has the session */
  enterIfFree(session: string): Leave | undefined {
    if (this.#lines.has(session)) return undefined;
    this.#lines.set(session, { waiting: [] });
    return this.#leaver(session);
  }

  /** Whether anybody has the session's turn. */
  isTaken(session: string): boolean {
    return this.#lines.has(session);
  }

  /** Takes the turn from whoever has it: the next in line goes on, and that one's own leaving does nothing any more. */
  oust(session: string): void {
    this.#lines.get(session)?.leave?.();
  }

  /** Requests in hand and waiting, over all sessions. */
  get size(): number {
    let size = 0;
    for (const line of this.#lines.values()) size += 1 + line.waiting.length;
    return size;
  }

  #wait(line: Line, place: 'last' | 'first', signal: AbortSignal | undefined): Promise<Leave> {
    const { clock, maxWaitMs } = this.options;
    return new Promise<Leave>((resolve, reject) => {
      const giveUp = (fault: Fault) => {
        line.waiting.splice(line.waiting.indexOf(waiter), 1);
        settle();
        reject(fault);
      };
      const timer = clock.setTimeout(() => giveUp(new Fault('BUSY', { waiting: line.waiting.length })), maxWaitMs);
      const onAbort = () => giveUp(new Fault('CLIENT_GONE'));
      const settle = () => {
        clock.clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        go: (leave) => {
          settle();
          resolve(leave);
        },
      };
      if (place === 'first') line.waiting.unshift(waiter);
      else line.waiting.push(waiter);
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #leaver(session: string): Leave {
    let left = false;
    const leave = () => {
      if (left) return;
      left = true;
      const next = this.#lines.get(session)?.waiting.shift();
      if (next) next.go(this.#leaver(session));
      else this.#lines.delete(session);
    };
    this.#lines.get(session)!.leave = leave;
    return leave;
  }
}

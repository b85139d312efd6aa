/** One call on its way through the processes of its function. */
import type { Clock, Timer } from '../../base/clock.js';
import { Fault } from '../../model/faults.js';
import type { WorkerAnswer, WorkerCall } from '../../session/call.js';
import type { Member } from './member.js';

export class Job {
  /** Was in a process that died: it runs once more, with a process to itself. */
  suspect = false;
  /** Where it is now; missing while it waits for a place. */
  member: Member | undefined;
  /** Why the session could not be read, when it could not. */
  unread: unknown;
  readonly answer: Promise<WorkerAnswer>;
  #settled = false;
  #resolve!: (answer: WorkerAnswer) => void;
  #reject!: (error: unknown) => void;
  readonly #timer: Timer;
  readonly #onAbort = (): void => this.ended(this, new Fault('CLIENT_GONE'));

  /** `ended` is called when the time is up or the client gone. */
  constructor(readonly id: number, readonly call: WorkerCall, private readonly clock: Clock, private readonly ended: (job: Job, fault: Fault) => void) {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = clock.setTimeout(() => ended(this, new Fault('HANDLER_TIMEOUT', { limit: call.timeoutMs })), call.timeoutMs);
    call.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  get settled(): boolean {
    return this.#settled;
  }

  resolve(answer: WorkerAnswer): void {
    if (this.#settle()) this.#resolve(answer);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.clock.clearTimeout(this.#timer);
    this.call.signal.removeEventListener('abort', this.#onAbort);
    return true;
  }
}

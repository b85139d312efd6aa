import type { WorkerAnswer, WorkerCall } from '../../session/call.js';
import type { Inflow, Outflow } from './flow.js';
import type { Member } from './member.js';

/** One call on its way through the processes of its function. */
export class Job {
  /** Was in a process that died: it runs once more, with a process to itself. */
  suspect = false;
  /** Where it is now; missing while it waits for a place. */
  member: Member | undefined;
  /** Why the session could not be read, when it could not. */
  unread: unknown;
  /** The request's body on its way to the function, when it streams. */
  body: Outflow | undefined;
  /** The answer's body on its way from there, once it has begun. */
  stream: Inflow | undefined;
  readonly answer: Promise<WorkerAnswer>;
  resolve!: (answer: WorkerAnswer) => void;
  reject!: (error: unknown) => void;

  constructor(readonly id: number, readonly call: WorkerCall) {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Something of it has gone one way or the other: it cannot be run again. */
  get isBegun(): boolean {
    return this.stream !== undefined || this.body?.begun === true;
  }

  fail(error: unknown): void {
    if (this.stream) this.stream.fail(error);
    else this.reject(error);
  }
}

import type { WorkerAnswer, WorkerCall } from '../../session/call.js';
import type { Member } from './member.js';

/** One call on its way through the processes of its function. */
export class Job {
  /** Was in a process that died: it runs once more, with a process to itself. */
  suspect = false;
  /** Where it is now; missing while it waits for a place. */
  member: Member | undefined;
  /** Why the session could not be read, when it could not. */
  unread: unknown;
  readonly answer: Promise<WorkerAnswer>;
  resolve!: (answer: WorkerAnswer) => void;
  reject!: (error: unknown) => void;

  constructor(readonly id: number, readonly call: WorkerCall) {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

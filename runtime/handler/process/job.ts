import type { Fault } from '../../model/faults.js';
import type { Taker, WorkerAnswer, WorkerCall } from '../../session/call.js';
import { Guard, type Watch } from '../watch.js';
import type { Inflow, Outflow } from './flow.js';
import type { Member } from './member.js';

/** What a job asks of its team. */
export interface Owner {
  readonly watch: Watch;
  /** Nobody waits for the job any more. */
  end(job: Job): void;
}

/** One call on its way through the processes of its function. */
export class Job extends Guard {
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

  constructor(readonly id: number, override readonly call: WorkerCall, private readonly taker: Taker, private readonly owner: Owner) {
    super(call);
  }

  /** Something of it has gone one way or the other: it cannot be run again. */
  get isBegun(): boolean {
    return this.stream !== undefined || this.body?.begun === true;
  }

  resolve(answer: WorkerAnswer): void {
    const given = this.owner.watch.take(this, answer);
    if (given) this.taker.answered(given);
  }

  reject(error: unknown): void {
    if (this.owner.watch.settle(this)) this.taker.failed(error);
  }

  fail(error: unknown): void {
    if (this.stream) this.stream.fail(error);
    else this.reject(error);
  }

  failed(fault: Fault): void {
    this.taker.failed(fault);
  }

  stopped(): void {
    this.owner.end(this);
  }
}

/** One request for a function while it is in hand. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault } from '../model/faults.js';
import type { FunctionRequest, WorkerCall } from '../session/call.js';
import type { Deployed } from './deployed.js';

export class FunctionCall implements WorkerCall {
  request!: FunctionRequest;
  /** The answer is on its way, or nobody waits for it any more. */
  settled = false;
  private control: AbortController | undefined;
  private ended: Fault | undefined;

  constructor(
    readonly incoming: IncomingMessage,
    readonly response: ServerResponse,
    readonly deployed: Deployed,
    readonly callId: string,
    /** Of the monotonic clock. */
    readonly startedMs: number,
  ) {}

  get function(): string {
    return this.deployed.name;
  }

  get timeoutMs(): number {
    return this.deployed.timeoutMs;
  }

  /** Made at first use: most stateless handlers never look at it, and it costs more than the rest of the call. */
  get signal(): AbortSignal {
    this.control ??= new AbortController();
    if (this.ended && !this.control.signal.aborted) this.control.abort(this.ended);
    return this.control.signal;
  }

  /** Tells the handler to stop; whoever waits for it answers. */
  abort(fault: Fault): void {
    this.ended ??= fault;
    this.control?.abort(this.ended);
  }
}

import type { FunctionRequest, WorkerCall } from './call.js';

/** What stays the same of a call from the gateway to its worker. */
type CallFacts = Pick<WorkerCall, 'function' | 'callId' | 'request' | 'signal' | 'timeoutMs'>;

/** A call as the next layer sees it: no copy, so that what most handlers never look at is made only when somebody asks. */
export abstract class CallView<C extends CallFacts> implements CallFacts {
  constructor(protected readonly call: C) {}

  get function(): string {
    return this.call.function;
  }

  get callId(): string {
    return this.call.callId;
  }

  get request(): FunctionRequest {
    return this.call.request;
  }

  get signal(): AbortSignal {
    return this.call.signal;
  }

  get timeoutMs(): number {
    return this.call.timeoutMs;
  }
}

/** Small things about one call that writers and readers share. */
import { Fault } from '../model/faults.js';
import type { Acquire } from '../model/verbs.js';
import type { FunctionRequest, SessionAccess, WorkerCall } from './call.js';
import type { Invocation } from './invoke.js';
import type { Located } from './ports.js';
import { digestOf } from './stored-response.js';

/** A store shared with a container may change without this process knowing: held requests look again this often. */
export const HOLD_POLL_MS = 100;

/** The call as a worker gets it. What most handlers never look at is made when somebody asks. */
export class Work implements WorkerCall {
  constructor(private readonly call: Invocation, readonly session: SessionAccess) {}

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

  get arrivedMs(): number | undefined {
    return this.call.arrivedMs;
  }
}

export function requestOf({ requestId, request }: Invocation): Acquire['request'] {
  return requestId === undefined ? undefined : { id: requestId, digest: digestOf(request) };
}

export function isGone(call: Invocation): boolean {
  return call.isGone ?? call.signal.aborted;
}

/** A client that has seen a version knows that the session is somewhere: a cut path is no proof that it ended. */
export function mustBeCertain({ minVersion = 0 }: Invocation, { certain }: Located & { kind: 'free' }): void {
  if (minVersion > 0 && !certain) throw new Fault('MOVING');
}

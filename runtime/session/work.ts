/** Small things about one call that writers and readers share. */
import { Fault } from '../model/faults.js';
import type { Acquire } from '../model/verbs.js';
import type { SessionAccess, WorkerCall } from './call.js';
import { CallView } from './call-view.js';
import type { Invocation } from './invoke.js';
import type { Located } from './ports.js';
import { digestOf } from './stored-response.js';

/** A store shared with a container may change without this process knowing: held requests look again this often. */
export const HOLD_POLL_MS = 100;

/** The call as a worker gets it. */
export class Work extends CallView<Invocation> implements WorkerCall {
  constructor(call: Invocation, readonly session: SessionAccess) {
    super(call);
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

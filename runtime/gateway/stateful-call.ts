/** A stateful request as the session layer sees it, checked by its headers alone. */
import type { FunctionPath } from '../base/function-path.js';
import { isUuid } from '../base/ids.js';
import { Fault } from '../model/faults.js';
import { MAX_SESSION_ID_BYTES } from '../model/limits.js';
import type { Worker } from '../session/call.js';
import { CallView } from '../session/call-view.js';
import type { Invocation } from '../session/invoke.js';
import type { FunctionCall } from './function-call.js';
import { textOfHeader } from '../base/header-text.js';

/** Another node had it first, and sent its client here or passed it on. */
export function wasSentOn({ redirectedHome, hops }: Invocation): boolean {
  return redirectedHome !== undefined || hops !== undefined;
}

/** Throws the fault of whatever can be refused before the body is read. */
export function invocationOf(call: FunctionCall, at: FunctionPath): Invocation {
  const { headers } = call.incoming;
  const invocation = new StatefulCall(call, sessionIdOf(headers['x-session']));
  const requestId = headers['x-session-request-id'];
  if (requestId !== undefined) {
    if (typeof requestId !== 'string' || !isUuid(requestId)) throw new Fault('REQUEST_ID_INVALID');
    invocation.requestId = requestId.toLowerCase();
  }
  const version = headers['x-session-version'];
  if (version !== undefined) {
    if (typeof version !== 'string' || !/^\d{1,15}$/.test(version)) {
      throw new Fault('PARAMETER_INVALID', { name: 'X-session-version', reason: 'it is a version that an answer carried' });
    }
    invocation.minVersion = Number(version);
  }
  if (headers['x-session-redirect'] === 'forward') invocation.forward = true;
  if (at.redirectedHome !== undefined) invocation.redirectedHome = at.redirectedHome;
  if (at.hops !== undefined) invocation.hops = at.hops;
  return invocation;
}

class StatefulCall extends CallView<FunctionCall> implements Invocation {
  requestId: string | undefined;
  minVersion: number | undefined;
  forward: boolean | undefined;
  redirectedHome: string | undefined;
  hops: number | undefined;

  constructor(call: FunctionCall, readonly session: string) {
    super(call);
  }

  get worker(): Worker {
    return this.call.deployed.worker;
  }

  get ttlMs(): number {
    return this.call.deployed.ttlMs;
  }

  get isGone(): boolean {
    return this.call.isAborted;
  }

  get arrivedMs(): number {
    return this.call.startedMs;
  }
}

/** node:http gives header values as Latin-1, one character a byte; what is UTF-8 is read as such, as it is in URLs. */
function sessionIdOf(header: string | string[] | undefined): string {
  if (typeof header !== 'string') throw new Fault('SESSION_MISSING');
  if (header.length < 1 || header.length > MAX_SESSION_ID_BYTES) throw new Fault('SESSION_ID_INVALID', { bytes: header.length });
  return textOfHeader(header);
}

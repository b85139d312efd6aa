/**
 * A node carries a request on, for a client that cannot follow or has followed often enough. Each
 * hop is one internal redirect, followed here; a move that is under way is waited for.
 */
import { pause, type Clock } from '../base/clock.js';
import { Fault } from '../model/faults.js';
import { MAX_FORWARD_REDIRECTS, MAX_WAIT_MS } from '../model/limits.js';
import type { FunctionResponse } from '../session/call.js';
import type { Invocation, Served } from '../session/invoke.js';
import type { Forward } from './neighbourhood.js';

export interface ForwardedAnswer {
  response: FunctionResponse;
  /** From X-session-location, -epoch, -version, -replayed. */
  node: string;
  epoch: number;
  version: number;
  replayed: boolean;
  /** Present when the peer answered 307: the node it named and its mark. */
  moved?: { to: string; home: string };
  /** The peer's fault, when it may be tried again. */
  busy?: boolean;
}

/** Sends one function call to a peer's gateway as it came, with the mark that a redirect would carry. */
export type SendOn = (call: Invocation, to: string, home: string, hops: number) => Promise<ForwardedAnswer>;

const BETWEEN_TRIES_MS = 25;
const FIRST_HOP = 1;

export function createForward(options: { clock: Clock; sendOn: SendOn }): Forward {
  const { clock, sendOn } = options;
  return async (call, to, home): Promise<Served> => {
    const deadlineMs = clock.now() + MAX_WAIT_MS;
    let redirects = 0;
    let newest = -1;
    for (let target = to, mark = home; clock.now() < deadlineMs && !call.signal.aborted; ) {
      // For the peer it is the first hop, whatever came before: it redirects, and never forwards a second time.
      const answer = await sendOn(call, target, mark, FIRST_HOP);
      if (!answer.moved && !answer.busy) return { kind: 'answer', ...answer };
      if (answer.moved) {
        [target, mark] = [answer.moved.to, answer.moved.home];
        redirects = answer.epoch > newest ? 1 : redirects + 1;
        newest = Math.max(newest, answer.epoch);
        if (redirects > MAX_FORWARD_REDIRECTS) throw new Fault('REDIRECT_LOOP', { redirects });
      }
      await pause(clock, BETWEEN_TRIES_MS);
    }
    throw new Fault(call.signal.aborted ? 'CLIENT_GONE' : 'MOVING');
  };
}

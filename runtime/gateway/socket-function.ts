/** A deployed function as its WebSockets call it: a message is counted and bounded as a request is. */
import { Fault } from '../model/faults.js';
import { MAX_IN_HAND_PER_FUNCTION } from '../model/limits.js';
import type { SocketFunction } from '../handler/sockets/socket-door.js';
import type { Deployed } from './deployed.js';
import type { UpgradeDoorParts } from './upgrade-door.js';

/** It is looked up for each message: a socket outlives the deployment that it was opened with. */
export function socketFunction({ name, writeMs }: Deployed, { deployments, onSaid, activity }: Pick<UpgradeDoorParts, 'deployments' | 'onSaid' | 'activity'>): SocketFunction {
  const now = (): Deployed | undefined => {
    const deployed = deployments.find(name);
    return deployed?.worker.sockets ? deployed : undefined;
  };
  return {
    name, writeMs, find: now,
    begin() {
      const deployed = now()!;
      const { metrics } = deployed;
      metrics.started += 1;
      deployed.inHand += 1;
      const end = (status: number, tookMs: number): void => {
        metrics.finish(status, tookMs);
        deployed.leave();
      };
      const fault = refusal(deployed);
      if (fault !== undefined) {
        end(fault.status, 0);
        throw fault;
      }
      if (deployed.isAsleep) deployed.wake();
      return end;
    },
    said: (entries, residency) => onSaid?.(name, entries, residency),
    served: (session, tookMs) => activity?.serve(session, tookMs, false),
    redirected: (session) => activity?.redirect(session),
  };
}

function refusal({ name, inHand, mostInHand }: Deployed): Fault | undefined {
  if (inHand > MAX_IN_HAND_PER_FUNCTION) return new Fault('OVERLOADED', { function: name, limit: MAX_IN_HAND_PER_FUNCTION });
  return inHand > mostInHand ? new Fault('TOO_MANY_CALLS', { function: name, limit: mostInHand }) : undefined;
}

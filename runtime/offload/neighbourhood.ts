/** The domain as the session layer sees it: where sessions are, and who carries a request there. */
import type { Invocation, Served } from '../session/invoke.js';
import type { Neighbourhood } from '../session/ports.js';
import { Fault } from '../model/faults.js';
import type { Offload } from './offload.js';

/** Carries a request to the node that holds the session (DESIGN: nodes forward rather than redirect once more). */
export type Forward = (call: Invocation, to: string, home: string) => Promise<Served>;

export function createNeighbourhood(offload: Offload, forward: Forward): Neighbourhood {
  const { directory } = offload.options;
  return {
    locate: (session, functionName, options) => offload.locator.locate(session, functionName, options),
    urlOf: async (node) => {
      const url = directory.urlOf(node) ?? (await directory.resolve(node))?.url;
      if (url === undefined) throw new Fault('PEER_UNREACHABLE', { node, url: 'unknown', reason: 'no node on the way up knows it' });
      return url;
    },
    accepting: () => offload.accepting(),
    shed: (session) => offload.shed(session),
    retire: async (session) => void (await offload.retire(session)),
    sendHome: (session, home) => offload.sendHome(session, home),
    forward,
    owes: (session, effects) => offload.owes(session, effects),
    mayOwe: (session, effects) => offload.effects.mayOwe(session, effects),
  };
}

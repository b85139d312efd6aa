/** What peers ask of each other beyond the seed's commands, and what an operator may ask of any node. */
import { Fields } from '../base/fields.js';
import type { Route } from '../base/reply.js';
import type { Offload } from './offload.js';
import { operatorRoutes } from './operator-routes.js';
import { callOf } from './orders.js';
import type { ClaimRequest } from './peers.js';

/** Path → handler of a POST with a JSON body; the answer is JSON. */
export type PeerCalls = Record<string, (body: unknown, params: URLSearchParams) => Promise<unknown>>;

export function createPeerCalls(offload: Offload): PeerCalls {
  const { store, changes } = offload.options;
  return {
    '/peer/claim': async (body, params) => offload.locator.answer(claimOf(new Fields(body)), params.get('only') === 'here'),
    '/peer/ask': async (body) => {
      const fields = new Fields(body);
      const session = fields.session();
      const [incarnation, home] = [fields.maybeText('incarnation'), fields.maybeText('home')];
      const epoch = fields.count('epoch');
      await offload.mover.pauseEnded(session, epoch);
      const reply = await store.run({ verb: 'ask', session, epoch, incarnation, home });
      changes.announce(session);
      return reply;
    },
    '/peer/gone': async (body) => {
      const fields = new Fields(body);
      return store.run({ verb: 'gone', session: fields.session(), epoch: fields.count('epoch'), incarnation: fields.text('incarnation') });
    },
    '/peer/record': async (body) => ({ slot: (await store.slot(new Fields(body).session())) ?? null }),
    '/peer/call': async (body) => offload.receiver.call(callOf(body)),
    '/peer/path': async () => offload.paths.own(),
    '/peer/collect': async (body) => {
      const fields = new Fields(body);
      const measure = { idleMs: fields.has('idleMs') ? fields.count('idleMs') : undefined, forced: fields.flag('forced') };
      return { outcome: await offload.collector.endFrom(fields.session(), fields.text('from'), measure) };
    },
    '/peer/take': async (body) => {
      const fields = new Fields(body);
      return offload.take({ session: fields.session(), from: fields.text('from'), rehome: fields.flag('rehome') });
    },
  };
}

function claimOf(fields: Fields): ClaimRequest {
  return {
    session: fields.session(), function: fields.text('function'), home: fields.text('home'),
    epoch: fields.count('epoch'), incarnation: fields.text('incarnation'), write: fields.flag('write'),
  };
}

/** The same as routes of the gateway. */
export function createPeerRoutes(offload: Offload): Route[] {
  const routes = Object.entries(createPeerCalls(offload)).map(([path, call]): Route => ({
    method: 'POST', path, access: 'peer', run: async ({ body, query }) => ({ status: 200, json: await call(body, query) }),
  }));
  return [...routes, ...operatorRoutes(offload)];
}

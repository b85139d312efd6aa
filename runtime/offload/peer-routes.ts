/** What peers ask of each other beyond the seed's commands, and what an operator may ask of any node. */
import type { Route } from '../base/reply.js';
import { Fault } from '../model/faults.js';
import type { Offload } from './offload.js';
import type { ClaimRequest, TakeOrder } from './peers.js';

/** Path → handler of a POST with a JSON body; the answer is JSON. */
export type PeerCalls = Record<string, (body: unknown, params: URLSearchParams) => Promise<unknown>>;

export function createPeerCalls(offload: Offload): PeerCalls {
  const { store, changes } = offload.options;
  return {
    '/peer/claim': (body, params) => offload.locator.answer(checked<ClaimRequest>(body, ['session', 'function', 'home', 'incarnation']), params.get('only') === 'here'),
    '/peer/ask': async (body) => {
      const { session, epoch, incarnation } = checked<{ session: string; epoch: number; incarnation?: string }>(body, ['session']);
      const reply = await store.run({ verb: 'ask', session, epoch: Number(epoch), incarnation });
      changes.announce(session);
      return reply;
    },
    '/peer/gone': (body) => {
      const { session, epoch, incarnation } = checked<{ session: string; epoch: number; incarnation: string }>(body, ['session', 'incarnation']);
      return store.run({ verb: 'gone', session, epoch: Number(epoch), incarnation });
    },
    '/peer/record': async (body) => ({ slot: (await store.slot(checked<{ session: string }>(body, ['session']).session)) ?? null }),
    '/peer/take': (body) => offload.take(checked<TakeOrder>(body, ['session', 'from'])),
  };
}

/** The same as routes of the gateway. */
export function createPeerRoutes(offload: Offload): Route[] {
  const routes = Object.entries(createPeerCalls(offload)).map(([path, call]): Route => ({
    method: 'POST', path, access: 'peer', run: async ({ body, query }) => ({ status: 200, json: await call(body, query) }),
  }));
  return [...routes, ...operatorRoutes(offload)];
}

function operatorRoutes(offload: Offload): Route[] {
  return [
    {
      method: 'POST', path: '/api/v1/sessions/:id/migrate', access: 'admin',
      run: async ({ params, body }) => {
        const { to, rehome } = checked<{ to: string; rehome?: boolean }>(body, ['to']);
        return { status: 200, json: await offload.migrate(params.id!, to, rehome === true) };
      },
    },
    { method: 'GET', path: '/api/v1/conflicts', access: 'admin', run: async () => ({ status: 200, json: offload.conflicts.list() }) },
  ];
}

function checked<T>(body: unknown, texts: string[]): T {
  const fields = (body ?? {}) as Record<string, unknown>;
  for (const name of texts) {
    if (typeof fields[name] !== 'string' || fields[name] === '') throw new Fault('PARAMETER_INVALID', { name, reason: 'a non-empty string is needed' });
  }
  return body as T;
}

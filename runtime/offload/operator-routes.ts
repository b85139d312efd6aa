/** What an operator may ask of a node about single sessions; all of it with admin credentials, all of it audited. */
import { Fields } from '../base/fields.js';
import type { Caller, Route, RouteRequest } from '../base/reply.js';
import type { Offload } from './offload.js';

export function operatorRoutes(offload: Offload): Route[] {
  const { operator, conflicts, deadLetters } = offload;
  const post = (path: string, work: (id: string, fields: Fields, by: Caller) => Promise<object>): Route => ({
    method: 'POST', path, access: 'admin',
    run: async ({ params, body, caller }: RouteRequest) => ({ status: 200, json: await work(params.id!, new Fields(body), caller!) }),
  });
  const session = '/api/v1/sessions/:id';
  return [
    post(`${session}/migrate`, (id, fields, by) => operator.migrate(id, fields.text('to'), fields.flag('rehome'), by)),
    { method: 'GET', path: `${session}/inspect`, access: 'admin', run: async ({ params }) => ({ status: 200, json: await operator.inspect(params.id!) }) },
    post(`${session}/pause`, (id, _, by) => operator.pause(id, by)),
    post(`${session}/resume`, (id, _, by) => operator.resume(id, by)),
    post(`${session}/force-release`, (id, _, by) => operator.forceRelease(id, by)),
    post(`${session}/cancel-move`, (id, _, by) => operator.cancelMove(id, by)),
    post(`${session}/discard`, (id, fields, by) => operator.discard(id, fields.text('incarnation'), by)),
    post(`${session}/keep`, (id, fields, by) => operator.keep(id, fields.text('incarnation'), by)),
    post(`${session}/settled`, (id, _, by) => operator.settled(id, by)),
    { method: 'GET', path: '/api/v1/conflicts', access: 'admin', run: async () => ({ status: 200, json: conflicts.list() }) },
    { method: 'GET', path: '/api/v1/dead-letters', access: 'admin', run: async () => ({ status: 200, json: deadLetters.list() }) },
    post('/api/v1/dead-letters/:id/retry', (id, _, by) => operator.retryLetter(id, by)),
    post('/api/v1/dead-letters/:id/drop', (id, _, by) => operator.dropLetter(id, by)),
  ];
}

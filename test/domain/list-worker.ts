/** Functions of the tests' domain: one that keeps a list, and one that takes what others propagate. */
import { Fault } from '../../runtime/model/faults.js';
import { Outbox } from '../../runtime/handler/outbox.js';
import type { FunctionKind, Worker, WorkerAnswer, WorkerCall } from '../../runtime/session/call.js';

/** What else an added item does. */
export type AskFor = (outbox: Outbox, item: string, session: string) => void;

/** Appends the query's item to the list `items` and answers the list. */
export function listWorker(kind: FunctionKind, askFor: AskFor = () => undefined): Worker {
  return {
    kind,
    run: async ({ callId, request, session }: WorkerCall): Promise<WorkerAnswer> => {
      const stored = session!.data ? session!.data.get('items') : await session!.fetch('items');
      const items = (Array.isArray(stored) ? stored : []).map((value) => value.toString());
      const item = new URLSearchParams(request.query).get('add') ?? '';
      if (item === 'throw') throw new Fault('HANDLER_FAILED', { call: 'x' });
      const writes = item === '' ? [] : [{ op: 'append' as const, key: 'items', values: [Buffer.from(item)] }];
      const body = Buffer.from(JSON.stringify(item === '' ? items : [...items, item]));
      const outbox = new Outbox('list', callId, request, session!.info);
      if (item !== '') askFor(outbox, item, session!.info.id);
      return { response: { status: 200, headers: {}, body }, writes, effects: outbox.rows, telemetry: [] };
    },
    close: async () => undefined,
  };
}

/** Appends whatever it receives to the list `items`; refuses for good what begins with "no". */
export function ledgerWorker(): Worker {
  return {
    kind: 'offloadable',
    run: async ({ request: { body } }: WorkerCall): Promise<WorkerAnswer> => {
      const status = body.toString().startsWith('no') ? 400 : 200;
      const writes = body.length > 0 && status === 200 ? [{ op: 'append' as const, key: 'items', values: [body] }] : [];
      return { response: { status, headers: {}, body: Buffer.alloc(0) }, writes, effects: [], telemetry: [] };
    },
    close: async () => undefined,
  };
}

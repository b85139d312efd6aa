/** Snapshots, what lies between them, and queries. */
import { Fault } from '../../../runtime/model/faults.js';
import { INVENTORY_PAGE, MAX_INVENTORY_PAGE, MAX_QUERY_CHARS, MAX_QUERY_ROWS, QUERY_MS } from '../../../runtime/model/limits.js';
import { OBJECT_NAMES, type ObjectName } from '../../../runtime/model/inventory/objects.js';
import { domainFileOf } from '../domain-file.js';
import type { Keeping } from '../keep/keeping.js';
import { countsOf } from '../keep/rows.js';
import type { Snapshot } from '../keep/snapshots.js';
import type { Inventory } from '../inventory.js';
import type { InventoryRoute } from './route.js';

const SNAPSHOT = {
  type: 'object', required: ['name', 'createdAt', 'seq', 'reason', 'tables'],
  properties: {
    name: { type: 'string' }, createdAt: { type: 'string', format: 'date-time' }, seq: { type: 'integer' },
    reason: { type: 'string', enum: ['timer', 'request', 'shutdown', 'restore'] }, restored: { type: 'string' },
    tables: { type: 'object', additionalProperties: { type: 'object', required: ['rows', 'bytes', 'sha256'] } },
  },
};
const ANY = { type: 'object' };

export function historyRoutes(inventory: Inventory, keeping: Keeping, domainId: string): InventoryRoute[] {
  return [
    {
      method: 'GET', path: '/domain.yml', need: 'read', operation: 'getDomainFile', summary: 'The domain file of the nodes that have a place in the tree.',
      query: [{ name: 'collection', description: 'Only members of this collection, and what stands above them.' }], answers: { 200: { text: 'application/yaml' } },
      async run({ query }) {
        await inventory.set.ready;
        return { status: 200, headers: { 'content-type': 'application/yaml' }, text: domainFileOf(inventory.set, domainId, query.get('collection') ?? undefined) };
      },
    },
    {
      method: 'GET', path: '/', need: 'read', operation: 'getInventory', summary: 'How many objects there are, and how they are kept.', answers: { 200: { schema: ANY } },
      run: () => ({
        status: 200,
        json: {
          objects: countsOf(inventory.set), seq: inventory.seq, journalBytes: keeping.journalBytes, snapshots: keeping.snapshots.length,
          newestSnapshot: keeping.snapshots.at(-1)?.name ?? null,
        },
      }),
    },
    {
      method: 'GET', path: '/snapshots', need: 'read', operation: 'listSnapshots', summary: 'The snapshots, oldest first.', answers: { 200: { schema: { type: 'array', items: SNAPSHOT } } },
      run: () => ({ status: 200, json: keeping.snapshots.map(shown) }),
    },
    {
      method: 'POST', path: '/snapshots', need: 'write', operation: 'createSnapshot', summary: 'Make a snapshot now.', answers: { 201: { schema: SNAPSHOT } },
      async run({ base }) {
        const snapshot = await keeping.snapshot('request');
        return { status: 201, headers: { location: `${base}/snapshots/${snapshot.name}` }, json: shown(snapshot) };
      },
    },
    {
      method: 'GET', path: '/snapshots/:name', need: 'read', operation: 'getSnapshot', summary: 'One snapshot.', answers: { 200: { schema: SNAPSHOT } },
      run: ({ params }) => ({ status: 200, json: shown(keeping.find(params['name']!)) }),
    },
    {
      method: 'POST', path: '/snapshots/:name/restore', need: 'admin', operation: 'restoreSnapshot',
      summary: 'Go back to a snapshot. What is now is kept as a snapshot first; the answer is the one that holds from now on.', answers: { 200: { schema: SNAPSHOT } },
      run: async ({ params }) => ({ status: 200, json: shown(await keeping.restore(params['name']!)) }),
    },
    {
      method: 'GET', path: '/diff', need: 'read', operation: 'diffSnapshots', summary: 'What was added, removed and changed between two states.',
      query: [
        { name: 'from', description: 'Time or name of a snapshot.', required: true },
        { name: 'to', description: 'Time or name of a snapshot, or current (default).' },
        { name: 'object', description: 'Only objects of this kind.' },
        { name: 'limit', description: 'Differences that are listed; all are counted.', type: 'integer' },
      ],
      answers: { 200: { schema: ANY } },
      async run({ query }) {
        const object = query.get('object');
        if (object !== null && !OBJECT_NAMES.includes(object as ObjectName)) throw new Fault('PARAMETER_INVALID', { name: 'object', reason: `it is one of ${OBJECT_NAMES.join(', ')}` });
        const from = query.get('from');
        if (from === null) throw new Fault('PARAMETER_INVALID', { name: 'from', reason: 'it is required: a time, or the name of a snapshot' });
        const limit = numberOf(query.get('limit'), 'limit', INVENTORY_PAGE, MAX_INVENTORY_PAGE);
        return { status: 200, json: await keeping.diff(from, query.get('to') ?? 'current', object === null ? OBJECT_NAMES : [object as ObjectName], limit) };
      },
    },
    {
      method: 'GET', path: '/sql/views', need: 'admin', operation: 'listViews', summary: 'Tables and views that queries see, with their columns.', answers: { 200: { schema: { type: 'array', items: ANY } } },
      run: async () => ({ status: 200, json: await keeping.tables() }),
    },
    {
      method: 'POST', path: '/sql', need: 'admin', operation: 'query', summary: 'Run one SELECT over the current tables and all snapshots.',
      body: {
        schema: {
          type: 'object', required: ['query'],
          properties: { query: { type: 'string' }, maxRows: { type: 'integer', minimum: 1, maximum: MAX_QUERY_ROWS }, timeoutMs: { type: 'integer', minimum: 1, maximum: QUERY_MS } },
        },
      },
      answers: { 200: { schema: { type: 'object', required: ['columns', 'rows', 'truncated'] } } },
      async run({ body }) {
        const { query, maxRows, timeoutMs } = (body ?? {}) as { query?: unknown; maxRows?: unknown; timeoutMs?: unknown };
        if (typeof query !== 'string' || query.trim() === '') throw new Fault('PARAMETER_INVALID', { name: 'query', reason: 'the text of a SELECT is needed' });
        if (query.length > MAX_QUERY_CHARS) throw new Fault('PARAMETER_INVALID', { name: 'query', reason: `it has ${query.length} characters; ${MAX_QUERY_CHARS} are the most` });
        const rows = ofBody(maxRows, 'maxRows', MAX_QUERY_ROWS, MAX_QUERY_ROWS);
        const ms = ofBody(timeoutMs, 'timeoutMs', QUERY_MS, QUERY_MS);
        return { status: 200, json: await keeping.query(query, { rows, ms }) };
      },
    },
  ];
}

function shown({ name, createdAt, seq, reason, restored, tables }: Snapshot): object {
  return { name, createdAt, seq, reason, restored, tables };
}

function numberOf(text: string | null, name: string, otherwise: number, most: number): number {
  return ofBody(text === null ? undefined : /^\d{1,15}$/.test(text) ? Number(text) : text, name, otherwise, most);
}

function ofBody(value: unknown, name: string, otherwise: number, most: number): number {
  if (value === undefined) return otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) throw new Fault('PARAMETER_INVALID', { name, reason: `it is a whole number from 1 to ${most}` });
  return value;
}

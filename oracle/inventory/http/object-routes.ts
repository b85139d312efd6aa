/** Create, list, get, replace and delete, the same for every kind of object. */
import { Fault } from '../../../runtime/model/faults.js';
import { OBJECT_NAMES, type ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { Inventory, Outcome, Written } from '../inventory.js';
import type { Row } from '../state/row.js';
import { FILTERS, flag, PAGING, readListQuery, runListQuery } from '../state/query.js';
import { canonicalXname } from '../../../runtime/model/inventory/xname.js';
import { atIndex, refusalOf } from '../state/problems.js';
import { etagOf, viewOf } from '../state/view.js';
import type { WorkingSet } from '../state/working-set.js';
import { problemOf } from './problem.js';
import type { InventoryReply, InventoryRequest, InventoryRoute, QueryParameter } from './route.js';

/** The seed's other names. */
const ALIASES: Partial<Record<ObjectName, string[]>> = { ComputeNode: ['/nodes'], BMC: ['/bmc'] };

export interface ObjectRouteParts {
  inventory: Inventory;
  /** The working set as it was at a moment of the past. Throws when no snapshot is so old. */
  past(asOf: string): Promise<WorkingSet>;
  /** Fields that an object's lists can be sorted by. */
  sortable: Record<ObjectName, string[]>;
}

export function objectRoutes(parts: ObjectRouteParts): InventoryRoute[] {
  return [...OBJECT_NAMES.flatMap((object) => routesOf(parts, object)), membershipRoute(parts)];
}

function routesOf(parts: ObjectRouteParts, object: ObjectName): InventoryRoute[] {
  const { inventory } = parts;
  const path = `/${object}`;
  const aliases = ALIASES[object] ?? [];
  const one = { path: `${path}/:id`, aliases: aliases.map((alias) => `${alias}/:id`), atRoot: true };
  const replace = async ({ params, body, headers, caller }: InventoryRequest): Promise<InventoryReply> =>
    writtenReply(await inventory.replace(object, params['id']!, body, headers['if-match'] as string | undefined, caller), 200);
  return [
    {
      method: 'POST', path, aliases, atRoot: true, need: 'write', operation: `create${object}`, summary: `Create one ${object}, or an array of them.`,
      query: [{ name: 'partial', description: 'Take the objects that are right and leave the others, instead of all or nothing.', type: 'boolean' }],
      body: { object, how: 'create' }, answers: { 201: { object }, 207: { schema: PARTIAL_ANSWER } },
      run: (request) => create(inventory, object, request),
    },
    {
      method: 'GET', path, aliases, atRoot: true, need: 'read', operation: `list${object}`, summary: `List ${object} objects, a page at a time.`,
      query: listParameters(object), answers: { 200: { object, list: true } },
      run: (request) => list(parts, object, request),
    },
    {
      ...one, method: 'GET', need: 'read', isEarly: true, operation: `get${object}`, summary: `Get one ${object} by ${KEYS[object]}.`,
      query: [AS_OF], answers: { 200: { object }, 304: 'nothing' },
      run: (request) => get(parts, object, request),
    },
    {
      ...one, method: 'PUT', need: 'write', operation: `replace${object}`, summary: `Replace a ${object}.`,
      body: { object, how: 'replace' }, answers: { 200: { object } }, run: replace,
    },
    {
      ...one, method: 'POST', need: 'write', operation: `update${object}`, summary: `Replace a ${object}, as PUT does.`,
      body: { object, how: 'replace' }, answers: { 200: { object } }, run: replace,
    },
    {
      ...one, method: 'DELETE', need: 'write', operation: `delete${object}`, summary: `Delete a ${object}.`, answers: { 204: 'nothing' },
      async run({ params, headers, caller }) {
        await inventory.remove(object, params['id']!, headers['if-match'] as string | undefined, caller);
        return { status: 204 };
      },
    },
  ];
}

const KEYS: Record<ObjectName, string> = {
  ComputeNode: 'id, xname or name in the domain', NetworkInterface: 'id or MAC address', BMC: 'id, xname or MAC address',
  Component: 'UID or ID', NodeCollection: 'id, name or alias',
};

const AS_OF: QueryParameter = { name: 'asOf', description: 'As it was in the newest snapshot at this time, or in the snapshot of this name.' };

const PARTIAL_ANSWER = {
  type: 'object', required: ['created', 'refused'],
  properties: {
    created: { type: 'array', items: { type: 'object' } },
    refused: { type: 'array', items: { type: 'object', required: ['index', 'problem'], properties: { index: { type: 'integer' }, problem: { type: 'object' } } } },
  },
};

function listParameters(object: ObjectName): QueryParameter[] {
  const kinds: Record<string, QueryParameter['type']> = { missingIPV4: 'boolean', missingIPV6: 'boolean', Enabled: 'boolean', NID: 'integer', limit: 'integer', offset: 'integer' };
  const words: Record<string, string> = {
    limit: 'Objects of a page.', offset: 'Objects to leave out first.', after: 'Cursor of the page before, from the header Link.',
    sort: 'Field to sort by; with - in front, the other way round.', asOf: AS_OF.description,
    missingIPV4: 'Only nodes without an IPv4 address.', missingIPV6: 'Only nodes without an IPv6 address.',
    collection: 'Only members of this collection.', label: 'Only nodes with this label: name or name=value.',
  };
  return [...FILTERS[object], ...PAGING].map((name) => ({ name, description: words[name] ?? `Only those with this ${name}.`, type: kinds[name] ?? 'string' }));
}

async function create(inventory: Inventory, object: ObjectName, { body, query, caller, base }: InventoryRequest): Promise<InventoryReply> {
  const isArray = Array.isArray(body);
  const given = isArray ? body : [body];
  const partial = flag('partial', query.get('partial') ?? 'false');
  const outcomes = await inventory.create(object, given, { author: caller, partial }, isArray);
  if (!isArray && !partial) return writtenReply(outcomes[0] as Written, 201, `${base}/${object}`);
  const created = outcomes.flatMap((outcome) => ('view' in outcome ? [outcome.view] : []));
  if (!partial) return { status: 201, json: created };
  const refused = outcomes.flatMap((outcome, index) => ('trouble' in outcome ? [{ index, problem: troubleProblem(object, outcome, index) }] : []));
  return { status: refused.length > 0 ? 207 : 201, json: { created, refused } };
}

function troubleProblem(object: ObjectName, outcome: Extract<Outcome, { trouble: unknown }>, index: number) {
  return problemOf(refusalOf(object, atIndex(outcome.trouble, index)));
}

async function list({ inventory, past, sortable }: ObjectRouteParts, object: ObjectName, { query, base }: InventoryRequest): Promise<InventoryReply> {
  const asOf = query.get('asOf');
  const set = asOf === null ? inventory.set : await past(asOf);
  await set.ready;
  const { rows, total, next } = runListQuery(set, object, readListQuery(set, object, query, sortable[object]));
  const headers: Record<string, string> = { 'x-total-count': String(total) };
  if (next !== undefined) {
    const following = new URLSearchParams(query);
    following.set('after', next);
    following.delete('offset');
    headers['link'] = `<${base}/${object}?${following}>; rel="next"`;
  }
  return { status: 200, headers, json: rows.map((row) => viewOf(set, object, row)) };
}

async function get({ inventory, past }: ObjectRouteParts, object: ObjectName, { params, query, headers }: InventoryRequest): Promise<InventoryReply> {
  const asOf = query.get('asOf');
  const set = asOf === null ? await inventory.setFor(object, params['id']!) : await past(asOf);
  const row = inventory.get(object, params['id']!, set);
  const etag = etagOf(set, object, row);
  const known = headers['if-none-match'] as string | undefined;
  if (known?.split(',').some((each) => each.trim().replace(/^W\//, '') === etag || each.trim() === '*')) return { status: 304, headers: { etag } };
  return { status: 200, headers: { etag }, json: viewOf(set, object, row) };
}

/** @param place where objects of its kind are; given when it is new there */
function writtenReply({ id, view, etag }: Written, status: number, place?: string): InventoryReply {
  return { status, headers: { etag, ...(place !== undefined && { location: `${place}/${id}` }) }, json: view };
}

function membershipRoute({ inventory }: ObjectRouteParts): InventoryRoute {
  return {
    method: 'GET', path: '/memberships/:xname', atRoot: true, need: 'read', operation: 'getMemberships', summary: 'The collections that a node is in.',
    answers: { 200: { schema: MEMBERSHIPS } },
    run({ params }) {
      const xname = params['xname']!;
      const { set } = inventory;
      const collections = set.findAll('NodeCollection', 'member', canonicalXname(xname));
      if (collections.length === 0 && !inventory.find('ComputeNode', xname) && !inventory.find('Component', xname)) {
        throw new Fault('OBJECT_UNKNOWN', { object: 'ComputeNode', id: xname });
      }
      return { status: 200, json: { id: xname, collections: collections.map(({ value: { id, name, alias, type } }) => ({ id, name, alias, type })), ...exclusiveOf(collections) } };
    },
  };
}

const MEMBERSHIPS = {
  type: 'object', required: ['id', 'collections'],
  properties: {
    id: { type: 'string' }, tenant: { type: 'string' }, partition: { type: 'string' },
    collections: { type: 'array', items: { type: 'object', required: ['id', 'name', 'type'], properties: { id: { type: 'string' }, name: { type: 'string' }, alias: { type: 'string' }, type: { type: 'string' } } } },
  },
};

/** A node is in one of each at most. */
function exclusiveOf(collections: Row[]): { tenant?: unknown; partition?: unknown } {
  const named = (type: string) => collections.find(({ value }) => value['type'] === type)?.value['name'];
  return { tenant: named('tenant'), partition: named('partition') };
}

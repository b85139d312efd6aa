/** The part of the hardware state manager's API that its clients use most: components and their state. */
import { Fault } from '../../../runtime/model/faults.js';
import { canonicalXname } from '../../../runtime/model/inventory/xname.js';
import type { Offence } from '../../../runtime/base/validation.js';
import type { Inventory, TogetherWrite } from '../inventory.js';
import { FILTERS } from '../state/query.js';
import { isTrouble, Refusal, refusalOf, type Trouble } from '../state/problems.js';
import type { Row, Value } from '../state/row.js';
import type { Caller } from './access.js';
import type { InventoryReply, InventoryRequest, InventoryRoute } from './route.js';

const ROOT = '/smd/State/Components';
const NOTED = ['UID', 'creator_subject', 'created_at', 'modified_at'];
const FIELDS = FILTERS.Component;

/** Bulk and single changes: the last part of the path, and the fields that it may set. */
const CHANGES: Record<string, string[]> = {
  StateData: ['State', 'Flag'], FlagOnly: ['Flag'], Enabled: ['Enabled'], SoftwareStatus: ['SoftwareStatus'], Role: ['Role', 'SubRole'], NID: ['NID'],
};

const COMPONENTS = { type: 'object', required: ['Components'], properties: { Components: { type: 'array', items: { type: 'object' } } } };
const ANY = { type: 'object' };

export function smdRoutes(inventory: Inventory): InventoryRoute[] {
  const shared = { atRoot: true } as const;
  return [
    {
      ...shared, method: 'GET', path: ROOT, need: 'read', operation: 'smdListComponents', summary: 'List components as the hardware state manager does.',
      query: FIELDS.map((field) => ({ name: field.toLowerCase(), description: `Only those with this ${field}; may be given again.` })),
      answers: { 200: { schema: COMPONENTS } },
      async run({ query }) {
        await inventory.set.ready;
        return componentsReply(filtered(inventory, query));
      },
    },
    {
      ...shared, method: 'POST', path: ROOT, need: 'write', operation: 'smdPutComponents', summary: 'Create components, and replace those that exist.',
      body: { schema: {} }, answers: { 204: 'nothing' },
      async run({ body, caller }) {
        const given = componentsOf(body);
        await putAll(inventory, caller, () => given, placeIn(body));
        return { status: 204 };
      },
    },
    {
      ...shared, method: 'DELETE', path: ROOT, need: 'write', operation: 'smdDeleteComponents', summary: 'Delete all components.', answers: { 200: { schema: ANY } },
      run: ({ caller }) => removeRows(inventory, [...inventory.set.tables.Component.values()], caller),
    },
    {
      ...shared, method: 'POST', path: `${ROOT}/Query`, need: 'read', operation: 'smdQueryComponents', summary: 'The components with these xnames.',
      body: { schema: {} }, answers: { 200: { schema: COMPONENTS } },
      run: ({ body }) => componentsReply(idsOf(body).flatMap((id) => inventory.find('Component', id) ?? [])),
    },
    {
      ...shared, method: 'GET', path: `${ROOT}/Query/:xname`, need: 'read', operation: 'smdQueryBelow', summary: 'A component and everything below it.',
      answers: { 200: { schema: COMPONENTS } },
      async run({ params }) {
        await inventory.set.ready;
        return componentsReply(below(inventory, params['xname']!));
      },
    },
    {
      ...shared, method: 'GET', path: `${ROOT}/ByNID/:nid`, need: 'read', operation: 'smdGetByNid', summary: 'A component by the number of its node.',
      answers: { 200: { schema: ANY } },
      run({ params }) {
        const row = inventory.set.find('Component', 'NID', params['nid']!);
        if (!row) throw new Fault('OBJECT_UNKNOWN', { object: 'Component', id: `NID ${params['nid']}` });
        return { status: 200, json: shown(row) };
      },
    },
    ...Object.keys(CHANGES).map((change): InventoryRoute => ({
      ...shared, method: 'PATCH', path: `${ROOT}/Bulk${change}`, need: 'write', operation: `smdBulk${change}`, summary: `Set ${CHANGES[change]!.join(' and ')} of several components.`,
      body: { schema: {} }, answers: { 204: 'nothing' }, run: (request) => bulk(inventory, change, request),
    })),
    {
      ...shared, method: 'GET', path: `${ROOT}/:xname`, need: 'read', operation: 'smdGetComponent', summary: 'One component.', answers: { 200: { schema: ANY } },
      run: ({ params }) => ({ status: 200, json: shown(inventory.get('Component', params['xname']!)) }),
    },
    {
      ...shared, method: 'PUT', path: `${ROOT}/:xname`, need: 'write', operation: 'smdPutComponent', summary: 'Create or replace one component.',
      body: { schema: {} }, answers: { 204: 'nothing' },
      async run({ params, body, caller }) {
        const { Component: wrapped } = (body ?? {}) as { Component?: Value };
        await putAll(inventory, caller, () => [{ ...(wrapped ?? body) as Value, ID: params['xname'] }], () => (wrapped ? '/Component' : ''));
        return { status: 204 };
      },
    },
    {
      ...shared, method: 'DELETE', path: `${ROOT}/:xname`, need: 'write', operation: 'smdDeleteComponent', summary: 'Delete one component.', answers: { 200: { schema: ANY } },
      run: ({ params, caller }) => removeRows(inventory, [inventory.get('Component', params['xname']!)], caller),
    },
    ...Object.keys(CHANGES).map((change): InventoryRoute => ({
      ...shared, method: 'PATCH', path: `${ROOT}/:xname/${change}`, need: 'write', operation: `smdPatch${change}`, summary: `Set ${CHANGES[change]!.join(' and ')} of one component.`,
      body: { schema: {} }, answers: { 204: 'nothing' },
      run: (request) => bulk(inventory, change, { ...request, body: { ...request.body as Value, ComponentIDs: [request.params['xname']] } }),
    })),
  ];
}

function shown({ value }: Row): Value {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !NOTED.includes(name)));
}

function componentsReply(rows: Row[]): InventoryReply {
  return { status: 200, json: { Components: rows.map(shown) } };
}

/** Several values of one field mean any of them; `!value` means all but it. Field names come in any case. */
function filtered({ set }: Inventory, query: URLSearchParams): Row[] {
  const wanted = [...new Set(query.keys())].map((given) => {
    const field = FIELDS.find((each) => each.toLowerCase() === given.toLowerCase());
    if (!field) throw new Fault('PARAMETER_INVALID', { name: given, reason: `components know ${FIELDS.map((each) => each.toLowerCase()).join(', ')}` });
    const values = query.getAll(given).map((value) => value.toLowerCase());
    return { field, yes: values.filter((value) => !value.startsWith('!')), no: values.filter((value) => value.startsWith('!')).map((value) => value.slice(1)) };
  });
  const fits = (row: Row) => wanted.every(({ field, yes, no }) => {
    const value = field === 'ID' ? canonicalXname(String(row.value[field])) : String(row.value[field] ?? '').toLowerCase();
    return (yes.length === 0 || yes.some((each) => (field === 'ID' ? canonicalXname(each) : each) === value)) && !no.includes(value);
  });
  return [...set.tables.Component.values()].filter(fits);
}

/** Below x0c0 is x0c0s1, and not x0c01. */
function below(inventory: Inventory, xname: string): Row[] {
  const top = inventory.get('Component', xname);
  const prefix = canonicalXname(String(top.value['ID']));
  const isBelow = (id: string) => id.startsWith(prefix) && /^([a-z]|$)/.test(id.slice(prefix.length));
  return [...inventory.set.tables.Component.values()].filter((row) => row === top || isBelow(canonicalXname(String(row.value['ID']))));
}

/** `{Components: […]}` as the hardware state manager has it, or the bare array of the seed. */
function componentsOf(body: unknown): Value[] {
  const list = Array.isArray(body) ? body : (body as { Components?: unknown } | undefined)?.Components;
  if (!Array.isArray(list)) throw missing('/Components', 'an array of components is needed');
  return list as Value[];
}

function idsOf(body: unknown): string[] {
  const { ComponentIDs: ids } = (body ?? {}) as { ComponentIDs?: unknown };
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string')) throw missing('/ComponentIDs', 'an array of xnames is needed');
  return ids;
}

function missing(pointer: string, detail: string): Refusal {
  return new Refusal('OBJECT_INVALID', { object: 'body', reason: `${pointer}: ${detail}` }, [{ pointer, detail }]);
}

/** Known ones are replaced, the others created; all or nothing. `given` are made of what the inventory has, `pointerOf` says where each came from. */
async function putAll(inventory: Inventory, caller: Caller, given: () => Value[], pointerOf: (index: number) => string): Promise<void> {
  await inventory.together(caller, (write) => {
    const trouble: Trouble = { offences: [], conflicts: [] };
    const note = ({ offences, conflicts }: Trouble, index: number) => {
      const moved = <T extends { pointer: string }>(each: T): T => ({ ...each, pointer: pointerOf(index) + each.pointer });
      trouble.offences.push(...offences.map(moved));
      trouble.conflicts.push(...conflicts.map(moved));
    };
    for (const [index, each] of given().entries()) note(putOne(inventory, write, each), index);
    if (isTrouble(trouble)) throw refusalOf('Component', { offences: once(trouble.offences), conflicts: trouble.conflicts });
  });
}

function putOne(inventory: Inventory, { set, put, newId }: TogetherWrite, given: Value): Trouble {
  const offences = inventory.check('Component', given, 'create');
  if (offences.length > 0) return { offences, conflicts: [] };
  const known = set.find('Component', 'ID', canonicalXname(given['ID'] as string));
  const told = (given['UID'] as string | undefined)?.toLowerCase();
  if (known && told !== undefined && told !== known.id) return { offences: [{ pointer: '/UID', detail: `it is ${known.id} and cannot be changed` }], conflicts: [] };
  if (!known && told !== undefined && set.get('Component', told)) return { offences: [], conflicts: [{ object: 'Component', id: told, field: 'UID', value: told, pointer: '/UID' }] };
  try {
    put('Component', known?.id ?? told ?? newId(), given);
    return { offences: [], conflicts: [] };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { offences: error.offences, conflicts: error.conflicts };
  }
}

/** One value for many offends once. */
function once(offences: Offence[]): Offence[] {
  return [...new Map(offences.map((each) => [`${each.pointer} ${each.detail}`, each])).values()];
}

async function removeRows(inventory: Inventory, rows: Row[], caller: Caller): Promise<InventoryReply> {
  await inventory.together(caller, ({ remove }) => rows.forEach((row) => remove('Component', row)));
  return { status: 200, json: { code: 0, message: `deleted ${rows.length} entries` } };
}

/** One value for many, or with BulkNID one for each. What they have besides is looked up with the write itself. */
async function bulk(inventory: Inventory, change: string, { body, caller }: InventoryRequest): Promise<InventoryReply> {
  const fields = CHANGES[change]!;
  const isOneEach = change === 'NID' && (Array.isArray(body) || Array.isArray((body as Value | undefined)?.['Components']));
  const each: Value[] = isOneEach ? componentsOf(body) : idsOf(body).map((ID) => ({ ...body as Value, ID }));
  const pointerOf = isOneEach ? placeIn(body) : () => '';
  const changes = each.map((given, index) => {
    const set = Object.fromEntries(fields.flatMap((field) => (given?.[field] === undefined ? [] : [[field, given[field]]])));
    if (Object.keys(set).length === 0) throw missing(`${pointerOf(index)}/${fields[0]}`, 'it is required');
    return { id: String(given['ID']), set };
  });
  await putAll(inventory, caller, () => changes.map(({ id, set }) => ({ ...inventory.get('Component', id).value, ...set })), pointerOf);
  return { status: 204 };
}

/** Where a component of an array is in the body. */
function placeIn(body: unknown): (index: number) => string {
  const base = Array.isArray(body) ? '' : '/Components';
  return (index) => `${base}/${index}`;
}

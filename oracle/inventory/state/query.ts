/** Lists: which objects are meant, in which order, and where the next page begins. */
import { Fault } from '../../../runtime/model/faults.js';
import { INVENTORY_PAGE, MAX_INVENTORY_PAGE } from '../../../runtime/model/limits.js';
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';
import { canonicalMac, canonicalXname } from '../../../runtime/model/inventory/xname.js';
import type { Row, Value } from './row.js';
import type { WorkingSet } from './working-set.js';

export interface ListQuery {
  /** A test for each filter. */
  tests: ((row: Row) => boolean)[];
  /** Rows among which those of the list are, when an index knows them. */
  candidates?: Row[];
  /** Field to sort by; the order of creation without one. */
  sort?: string;
  descending: boolean;
  limit: number;
  offset: number;
  after?: Cursor;
}

/** Place of a row in a list: the value it is sorted by, and its birth. */
type Cursor = [value: string | number | null, born: number];

export interface Page {
  rows: Row[];
  /** Objects that fit the filters. */
  total: number;
  /** To be given as `after` for the next page; missing on the last one. */
  next?: string;
}

/** Fields by which each object can be filtered; the seed's names first. */
export const FILTERS: Record<ObjectName, string[]> = {
  ComputeNode: ['xname', 'location_string', 'hostname', 'arch', 'architecture', 'boot_mac', 'bmc_mac', 'bmc_xname', 'missingIPV4', 'missingIPV6', 'collection', 'label'],
  NetworkInterface: ['interface_name', 'mac_address', 'ipv4_address', 'ipv6_address', 'compute_node_id'],
  BMC: ['xname', 'location_string', 'mac_address', 'ipv4_address', 'username'],
  Component: ['ID', 'Type', 'State', 'Flag', 'Role', 'SubRole', 'Enabled', 'NID', 'Arch', 'Class', 'NetType', 'SoftwareStatus'],
  NodeCollection: ['name', 'alias', 'type', 'owner', 'node'],
};

export const PAGING = ['limit', 'offset', 'after', 'sort', 'asOf'];

/** Throws PARAMETER_INVALID with the name of the parameter. */
export function readListQuery(set: WorkingSet, object: ObjectName, params: URLSearchParams, sortable: string[]): ListQuery {
  const query: ListQuery = { tests: [], descending: false, limit: INVENTORY_PAGE, offset: 0 };
  for (const [name, value] of params) {
    if (FILTERS[object].includes(name)) addFilter(set, object, query, name, value);
    else if (!PAGING.includes(name)) throw invalid(name, `lists of ${object} know ${[...FILTERS[object], ...PAGING].join(', ')}`);
  }
  query.limit = whole(params, 'limit', INVENTORY_PAGE, 1, MAX_INVENTORY_PAGE);
  query.offset = whole(params, 'offset', 0, 0, Number.MAX_SAFE_INTEGER);
  const sort = params.get('sort');
  if (sort !== null) {
    query.descending = sort.startsWith('-');
    query.sort = sort.replace(/^[-+ ]/, '');
    if (!sortable.includes(query.sort)) throw invalid('sort', `${object} can be sorted by ${sortable.join(', ')}`);
  }
  const after = params.get('after');
  if (after !== null) query.after = readCursor(after);
  return query;
}

function addFilter(set: WorkingSet, object: ObjectName, query: ListQuery, name: string, value: string): void {
  const narrow = (rows: (Row | undefined)[]) => {
    const found = rows.filter((row) => row !== undefined);
    const known = query.candidates && new Set(query.candidates);
    query.candidates = known ? found.filter((row) => known.has(row)) : found;
  };
  const same = (field: string, wanted: unknown = value) => query.tests.push((row) => row.value[field] === wanted);
  const isMac = name === 'boot_mac' || name === 'mac_address';
  if (name === 'xname' || name === 'location_string') return narrow([set.find(object, 'xname', canonicalXname(value))]);
  if (name === 'hostname') return narrow(set.findAll('ComputeNode', 'hostname', value));
  if (isMac) return narrow([set.find(object, object === 'ComputeNode' ? 'boot_mac' : 'mac', canonicalMac(value))]);
  if (name === 'bmc_mac' || name === 'bmc_xname') {
    const bmc = name === 'bmc_mac' ? set.find('BMC', 'mac', canonicalMac(value)) : set.find('BMC', 'xname', canonicalXname(value));
    return narrow(bmc ? set.findAll('ComputeNode', 'bmc_id', bmc.id) : []);
  }
  if (name === 'compute_node_id') return narrow(set.findAll('NetworkInterface', 'compute_node_id', value.toLowerCase()));
  if (name === 'collection') return narrow(membersOf(set, value));
  if (name === 'ID') return narrow([set.find('Component', 'ID', canonicalXname(value))]);
  if (name === 'node') return narrow(set.findAll('NodeCollection', 'member', canonicalXname(value)));
  if (name === 'missingIPV4' || name === 'missingIPV6') return addMissing(set, query, name, value);
  if (name === 'label') return addLabel(query, value);
  if (name === 'arch') return void same('architecture');
  if (name === 'Enabled') return void same(name, flag(name, value));
  if (name === 'NID') return void same(name, wholeNumber(name, value, 0, Number.MAX_SAFE_INTEGER));
  same(name);
}

/** A node misses an address when neither it nor one of its interfaces has one. */
function addMissing(set: WorkingSet, query: ListQuery, name: string, value: string): void {
  const wanted = flag(name, value);
  const [boot, field] = name === 'missingIPV4' ? ['boot_ipv4_address', 'ipv4_address'] : ['boot_ipv6_address', 'ipv6_address'];
  query.tests.push((row) => {
    const has = row.value[boot!] !== undefined || (set.find('NetworkInterface', 'compute_node_id', row.id) !== undefined
      && set.findAll('NetworkInterface', 'compute_node_id', row.id).some((each) => each.value[field!] !== undefined));
    return has !== wanted;
  });
}

function addLabel(query: ListQuery, value: string): void {
  const [name, ...rest] = value.split('=');
  query.tests.push((row) => {
    const label = (row.value['domain_node'] as { labels?: Record<string, string> } | undefined)?.labels?.[name!];
    return rest.length === 0 ? label !== undefined : label === rest.join('=');
  });
}

/** Nodes that a collection names by xname, name in the domain or host name. */
export function membersOf(set: WorkingSet, collection: string): Row[] {
  const row = set.find('NodeCollection', 'name', collection) ?? set.get('NodeCollection', collection.toLowerCase());
  if (!row) throw invalid('collection', `there is no collection ${collection}`);
  return [...new Set((row.value['nodes'] as string[]).flatMap((member) => nodesCalled(set, member)))];
}

function nodesCalled(set: WorkingSet, member: string): Row[] {
  const exact = set.find('ComputeNode', 'xname', canonicalXname(member)) ?? set.find('ComputeNode', 'domain_node', member);
  return exact ? [exact] : set.findAll('ComputeNode', 'hostname', member);
}

export function runListQuery(set: WorkingSet, object: ObjectName, query: ListQuery): Page {
  const { tests, after, limit, offset } = query;
  const order = orderOf(query);
  const best = new Smallest<Row>(offset + limit + 1, order);
  const cursor: Row | undefined = after && { id: '', seq: 0, born: after[1], value: query.sort === undefined ? {} : { [query.sort]: after[0] ?? undefined } };
  let total = 0;
  for (const row of query.candidates ?? set.tables[object].values()) {
    if (!tests.every((test) => test(row))) continue;
    total += 1;
    if (!cursor || order(row, cursor) > 0) best.add(row);
  }
  const found = best.sorted().slice(offset);
  const rows = found.slice(0, limit);
  return { rows, total, ...(found.length > limit && { next: writeCursor(query, rows.at(-1)!) }) };
}

type Order = (left: Row, right: Row) => number;

/** Objects without the field come last, whatever the direction; equals in the order of creation. */
function orderOf({ sort, descending }: ListQuery): Order {
  if (sort === undefined) return (left, right) => left.born - right.born;
  const turn = descending ? -1 : 1;
  return (left, right) => {
    const [a, b] = [sortValue(left.value, sort), sortValue(right.value, sort)];
    if (a === b) return left.born - right.born;
    if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
    return a < b ? -turn : turn;
  };
}

function sortValue(value: Value, field: string): string | number | undefined {
  const found = value[field];
  return typeof found === 'string' || typeof found === 'number' ? found : typeof found === 'boolean' ? Number(found) : undefined;
}

/** The first `count` of many, without sorting them all. */
class Smallest<T> {
  #kept: T[] = [];
  #last: T | undefined;

  constructor(private readonly count: number, private readonly order: (left: T, right: T) => number) {}

  add(item: T): void {
    if (this.#last !== undefined && this.order(item, this.#last) >= 0) return;
    this.#kept.push(item);
    if (this.#kept.length >= 2 * this.count + 1_000) this.#cut();
  }

  sorted(): T[] {
    this.#cut();
    return this.#kept;
  }

  #cut(): void {
    this.#kept = this.#kept.sort(this.order).slice(0, this.count);
    if (this.#kept.length === this.count) this.#last = this.#kept.at(-1);
  }
}

function writeCursor({ sort }: ListQuery, row: Row): string {
  const cursor: Cursor = [sort === undefined ? null : sortValue(row.value, sort) ?? null, row.born];
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

function readCursor(text: string): Cursor {
  try {
    const [value, born] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Cursor;
    if ((value === null || ['string', 'number'].includes(typeof value)) && typeof born === 'number') return [value, born];
  } catch {
    // Said below.
  }
  throw invalid('after', 'it is not the cursor of a page; take it from the header Link');
}

function whole(params: URLSearchParams, name: string, otherwise: number, least: number, most: number): number {
  const text = params.get(name);
  return text === null ? otherwise : wholeNumber(name, text, least, most);
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || value < least || value > most) throw invalid(name, `it is a whole number from ${least} to ${most}`);
  return value;
}

/** Throws PARAMETER_INVALID. */
export function flag(name: string, text: string): boolean {
  if (['true', '1', ''].includes(text.toLowerCase())) return true;
  if (['false', '0'].includes(text.toLowerCase())) return false;
  throw invalid(name, 'it is true or false');
}

function invalid(name: string, reason: string): Fault {
  return new Fault('PARAMETER_INVALID', { name, reason });
}

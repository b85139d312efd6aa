/** What belongs to writing a node: its BMC, its interfaces, and what goes with it when it is deleted. */
import type { Offence } from '../../../runtime/base/validation.js';
import { bmcXnameOf, canonicalMac, canonicalXname } from '../../../runtime/model/inventory/xname.js';
import type { Conflict, Trouble } from './problems.js';
import type { Row, Value } from './row.js';
import type { Transaction } from './transaction.js';
import type { Clash } from './working-set.js';

export interface Making {
  transaction: Transaction;
  newId(): string;
  encrypt(password: string, bmcId: string): string;
}

const NEEDED = ['mac_address', 'username', 'password'];

/** Creates or replaces a node, and takes `given` over. What is wrong is returned; the caller takes back what was changed then. */
export function putComputeNode(making: Making, id: string, given: Value): Trouble {
  const { transaction } = making;
  const { bmc, network_interfaces: interfaces } = given;
  const fields = bmc === undefined && interfaces === undefined ? given : withoutParts(given);
  fields['id'] = id;
  const before = transaction.set.get('ComputeNode', id);
  const found = bmcOf(making, bmc as Value | undefined, fields['xname'] as string | undefined, before);
  const isBad = 'offences' in found;
  if (!isBad && found.id !== undefined) fields['bmc_id'] = found.id;
  // Whatever else is wrong is looked for as well: the caller wants all of it, and takes everything back.
  const clashes = isBad ? transaction.set.clashes('ComputeNode', id, fields) : transaction.put('ComputeNode', id, fields);
  const ofInterfaces = before || interfaces !== undefined ? putInterfaces(making, id, (interfaces ?? []) as Value[]) : FINE;
  if (isBad || clashes.length > 0) return together(isBad ? found : FINE, { offences: [], conflicts: clashes.map((clash) => pointed(clash)) }, ofInterfaces);
  if (before) dropUnusedBmc(transaction, before.value['bmc_id'] as string | undefined);
  return ofInterfaces;
}

function together(...troubles: Trouble[]): Trouble {
  return { offences: troubles.flatMap(({ offences }) => offences), conflicts: troubles.flatMap(({ conflicts }) => conflicts) };
}

const FINE: Trouble = { offences: [], conflicts: [] };

/** BMC and interfaces are objects of their own. */
function withoutParts({ bmc: _bmc, network_interfaces: _interfaces, ...fields }: Value): Value {
  return fields;
}

export function removeComputeNode(transaction: Transaction, row: Row): void {
  for (const each of transaction.set.findAll('NetworkInterface', 'compute_node_id', row.id)) transaction.remove('NetworkInterface', each.id);
  transaction.remove('ComputeNode', row.id);
  dropUnusedBmc(transaction, row.value['bmc_id'] as string | undefined);
}

/** A BMC of which nothing is known but that a node should have one goes with the last of these nodes. */
function dropUnusedBmc(transaction: Transaction, id: string | undefined): void {
  if (id === undefined || transaction.set.get('BMC', id)?.value['inferred'] !== true) return;
  if (transaction.set.findAll('ComputeNode', 'bmc_id', id).length === 0) transaction.remove('BMC', id);
}

type Found = { id?: string } | Trouble;

/** By the id that is given, by xname, by MAC address; else a new one. */
function bmcOf(making: Making, given: Value | undefined, nodeXname: string | undefined, before: Row | undefined): Found {
  const { set } = making.transaction;
  const inferred = nodeXname === undefined ? undefined : bmcXnameOf(nodeXname);
  if (given === undefined) {
    const known = before?.value['bmc_id'] as string | undefined;
    if (known !== undefined && before?.value['xname'] === nodeXname) return { id: known };
    if (inferred === undefined) return {};
    return { id: set.find('BMC', 'xname', canonicalXname(inferred))?.id ?? infer(making, inferred) };
  }
  if (typeof given['id'] === 'string' && !set.get('BMC', given['id'])) return invalid('/bmc/id', 'there is no BMC with this id');
  const xname = (given['xname'] ?? inferred) as string | undefined;
  const byId = typeof given['id'] === 'string' ? set.get('BMC', given['id']) : undefined;
  const byXname = xname === undefined ? undefined : set.find('BMC', 'xname', canonicalXname(xname));
  const byMac = typeof given['mac_address'] === 'string' ? set.find('BMC', 'mac', canonicalMac(given['mac_address'])) : undefined;
  // A place that was only inferred gives way to a card that is known.
  const found = byId ?? (given['xname'] === undefined ? byMac ?? byXname : byXname ?? byMac);
  return found ? complete(making, found, given, inferred) : create(making, given, inferred);
}

function infer({ transaction, newId }: Making, xname: string): string {
  const id = newId();
  transaction.put('BMC', id, { id, xname, inferred: true });
  return id;
}

/** What is said of a known BMC beside a node is taken over. */
function complete({ transaction, encrypt }: Making, found: Row, given: Value, inferred: string | undefined): Found {
  const { password, ...fields } = given;
  const { inferred: wasInferred, ...known } = found.value;
  const merged: Value = { ...known, ...(known['xname'] === undefined && inferred !== undefined && { xname: inferred }), ...fields, id: found.id };
  if (wasInferred === true && merged['mac_address'] === undefined && merged['username'] === undefined) merged['inferred'] = true;
  const isSame = password === undefined && Object.entries(merged).every(([name, value]) => found.value[name] === value) && wasInferred === merged['inferred'];
  if (isSame) return { id: found.id };
  const secret = typeof password === 'string' ? encrypt(password, found.id) : found.secret;
  const clashes = transaction.put('BMC', found.id, merged, secret);
  return clashes.length > 0 ? conflicting(clashes) : { id: found.id };
}

function create({ transaction, newId, encrypt }: Making, given: Value, inferred: string | undefined): Found {
  const missing = NEEDED.filter((field) => given[field] === undefined);
  if (missing.length > 0) {
    return { offences: missing.map((field) => ({ pointer: `/bmc/${field}`, detail: 'it is required: no BMC is known by this xname or MAC address' })), conflicts: [] };
  }
  const id = newId();
  const { password, ...fields } = given;
  const clashes = transaction.put('BMC', id, { ...(inferred !== undefined && { xname: inferred }), ...fields, id }, encrypt(password as string, id));
  return clashes.length > 0 ? conflicting(clashes) : { id };
}

/** The node has these interfaces and no others afterwards; known ones keep their ids. */
function putInterfaces({ transaction, newId }: Making, nodeId: string, given: Value[]): Trouble {
  const trouble: Trouble = { offences: [], conflicts: [] };
  const left = new Map(transaction.set.findAll('NetworkInterface', 'compute_node_id', nodeId).map((row) => [row.id, row]));
  const places = new Map<string, number>();
  given.forEach((each, index) => {
    const byId = typeof each['id'] === 'string' ? transaction.set.get('NetworkInterface', each['id']) : undefined;
    const byMac = transaction.set.find('NetworkInterface', 'mac', canonicalMac(each['mac_address'] as string));
    const known = byId ?? (isFree(byMac, nodeId) ? byMac : undefined);
    if (known && !isFree(known, nodeId)) return void trouble.conflicts.push(ownedElsewhere(known, index));
    const id = known?.id ?? (each['id'] as string | undefined) ?? newId();
    const place = places.get(id);
    if (place !== undefined) return void trouble.offences.push({ pointer: `/network_interfaces/${index}/${each['id'] === id ? 'id' : 'mac_address'}`, detail: `it is that of /network_interfaces/${place} too` });
    places.set(id, index);
    left.delete(id);
    if (known && isSameInterface(known.value, each, nodeId)) return;
    const clashes = transaction.put('NetworkInterface', id, { ...each, id, compute_node_id: nodeId });
    trouble.conflicts.push(...clashes.map((clash) => pointed(clash, `/network_interfaces/${index}`)));
  });
  for (const id of left.keys()) transaction.remove('NetworkInterface', id);
  return trouble;
}

const NOTED = new Set(['id', 'compute_node_id', 'creator_subject', 'created_at', 'modified_at']);

function isSameInterface(known: Value, given: Value, nodeId: string): boolean {
  const plain = (value: Value) => JSON.stringify(Object.entries(value).filter(([name]) => !NOTED.has(name)).sort());
  return known['compute_node_id'] === nodeId && plain(known) === plain(given);
}

function isFree(row: Row | undefined, nodeId: string): boolean {
  const owner = row?.value['compute_node_id'];
  return owner === undefined || owner === nodeId;
}

function ownedElsewhere(row: Row, index: number): Conflict {
  return { object: 'NetworkInterface', id: row.id, field: 'id', value: row.id, pointer: `/network_interfaces/${index}/id` };
}

function conflicting(clashes: Clash[]): Trouble {
  return { offences: [], conflicts: clashes.map((clash) => pointed(clash, '/bmc')) };
}

function invalid(pointer: string, detail: string): Trouble {
  return { offences: [{ pointer, detail } satisfies Offence], conflicts: [] };
}

export function pointed(clash: Clash, base = ''): Conflict {
  return { ...clash, pointer: `${base}/${clash.field}` };
}

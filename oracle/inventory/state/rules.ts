/** What holds for objects beyond their schemas, one function an object. */
import { canonicalMac, canonicalXname, componentTypeOf } from '../../../runtime/model/inventory/xname.js';
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { Offence } from '../../../runtime/base/validation.js';
import { type Making, pointed, putComputeNode, removeComputeNode } from './compute-nodes.js';
import type { Conflict, Trouble } from './problems.js';
import type { Row, Value } from './row.js';
import type { Transaction } from './transaction.js';
import type { WorkingSet } from './working-set.js';

const NOTED = new Set(['creator_subject', 'created_at', 'modified_at', 'inferred']);
const FINE: Trouble = { offences: [], conflicts: [] };

/** A copy with one spelling for what has several; what the inventory sets itself is left out. */
export function tidied(value: Value): Value {
  const tidy: Value = {};
  for (const name in value) {
    const given = value[name];
    if (NOTED.has(name) || name === 'location_string') continue;
    if (typeof given !== 'string') tidy[name] = given;
    else if (name === 'mac_address' || name === 'boot_mac') tidy[name] = canonicalMac(given);
    else tidy[name] = name === 'id' || name === 'UID' || name === 'compute_node_id' ? given.toLowerCase() : given;
  }
  if (value['location_string'] !== undefined) tidy['xname'] ??= value['location_string'];
  if (tidy['bmc'] !== undefined) tidy['bmc'] = tidied(tidy['bmc'] as Value);
  if (tidy['network_interfaces'] !== undefined) tidy['network_interfaces'] = (tidy['network_interfaces'] as Value[]).map(tidied);
  return tidy;
}

/** What a schema cannot say, of whatever was sent: the schema may have been offended too. */
export function offencesOf(object: ObjectName, given: unknown, isStrict: boolean): Offence[] {
  if (typeof given !== 'object' || given === null) return [];
  const value = given as Value;
  const { xname, location_string: location, bmc } = value as { xname?: unknown; location_string?: unknown; bmc?: Value };
  const offences: Offence[] = [];
  if (typeof xname === 'string' && typeof location === 'string' && canonicalXname(xname) !== canonicalXname(location)) {
    offences.push({ pointer: '/location_string', detail: 'it is another name of xname and says something else' });
  }
  if (object === 'ComputeNode') offences.push(...ofBounds('/xname', xname ?? location), ...(bmc ? ofBounds('/bmc/xname', bmc['xname']) : []));
  if (object === 'BMC') offences.push(...ofBounds('/xname', xname ?? location));
  if (object === 'Component') offences.push(...ofComponent(value, isStrict));
  return offences;
}

/** Chassis, slots, BMCs and nodes count to 255 and cabinets to 100,000, which no pattern says readably. */
function ofBounds(pointer: string, xname: unknown): Offence[] {
  if (typeof xname !== 'string') return [];
  let number = 0;
  let isCabinet = true;
  // By hand, and the last number once more at the end: this runs for every node that is created.
  for (let at = 1; at <= xname.length; at += 1) {
    const digit = xname.charCodeAt(at) - 48;
    if (digit >= 0 && digit <= 9) {
      number = number * 10 + digit;
      continue;
    }
    if (isCabinet && number > 100_000) return [{ pointer, detail: `the cabinet ${number} is above 100000` }];
    if (!isCabinet && number > 255) return [{ pointer, detail: `${number} is above 255, which chassis, slot, BMC and node may not be` }];
    isCabinet = false;
    number = 0;
  }
  return [];
}

function ofComponent({ ID: id, Type: type }: Value, isStrict: boolean): Offence[] {
  const told = typeof id === 'string' ? componentTypeOf(id) : undefined;
  if (isStrict && typeof id === 'string' && told === undefined) return [{ pointer: '/ID', detail: 'it is no xname of a known form' }];
  if (told === undefined || type === undefined || type === told) return [];
  return [{ pointer: '/Type', detail: `the form of its xname says ${told}` }];
}

/** Creates or replaces an object, and takes `given` over. What is wrong is returned; the caller takes back what was changed then. */
export function putObject(making: Making, object: ObjectName, id: string, given: Value): Trouble {
  const { transaction } = making;
  if (object === 'ComputeNode') return putComputeNode(making, id, given);
  if (object === 'BMC') return putBmc(making, id, given);
  if (object === 'NetworkInterface') return putInterface(transaction, id, given);
  if (object === 'NodeCollection') {
    const conflicts = exclusivity(transaction, id, given);
    return conflicts.length > 0 ? { offences: [], conflicts } : plainPut(transaction, object, id, { ...given, id });
  }
  return plainPut(transaction, object, id, { ...withDefaults(given), UID: id });
}

/** What goes with an object when it is deleted goes too. */
export function removeObject(transaction: Transaction, object: ObjectName, row: Row): void {
  if (object === 'ComputeNode') return removeComputeNode(transaction, row);
  if (object === 'BMC') {
    for (const node of transaction.set.findAll('ComputeNode', 'bmc_id', row.id)) {
      const { bmc_id: _, ...fields } = node.value;
      transaction.put('ComputeNode', node.id, fields);
    }
  }
  transaction.remove(object, row.id);
  if (object === 'NetworkInterface') touchOwner(transaction, row.value['compute_node_id']);
}

function putBmc({ transaction, encrypt }: Making, id: string, given: Value): Trouble {
  const { password, ...fields } = given;
  const known = transaction.set.get('BMC', id);
  if (password === undefined && known?.secret === undefined) {
    return { offences: [{ pointer: '/password', detail: 'it is required: none is stored' }], conflicts: [] };
  }
  const secret = typeof password === 'string' ? encrypt(password, id) : known?.secret;
  return troubleOf(transaction.put('BMC', id, { ...fields, id }, secret).map((clash) => pointed(clash)));
}

function putInterface(transaction: Transaction, id: string, given: Value): Trouble {
  const owner = given['compute_node_id'];
  if (typeof owner === 'string' && !transaction.set.get('ComputeNode', owner)) {
    return { offences: [{ pointer: '/compute_node_id', detail: 'there is no node with this id' }], conflicts: [] };
  }
  const formerOwner = transaction.set.get('NetworkInterface', id)?.value['compute_node_id'];
  const trouble = plainPut(transaction, 'NetworkInterface', id, { ...given, id });
  if (formerOwner !== owner) touchOwner(transaction, formerOwner);
  return trouble;
}

/** A node is shown with its interfaces: when one goes, what is shown changes. */
function touchOwner(transaction: Transaction, owner: unknown): void {
  const node = typeof owner === 'string' ? transaction.set.get('ComputeNode', owner) : undefined;
  if (node) transaction.touch('ComputeNode', node);
}

function plainPut(transaction: Transaction, object: ObjectName, id: string, fields: Value): Trouble {
  return troubleOf(transaction.put(object, id, fields).map((clash) => pointed(clash)));
}

function troubleOf(conflicts: Conflict[]): Trouble {
  return conflicts.length > 0 ? { offences: [], conflicts } : FINE;
}

/** As the hardware state manager fills in what it is not told. */
function withDefaults(given: Value): Value {
  const type = given['Type'] ?? componentTypeOf(given['ID'] as string) ?? 'Other';
  return { Enabled: true, State: 'Unknown', Flag: 'OK', ...given, Type: type };
}

/** A node is in one tenant and in one partition at most, by whichever of its names. */
function exclusivity({ set }: Transaction, id: string, { type, nodes }: Value): Conflict[] {
  if (type !== 'tenant' && type !== 'partition') return [];
  return (nodes as string[]).flatMap((node, index) => {
    const other = namesOf(set, node).flatMap((name) => set.findAll('NodeCollection', 'member', name)).find((row) => row.id !== id && row.value['type'] === type);
    return other ? [{ object: 'NodeCollection' as const, id: other.id, field: 'nodes', value: node, pointer: `/nodes/${index}` }] : [];
  });
}

/** How collections may call the node that is called so; host names are left out, because several nodes may have one. */
function namesOf(set: WorkingSet, name: string): string[] {
  const key = canonicalXname(name);
  const row = set.find('ComputeNode', 'xname', key) ?? set.find('ComputeNode', 'domain_node', name);
  const [xname, place] = [row?.value['xname'], row?.value['domain_node'] as { name: string } | undefined];
  return [key, ...(typeof xname === 'string' ? [canonicalXname(xname)] : []), ...(place ? [canonicalXname(place.name)] : [])];
}

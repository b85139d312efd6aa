/** By which names and addresses objects are found. */
import { canonicalMac, canonicalXname } from '../../../runtime/model/inventory/xname.js';
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { Value } from './row.js';

/** Ids by key. Most keys have one id, and a set for each would cost more than the objects. */
export class Index {
  readonly #ids = new Map<string, string | Set<string>>();

  add(key: string, id: string): void {
    const known = this.#ids.get(key);
    if (known === undefined || known === id) this.#ids.set(key, id);
    else if (typeof known === 'string') this.#ids.set(key, new Set([known, id]));
    else known.add(id);
  }

  remove(key: string, id: string): void {
    const known = this.#ids.get(key);
    if (known === id) this.#ids.delete(key);
    else if (known instanceof Set) {
      known.delete(id);
      if (known.size === 1) this.#ids.set(key, [...known][0]!);
    }
  }

  all(key: string): string[] {
    const known = this.#ids.get(key);
    return known === undefined ? [] : typeof known === 'string' ? [known] : [...known];
  }

  first(key: string): string | undefined {
    const known = this.#ids.get(key);
    return known === undefined || typeof known === 'string' ? known : known.values().next().value;
  }
}

export interface IndexRule {
  name: IndexName;
  /** Field that is named when two objects want the same key; missing where they may share it. */
  unique?: string;
  keys(value: Value): string[];
}

export type IndexName =
  | 'xname' | 'hostname' | 'boot_mac' | 'bmc_id' | 'domain_node' | 'mac' | 'compute_node_id' | 'ID' | 'NID' | 'name' | 'member';

const one = (value: unknown, canonical: (text: string) => string = String): string[] => (typeof value === 'string' ? [canonical(value)] : []);
const mac = (value: unknown) => one(value, canonicalMac);
const xname = (value: unknown) => one(value, canonicalXname);

export const INDEX_RULES: Record<ObjectName, IndexRule[]> = {
  ComputeNode: [
    { name: 'xname', unique: 'xname', keys: (value) => xname(value['xname']) },
    { name: 'boot_mac', unique: 'boot_mac', keys: (value) => mac(value['boot_mac']) },
    { name: 'domain_node', unique: 'domain_node/name', keys: (value) => one((value['domain_node'] as { name?: string } | undefined)?.name) },
    { name: 'hostname', keys: (value) => one(value['hostname']) },
    { name: 'bmc_id', keys: (value) => one(value['bmc_id']) },
  ],
  NetworkInterface: [
    { name: 'mac', unique: 'mac_address', keys: (value) => mac(value['mac_address']) },
    { name: 'compute_node_id', keys: (value) => one(value['compute_node_id']) },
  ],
  BMC: [
    { name: 'xname', unique: 'xname', keys: (value) => xname(value['xname']) },
    { name: 'mac', unique: 'mac_address', keys: (value) => mac(value['mac_address']) },
  ],
  Component: [
    { name: 'ID', unique: 'ID', keys: (value) => xname(value['ID']) },
    // 0 stands for no number, as most sites use it.
    { name: 'NID', unique: 'NID', keys: (value) => (typeof value['NID'] === 'number' && value['NID'] > 0 ? [String(value['NID'])] : []) },
  ],
  NodeCollection: [
    { name: 'name', unique: 'name', keys: (value) => [...new Set([...one(value['name']), ...one(value['alias'])])] },
    { name: 'member', keys: (value) => (value['nodes'] as string[]).map(canonicalXname) },
  ],
};

/** By which names and addresses objects are found. */
import { canonicalMac, canonicalXname } from '../../../runtime/model/inventory/xname.js';
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { Value } from './row.js';

/** From here on a list is searched more slowly than a set. */
const LONG = 32;

/** Ids by key. Most keys have one id or a few, and a set for each would cost more than the objects. */
export class Index {
  readonly #ids = new Map<string, string | string[] | Set<string>>();

  add(key: string, id: string): void {
    const known = this.#ids.get(key);
    if (known === undefined || known === id) this.#ids.set(key, id);
    else if (typeof known === 'string') this.#ids.set(key, [known, id]);
    else if (known instanceof Set) known.add(id);
    else if (!known.includes(id)) {
      known.push(id);
      if (known.length > LONG) this.#ids.set(key, new Set(known));
    }
  }

  remove(key: string, id: string): void {
    const known = this.#ids.get(key);
    if (known === id) this.#ids.delete(key);
    if (known === undefined || typeof known === 'string') return;
    if (known instanceof Set) known.delete(id);
    else if (known.includes(id)) known.splice(known.indexOf(id), 1);
    const [first] = known.values();
    if ((known instanceof Set ? known.size : known.length) === 1) this.#ids.set(key, first!);
  }

  clear(): void {
    this.#ids.clear();
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

/** One key, several, or none. */
export type Keys = string | string[] | undefined;

export interface IndexRule {
  name: IndexName;
  /** Field that is named when two objects want the same key; missing where they may share it. */
  unique?: string;
  /** Fields that `keys` looks at. */
  of: string[];
  /** Not needed to show an object, so that it is made after the start. */
  isLate?: true;
  keys(value: Value): Keys;
}

export type IndexName =
  | 'xname' | 'hostname' | 'boot_mac' | 'bmc_id' | 'domain_node' | 'mac' | 'compute_node_id' | 'ID' | 'NID' | 'name' | 'member';

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
const mac = (value: unknown) => (typeof value === 'string' ? canonicalMac(value) : undefined);
const xname = (value: unknown) => (typeof value === 'string' ? canonicalXname(value) : undefined);

export const INDEX_RULES: Record<ObjectName, IndexRule[]> = {
  ComputeNode: [
    { name: 'xname', unique: 'xname', of: ['xname'], keys: (value) => xname(value['xname']) },
    { name: 'boot_mac', unique: 'boot_mac', of: ['boot_mac'], isLate: true, keys: (value) => mac(value['boot_mac']) },
    { name: 'domain_node', unique: 'domain_node/name', of: ['domain_node'], keys: (value) => text((value['domain_node'] as { name?: string } | undefined)?.name) },
    { name: 'hostname', of: ['hostname'], isLate: true, keys: (value) => text(value['hostname']) },
    { name: 'bmc_id', of: ['bmc_id'], isLate: true, keys: (value) => text(value['bmc_id']) },
  ],
  NetworkInterface: [
    { name: 'mac', unique: 'mac_address', of: ['mac_address'], keys: (value) => mac(value['mac_address']) },
    { name: 'compute_node_id', of: ['compute_node_id'], keys: (value) => text(value['compute_node_id']) },
  ],
  BMC: [
    { name: 'xname', unique: 'xname', of: ['xname'], keys: (value) => xname(value['xname']) },
    { name: 'mac', unique: 'mac_address', of: ['mac_address'], keys: (value) => mac(value['mac_address']) },
  ],
  Component: [
    { name: 'ID', unique: 'ID', of: ['ID'], keys: (value) => xname(value['ID']) },
    // 0 stands for no number, as most sites use it.
    { name: 'NID', unique: 'NID', of: ['NID'], keys: (value) => (typeof value['NID'] === 'number' && value['NID'] > 0 ? String(value['NID']) : undefined) },
  ],
  NodeCollection: [
    { name: 'name', unique: 'name', of: ['name', 'alias'], keys: (value) => [...new Set([value['name'], value['alias']].filter((name) => typeof name === 'string'))] },
    { name: 'member', of: ['nodes'], keys: (value) => (value['nodes'] as string[]).map(canonicalXname) },
  ],
};

/** What a row's value must have for it to be found and shown. */
export const EARLY_FIELDS = Object.fromEntries(Object.entries(INDEX_RULES)
  .map(([name, rules]) => [name, rules.filter(({ isLate }) => !isLate).flatMap(({ of }) => of)])) as Record<ObjectName, string[]>;

/**
 * One world: every node of the domain that registers is a ComputeNode, with what it found of its machine, and
 * a Component, whose state follows the registry. What people wrote of a node stays.
 */
import type { Clock } from '../../runtime/base/clock.js';
import type { DomainArea } from '../../runtime/base/domain-file.js';
import type { Log } from '../../runtime/base/log.js';
import { createCompiler, type Validator } from '../../runtime/base/validation.js';
import { HARDWARE } from '../../runtime/model/inventory/objects.js';
import { canonicalMac, canonicalXname, isNodeXname } from '../../runtime/model/inventory/xname.js';
import { REGISTRATION_DEADLINE_MS } from '../../runtime/model/limits.js';
import type { RegisteredNode } from '../../runtime/model/oracle-answers.js';
import type { Inventory, TogetherWrite } from './inventory.js';
import type { Row, Value } from './state/row.js';
import { viewOf } from './state/view.js';

interface Told {
  architecture?: unknown;
  network_interfaces?: unknown;
  facts?: unknown;
}

const REGISTRY = { subject: 'registry' };
const ALIVE = { State: 'Ready', Flag: 'OK' };
/** No longer ready and presumed dead: its heartbeat is lost. */
const LOST = { State: 'Standby', Flag: 'Alert' };

export class EdgeNodes {
  /** What was last written of each node. */
  readonly #written = new Map<string, string>();
  readonly #alive = new Set<string>();
  readonly #startedMs: number;
  readonly #isHardware: Validator = createCompiler()(HARDWARE);
  #turn: Promise<void> = Promise.resolve();
  #areas: DomainArea[] = [];
  #looked = false;

  constructor(private readonly parts: { inventory: Inventory; clock: Clock; log: Log }) {
    this.#startedMs = parts.clock.now();
  }

  /** An area of the domain file is a collection of its name. What people wrote of it stays, but its members are those of the file. */
  areas(areas: DomainArea[]): void {
    this.#areas = areas;
    for (const { name, nodes } of areas) {
      this.#later(name, () => this.parts.inventory.together(REGISTRY, (write) => {
        const known = write.set.find('NodeCollection', 'name', name);
        const value = { type: 'ad-hoc', ...known?.value, name: known?.value['name'] ?? name, nodes };
        if (!known || !sameValue(known.value, value)) write.put('NodeCollection', known?.id ?? write.newId(), value);
      }));
    }
  }

  /** What was written may be gone: nodes are noted again when they are heard of next, areas at once. */
  restored(): void {
    this.#written.clear();
    this.#looked = false;
    this.areas(this.#areas);
  }

  registered(node: RegisteredNode, hardware: unknown): string[] {
    this.#alive.add(node.name);
    const told = JSON.stringify([node.id, node.url, node.level, node.parent, node.labels, node.store, hardware, true]);
    if (this.#written.get(node.name) !== told) {
      this.#written.set(node.name, told);
      this.#later(node.name, () => this.#write(node, (hardware ?? {}) as Told));
    }
    return this.#collectionsOf(node);
  }

  failed(name: string): void {
    this.#alive.delete(name);
    this.#written.delete(name);
    this.#later(name, () => this.#setState(name, LOST));
  }

  idOf(name: string): string | undefined {
    return this.parts.inventory.set.find('ComputeNode', 'domain_node', name)?.id;
  }

  /** Nodes of a former life of the oracle that have not come back are lost too. */
  sweep(): void {
    const { inventory, clock } = this.parts;
    if (this.#looked || !inventory.set.isWhole || clock.now() - this.#startedMs < REGISTRATION_DEADLINE_MS) return;
    this.#looked = true;
    for (const { value } of inventory.set.tables.ComputeNode.values()) {
      const name = (value['domain_node'] as { name?: string } | undefined)?.name;
      if (name !== undefined && !this.#alive.has(name)) this.#later(name, () => this.#setState(name, LOST));
    }
  }

  /** Resolves when everything that was said so far is written. */
  settled(): Promise<void> {
    return this.#turn;
  }

  #later(name: string, work: () => Promise<void>): void {
    this.#turn = this.#turn.then(work).catch((error: unknown) => {
      this.#written.delete(name);
      this.parts.log.warn({ node: name, reason: (error as Error).message }, 'a node or an area of the domain could not be noted in the inventory');
    });
  }

  async #write(node: RegisteredNode, told: Told): Promise<void> {
    await this.parts.inventory.together(REGISTRY, (write) => {
      const known = write.set.find('ComputeNode', 'domain_node', node.name) ?? write.set.get('ComputeNode', node.id);
      const value = this.#nodeValue(write, node, told, known);
      const id = known?.id ?? node.id;
      if (!known || !sameValue(viewOf(write.set, 'ComputeNode', known), value)) write.put('ComputeNode', id, value);
      putComponent(write, componentId(value, node.name), ALIVE, told.architecture);
    });
  }

  #nodeValue(write: TogetherWrite, { name, url, level, parent, labels, store }: RegisteredNode, told: Told, known: Row | undefined): Value {
    const before: Value = known ? viewOf(write.set, 'ComputeNode', known) : {};
    const hardware = told.facts !== undefined && this.#isHardware(told.facts).length === 0 ? { hardware: told.facts } : {};
    const architecture = typeof told.architecture === 'string' ? told.architecture : 'unknown';
    const xname = labels['xname'] !== undefined && isNodeXname(labels['xname']) ? { xname: labels['xname'] } : {};
    const domainNode = { name, ...(parent !== null && { parent }), level, url, ...(store !== '' && { store }), labels };
    return {
      ...xname, ...before, hostname: before['hostname'] ?? name, architecture: known && architecture === 'unknown' ? before['architecture'] : architecture,
      ...hardware, domain_node: { ...before['domain_node'] as object | undefined, ...domainNode },
      ...interfacesOf(write, before, told, known?.id),
    };
  }

  #collectionsOf(node: RegisteredNode): string[] {
    const { set } = this.parts.inventory;
    const row = set.find('ComputeNode', 'domain_node', node.name);
    const names = [node.name, row?.value['xname'], row?.value['hostname']].filter((name) => typeof name === 'string');
    const found = names.flatMap((name) => set.findAll('NodeCollection', 'member', canonicalXname(name)));
    return [...new Set(found.flatMap(({ value }) => [value['name'], value['alias']]).filter((name) => typeof name === 'string'))].sort();
  }

  async #setState(name: string, state: Value): Promise<void> {
    await this.parts.inventory.together(REGISTRY, (write) => {
      const row = write.set.find('ComputeNode', 'domain_node', name);
      if (!row) return;
      const id = componentId(row.value, name);
      if (write.set.find('Component', 'ID', canonicalXname(id))) putComponent(write, id, state);
    });
  }
}

function componentId(node: Value, name: string): string {
  return typeof node['xname'] === 'string' ? node['xname'] : name;
}

function putComponent(write: TogetherWrite, id: string, state: Value, architecture?: unknown): void {
  const known = write.set.find('Component', 'ID', canonicalXname(id));
  const arch = architecture === undefined ? {} : { Arch: archOf(architecture) };
  const value = { Type: isNodeXname(id) ? 'Node' : 'VirtualNode', ...known?.value, ID: known?.value['ID'] ?? id, ...arch, ...state };
  if (!known || !sameValue(known.value, value)) write.put('Component', known?.id ?? write.newId(), value);
}

function archOf(architecture: unknown): string {
  if (architecture === 'x86_64') return 'X86';
  if (architecture === 'aarch64' || String(architecture).startsWith('arm')) return 'ARM';
  return architecture === 'unknown' ? 'UNKNOWN' : 'Other';
}

/** A card belongs to one node: on a machine with several nodes, to the first that told of it. */
function interfacesOf({ set }: TogetherWrite, before: Value, told: Told, nodeId: string | undefined): Value {
  const known = (before['network_interfaces'] ?? []) as Value[];
  const given = Array.isArray(told.network_interfaces) ? (told.network_interfaces as Value[]).slice(0, 64) : [];
  const fresh = given.filter(({ interface_name: name, mac_address: mac }) => typeof name === 'string' && name !== '' && typeof mac === 'string' && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac))
    .filter(({ mac_address: mac }) => {
      const owner = set.find('NetworkInterface', 'mac', canonicalMac(mac as string))?.value['compute_node_id'];
      return owner === undefined || owner === nodeId;
    });
  const macOf = ({ mac_address: mac }: Value) => canonicalMac(mac as string);
  // Cards that are bundled, or have others on top, tell the same address several times.
  const single = fresh.filter((each, index) => fresh.findIndex((other) => macOf(other) === macOf(each)) === index);
  const merged = [...known.map((each) => ({ ...each, ...single.find((other) => macOf(other) === macOf(each)) })), ...single.filter((each) => !known.some((other) => macOf(other) === macOf(each)))];
  return merged.length > 0 ? { network_interfaces: merged } : {};
}

const NOTED = new Set(['creator_subject', 'created_at', 'modified_at']);

function sameValue(left: Value, right: Value): boolean {
  const plain = (value: Value) => JSON.stringify(Object.entries(value).filter(([name, each]) => !NOTED.has(name) && each !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)));
  return plain(left) === plain(right);
}

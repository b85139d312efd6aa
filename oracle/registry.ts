/**
 * Which nodes the domain has and which of them are alive. Nodes register themselves and refresh in
 * time; one that misses its deadline has failed, one that comes back with another life has restarted.
 */
import type { Clock } from '../runtime/base/clock.js';
import { domainNamespace, isUuid, nodeId } from '../runtime/base/ids.js';
import { Fault } from '../runtime/model/faults.js';
import { MAX_NODES, MAX_REGISTRATION_DEADLINE_MS, MAX_TREE_DEPTH, MAX_WATCH_GAP_MS } from '../runtime/model/limits.js';
import type { RegisteredNode } from '../runtime/model/oracle-answers.js';

export interface Registration {
  name: string;
  url: string;
  level: string;
  /** Name of the node above; null at the root. */
  parent: string | null;
  /** Life of the node's process. */
  boot: string;
  /** The node has failed when nothing was heard of it for so long. */
  deadlineMs: number;
  /** Derived from the name unless an inventory sets one. */
  id?: string;
  labels?: Record<string, string>;
  store?: string;
  functions?: string[];
  /** What the node found of its machine, for the inventory. */
  hardware?: unknown;
}

interface Entry {
  registration: Registration;
  id: string;
  registeredMs: number;
  lastSeenMs: number;
  /** The same, in time watched. */
  heardMs: number;
  restarts: number;
}

export type RegistryEvent = { kind: 'joined' | 'restarted' | 'returned' | 'moved' | 'failed'; node: string };

export class Registry {
  private readonly entries = new Map<string, Entry>();
  private readonly failed = new Set<string>();
  private readonly namespace: string;
  /** For so long silence was listened to: without the time in which this process stood still, and without the clock's steps. */
  private watchedMs = 0;
  private sweptMs: number;
  /** Counts what changed in the tree: who is there, in which state, with which functions. */
  revision = 0;

  constructor(private readonly parts: {
    domainId: string;
    clock: Clock;
    onEvent?(event: RegistryEvent): void;
    /** Id that the inventory has set for a node of that name. */
    idOf?(name: string): string | undefined;
  }) {
    this.namespace = domainNamespace(parts.domainId);
    this.sweptMs = parts.clock.now();
  }

  /** Takes a node in, or refreshes it. Throws NODE_REFUSED with the reason. */
  register(registration: Registration): RegisteredNode {
    this.sweep();
    const { name } = registration;
    const known = this.entries.get(name);
    const id = registration.id ?? known?.id ?? this.parts.idOf?.(name) ?? nodeId(name, this.namespace);
    this.assertUnique(registration, id, known);
    this.assertPlace(registration);
    const now = this.parts.clock.now();
    const isRestart = known !== undefined && known.registration.boot !== registration.boot;
    const entry = {
      registration, id, lastSeenMs: now, heardMs: this.watchedMs, registeredMs: known && !isRestart ? known.registeredMs : now,
      restarts: (known?.restarts ?? 0) + (isRestart ? 1 : 0),
    };
    this.entries.set(name, entry);
    const wasFailed = this.failed.delete(name);
    if (!known || isRestart || wasFailed || !isSameFacts(known.registration, registration)) this.revision += 1;
    const kind = !known ? 'joined' : isRestart ? 'restarted' : wasFailed ? 'returned' : known.registration.parent !== registration.parent ? 'moved' : undefined;
    if (kind) this.parts.onEvent?.({ kind, node: name });
    return this.viewOf(entry);
  }

  /** Parents before their children. */
  list(): RegisteredNode[] {
    this.sweep();
    const children = new Map<string | null, Entry[]>();
    for (const entry of this.entries.values()) {
      const { parent } = entry.registration;
      const siblings = children.get(parent);
      if (siblings) siblings.push(entry);
      else children.set(parent, [entry]);
    }
    const below = (parent: string | null): Entry[] => (children.get(parent) ?? [])
      .sort((left, right) => left.registration.name < right.registration.name ? -1 : 1)
      .flatMap((entry) => [entry, ...below(entry.registration.name)]);
    return below(null).map((entry) => this.viewOf(entry));
  }

  /** Was it ever heard of, alive or not? */
  has(name: string): boolean {
    return this.entries.has(name);
  }

  find(name: string): RegisteredNode | undefined {
    this.sweep();
    const entry = this.entries.get(name);
    return entry && this.viewOf(entry);
  }

  /** Notes who has missed its deadline since the last look. The oracle looks at every tick. */
  sweep(): void {
    const now = this.parts.clock.now();
    this.watchedMs += Math.min(Math.max(now - this.sweptMs, 0), MAX_WATCH_GAP_MS);
    this.sweptMs = now;
    for (const [name, entry] of this.entries) {
      if (this.failed.has(name) || !this.isLate(entry)) continue;
      this.failed.add(name);
      this.revision += 1;
      this.parts.onEvent?.({ kind: 'failed', node: name });
    }
  }

  private isLate({ registration, heardMs }: Entry): boolean {
    return this.watchedMs - heardMs > registration.deadlineMs;
  }

  private assertUnique({ name, url }: Registration, id: string, known: Entry | undefined): void {
    if (known && known.id !== id) throw refused(name, `it is registered with the id ${known.id} and not ${id}`);
    if (known && known.registration.url !== url && !this.failed.has(name)) {
      throw refused(name, `a node of that name is alive at ${known.registration.url}`);
    }
    if (!known && this.entries.size >= MAX_NODES) throw refused(name, `the domain has ${MAX_NODES} nodes already`);
    for (const other of this.entries.values()) {
      if (other.registration.name === name) continue;
      if (other.id === id) throw refused(name, `the id ${id} is that of ${other.registration.name}`);
      if (other.registration.url === url && !this.failed.has(other.registration.name)) throw refused(name, `${other.registration.name} is alive at ${url}`);
    }
  }

  /** The parent is known, there is one root, and the path to it has no circle. */
  private assertPlace({ name, parent }: Registration): void {
    if (parent === null) {
      const root = [...this.entries.values()].find(({ registration }) => registration.parent === null && registration.name !== name);
      if (root && !this.failed.has(root.registration.name)) throw refused(name, `it has no parent, but ${root.registration.name} is the root of this domain`);
      return;
    }
    let depth = 1;
    for (let above: string | null = parent; above !== null; depth += 1) {
      if (above === name) throw refused(name, `with ${parent} as its parent the tree would be a circle`);
      if (depth >= MAX_TREE_DEPTH) throw refused(name, `the tree would be deeper than ${MAX_TREE_DEPTH} levels`);
      const entry: Entry | undefined = this.entries.get(above);
      if (!entry) throw refused(name, `its parent ${above} is not registered`);
      above = entry.registration.parent;
    }
  }

  private viewOf({ registration, id, registeredMs, lastSeenMs, restarts }: Entry): RegisteredNode {
    const { name, url, level, parent, labels = {}, store = '', functions = [] } = registration;
    return {
      id, name, url, level, parent, state: this.failed.has(name) ? 'failed' : 'alive', labels, store, functions, registeredMs, lastSeenMs, restarts,
    };
  }
}

function isSameFacts(one: Registration, other: Registration): boolean {
  return one.parent === other.parent && one.url === other.url && one.level === other.level && String(one.functions) === String(other.functions);
}

function refused(name: string, reason: string): Fault {
  return new Fault('NODE_REFUSED', { name, reason });
}

/** A checked registration from a body of unknown origin. Throws PARAMETER_INVALID. */
export function registrationOf(body: unknown): Registration {
  const given = (typeof body === 'object' && body !== null ? body : {}) as Partial<Record<keyof Registration, unknown>>;
  const { id, parent, deadlineMs, labels, store, functions } = given;
  const deadline = Number(deadlineMs);
  if (!Number.isFinite(deadline) || deadline <= 0 || deadline > MAX_REGISTRATION_DEADLINE_MS) {
    throw invalid('deadlineMs', `it is a number up to ${MAX_REGISTRATION_DEADLINE_MS}`);
  }
  if (id !== undefined && (typeof id !== 'string' || !isUuid(id))) throw invalid('id', 'it is a UUID');
  if (parent !== null && typeof parent !== 'string') throw invalid('parent', 'it is the name of a node, or null at the root');
  const url = textOf(given, 'url');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw invalid('url', 'it is the http address of the node');
  return {
    name: textOf(given, 'name'), url, level: textOf(given, 'level'), boot: textOf(given, 'boot'), parent, deadlineMs: deadline,
    ...(id !== undefined && { id }), ...(typeof store === 'string' && { store }),
    ...(given.hardware !== undefined && { hardware: given.hardware }),
    ...(Array.isArray(functions) && { functions: functions.filter((name) => typeof name === 'string') }),
    ...(typeof labels === 'object' && labels !== null && { labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, String(value)])) }),
  };
}

function textOf(given: Partial<Record<keyof Registration, unknown>>, name: keyof Registration): string {
  const value = given[name];
  if (typeof value === 'string' && value !== '' && value.length <= 2048) return value;
  throw invalid(name, 'it is a text that is not empty');
}

function invalid(name: string, reason: string): Fault {
  return new Fault('PARAMETER_INVALID', { name, reason });
}

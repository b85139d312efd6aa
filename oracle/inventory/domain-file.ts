/** The domain file that describes the nodes which the inventory has with a place in the tree. */
import { stringify } from 'yaml';
import { parseDomainFile } from '../../runtime/base/domain-file.js';
import { Fault } from '../../runtime/model/faults.js';
import { MAX_TREE_DEPTH } from '../../runtime/model/limits.js';
import { membersOf } from './state/query.js';
import type { WorkingSet } from './state/working-set.js';

interface Placed {
  name: string;
  parent?: string;
  level?: string;
  url?: string;
  port?: number;
  store?: string;
  labels?: Record<string, string>;
}

interface FileNode {
  name: string;
  port?: number;
  store?: string;
  labels?: Record<string, string>;
  children?: FileNode[];
}

/** @param collection only its members, and what stands above them. Throws OBJECT_CONFLICT with what is wrong when the nodes make no tree. */
export function domainFileOf(set: WorkingSet, domainId: string, collection?: string): string {
  const all = [...set.tables.ComputeNode.values()].flatMap(({ value }) => (value['domain_node'] ? [value['domain_node'] as Placed] : []));
  const placed = collection === undefined ? all : withAncestors(all, new Set(membersOf(set, collection).map(({ value }) => (value['domain_node'] as Placed | undefined)?.name)));
  const roots = placed.filter(({ parent }) => parent === undefined);
  if (roots.length !== 1) throw wrong(`${roots.length === 0 ? 'no node is' : `${roots.map(({ name }) => name).join(' and ')} are`} without a parent, and a domain has one root`);
  const ports = placed.map(portOf);
  const takesPorts = ports.every((port) => port !== undefined) && new Set(ports).size === ports.length;
  const levels: string[] = [];
  const childrenOf = childrenIn(placed);
  const seen = new Set<string>();
  const build = (node: Placed, depth: number): FileNode => {
    if (depth >= MAX_TREE_DEPTH) throw wrong(`the tree is deeper than ${MAX_TREE_DEPTH} levels`);
    // Of two nodes with one name, which the reading below refuses, the second has nothing below it here.
    const below = seen.has(node.name) ? [] : childrenOf.get(node.name) ?? [];
    seen.add(node.name);
    levels[depth] ??= node.level ?? `level-${depth}`;
    const children = below.sort((left, right) => (left.name < right.name ? -1 : 1)).map((child) => build(child, depth + 1));
    return {
      name: node.name, ...(takesPorts && { port: portOf(node)! }), ...(node.store !== undefined && { store: node.store }),
      ...(node.labels && Object.keys(node.labels).length > 0 && { labels: node.labels }), ...(children.length > 0 && { children }),
    };
  };
  const root = build(roots[0]!, 0);
  const lost = placed.filter(({ name }) => !seen.has(name));
  if (lost.length > 0) throw wrong(`${lost.map(({ name, parent }) => `${name} stands below ${parent}, which is not above it`).join('; ')}`);
  const areas = areasOf(set, placed, childrenOf);
  const text = `# Made from the inventory.\n${stringify({ domain: domainId, levels, ...(Object.keys(areas).length > 0 && { areas }), root }, { lineWidth: 0 })}`;
  const { errors } = parseDomainFile(text);
  if (errors.length > 0) throw wrong(errors.map(({ reason }) => reason).join('; '));
  return text;
}

/** Collections of such nodes alone that have all that is below their members: an area of the file is said by the nodes at its top. */
function areasOf(set: WorkingSet, placed: Placed[], childrenOf: Map<string, Placed[]>): Record<string, string[]> {
  const parents = new Map(placed.map(({ name, parent }) => [name, parent]));
  const areas = [...set.tables.NodeCollection.values()].flatMap(({ value }) => {
    const members = new Set(value['nodes'] as string[]);
    const isArea = members.size > 0 && [...members].every((name) => parents.has(name)) && [...members].every((name) => (childrenOf.get(name) ?? []).every((child) => members.has(child.name)));
    return isArea ? [[value['name'] as string, [...members].filter((name) => !members.has(parents.get(name) ?? '')).sort()] as const] : [];
  });
  return Object.fromEntries(areas);
}

function childrenIn(placed: Placed[]): Map<string, Placed[]> {
  const childrenOf = new Map<string, Placed[]>();
  for (const node of placed) {
    if (node.parent === undefined) continue;
    const others = childrenOf.get(node.parent);
    if (others) others.push(node);
    else childrenOf.set(node.parent, [node]);
  }
  return childrenOf;
}

function withAncestors(all: Placed[], names: Set<string | undefined>): Placed[] {
  const byName = new Map(all.map((node) => [node.name, node]));
  const kept = new Set<Placed>();
  for (const name of names) for (let node = name === undefined ? undefined : byName.get(name); node && !kept.has(node); node = byName.get(node.parent ?? '')) kept.add(node);
  return all.filter((node) => kept.has(node));
}

function portOf({ port, url }: Placed): number | undefined {
  if (port !== undefined) return port;
  const given = url !== undefined && URL.canParse(url) ? Number(new URL(url).port) : 0;
  return given > 0 ? given : undefined;
}

function wrong(reason: string): Fault {
  return new Fault('OBJECT_CONFLICT', { object: 'domain file', reason });
}

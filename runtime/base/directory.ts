/**
 * What a node knows of its domain's tree: itself, the path to the root and everything below.
 * It works without the oracle; a name that is neither above nor below is asked for upwards.
 */

import { Fault } from '../model/faults.js';
import { MAX_NODES } from '../model/limits.js';
import { Fields } from './fields.js';

export interface NodeInfo {
  name: string;
  /** Base address without a slash at the end, e.g. http://127.0.0.1:8082. */
  url: string;
  level: string;
  /** Functions deployed there; missing when not known yet. */
  functions?: string[];
  /** False when the node rejects sessions that are offloaded to it. */
  accepting: boolean;
  /** Start of its process, in ms since the epoch: of two places in the tree, the younger process is at its own. */
  sinceMs?: number;
}

/** A node and what is below it. */
export interface Subtree {
  node: NodeInfo;
  children: Subtree[];
}

export interface Directory {
  readonly self: NodeInfo;
  /** Nearest first; empty at the root. */
  ancestors(): NodeInfo[];
  parent(): NodeInfo | undefined;
  /** False also for a node that has never reached the parent it is told to have, and so does not know its name. */
  isRoot(): boolean;
  children(): NodeInfo[];
  /** Address of a node known here; undefined is no proof that there is none (see resolve). */
  urlOf(name: string): string | undefined;
  /** As far as known here: self, above, below, and names resolved before. */
  lookup(name: string): NodeInfo | undefined;
  /** Asks upwards for a name not known here. Undefined: no such node, or the path to the root is cut. */
  resolve(name: string): Promise<NodeInfo | undefined>;
  /** True for the node itself and everything below it. */
  isInSubtree(name: string): boolean;
  /** True when `top` is known here and `name` is it or below it. */
  isBelow(name: string, top: string): boolean;
  /** Names known here, for messages: self, ancestors, subtree. */
  known(): string[];
}

/** @throws PARAMETER_INVALID when a peer's word is not a subtree of at most `depth` levels */
export function readSubtree(body: unknown, depth: number): Subtree {
  const { node, children } = (body ?? {}) as { node?: unknown; children?: unknown };
  if (depth < 1) throw new Fault('PARAMETER_INVALID', { name: 'children', reason: 'the tree would be too deep' });
  if (!Array.isArray(children)) throw new Fault('PARAMETER_INVALID', { name: 'children', reason: 'a list of subtrees is needed' });
  return { node: readNode(node), children: children.map((child) => readSubtree(child, depth - 1)) };
}

/** @throws PARAMETER_INVALID naming the field */
export function readNode(body: unknown): NodeInfo {
  const fields = new Fields(body);
  const node: NodeInfo = { name: fields.text('name'), url: fields.text('url'), level: fields.has('level') ? fields.anyText('level') : '', accepting: !fields.has('accepting') || fields.flag('accepting') };
  if (!/^https?:\/\//.test(node.url)) throw new Fault('PARAMETER_INVALID', { name: 'url', reason: 'an address that starts with http:// or https:// is needed' });
  if (fields.has('functions')) node.functions = fields.texts('functions', MAX_NODES);
  if (fields.has('sinceMs')) node.sinceMs = fields.count('sinceMs');
  return node;
}

/** Every node of a subtree, its top first, depth first. */
export function nodesOf(subtree: Subtree): NodeInfo[] {
  return [subtree.node, ...subtree.children.flatMap(nodesOf)];
}

/** Whether `name` is `top` or below it, as far as the subtree shows. */
export function isBelow(subtree: Subtree, name: string, top: string): boolean {
  const found = pathTo(subtree, top);
  return found !== undefined && nodesOf(found.at).some((node) => node.name === name);
}

/** A directory that never changes: tests, tools, and a node that stands alone. */
export function staticDirectory(subtree: Subtree, ancestors: NodeInfo[] = [], elsewhere: NodeInfo[] = []): Directory {
  const below = new Map(nodesOf(subtree).map((node) => [node.name, node]));
  const all = new Map([...elsewhere, ...ancestors, ...below.values()].map((node) => [node.name, node]));
  return {
    self: subtree.node,
    ancestors: () => ancestors,
    parent: () => ancestors[0],
    isRoot: () => ancestors.length === 0,
    children: () => subtree.children.map((child) => child.node),
    urlOf: (name) => all.get(name)?.url,
    lookup: (name) => all.get(name),
    resolve: (name) => Promise.resolve(all.get(name)),
    isInSubtree: (name) => below.has(name),
    isBelow: (name, top) => isBelow(subtree, name, top),
    known: () => [...all.keys()],
  };
}

/** The static directory of one node of a tree given from its root; throws when the tree has no such node. */
export function directoryWithin(root: Subtree, name: string): Directory {
  const found = pathTo(root, name);
  if (!found) throw new Error(`The tree has no node ${name}.`);
  const { at, above } = found;
  const near = new Set([...above, ...nodesOf(at)]);
  return staticDirectory(at, above, nodesOf(root).filter((node) => !near.has(node)));
}

function pathTo(tree: Subtree, name: string, above: NodeInfo[] = []): { at: Subtree; above: NodeInfo[] } | undefined {
  if (tree.node.name === name) return { at: tree, above };
  for (const child of tree.children) {
    const found = pathTo(child, name, [tree.node, ...above]);
    if (found) return found;
  }
  return undefined;
}

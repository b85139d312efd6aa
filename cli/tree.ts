/** A domain as a picture: each node below its parent, its facts in columns beside it. */
import { clean, table } from './print.js';

export interface TreeNode {
  name: string;
  parent?: string;
  level: string;
  url: string;
  store?: string;
  state?: string;
  labels: Record<string, string>;
  functions?: string[];
  offloadStatus?: string | null;
}

/** @param nodes parents before their children */
export function treePicture(nodes: TreeNode[]): string {
  const everywhere = commonFunctions(nodes);
  const rows = nodes.map((node) => [
    branchOf(node, nodes) + node.name, node.level, node.url, node.store, statusOf(node), functionsOf(node, everywhere), labelsOf(node),
  ]);
  const header = ['NODE', 'LEVEL', 'URL', 'STORE', 'STATUS', 'FUNCTIONS', 'LABELS'];
  const shown = header.map((_, column) => column < 4 || rows.some((row) => row[column] !== undefined));
  const only = <T>(cells: T[]) => cells.filter((_, column) => shown[column]);
  const picture = table(only(header), rows.map(only));
  return everywhere.length > 0 ? `${picture}\non every node: ${everywhere.map(clean).join(', ')}` : picture;
}

/** Two characters a level: `├─` before a node that has a sister below it, `└─` before the last. */
function branchOf(node: TreeNode, nodes: TreeNode[]): string {
  if (node.parent === undefined) return '';
  let line = isLast(node, nodes) ? '└─ ' : '├─ ';
  for (let above = parentOf(node, nodes); above?.parent !== undefined; above = parentOf(above, nodes)) {
    line = (isLast(above, nodes) ? '   ' : '│  ') + line;
  }
  return line;
}

function parentOf({ parent }: TreeNode, nodes: TreeNode[]): TreeNode | undefined {
  return nodes.find(({ name }) => name === parent);
}

function isLast(node: TreeNode, nodes: TreeNode[]): boolean {
  return nodes.filter(({ parent }) => parent === node.parent).at(-1) === node;
}

function commonFunctions(nodes: TreeNode[]): string[] {
  const lists = nodes.flatMap(({ functions }) => (functions ? [functions] : []));
  return (lists[0] ?? []).filter((name) => lists.every((list) => list.includes(name)));
}

function statusOf({ state, offloadStatus }: TreeNode): string | undefined {
  if (state === undefined) return undefined;
  return state === 'ready' ? offloadStatus ?? 'ready' : state;
}

/** How many, and the names of those that not every node has. */
function functionsOf({ functions }: TreeNode, everywhere: string[]): string | undefined {
  if (!functions) return undefined;
  const more = functions.filter((name) => !everywhere.includes(name));
  return more.length > 0 ? `${functions.length}: ${more.join(' ')}` : String(functions.length);
}

function labelsOf({ labels }: TreeNode): string | undefined {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(' ') || undefined;
}

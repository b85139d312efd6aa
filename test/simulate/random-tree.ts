import type { NodeInfo, Subtree } from '../../runtime/base/directory.js';

const MOST_NODES = 7;

/** A tree of two to seven nodes of any shape; the first is the root. */
export function randomTree(random: () => number): Subtree {
  const count = 2 + Math.floor(random() * (MOST_NODES - 1));
  const nodes: Subtree[] = [];
  for (let index = 0; index < count; index += 1) {
    const subtree: Subtree = { node: infoOf(`n${index}`), children: [] };
    if (index > 0) nodes[Math.floor(random() * index)]!.children.push(subtree);
    nodes.push(subtree);
  }
  return nodes[0]!;
}

function infoOf(name: string): NodeInfo {
  return { name, url: `http://${name}`, level: 'any', accepting: true };
}

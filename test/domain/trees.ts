/** Trees of nodes that worlds are made of. */
import type { NodeInfo, Subtree } from '../../runtime/base/directory.js';

/** The root first, depth first. */
export function namesOf(tree: Subtree): string[] {
  return [tree.node.name, ...tree.children.flatMap(namesOf)];
}

const info = (name: string, level: string): NodeInfo => ({ name, url: `http://${name}`, level, accepting: true });
const leaf = (name: string): Subtree => ({ node: info(name, 'edge'), children: [] });

/** The default domain: cloud; milan with two leaves, turin with one. */
export function defaultTree(): Subtree {
  return {
    node: info('cloud', 'cloud'),
    children: [
      { node: info('milan', 'city'), children: [leaf('milan-001'), leaf('milan-002')] },
      { node: info('turin', 'city'), children: [leaf('turin-001')] },
    ],
  };
}

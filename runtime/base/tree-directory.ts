/** The directory that a running node keeps: what its children announce, what its parent answers, what it was told of others. */
import { type Directory, isBelow, type NodeInfo, nodesOf, type Subtree } from './directory.js';

/** Names asked for upwards and remembered; beyond, the oldest is asked for again. */
const MAX_ELSEWHERE = 1_000;
/** After so long a remembered address is asked for again: its node may have started elsewhere. */
const ELSEWHERE_MS = 30_000;

export interface TreeDirectoryOptions {
  self: NodeInfo;
  /** Whether it is told to have a parent, reached or not. */
  hasParent: boolean;
  now(): number;
  /** Asks the parent for a name; undefined when nobody knows it. */
  askUp(name: string): Promise<NodeInfo | undefined>;
}

/** What is kept over a restart, so that a node finds its neighbours while they are down. */
export interface KnownTree {
  ancestors: NodeInfo[];
  children: Subtree[];
}

export class TreeDirectory implements Directory {
  #ancestors: NodeInfo[] = [];
  readonly #children = new Map<string, Subtree>();
  readonly #elsewhere = new Map<string, { node: NodeInfo; atMs: number }>();

  constructor(private readonly options: TreeDirectoryOptions) {}

  get self(): NodeInfo {
    return this.options.self;
  }

  ancestors(): NodeInfo[] {
    return this.#ancestors;
  }

  parent(): NodeInfo | undefined {
    return this.#ancestors[0];
  }

  isRoot(): boolean {
    return !this.options.hasParent;
  }

  children(): NodeInfo[] {
    return [...this.#children.values()].map(({ node }) => node);
  }

  subtree(): Subtree {
    return { node: this.self, children: [...this.#children.values()] };
  }

  urlOf(name: string): string | undefined {
    return this.lookup(name)?.url;
  }

  lookup(name: string): NodeInfo | undefined {
    if (name === this.self.name) return this.self;
    return this.#ancestors.find((node) => node.name === name)
      ?? this.#below().find((node) => node.name === name)
      ?? this.#remembered(name);
  }

  async resolve(name: string): Promise<NodeInfo | undefined> {
    const known = this.lookup(name);
    if (known || !this.parent()) return known;
    const old = this.#elsewhere.get(name)?.node;
    try {
      const found = await this.options.askUp(name);
      if (found) this.#remember(found);
      else this.#elsewhere.delete(name);
      return found;
    } catch (error) {
      // While nobody above can be asked, an old address is better than none.
      if (old) return old;
      throw error;
    }
  }

  isInSubtree(name: string): boolean {
    return name === this.self.name || this.#below().some((node) => node.name === name);
  }

  isBelow(name: string, top: string): boolean {
    return isBelow(this.subtree(), name, top);
  }

  known(): string[] {
    return [this.self, ...this.#ancestors, ...this.#below()].map(({ name }) => name);
  }

  /** A child says what is below it. @returns true when that is news */
  setChild(child: Subtree): boolean {
    const { name } = child.node;
    const before = JSON.stringify(this.#children.get(name));
    const others = [...this.#children.values()].filter((other) => other.node.name !== name);
    const told = { ...child, children: without(child.children, startsOf(others)) };
    // A node that has moved within the tree is still listed by its former parent.
    for (const other of others) this.#children.set(other.node.name, { ...other, children: without(other.children, startsOf([told])) });
    this.#children.set(name, told);
    return before !== JSON.stringify(told);
  }

  /** The parent says who is above. @returns true when that is news */
  setAncestors(ancestors: NodeInfo[]): boolean {
    const isNews = JSON.stringify(ancestors) !== JSON.stringify(this.#ancestors);
    this.#ancestors = ancestors;
    return isNews;
  }

  snapshot(): KnownTree {
    return { ancestors: this.#ancestors, children: [...this.#children.values()] };
  }

  restore({ ancestors, children }: KnownTree): void {
    this.#ancestors = ancestors;
    for (const child of children) this.#children.set(child.node.name, child);
  }

  #below(): NodeInfo[] {
    return [...this.#children.values()].flatMap(nodesOf);
  }

  #remembered(name: string): NodeInfo | undefined {
    const found = this.#elsewhere.get(name);
    return found && this.options.now() - found.atMs < ELSEWHERE_MS ? found.node : undefined;
  }

  #remember(node: NodeInfo): void {
    const oldest = this.#elsewhere.size >= MAX_ELSEWHERE ? this.#elsewhere.keys().next().value : undefined;
    if (oldest !== undefined) this.#elsewhere.delete(oldest);
    this.#elsewhere.delete(node.name);
    this.#elsewhere.set(node.name, { node, atMs: this.options.now() });
  }
}

function startsOf(subtrees: Subtree[]): Map<string, number> {
  return new Map(subtrees.flatMap(nodesOf).map(({ name, sinceMs = 0 }) => [name, sinceMs]));
}

/** The subtrees without the nodes that have started later at another place. */
function without(subtrees: Subtree[], elsewhere: Map<string, number>): Subtree[] {
  return subtrees
    .filter(({ node }) => (elsewhere.get(node.name) ?? -1) <= (node.sinceMs ?? 0))
    .map(({ node, children }) => ({ node, children: without(children, elsewhere) }));
}

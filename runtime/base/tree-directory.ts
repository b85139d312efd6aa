/** The directory that a running node keeps: what its children announce, what its parent answers, what it was told of others. */
import { type Directory, isBelow, type NodeInfo, nodesOf, type Subtree } from './directory.js';

/** Names asked for upwards and remembered; beyond, the oldest is asked for again. */
const MAX_ELSEWHERE = 1_000;

export interface TreeDirectoryOptions {
  self: NodeInfo;
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
  readonly #elsewhere = new Map<string, NodeInfo>();

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
      ?? this.#elsewhere.get(name);
  }

  async resolve(name: string): Promise<NodeInfo | undefined> {
    const known = this.lookup(name);
    if (known || !this.parent()) return known;
    const found = await this.options.askUp(name);
    if (found) this.#remember(found);
    return found;
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
    const before = JSON.stringify(this.#children.get(child.node.name));
    this.#children.set(child.node.name, child);
    return before !== JSON.stringify(child);
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

  #remember(node: NodeInfo): void {
    const oldest = this.#elsewhere.size >= MAX_ELSEWHERE ? this.#elsewhere.keys().next().value : undefined;
    if (oldest !== undefined) this.#elsewhere.delete(oldest);
    this.#elsewhere.set(node.name, node);
  }
}

/** What the page knows: the tree, how each node is, and the moves that it has shown already. */
import type { Overview, RegisteredNode } from '../../../runtime/model/oracle-answers.js';
import type { Api } from './api.js';
import type { Flow, NodeNow } from './types.js';

/** The tree is asked for again so often even when nothing says that it has changed. */
const TREE_EVERY_MS = 60_000;

export class Model {
  overview: Overview | undefined;
  /** Parents before their children. */
  tree: RegisteredNode[] = [];
  readonly byName = new Map<string, RegisteredNode>();
  readonly children = new Map<string | null, RegisteredNode[]>();
  now = new Map<string, NodeNow>();
  /** The oracle's clock less this machine's. */
  private skewMs = 0;
  private treeRevision = -1;
  private treeMs = -Infinity;
  private lastFlow: number | undefined;

  constructor(private readonly api: Api) {}

  /** @returns moves that are new since the last look; none at the first. */
  async refresh(): Promise<{ flows: Flow[]; treeChanged: boolean }> {
    const overview = await this.api.get<Overview>('/api/v1/overview');
    this.skewMs = overview.atMs - Date.now();
    this.now = new Map(overview.nodes.map((row) => [row[0] as string, nodeOf(overview.nodeColumns, row)]));
    const treeChanged = overview.tree !== this.treeRevision || performance.now() - this.treeMs > TREE_EVERY_MS;
    if (treeChanged) await this.readTree(overview.tree);
    this.overview = overview;
    return { flows: this.newFlows(overview), treeChanged };
  }

  get clockMs(): number {
    return Date.now() + this.skewMs;
  }

  nodeNames(): string[] {
    return this.tree.map(({ name }) => name);
  }

  private async readTree(revision: number): Promise<void> {
    this.tree = await this.api.get<RegisteredNode[]>('/api/v1/nodes');
    this.treeRevision = revision;
    this.treeMs = performance.now();
    this.byName.clear();
    this.children.clear();
    for (const node of this.tree) {
      this.byName.set(node.name, node);
      const siblings = this.children.get(node.parent);
      if (siblings) siblings.push(node);
      else this.children.set(node.parent, [node]);
    }
  }

  private newFlows({ flows }: Overview): Flow[] {
    const all = flows.map(([number, atMs, from, to, result]) => ({ number, atMs, from, to, result }));
    const newest = all[0]?.number ?? 0;
    // A restarted oracle counts from one again.
    const fresh = this.lastFlow === undefined || newest < this.lastFlow ? [] : all.filter((flow) => flow.number > this.lastFlow!);
    this.lastFlow = newest;
    return fresh.reverse();
  }
}

/** Share of its capacity in use, plus what waits. */
export function loadOf({ busy, waiting, capacity }: NodeNow): number {
  return capacity > 0 ? (busy + waiting) / capacity : 0;
}

export function fullnessOf({ memoryUsedBytes, memoryLimitBytes }: NodeNow): number | undefined {
  return memoryLimitBytes > 0 ? memoryUsedBytes / memoryLimitBytes : undefined;
}

export function statusOf(node: NodeNow | undefined, clockMs: number): { text: string; tone: 'good' | 'warn' | 'bad' | 'quiet' } {
  if (!node || !node.alive) return { text: 'failed', tone: 'bad' };
  if (node.reportedMs === 0) return { text: 'no report yet', tone: 'quiet' };
  if (clockMs - node.reportedMs > 10_000) return { text: 'silent', tone: 'warn' };
  if (!node.accepting) return { text: node.cordonedBy === 'policy' ? 'redirects new' : 'cordoned', tone: 'warn' };
  return { text: 'alive', tone: 'good' };
}

function nodeOf(columns: readonly string[], row: (string | number)[]): NodeNow {
  const at = (column: string) => row[columns.indexOf(column)];
  const numeric = (column: string) => Number(at(column) ?? 0);
  return {
    name: String(at('name')), alive: at('alive') === 1, accepting: at('accepting') === 1, cordonedBy: at('cordonedBy') as NodeNow['cordonedBy'],
    capacity: numeric('capacity'), busy: numeric('busy'), waiting: numeric('waiting'), latencyMs: numeric('latencyMs'), requestsPerSecond: numeric('requestsPerSecond'),
    memoryUsedBytes: numeric('memoryUsedBytes'), memoryLimitBytes: numeric('memoryLimitBytes'), resident: numeric('resident'), away: numeric('away'), reportedMs: numeric('reportedMs'),
  };
}

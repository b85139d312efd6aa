/** All nodes at a glance, as one text that is made once however many look at it. */
import { VERSION } from '../../runtime/model/config.js';
import { OVERVIEW_EVERY_MS } from '../../runtime/model/limits.js';
import type { Overview as OverviewAnswer, RegisteredNode } from '../../runtime/model/oracle-answers.js';
import type { Orchestration } from '../orchestration.js';
import type { Registry } from '../registry.js';
import type { Board } from './board.js';

export interface OverviewParts {
  domainId: string;
  registry: Registry;
  orchestration: Orchestration;
  board: Board;
  /** Where the mirror is, or why there is none. */
  mirror: string;
  now: () => number;
}

/** One node as a row: names would be most of the text for a thousand of them. */
const NODE_COLUMNS = [
  'name', 'alive', 'accepting', 'cordonedBy', 'capacity', 'busy', 'waiting', 'latencyMs', 'requestsPerSecond', 'memoryUsedBytes', 'memoryLimitBytes', 'resident', 'away', 'reportedMs',
] as const;

type NodeRow = [string, 0 | 1, 0 | 1, '' | 'operator' | 'policy', number, number, number, number, number, number, number, number, number, number];

/** Who closed a node is nobody's secret; which session moved is. */
const FLOWS = 100;

export class Overview {
  private text = '';
  private madeMs = -Infinity;

  constructor(private readonly parts: OverviewParts) {}

  json(): string {
    const now = this.parts.now();
    if (now - this.madeMs >= OVERVIEW_EVERY_MS || now < this.madeMs) {
      this.text = JSON.stringify(this.make(now));
      this.madeMs = now;
    }
    return this.text;
  }

  private make(atMs: number): OverviewAnswer {
    const { domainId, registry, orchestration, board, mirror } = this.parts;
    const { domain, intents, policy, lastTick, decidesFromMs, startedMs, dataset } = orchestration;
    const nodes = registry.list();
    return {
      atMs, version: VERSION, domain: domainId, nodeColumns: NODE_COLUMNS,
      policy: { name: policy.name, decidesFromMs, ...lastTick },
      totals: { sessions: domain.size, open: intents.openCount, running: intents.runningCount, movesPerMinute: board.moves.lastMinute() },
      oracle: { startedMs, rssBytes: process.memoryUsage.rss(), cpuShare: round(board.cpuShare), mirror, dataset: dataset ?? null, node: process.version },
      nodes: nodes.map((node) => this.row(node)),
      tree: registry.revision,
      flows: board.moves.list().slice(0, FLOWS).map(({ number, atMs: movedMs, from, to, result }) => [number, movedMs, from, to, result]),
    };
  }

  private row({ name, state }: RegisteredNode): NodeRow {
    const { domain } = this.parts.orchestration;
    const known = domain.nodes.get(name);
    const { resident, away } = domain.countsOf(name);
    if (!known) return [name, state === 'alive' ? 1 : 0, 0, '', 0, 0, 0, 0, 0, 0, 0, resident, away, 0];
    const { load, accepting, cordonedByPolicy, requestsPerSecond, reportedMs } = known;
    const cordonedBy = accepting ? '' : cordonedByPolicy && !known.cordonedByOperator ? 'policy' : 'operator';
    return [
      name, state === 'alive' ? 1 : 0, accepting ? 1 : 0, cordonedBy, load.capacity, round(load.busy), load.waiting, round(load.latencyMs), round(requestsPerSecond),
      load.memoryUsedBytes, load.memoryLimitBytes, resident, away, reportedMs,
    ];
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

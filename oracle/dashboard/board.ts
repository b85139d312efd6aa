/** What the dashboard shows beyond the books: moves of late, and how the last half hour went. */
import type { DomainPoint, Intent, RegisteredNode } from '../../runtime/model/oracle-answers.js';
import type { Domain, DomainChange } from '../domain.js';
import { addCounts, percentile } from './histogram.js';
import { Moves } from './moves.js';
import { type NodePoint, Timeline } from './timeline.js';

export class Board {
  readonly moves: Moves;
  readonly timeline = new Timeline();
  /** Of the oracle's process, of one core, since the tick before. */
  cpuShare = 0;
  private cpu = process.cpuUsage();
  private tickMs: number;

  constructor(private readonly now: () => number) {
    this.moves = new Moves(now);
    this.tickMs = now();
  }

  noteChange(change: DomainChange): void {
    this.moves.noteChange(change);
  }

  noteIntent(intent: Intent): void {
    this.moves.noteIntent(intent);
  }

  /** Takes one point; called once a tick of the oracle. */
  tick(domain: Domain, nodes: readonly RegisteredNode[]): void {
    const atMs = this.now();
    const used = process.cpuUsage(this.cpu);
    this.cpu = process.cpuUsage();
    this.cpuShare = (used.user + used.system) / 1000 / Math.max(1, atMs - this.tickMs);
    this.tickMs = atMs;
    const alive = nodes.filter(({ state }) => state === 'alive').map(({ name }) => name);
    this.timeline.keep(new Set(nodes.map(({ name }) => name)));
    this.timeline.add(atMs, this.pointOf(domain, alive), alive.flatMap((name): NodePoint[] => {
      const load = domain.nodes.get(name)?.load;
      return load ? [{ name, memoryBytes: load.memoryUsedBytes, load: (load.busy + load.waiting) / Math.max(1, load.capacity) }] : [];
    }));
  }

  private pointOf(domain: Domain, alive: readonly string[]): DomainPoint {
    const counts: number[] = [];
    let [requestsPerSecond, memoryBytes] = [0, 0];
    for (const name of alive) {
      const state = domain.nodes.get(name);
      if (!state) continue;
      requestsPerSecond += state.requestsPerSecond;
      memoryBytes += state.load.memoryUsedBytes;
      addCounts(counts, state.load.latencyCounts);
    }
    const [p50Ms, p99Ms] = [0.5, 0.99].map((share) => percentile(counts, share) ?? null) as [number | null, number | null];
    return { requestsPerSecond, p50Ms, p99Ms, movesPerMinute: this.moves.lastMinute(), sessions: domain.size, memoryBytes };
  }
}

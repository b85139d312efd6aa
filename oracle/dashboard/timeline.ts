/** The last half hour in numbers: one point a tick for the domain, and two small ones for each node. Bounded, in memory alone. */
import { TIMELINE_POINTS } from '../../runtime/model/limits.js';
import type { DomainHistory, DomainPoint, NodeHistory } from '../../runtime/model/oracle-answers.js';

export interface NodePoint {
  name: string;
  memoryBytes: number;
  /** Share of its capacity in use, plus what waits. */
  load: number;
}

/** A ring of numbers beside the ring of times; what was not told is NaN. */
interface NodeRing {
  memoryBytes: Float32Array;
  load: Float32Array;
}

export class Timeline {
  private readonly points: (DomainPoint & { atMs: number })[] = [];
  private readonly rings = new Map<string, NodeRing>();
  /** Points ever taken; the ring's place of the newest is one less, modulo its length. */
  private taken = 0;

  add(atMs: number, point: DomainPoint, nodes: readonly NodePoint[]): void {
    this.points.push({ atMs, ...point });
    if (this.points.length > TIMELINE_POINTS) this.points.shift();
    const place = this.taken % TIMELINE_POINTS;
    this.taken += 1;
    for (const ring of this.rings.values()) ring.memoryBytes[place] = ring.load[place] = Number.NaN;
    for (const { name, memoryBytes, load } of nodes) {
      const ring = this.ringOf(name);
      ring.memoryBytes[place] = memoryBytes;
      ring.load[place] = load;
    }
  }

  /** Columns of the points after `sinceMs`. */
  domain(sinceMs = 0): DomainHistory {
    const points = this.points.filter(({ atMs }) => atMs > sinceMs);
    const column = (name: keyof DomainPoint) => points.map((point) => point[name]);
    return {
      atMs: points.map(({ atMs }) => atMs), requestsPerSecond: column('requestsPerSecond'), p50Ms: column('p50Ms'), p99Ms: column('p99Ms'),
      movesPerMinute: column('movesPerMinute'), sessions: column('sessions'), memoryBytes: column('memoryBytes'),
    };
  }

  /** The same of some nodes; one that is not known has no series. */
  nodes(names: readonly string[], sinceMs = 0): NodeHistory {
    const first = this.points.findIndex(({ atMs }) => atMs > sinceMs);
    const count = first === -1 ? 0 : this.points.length - first;
    const known = names.flatMap((name): [string, NodeHistory['nodes'][string]][] => {
      const ring = this.rings.get(name);
      return ring ? [[name, { memoryBytes: this.lastOf(ring.memoryBytes, count), load: this.lastOf(ring.load, count) }]] : [];
    });
    return { atMs: count === 0 ? [] : this.points.slice(first).map(({ atMs }) => atMs), nodes: Object.fromEntries(known) };
  }

  /** Nodes that are no more of the domain are forgotten. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.rings.keys()) if (!names.has(name)) this.rings.delete(name);
  }

  private ringOf(name: string): NodeRing {
    const known = this.rings.get(name);
    if (known) return known;
    const ring = { memoryBytes: new Float32Array(TIMELINE_POINTS).fill(Number.NaN), load: new Float32Array(TIMELINE_POINTS).fill(Number.NaN) };
    this.rings.set(name, ring);
    return ring;
  }

  private lastOf(ring: Float32Array, count: number): (number | null)[] {
    return Array.from({ length: count }, (_, index) => {
      const value = ring[(this.taken - count + index) % TIMELINE_POINTS]!;
      return Number.isNaN(value) ? null : value;
    });
  }
}

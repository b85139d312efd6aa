/** The tree of a trace while it is played: queues, sessions, moves, and what a refresh would tell. */
import type { DomainView, NodeView, SessionView } from '../view.js';
import type { Trace, TraceRequest } from './trace.js';

/** Time a session is held by a move, beside the way its last bytes take. */
const PAUSE_MS = 2;
const BYTES_PER_MS = 12_500;

interface Place {
  /** When each place of the capacity is free again. */
  freeAt: Float64Array;
  /** Ends of waiting of those that wait, for the count of a refresh. */
  starts: number[];
  accepting: boolean;
  busyMs: number;
  latencySumMs: number;
  served: number;
}

interface Resident {
  id: string;
  number: number;
  home: number;
  current: number;
  bytes: number;
  heldUntilMs: number;
  movedMs: number | undefined;
  /** Times of its moves. */
  history: number[];
  lastAccessMs: number;
  served: number;
  serviceSumMs: number;
  arrivals: Map<number, number>;
  /** What the last refresh told. */
  told: { requestsPerSecond: number; serviceMs: number; arrivals: Map<string, number> };
}

export class SimulatedDomain {
  moves = 0;
  byteHops = 0;
  private readonly places: Place[];
  private readonly residents: Resident[];
  private readonly byId: Map<string, Resident>;
  private readonly number: Map<string, number>;
  private readonly hops: number[][];
  private refreshedMs = 0;
  private nowMs = 0;

  constructor(private readonly trace: Trace, private readonly maxWaitMs: number) {
    this.number = new Map(trace.nodes.map(({ name }, at) => [name, at]));
    this.hops = hopsOf(trace, this.number);
    this.places = trace.nodes.map(({ capacity }) => ({
      freeAt: new Float64Array(capacity), starts: [], accepting: true, busyMs: 0, latencySumMs: 0, served: 0,
    }));
    this.residents = trace.sessions.map(({ id, home, bytes }, number) => ({
      id, number, bytes, home: this.number.get(home)!, current: this.number.get(home)!, heldUntilMs: 0, movedMs: undefined, history: [],
      lastAccessMs: 0, served: 0, serviceSumMs: 0, arrivals: new Map(), told: { requestsPerSecond: 0, serviceMs: 0, arrivals: new Map() },
    }));
    this.byId = new Map(this.residents.map((resident) => [resident.id, resident]));
  }

  /** Response time as the client sees it, or undefined when it was refused. */
  serve({ atMs, session, at, serviceMs }: TraceRequest): number | undefined {
    const resident = this.residents[session]!;
    this.nowMs = atMs;
    resident.lastAccessMs = atMs;
    resident.arrivals.set(at, (resident.arrivals.get(at) ?? 0) + 1);
    const { hopMs } = this.trace;
    // Asked where it does not live, the client hears where it does, and goes there itself.
    const wayMs = resident.current === at ? 0 : 2 * hopMs * this.hops[at]![resident.current]!;
    const place = this.places[resident.current]!;
    const readyMs = Math.max(atMs + wayMs / 2, resident.heldUntilMs);
    const slot = leastOf(place.freeAt);
    const startMs = Math.max(readyMs, place.freeAt[slot]!);
    if (startMs - readyMs > this.maxWaitMs) return undefined;
    place.freeAt[slot] = startMs + serviceMs;
    if (startMs > readyMs) place.starts.push(startMs);
    place.busyMs += serviceMs;
    const latencyMs = startMs + serviceMs + wayMs / 2 - atMs;
    place.latencySumMs += startMs + serviceMs - readyMs;
    place.served += 1;
    resident.served += 1;
    resident.serviceSumMs += serviceMs;
    return latencyMs;
  }

  move(id: string, to: string, rehome: boolean): void {
    const resident = this.byId.get(id)!;
    const target = this.number.get(to)!;
    if (target === resident.current) return;
    const hops = this.hops[resident.current]![target]!;
    this.moves += 1;
    this.byteHops += resident.bytes * hops;
    resident.heldUntilMs = this.nowMs + PAUSE_MS + hops * (this.trace.hopMs + Math.min(resident.bytes, 4_096) / BYTES_PER_MS);
    resident.current = target;
    if (rehome) resident.home = target;
    resident.movedMs = this.nowMs;
    resident.history.push(this.nowMs);
  }

  setAccepting(node: string, accepting: boolean): void {
    this.places[this.number.get(node)!]!.accepting = accepting;
  }

  /** Most moves of one session in any minute. */
  mostMovesAMinute(): number {
    return Math.max(0, ...this.residents.map(({ history }) => Math.max(0, ...history.map((from) => history.filter((at) => at >= from && at < from + 60_000).length))));
  }

  /** What the nodes would tell now; begins the next interval. */
  refresh(atMs: number): DomainView {
    this.nowMs = atMs;
    const seconds = (atMs - this.refreshedMs) / 1000;
    this.refreshedMs = atMs;
    const nodes = this.trace.nodes.map((_, at) => this.nodeView(at, atMs, seconds));
    for (const resident of this.residents) this.tell(resident, seconds);
    const sessions = new Map<string, SessionView[]>(nodes.map(({ name }) => [name, []]));
    const away = new Map<string, SessionView[]>(nodes.map(({ name }) => [name, []]));
    const roaming: SessionView[] = [];
    for (const resident of this.residents) {
      const view = this.sessionView(resident, atMs);
      sessions.get(view.current)!.push(view);
      if (view.current !== view.home) away.get(view.home)!.push(view);
      if ([...view.arrivals.keys()].some((node) => node !== view.home)) roaming.push(view);
    }
    const byName = new Map(nodes.map((node) => [node.name, node]));
    return {
      atMs, nodes, node: (name) => byName.get(name), sessionsAt: (name) => sessions.get(name) ?? [], awayFrom: (name) => away.get(name) ?? [],
      roaming: () => roaming, canRun: () => true,
    };
  }

  private nodeView(at: number, atMs: number, seconds: number): NodeView {
    const { name, parent, capacity, memoryLimitBytes } = this.trace.nodes[at]!;
    const place = this.places[at]!;
    place.starts = place.starts.filter((startMs) => startMs > atMs);
    const view = {
      name, parent, alive: true, accepting: place.accepting, cordonedByOperator: false, capacity,
      busy: Math.min(capacity, place.busyMs / (seconds * 1000)), waiting: place.starts.length,
      latencyMs: place.served === 0 ? 0 : place.latencySumMs / place.served,
      memoryUsedBytes: this.residents.reduce((sum, { current, bytes }) => sum + (current === at ? bytes : 0), 0), memoryLimitBytes,
    };
    Object.assign(place, { busyMs: 0, latencySumMs: 0, served: 0 });
    return view;
  }

  private tell(resident: Resident, seconds: number): void {
    // Of late: half of what was, half of what is, as a node's own mean does it.
    const half = (was: number, is: number) => (was + is) / 2;
    resident.told.requestsPerSecond = half(resident.told.requestsPerSecond, resident.served / seconds);
    if (resident.served > 0) resident.told.serviceMs = resident.serviceSumMs / resident.served;
    const arrivals = new Map<string, number>();
    for (const node of this.trace.nodes.keys()) {
      const name = this.trace.nodes[node]!.name;
      const rate = half(resident.told.arrivals.get(name) ?? 0, (resident.arrivals.get(node) ?? 0) / seconds);
      if (rate > 0.01) arrivals.set(name, rate);
    }
    resident.told.arrivals = arrivals;
    resident.arrivals = new Map();
    resident.served = 0;
    resident.serviceSumMs = 0;
  }

  private sessionView({ id, home, current, bytes, told, lastAccessMs, movedMs, heldUntilMs }: Resident, atMs: number): SessionView {
    const { nodes } = this.trace;
    return {
      id, home: nodes[home]!.name, current: nodes[current]!.name, bytes, functions: ['f'], ...told, lastAccessMs, movedMs, moving: heldUntilMs > atMs,
    };
  }
}

function leastOf(values: Float64Array): number {
  let least = 0;
  for (let at = 1; at < values.length; at += 1) if (values[at]! < values[least]!) least = at;
  return least;
}

/** Edges between any two nodes of the tree. */
function hopsOf({ nodes }: Trace, number: Map<string, number>): number[][] {
  const up = (at: number): number[] => nodes[at]!.parent === null ? [at] : [at, ...up(number.get(nodes[at]!.parent!)!)];
  const paths = nodes.map((_, at) => up(at));
  return paths.map((path) => paths.map((other) => {
    const meets = path.findIndex((at) => other.includes(at));
    return meets + other.indexOf(path[meets]!);
  }));
}

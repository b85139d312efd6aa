/**
 * The domain as the nodes report it: who is there, how each is, and where every session lives. One
 * record a session, from whoever holds it with the highest epoch; bounded, and rebuilt from the reports
 * after a restart.
 */
import { lidOf } from '../runtime/base/ids.js';
import { MAX_SESSIONS_OF_DOMAIN, ORACLE_TICK_MS, PINNED_MS, SESSION_FORGOTTEN_MS } from '../runtime/model/limits.js';
import type { RegisteredNode } from '../runtime/model/oracle-answers.js';
import type { NodeCapabilities, NodeHealthStatus, NodeLoad, NodeReport, ReportReply, SessionReport } from '../runtime/model/report.js';
import { Shifts } from './shifts.js';
import type { DomainView, NodeView, SessionView } from './view.js';

export interface NodeState {
  boot: string;
  number: number;
  /** Everything that lives there was told since this oracle knows the node. */
  isComplete: boolean;
  accepting: boolean;
  /** Since it was heard to be open again after it had been closed; 0 when it was never heard to be closed. */
  reopenedMs: number;
  cordonedByOperator: boolean;
  cordonedByPolicy: boolean;
  reportedMs: number;
  /** Middle of the time that its load was measured over. */
  measuredMs: number;
  capabilities?: NodeCapabilities;
  health?: NodeHealthStatus;
  load: NodeLoad;
  /** Of all its functions, stateless ones too, since the report before. */
  requestsPerSecond: number;
}

/** A session in the oracle's books. */
export interface SessionEntry extends SessionView {
  lid: string;
  /** The move under way is the policy's own. */
  byPolicy?: boolean;
  epoch: number;
  /** Output name → session that receives. */
  dependencies?: Record<string, string>;
  arrivals: Map<string, number>;
  /** When each node other than its holder spoke of it last. */
  heardMs?: Map<string, number>;
}

export type DomainChange =
  | { kind: 'session'; session: SessionEntry; from?: string }
  | { kind: 'gone'; session: SessionEntry }
  | { kind: 'dependency'; session: SessionEntry }
  | { kind: 'node'; node: string };

const IDLE: NodeLoad = { capacity: 1, busy: 0, waiting: 0, latencyMs: 0, memoryUsedBytes: 0, memoryLimitBytes: 0 };
/** Below this an arrival elsewhere is forgotten. */
const FAINT_PER_SECOND = 0.01;
const DEPARTED_MS = 60_000;
/** A node tells of arrivals, and not that there are none any more: what it told is halved each time it was silent for so long. */
const SILENT_MS = 1.5 * ORACLE_TICK_MS;

export class Domain {
  readonly nodes = new Map<string, NodeState>();
  /** What policies have decided and the nodes' figures do not show yet. */
  readonly shifts = new Shifts();
  private readonly sessions = new Map<string, SessionEntry>();
  private readonly byLid = new Map<string, SessionEntry>();
  private readonly at = new Map<string, Set<SessionEntry>>();
  private readonly away = new Map<string, Set<SessionEntry>>();
  private readonly roamers = new Set<SessionEntry>();
  /** Sessions that left a node and were not reported by another yet: usually the two reports cross. */
  private readonly departed = new Map<string, { entry: SessionEntry; atMs: number }>();
  /** Holders that failed: their sessions are kept for a while, so that a return finds them. */
  private readonly failedMs = new Map<string, number>();

  constructor(private readonly parts: { namespace: string; now: () => number; onChange?(change: DomainChange): void; isAsked?(session: string): boolean }) {}

  /** Takes a report in. Reports of one node come in order; one that does not follow the last asks for everything. */
  report(node: string, report: NodeReport): ReportReply {
    const now = this.parts.now();
    const known = this.nodes.get(node);
    const follows = known !== undefined && known.boot === report.boot && known.number + 1 === report.number;
    const seconds = Math.max(0.1, known ? (now - known.reportedMs) / 1000 : 2);
    const state: NodeState = {
      boot: report.boot, number: report.number, isComplete: report.isFull || (follows && known.isComplete), accepting: report.accepting,
      reopenedMs: report.accepting && known?.accepting === false ? now : known?.reopenedMs ?? 0,
      reportedMs: now, measuredMs: now - seconds * 500, load: report.load, health: report.health,
      requestsPerSecond: (report.load.requests ?? report.sessions.reduce((sum, { requests }) => sum + requests, 0)) / seconds,
      cordonedByOperator: known?.cordonedByOperator ?? false, cordonedByPolicy: known?.cordonedByPolicy ?? false,
      ...((report.capabilities ?? known?.capabilities) && { capabilities: report.capabilities ?? known!.capabilities! }),
    };
    this.nodes.set(node, state);
    this.failedMs.delete(node);
    if (report.isFull) this.dropMissing(node, report.sessions);
    for (const session of report.sessions) this.takeSession(node, session, seconds, follows ? known.reportedMs : undefined);
    for (const { id, epoch } of report.gone) this.takeGone(node, id, epoch);
    for (const { id, requests } of report.astray) this.takeArrival(node, id, requests / seconds);
    for (const { id, outputs } of report.dependencies) this.takeDependency(id, outputs);
    this.parts.onChange?.({ kind: 'node', node });
    return { wantsAll: !follows && !report.isFull };
  }

  get size(): number {
    return this.sessions.size;
  }

  session(id: string): SessionEntry | undefined {
    return this.sessions.get(id);
  }

  byLogicalId(lid: string): SessionEntry | undefined {
    return this.byLid.get(lid);
  }

  /** In no particular order. */
  all(): Iterable<SessionEntry> {
    return this.sessions.values();
  }

  /** Sessions that live there, and sessions homed there that live elsewhere. */
  countsOf(node: string): { resident: number; away: number } {
    return { resident: this.at.get(node)?.size ?? 0, away: this.away.get(node)?.size ?? 0 };
  }

  /** In no particular order. */
  sessionsAt(node: string): Iterable<SessionEntry> {
    return this.at.get(node) ?? [];
  }

  /** Sessions of nodes that failed long ago are forgotten: whoever returns reports them again. */
  forget(failed: Iterable<string>): void {
    const now = this.parts.now();
    for (const [id, { atMs }] of this.departed) {
      if (now - atMs < DEPARTED_MS) break;
      this.departed.delete(id);
    }
    for (const entry of this.roamers) this.fade(entry, now);
    for (const node of failed) {
      const sinceMs = this.failedMs.get(node);
      if (sinceMs === undefined) this.failedMs.set(node, now);
      else if (now - sinceMs > SESSION_FORGOTTEN_MS) for (const entry of this.at.get(node) ?? []) this.remove(entry);
    }
  }

  /** Who wanted the node's status to be what it is: a policy never opens what an operator closed. */
  noteStatus(node: string, isCordoned: boolean, by: 'policy' | 'operator'): void {
    const state = this.nodes.get(node);
    if (state && by === 'operator') state.cordonedByOperator = isCordoned;
    else if (state) state.cordonedByPolicy = isCordoned;
  }

  /** A move was asked for; until the next word of its holder it counts as under way. */
  startMove(id: string, byPolicy: boolean): void {
    const entry = this.sessions.get(id);
    if (entry) Object.assign(entry, { moving: true, byPolicy });
  }

  endMove(id: string, done: boolean): void {
    const entry = this.sessions.get(id);
    if (!entry) return;
    entry.moving = false;
    if (done) entry.movedMs = this.parts.now();
  }

  /** The policy leaves it alone for so long. */
  rest(id: string, ms: number): void {
    const entry = this.sessions.get(id);
    if (entry) entry.pinnedUntilMs = Math.max(entry.pinnedUntilMs ?? 0, this.parts.now() + ms);
  }

  /** What a policy sees now. `registered` are parents before children. */
  view(registered: readonly RegisteredNode[]): DomainView {
    const nodes = registered.map((each) => this.nodeView(each));
    const byName = new Map(nodes.map((each) => [each.name, each]));
    const functions = new Map(registered.map(({ name, functions: list }) => [name, new Set(list)]));
    const atMs = this.parts.now();
    return {
      atMs, shifts: () => this.shifts.current((name) => this.nodes.get(name)?.measuredMs ?? 0, atMs), isAsked: (session) => this.parts.isAsked?.(session) ?? false,
      nodes, node: (name) => byName.get(name),
      sessionsAt: (name) => this.at.get(name) ?? [], awayFrom: (name) => this.away.get(name) ?? [], roaming: () => this.roamers,
      canRun: (name, session) => session.functions.every((each) => functions.get(name)?.has(each)),
    };
  }

  private nodeView({ name, parent, state }: RegisteredNode): NodeView {
    const known = this.nodes.get(name);
    return {
      name, parent, alive: state === 'alive' && known !== undefined, accepting: known?.accepting ?? false,
      cordonedByOperator: isByOperator(known), ...(known?.load ?? IDLE),
    };
  }

  /** @param sinceMs when the node told the last time; undefined when this report does not follow that one */
  private takeSession(node: string, report: SessionReport, seconds: number, sinceMs: number | undefined): void {
    const { id, home, epoch, bytes, functions, requests, redirected = 0, busyMs, lastAccessMs, moving } = report;
    const known = this.sessions.get(id) ?? this.returned(id);
    // The higher epoch is the newer residency; of two with the same one, the word of whoever is still there stands.
    if (known && (known.epoch > epoch || (known.epoch === epoch && known.current !== node && this.nodes.has(known.current)))) return;
    if (!this.sessions.has(id) && this.sessions.size >= MAX_SESSIONS_OF_DOMAIN) return;
    const from = known?.current;
    const entry: SessionEntry = known ?? {
      id, lid: lidOf(id, this.parts.namespace), home, current: node, epoch, bytes, functions, requestsPerSecond: 0, serviceMs: 0, arrivals: new Map(),
      lastAccessMs, movedMs: undefined, moving,
    };
    if (!known && sinceMs !== undefined && this.wasTakenAway(node, report, sinceMs)) entry.pinnedUntilMs = (entry.movedMs = this.parts.now()) + PINNED_MS;
    if (known && (known.current !== node || known.home !== home)) {
      this.unplace(known);
      if (known.epoch !== epoch) {
        known.movedMs = this.parts.now();
        // What somebody else decided is not undone at the next opportunity.
        if (!known.byPolicy) known.pinnedUntilMs = known.movedMs + PINNED_MS;
        known.byPolicy = false;
      }
    }
    const isNews = known === undefined || !this.sessions.has(id) || known.epoch !== epoch || known.current !== node || known.home !== home || known.functions.length !== functions.length;
    const requestsPerSecond = (entry.requestsPerSecond + requests / seconds) / 2;
    Object.assign(entry, { home, current: node, epoch, bytes, functions, lastAccessMs, moving, requestsPerSecond });
    if (requests > 0) entry.serviceMs = busyMs / requests;
    // Whoever sent a request on has counted its arrival.
    this.takeArrivalOf(entry, node, Math.max(0, requests - redirected) / seconds);
    this.sessions.set(id, entry);
    this.byLid.set(entry.lid, entry);
    this.place(entry);
    if (isNews) this.parts.onChange?.({ kind: 'session', session: entry, ...(from !== undefined && from !== node && { from }) });
  }

  /** Born and moved between two reports, and its home was open all the time: not by a policy, and not by its home, which passes on what is born there only while it is closed. */
  private wasTakenAway(node: string, { home, epoch }: SessionReport, sinceMs: number): boolean {
    const state = this.nodes.get(home);
    return node !== home && epoch > 0 && state?.accepting === true && state.reopenedMs <= sinceMs;
  }

  private takeGone(node: string, id: string, epoch: number): void {
    const entry = this.sessions.get(id);
    // Whoever took it over has reported it with a higher epoch, or will.
    if (!entry || entry.current !== node || entry.epoch > epoch) return;
    this.remove(entry);
    this.departed.set(id, { entry, atMs: this.parts.now() });
  }

  /** A session that comes up again after it left is the same one, with its past. */
  private returned(id: string): SessionEntry | undefined {
    const left = this.departed.get(id);
    if (!left) return undefined;
    this.departed.delete(id);
    return left.entry;
  }

  private takeArrival(node: string, id: string, perSecond: number): void {
    const entry = this.sessions.get(id);
    if (entry) this.takeArrivalOf(entry, node, perSecond);
  }

  private takeArrivalOf(entry: SessionEntry, node: string, perSecond: number): void {
    this.setArrival(entry, node, ((entry.arrivals.get(node) ?? 0) + perSecond) / 2);
    if (node !== entry.current) (entry.heardMs ??= new Map()).set(node, this.parts.now());
  }

  private fade(entry: SessionEntry, now: number): void {
    for (const [node, atMs] of entry.heardMs ?? []) {
      if (Math.abs(now - atMs) < SILENT_MS) continue;
      entry.heardMs!.set(node, now);
      this.setArrival(entry, node, (entry.arrivals.get(node) ?? 0) / 2);
    }
  }

  private setArrival(entry: SessionEntry, node: string, perSecond: number): void {
    if (perSecond >= FAINT_PER_SECOND) entry.arrivals.set(node, perSecond);
    else {
      entry.arrivals.delete(node);
      entry.heardMs?.delete(node);
    }
    const isRoaming = [...entry.arrivals.keys()].some((name) => name !== entry.home);
    if (isRoaming) this.roamers.add(entry);
    else this.roamers.delete(entry);
  }

  private takeDependency(id: string, outputs: Record<string, string>): void {
    const entry = this.sessions.get(id);
    const isKnown = entry && Object.entries(outputs).every(([output, receiver]) => entry.dependencies?.[output] === receiver);
    if (!entry || isKnown) return;
    entry.dependencies = { ...entry.dependencies, ...outputs };
    this.parts.onChange?.({ kind: 'dependency', session: entry });
  }

  private dropMissing(node: string, reported: readonly SessionReport[]): void {
    const ids = new Set(reported.map(({ id }) => id));
    for (const entry of this.at.get(node) ?? []) if (!ids.has(entry.id)) this.remove(entry);
  }

  private place(entry: SessionEntry): void {
    addTo(this.at, entry.current, entry);
    if (entry.current !== entry.home) addTo(this.away, entry.home, entry);
  }

  private unplace(entry: SessionEntry): void {
    this.at.get(entry.current)?.delete(entry);
    this.away.get(entry.home)?.delete(entry);
  }

  private remove(entry: SessionEntry): void {
    this.unplace(entry);
    this.roamers.delete(entry);
    this.sessions.delete(entry.id);
    this.byLid.delete(entry.lid);
    this.parts.onChange?.({ kind: 'gone', session: entry });
  }
}

/** A node that rejects although no policy asked for it was told so by somebody, here or at the node itself. */
function isByOperator(state: NodeState | undefined): boolean {
  return state !== undefined && (state.cordonedByOperator || (!state.accepting && !state.cordonedByPolicy));
}

function addTo(sets: Map<string, Set<SessionEntry>>, name: string, entry: SessionEntry): void {
  const set = sets.get(name);
  if (set) set.add(entry);
  else sets.set(name, new Set([entry]));
}

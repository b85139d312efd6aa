/**
 * A plan that fills up while a policy decides: what was already decided counts as done, so that two
 * hot leaves do not both fill the same parent, and no session is asked to move twice.
 */
import { type Decision, type DomainView, type NodeView, pathUp, type SessionView } from '../view.js';
import { demandOf, pressureOf } from './pressure.js';

export interface PlanLimits {
  /** A session that moved less than this ago stays: the bound on moves of one session. */
  cooldownMs: number;
  /** Moves that may be under way or asked for at a time, over the whole domain. */
  mostMoves: number;
  /** The same of one node, as source or target. */
  mostMovesOfNode: number;
}

/** Nobody fills a store beyond this. */
const MEMORY_MARK = 0.8;

/**
 * A queue goes on growing for as long as a node is too slow, and says ever less of how much is asked for: nobody gives more away
 * at one look than brings a node down from here.
 */
const MOST_PRESSURE = 2;

export class Plan {
  readonly decisions: Decision[] = [];
  private readonly added = new Map<string, number>();
  private readonly addedBytes = new Map<string, number>();
  private readonly movesOf = new Map<string, number>();
  private readonly chosen = new Set<string>();
  private moves = 0;

  constructor(readonly view: DomainView, private readonly limits: PlanLimits) {
    for (const { from, to, demand, bytes, isOpen } of view.shifts?.() ?? []) {
      if (from !== undefined) this.shift(from, -demand, -bytes);
      if (to !== undefined) this.shift(to, demand, bytes);
      if (isOpen) this.count(from!, to!);
    }
  }

  /** May this session be asked to move now? */
  isFree(session: SessionView): boolean {
    const { moving, movedMs, id, pinnedUntilMs = 0 } = session;
    return !moving && !this.view.isAsked?.(id) && pinnedUntilMs <= this.view.atMs && !this.chosen.has(id) && (movedMs === undefined || this.view.atMs - movedMs >= this.limits.cooldownMs);
  }

  hasMoves(...nodes: string[]): boolean {
    return this.moves < this.limits.mostMoves && nodes.every((name) => (this.movesOf.get(name) ?? 0) < this.limits.mostMovesOfNode);
  }

  /** Pressure with what is on its way and was decided so far. */
  pressure(node: NodeView): number {
    return Math.min(pressureOf(node), MOST_PRESSURE) + (this.added.get(node.name) ?? 0) / Math.max(1, node.capacity);
  }

  /** Share of the memory in use with what was decided so far; 0 without a limit. */
  fullness(node: NodeView): number {
    if (node.memoryLimitBytes <= 0) return 0;
    return (node.memoryUsedBytes + (this.addedBytes.get(node.name) ?? 0)) / node.memoryLimitBytes;
  }

  /**
   * Would the node still be below `mark` with the session's load on it, and below `memoryMark` of its memory? One that the policy
   * itself has closed for new sessions takes old ones: closed nodes are warm, and it is the marks that say how warm they may become.
   */
  hasRoom(node: NodeView, session: SessionView, mark: number, demand = demandOf(session), memoryMark = MEMORY_MARK): boolean {
    const after = this.pressure(node) + demand / Math.max(1, node.capacity);
    const memory = node.memoryLimitBytes <= 0 ? 0 : this.fullness(node) + session.bytes / node.memoryLimitBytes;
    return node.alive && !node.cordonedByOperator && this.view.canRun(node.name, session) && after <= mark && memory <= memoryMark;
  }

  /** Nearest node above that takes the session and keeps below `mark`. */
  roomAbove(session: SessionView, mark: number, demand?: number): NodeView | undefined {
    return pathUp(this.view, session.current).slice(1).find((node) => this.hasRoom(node, session, mark, demand));
  }

  move(session: SessionView, to: string, reason: string, { rehome = false, demand = demandOf(session) } = {}): void {
    const from = session.current;
    this.chosen.add(session.id);
    this.count(from, to);
    this.shift(from, -demand, -session.bytes);
    this.shift(to, demand, session.bytes);
    this.decisions.push({ kind: 'migrate', session: session.id, from, to, ...(rehome && { rehome }), reason, demand, bytes: session.bytes });
  }

  private count(...nodes: string[]): void {
    this.moves += 1;
    for (const name of nodes) this.movesOf.set(name, (this.movesOf.get(name) ?? 0) + 1);
  }

  private shift(node: string, demand: number, bytes: number): void {
    this.added.set(node, (this.added.get(node) ?? 0) + demand);
    this.addedBytes.set(node, (this.addedBytes.get(node) ?? 0) + bytes);
  }

  status(kind: 'cordon' | 'uncordon', node: string, reason: string): void {
    this.decisions.push({ kind, node, reason });
  }
}

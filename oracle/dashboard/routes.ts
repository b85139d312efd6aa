/** What the page asks for beyond the rest of the API: the overview, the charts, moves, functions. */
import { Fault } from '../../runtime/model/faults.js';
import { FUNCTIONS_EVERY_MS, MAX_CHARTED_NODES } from '../../runtime/model/limits.js';
import type { FunctionUse, ListedFunction } from '../../runtime/model/oracle-answers.js';
import type { ApiRequest } from '../api.js';
import { usesOf } from '../search.js';
import { Overview, type OverviewParts } from './overview.js';

/** A body that is JSON already. */
export class JsonText {
  constructor(readonly text: string) {}
}

const PREFIX = '/api/v1/';

export class DashboardRoutes {
  private readonly overview: Overview;
  private uses: { madeMs: number; byName: Promise<Map<string, FunctionUse>> } | undefined;

  constructor(private readonly parts: OverviewParts) {
    this.overview = new Overview(parts);
  }

  /** Undefined when nothing of it is at the path. */
  async answer({ method, path, query, admit }: ApiRequest): Promise<unknown> {
    if ((method !== 'GET' && method !== 'HEAD') || !path.startsWith(PREFIX)) return undefined;
    const noun = path.slice(PREFIX.length);
    if (noun === 'overview') return new JsonText(this.overview.json());
    if (noun === 'history') return this.history(query);
    if (noun === 'functions') return this.functions();
    if (noun !== 'moves') return undefined;
    await admit(0);
    return { moves: this.parts.board.moves.list(numberOf(query, 'after')) };
  }

  /** `?node=` (again for more) has the nodes', else the domain's; `?since=` only what is newer. */
  private history(query: URLSearchParams): object {
    const sinceMs = numberOf(query, 'since');
    const names = query.getAll('node');
    if (names.length > MAX_CHARTED_NODES) throw new Fault('PARAMETER_INVALID', { name: 'node', reason: `no more than ${MAX_CHARTED_NODES} at once` });
    const { timeline } = this.parts.board;
    return names.length === 0 ? timeline.domain(sinceMs) : timeline.nodes(names, sinceMs);
  }

  private async functions(): Promise<{ functions: ListedFunction[] }> {
    const { registry, orchestration, now } = this.parts;
    const nodesOf = new Map<string, string[]>();
    for (const { name, functions } of registry.list()) for (const each of functions) nodesOf.set(each, [...nodesOf.get(each) ?? [], name]);
    if (!this.uses || now() - this.uses.madeMs >= FUNCTIONS_EVERY_MS) this.uses = { madeMs: now(), byName: usesOf(orchestration.domain.all()) };
    const uses = await this.uses.byName;
    const names = [...new Set([...nodesOf.keys(), ...uses.keys()])].sort();
    return { functions: names.map((name) => ({ name, nodes: nodesOf.get(name) ?? [], ...(uses.get(name) ?? { sessions: 0, bytes: 0, requestsPerSecond: 0 }) })) };
  }
}

function numberOf(query: URLSearchParams, name: string): number {
  const text = query.get(name);
  const value = text === null ? 0 : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Fault('PARAMETER_INVALID', { name, reason: 'it is a number' });
}

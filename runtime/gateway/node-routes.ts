/** What a node tells about itself: `/api/v1/node`, its sessions, its counters. */
import type { Clock } from '../base/clock.js';
import type { Reply, Route, RouteRequest } from '../base/reply.js';
import { decodeValue } from '../handler/value.js';
import { Fault } from '../model/faults.js';
import { MAX_PAGE } from '../model/limits.js';
import type { Slot, SlotState } from '../model/record.js';
import type { SessionStore } from '../store/store.js';
import type { Deployments } from './deployments.js';
import { METRICS_TYPE } from './faas/metrics-listener.js';

export interface NodeFacts {
  id?: string;
  name: string;
  level: string;
  labels: Record<string, string>;
  /** Of the inventory, that it is a member of. */
  collections?: readonly string[];
  parentUrl?: string;
}

export interface NodeParts {
  facts: NodeFacts;
  url(): string;
  store: Pick<SessionStore, 'kind' | 'page' | 'slot' | 'readKeys' | 'read' | 'weight'>;
  deployments: Deployments;
  /** `accept` or `reject`; undefined at the root, which has none. */
  offloadStatus(): string | undefined;
  children(): { name: string; url: string }[];
  /** Further lines in Prometheus' text form. */
  moreMetrics?(): Promise<string>;
  clock: Clock;
  startedAtMs: number;
  /** Its dashboard is where OpenFaaS has its user interface. */
  oracleUrl?: string;
}

/** Rows looked at for one page of a filtered listing; the answer then says where to go on. */
const MAX_SCAN = 10 * MAX_PAGE;
const STATES: readonly string[] = ['resident', 'leaving', 'arriving', 'remote', 'tombstone', 'leased'];

export function nodeRoutes(parts: NodeParts): Route[] {
  const admin = { method: 'GET', access: 'admin' } as const;
  return [
    { ...admin, path: '/api/v1/node', run: () => describe(parts) },
    { ...admin, path: '/api/v1/sessions', run: (request) => list(parts, request) },
    { ...admin, path: '/api/v1/sessions/:id', run: ({ params, query }) => show(parts, params['id']!, query.get('data') === 'true') },
    { method: 'GET', access: 'open', path: '/metrics', run: async () => ({ status: 200, headers: { 'content-type': METRICS_TYPE }, text: await metricsText(parts) }) },
    { method: 'GET', access: 'open', path: '/ui', run: async () => dashboard(parts) },
  ];
}

function dashboard({ oracleUrl }: NodeParts): Reply {
  if (oracleUrl === undefined) throw new Fault('NOT_FOUND', { path: '/ui/' });
  return { status: 302, headers: { location: `${oracleUrl}/` } };
}

async function describe(parts: NodeParts): Promise<Reply> {
  const { facts, store, deployments, clock, startedAtMs } = parts;
  return {
    status: 200,
    json: {
      ...facts, url: parts.url(), store: store.kind, offloadStatus: parts.offloadStatus() ?? null, children: parts.children(),
      functions: deployments.names(), requestsInHand: deployments.list().reduce((sum, { inHand }) => sum + inHand, 0),
      sessions: await countsOf(store), startedAt: new Date(startedAtMs).toISOString(),
      uptimeMs: clock.now() - startedAtMs, rssBytes: process.memoryUsage.rss(), pid: process.pid, runtime: process.version,
    },
  };
}

/** Sessions by state; `more` when there are more than the rows looked at. */
async function countsOf(store: NodeParts['store']): Promise<Record<string, number | boolean>> {
  const counts: Record<string, number> = { resident: 0, leaving: 0, arriving: 0, remote: 0 };
  let after: string | undefined;
  for (let scanned = 0; scanned < MAX_SCAN;) {
    const { slots, next } = await store.page(after, MAX_PAGE);
    for (const slot of slots) counts[stateOf(slot)] = (counts[stateOf(slot)] ?? 0) + 1;
    scanned += slots.length;
    if (next === undefined) return counts;
    after = next;
  }
  return { ...counts, more: true };
}

/** The state as an operator sees it: the overlay of a move first. */
function stateOf(slot: Slot): SlotState | 'arriving' {
  return slot.arriving ? 'arriving' : slot.state;
}

async function list({ store, clock }: NodeParts, { query }: RouteRequest): Promise<Reply> {
  const limit = numberOf(query, 'limit', 100, MAX_PAGE);
  const state = query.get('state');
  if (state !== null && !STATES.includes(state)) {
    throw new Fault('PARAMETER_INVALID', { name: 'state', reason: `it is one of ${STATES.join(', ')}` });
  }
  const functionName = query.get('function');
  const isWanted = (slot: Slot) => (functionName === null || slot.functions.includes(functionName))
    && (state === null || (state === 'leased' ? isLeased(slot, clock) : stateOf(slot) === state));
  const sessions: object[] = [];
  let next: string | undefined = query.get('after') ?? undefined;
  for (let scanned = 0; ;) {
    const page = await store.page(next, Math.min(limit - sessions.length, MAX_PAGE));
    sessions.push(...page.slots.filter(isWanted).map((slot) => viewOf(slot, clock)));
    scanned += page.slots.length;
    next = page.next;
    if (next === undefined || sessions.length >= limit || scanned >= MAX_SCAN) break;
  }
  return { status: 200, json: { sessions, ...(next !== undefined && { next }) } };
}

/** With `?data=true` what a small session keeps comes along: texts as they are, bytes as `{base64}`. */
async function show({ store, clock, facts }: NodeParts, session: string, withData: boolean): Promise<Reply> {
  const slot = await store.slot(session);
  if (!slot) throw new Fault('SESSION_UNKNOWN', { node: facts.name, session });
  const isHere = slot.state === 'resident' || slot.state === 'leaving';
  if (!isHere) return { status: 200, json: viewOf(slot, clock) };
  const [contents, weightBytes] = await Promise.all([contentsOf(store, session, withData), store.weight(session)]);
  return { status: 200, json: { ...viewOf(slot, clock), ...contents, weightBytes } };
}

/** Names of the keys: of a small session from its data, of a large one as the store lists them. */
async function contentsOf(store: NodeParts['store'], session: string, withData: boolean): Promise<{ keys: string[]; data?: object }> {
  const snapshot = await store.read(session);
  if (!snapshot) return { keys: [] };
  if (snapshot.loaded.kind !== 'whole') return { keys: (await store.readKeys(session)).keys.slice(0, MAX_PAGE) };
  const entries = [...snapshot.loaded.data].slice(0, MAX_PAGE);
  const data = () => Object.fromEntries(entries.map(([key, value]) => [key, Array.isArray(value) ? value.map(shownValue) : shownValue(value)]));
  return { keys: entries.map(([key]) => key), ...(withData && { data: data() }) };
}

function shownValue(stored: Buffer): string | { base64: string } {
  const value = decodeValue(stored);
  return typeof value === 'string' ? value : { base64: value.toString('base64') };
}

/** A slot without what would let its reader act in another's name (lease ids, attempts). */
function viewOf(slot: Slot, clock: Clock): object {
  const { session, function: creator, functions, home, current, epoch, version, incarnation } = slot;
  const { ttlMs, createdAtMs, lastAccessAtMs, bytes } = slot;
  return {
    session, function: creator, functions, home, current, epoch, version, incarnation, state: stateOf(slot), leased: isLeased(slot, clock),
    ...(slot.leaving && { leavingTo: slot.leaving.to }), ...(slot.arriving && { arrivingFrom: slot.arriving.from }),
    owed: slot.owed.map(({ to, kind }) => ({ to, kind })), ttlMs, createdAtMs, lastAccessAtMs, bytes,
    // Seed 003's names of the same facts.
    proprietaryLocation: home, currentLocation: current,
  };
}

function isLeased(slot: Slot, clock: Clock): boolean {
  return slot.lease !== undefined && slot.lease.untilMs > clock.now();
}

function numberOf(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Fault('PARAMETER_INVALID', { name, reason: `it is a whole number from 1 to ${most}` });
}

/** All counters of the node in Prometheus' text form. */
export async function metricsText({ deployments, clock, startedAtMs, moreMetrics }: Pick<NodeParts, 'deployments' | 'clock' | 'startedAtMs' | 'moreMetrics'>): Promise<string> {
  const own = [
    '# TYPE process_resident_memory_bytes gauge', `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    '# TYPE node_uptime_seconds gauge', `node_uptime_seconds ${(clock.now() - startedAtMs) / 1000}`,
    '# TYPE gateway_requests_in_hand gauge',
    ...deployments.list().map(({ name, inHand }) => `gateway_requests_in_hand{function_name="${name}"} ${inHand}`), '',
  ].join('\n');
  return deployments.metrics.text(deployments.list()) + own + (await moreMetrics?.() ?? '');
}

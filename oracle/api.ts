/** The oracle's API beyond the registry: reports of nodes, intents, and what the books say. */
import { Fields } from '../runtime/base/fields.js';
import { Fault } from '../runtime/model/faults.js';
import { MAX_PAGE, MAX_REPORT_BYTES } from '../runtime/model/limits.js';
import type { ListedSession, SessionState, Wish } from '../runtime/model/oracle-answers.js';
import { nodeUnknown } from '../runtime/model/unknown.js';
import type { SessionEntry } from './domain.js';
import type { Orchestration } from './orchestration.js';
import type { Registry } from './registry.js';
import { reportOf } from './report-check.js';
import { summaries } from './samples.js';
import { findSessions, stateOf } from './search.js';

export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Admits an administrator or a peer, reads the body (bounded) and answers who it was. Throws UNAUTHORIZED. */
  admit(limitBytes: number): Promise<{ caller: 'admin' | { peer: string }; body: unknown }>;
}

export interface ApiParts {
  orchestration: Orchestration;
  registry: Registry;
  domainId: string;
}

const PREFIX = '/api/v1';
const INTENT_BYTES = 64 * 1024;
const WAIT_MOST_MS = 60_000;

/** Undefined when nothing of it is at the path. */
export async function answerApi(parts: ApiParts, request: ApiRequest): Promise<unknown> {
  const { method, path } = request;
  if (!path.startsWith(`${PREFIX}/`)) return undefined;
  const [noun, name, what] = path.slice(PREFIX.length + 1).split('/').map(decoded);
  const isRead = method === 'GET' || method === 'HEAD';
  if (noun === 'nodes' && name !== undefined && what === 'report' && method === 'POST') return takeReport(parts, request, name);
  if (noun === 'nodes' && name !== undefined && isRead && (what === 'capabilities' || what === 'health' || what === 'load')) return nodePart(parts, name, what);
  if (noun === 'intents' && name === undefined && method === 'POST') return submit(parts, request);
  if ((noun === 'intents' || noun === 'sessions' || noun === 'performance') && isRead) await request.admit(0);
  if (noun === 'intents' && isRead) return name === undefined ? listIntents(parts, request) : showIntent(parts, name);
  if (noun === 'sessions' && isRead) return name === undefined ? listSessions(parts, request) : showSession(parts, name);
  if (noun === 'policy' && isRead && name === undefined) return showPolicy(parts);
  if (noun === 'performance' && isRead && name === undefined) return listPerformance(parts, request);
  return undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A node reports for itself alone. */
async function takeReport({ orchestration, registry }: ApiParts, request: ApiRequest, name: string): Promise<unknown> {
  const { caller, body } = await request.admit(MAX_REPORT_BYTES);
  if (caller === 'admin' || caller.peer !== name) throw new Fault('FORBIDDEN', { reason: `only node ${name} reports for itself` });
  const node = registry.find(name);
  if (!node) throw nodeUnknown(name, registry.list().map((each) => each.name));
  return orchestration.report(node, reportOf(body));
}

function nodePart({ orchestration, registry }: ApiParts, name: string, what: 'capabilities' | 'health' | 'load'): unknown {
  const node = registry.list().find((each) => each.name === name || each.id === name);
  if (!node) throw nodeUnknown(name, registry.list().map((each) => each.name));
  return { node: node.name, id: node.id, [what]: orchestration.domain.nodes.get(node.name)?.[what] ?? null };
}

/** `?wait=SECONDS` answers when it has ended, or when the time is over. */
async function submit({ orchestration, registry }: ApiParts, request: ApiRequest): Promise<unknown> {
  const { body, caller } = await request.admit(INTENT_BYTES);
  const fields = new Fields(body);
  const wish = wishOf(fields);
  const names = registry.list().map(({ name }) => name);
  const node = wish.kind === 'migrate' ? wish.to : wish.node;
  if (!names.includes(node)) throw nodeUnknown(node, names);
  const reason = fields.maybeText('reason') ?? (caller === 'admin' ? 'asked for by an operator' : `asked for by ${caller.peer}`);
  const intent = orchestration.submit(wish, 'operator', reason);
  // Whoever has an answer finds the intent again, whatever happens to the oracle.
  await orchestration.keep();
  const seconds = Number(request.query.get('wait') ?? 0);
  return seconds > 0 ? orchestration.settled(intent, Math.min(seconds * 1000, WAIT_MOST_MS)) : intent;
}

function wishOf(fields: Fields): Wish {
  const kind = fields.text('kind');
  if (kind === 'migrate') return { kind, session: fields.session(), to: fields.text('to'), ...(fields.flag('rehome') && { rehome: true }) };
  if (kind === 'cordon' || kind === 'uncordon') return { kind, node: fields.text('node') };
  throw new Fault('PARAMETER_INVALID', { name: 'kind', reason: 'use migrate, cordon or uncordon' });
}

function listIntents({ orchestration }: ApiParts, { query }: ApiRequest): unknown {
  const [state, by] = [query.get('state'), query.get('by')];
  const intents = orchestration.intents.list().filter((intent) => (state === null || intent.state === state) && (by === null || intent.by === by));
  const offset = offsetOf(query);
  return { total: intents.length, intents: intents.slice(offset, offset + limitOf(query)) };
}

function showIntent({ orchestration }: ApiParts, id: string): unknown {
  const intent = orchestration.intents.find(id);
  if (!intent) throw new Fault('NOT_FOUND', { path: `${PREFIX}/intents/${id}` });
  return intent;
}

/** What the books say; a node itself knows better, but only of its own. */
async function listSessions({ orchestration: { domain } }: ApiParts, { query }: ApiRequest): Promise<unknown> {
  const [limit, offset] = [limitOf(query), offsetOf(query)];
  const [text, node, home, functionName, state] = ['search', 'node', 'home', 'function', 'state'].map((name) => query.get(name) || undefined);
  if (state !== undefined && !isState(state)) throw new Fault('PARAMETER_INVALID', { name: 'state', reason: 'use home, away or moving' });
  const all = node === undefined ? domain.all() : domain.sessionsAt(node);
  const { total, sessions } = await findSessions(all, { text, node, home, functionName, state }, { offset, limit });
  return { total, sessions: sessions.map(viewOf) };
}

function isState(text: string): text is SessionState {
  return ['home', 'away', 'moving'].includes(text);
}

function showPolicy({ orchestration: { policy, policySettings, decidesFromMs, isDeciding, lastTick } }: ApiParts): object {
  return { name: policy.name, about: policy.about, settings: policySettings, decidesFromMs, isDeciding, ...lastTick };
}

/** Summaries for each metric and residency; `?samples=true` the values themselves, the oldest first. */
function listPerformance({ orchestration }: ApiParts, { query }: ApiRequest): object {
  const [metric, session, node] = ['metric', 'session', 'node'].map((name) => query.get(name) || undefined);
  const samples = orchestration.samples.list({ ...(metric && { metric }), ...(session && { session }), ...(node && { node }) });
  return query.get('samples') === 'true' ? { samples } : { performance: summaries(samples) };
}

function showSession({ orchestration }: ApiParts, id: string): unknown {
  const entry = orchestration.domain.session(id) ?? orchestration.domain.byLogicalId(id);
  if (!entry) throw new Fault('NOT_FOUND', { path: `${PREFIX}/sessions/${id}` });
  return viewOf(entry);
}

function viewOf(entry: SessionEntry): ListedSession {
  const { arrivals, heardMs: _heardMs, dependencies = {}, ...rest } = entry;
  return { ...rest, state: stateOf(entry), dependencies, arrivals: Object.fromEntries(arrivals) };
}

function offsetOf(query: URLSearchParams): number {
  const offset = Number(query.get('offset') ?? 0);
  if (Number.isInteger(offset) && offset >= 0) return offset;
  throw new Fault('PARAMETER_INVALID', { name: 'offset', reason: 'it is a whole number, or left out' });
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit');
  if (text === null) return 100;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE) return limit;
  throw new Fault('PARAMETER_INVALID', { name: 'limit', reason: `it is a whole number from 1 to ${MAX_PAGE}` });
}

/** The seed's routes: each reads its body, does its work, and answers in RAINBOW's shapes; faults become `{result, message}`. */
import { parseJson } from '../base/parse-json.js';
import { asFault, Fault } from '../model/faults.js';
import {
  type Asking, partialsToWire, PEER_ANALYTICS, PEER_APP, PEER_GET, PEER_LIST, PEER_QUERY,
} from './ask.js';
import { AGG_WRONG, DONE, done, failed, json, KEYS_EMPTY, SCHEMA_WRONG, type TelemetryReply, WENT_WRONG } from './answers.js';
import type { Cluster, FanOut } from './cluster.js';
import type { Knowledge } from './knowledge.js';
import { metaNews, type MetaQuestion, PEER_META } from './meta-copies.js';
import { invalid, itemsOf, type Point, type ReadBatch, readKeyed, readPoints } from './read-put.js';
import { bodyOf, FILTERS, readAggregate, readKeyQuestion, readQuestion } from './read-query.js';
import { PEER_REPLICATE, takeReplica, unpackMessage } from './replica-message.js';
import type { Storage } from './storage.js';

export interface TelemetryCall {
  query: URLSearchParams;
  body: Buffer;
  /** '' when missing. */
  contentType: string;
  accept: string;
}

export interface TelemetryRoute {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  /** `open`: to this machine without credentials; `peer`: to nodes of the domain alone. */
  access: 'open' | 'peer';
  /** What went wrong, in the original's words, should anything. */
  wrong: string;
  run(call: TelemetryCall): TelemetryReply | Promise<TelemetryReply>;
}

export interface RouteParts {
  node: string;
  /** This life of the node. */
  boot: string;
  storage: Storage;
  asking: Asking;
  knowledge: Pick<Knowledge, 'replicas' | 'restarts'>;
  cluster: Cluster;
  isHead(): boolean;
  appCache: boolean;
  now(): number;
}

/** Some 200 points: from here on a batch holds others up for longer than a small question takes. */
const LARGE_BODY_BYTES = 16 * 1024;
export const PEER_DELETE = '/peer/telemetry/delete';
const PEER_DELETE_ANALYTICS = '/peer/telemetry/delete-analytics';
const PEER_DELETE_APP = '/peer/telemetry/delete-app';

export function seedRoutes(parts: RouteParts): TelemetryRoute[] {
  const { storage, asking, cluster, now } = parts;
  const post = { method: 'POST', access: 'open' } as const;
  const remove = { method: 'DELETE', access: 'open', wrong: WENT_WRONG.delete } as const;
  const read = (run: (body: unknown) => ReturnType<TelemetryRoute['run']>): TelemetryRoute['run'] => (call) => run(parseJson(call.body));
  const withApp = (run: TelemetryRoute['run']): TelemetryRoute['run'] => (call) => {
    if (!parts.appCache) throw new Fault('APP_CACHE_OFF', { node: parts.node });
    return run(call);
  };
  const putApp = (call: TelemetryCall) => {
    const { items, under } = itemsOf(parseJson(call.body), ['application', 'analytics']);
    return take(call, readKeyed(items, under, now()), (good) => storage.putApp(good));
  };
  return [
    { ...post, path: '/nodes', wrong: WENT_WRONG.get, run: () => json({ nodes: cluster.nodes().filter(({ isAlive }) => isAlive).map(({ name, isHead }) => ({ hostname: name, cluster_head: isHead })) }) },
    {
      method: 'GET', access: 'open', path: '/telemetry/domain', wrong: WENT_WRONG.get,
      run: () => json({
        nodes: cluster.nodes().map(({ name, isHead, isAlive }) => ({ hostname: name, cluster_head: isHead, alive: isAlive })),
        replicas: parts.knowledge.replicas, restarts: parts.knowledge.restarts,
      }),
    },
    {
      ...post, path: '/put', wrong: WENT_WRONG.put,
      run: (call) => {
        const parsed = () => itemsOf(parseJson(call.body), ['monitoring']);
        const read = ({ items, under }: ReturnType<typeof parsed>) => readPoints(items, under, now());
        const stored = (batch: ReadBatch<Point>) => take(call, batch, (good) => storage.put(good));
        // A large batch in steps: between them those have their turn who ask for little.
        return call.body.length < LARGE_BODY_BYTES ? stored(read(parsed())) : turn(parsed).then((items) => turn(() => read(items))).then((batch) => turn(() => stored(batch)));
      },
    },
    { ...post, path: '/get', wrong: WENT_WRONG.get, run: read((body) => asking.get(body)) },
    { ...post, path: '/query', wrong: WENT_WRONG.get, run: read((body) => asking.query(body)) },
    { ...post, path: '/list', wrong: WENT_WRONG.get, run: read((body) => asking.list(body)) },
    { ...remove, path: '/monitoring', run: read((body) => deleteMonitoring(parts, body)) },
    {
      ...post, path: '/analytics/put', wrong: WENT_WRONG.put,
      run: (call) => {
        const { items, under } = itemsOf(parseJson(call.body), ['analytics']);
        return take(call, readKeyed(items, under, now()), (good) => storage.putAnalytics(good));
      },
    },
    { ...post, path: '/analytics/get', wrong: WENT_WRONG.get, run: read((body) => asking.getKeyed('analytics', body)) },
    {
      ...remove, path: '/analytics',
      run: read((body) => deleteKeyed(parts, 'analytics', PEER_DELETE_ANALYTICS, body)),
    },
    { ...post, path: '/app/put', wrong: WENT_WRONG.put, run: withApp(putApp) },
    { ...post, path: '/app/get', wrong: WENT_WRONG.get, run: withApp(read((body) => asking.getKeyed('app', body))) },
    {
      ...remove, path: '/app',
      run: withApp(read((body) => deleteKeyed(parts, 'app', PEER_DELETE_APP, body))),
    },
  ];
}

/** What other nodes ask: the same questions about one owner's part, answered without names of nodes. */
export function peerRoutes(parts: RouteParts): TelemetryRoute[] {
  const { asking, storage } = parts;
  const peer = { method: 'POST', access: 'peer', wrong: WENT_WRONG.get } as const;
  const about = (run: (body: Record<string, unknown>, owner: string) => ReturnType<TelemetryRoute['run']>): TelemetryRoute['run'] => (call) => {
    const { owner, ...body } = bodyOf(parseJson(call.body));
    return run(body, typeof owner === 'string' ? owner : '');
  };
  return [
    { ...peer, path: PEER_GET, run: about(async (body, owner) => ({ status: 200, body: await asking.data(readQuestion(body), owner) })) },
    { ...peer, path: PEER_QUERY, run: about(async (body, owner) => json(partialsToWire(await asking.partials(readAggregate(body), owner)))) },
    { ...peer, path: PEER_LIST, run: about((body, owner) => json(asking.series(readQuestion(body), owner))) },
    { ...peer, path: PEER_ANALYTICS, run: about(async (body, owner) => json(await storage.keyed('analytics', readKeyQuestion(body), owner))) },
    { ...peer, path: PEER_APP, run: about(async (body, owner) => json(parts.appCache ? await storage.keyed('app', readKeyQuestion(body), owner) : [])) },
    { ...peer, path: PEER_META, run: about((body) => json(metaNews(storage.points, parts.boot, body as MetaQuestion))) },
    { ...peer, path: '/peer/telemetry/who', run: () => json({ name: parts.node, head: parts.isHead() }) },
    {
      ...peer, path: PEER_REPLICATE, wrong: WENT_WRONG.put,
      run: async ({ body }) => {
        await takeReplica(storage, unpackMessage(body), parts.appCache);
        return json({ boot: parts.boot });
      },
    },
    {
      ...peer, path: PEER_DELETE, wrong: WENT_WRONG.delete,
      run: about(async (body) => {
        const question = readQuestion(body);
        return json({ series: await storage.delete(question, question.range) });
      }),
    },
    { ...peer, path: PEER_DELETE_ANALYTICS, wrong: WENT_WRONG.delete, run: about(async (body) => json({ keys: await deleteKeys(storage, 'analytics', body) })) },
    { ...peer, path: PEER_DELETE_APP, wrong: WENT_WRONG.delete, run: about(async (body) => json({ keys: await deleteKeys(storage, 'app', body) })) },
  ];
}

/** A step of its own, after whatever else has arrived by now. */
function turn<T>(step: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => setImmediate(() => {
    try {
      resolve(step());
    } catch (error) {
      reject(error);
    }
  }));
}

/** Everything or nothing, unless `?partial=true`: then the good items are stored and the bad ones listed. */
function take<T>({ query }: TelemetryCall, { good, errors, refused }: ReadBatch<T>, store: (good: T[]) => Promise<void> | void): TelemetryReply | Promise<TelemetryReply> {
  if (refused > 0 && query.get('partial') !== 'true') {
    const first = errors[0]!;
    return failed(invalid(first.pointer, first.reason), SCHEMA_WRONG, { errors, refused });
  }
  const stored = store(good);
  const reply = () => refused > 0 ? done(DONE.put, { stored: good.length, refused, errors }) : INGESTED;
  return stored ? stored.then(reply) : reply();
}

const INGESTED = done(DONE.put);

async function deleteMonitoring({ storage, cluster }: RouteParts, body: unknown): Promise<TelemetryReply> {
  const question = readQuestion(body);
  if (!FILTERS.some((name) => question.filters[name])) throw new Fault('TELEMETRY_INVALID', { pointer: '/metricID', reason: `${KEYS_EMPTY} A filter is needed; ["*"] stands for everything` });
  if (!question.nodes) return done(DONE.delete, { series: await storage.delete(question, question.range) });
  const asked = await cluster.ask<number | { series: number }>(question.nodes, PEER_DELETE, question.passedOn, () => storage.delete(question, question.range), { replicas: false });
  return deletedOf(asked, 'series');
}

async function deleteKeyed({ storage, cluster }: RouteParts, kind: 'analytics' | 'app', path: string, body: unknown): Promise<TelemetryReply> {
  const { nodes, passedOn } = keysOf(body);
  if (!nodes) return done(DONE.delete, { keys: await deleteKeys(storage, kind, body) });
  return deletedOf(await cluster.ask<number | { keys: number }>(nodes, path, passedOn, () => deleteKeys(storage, kind, body), { replicas: false }), 'keys');
}

function deleteKeys(storage: Storage, kind: 'analytics' | 'app', body: unknown): Promise<number> {
  const { keys, range } = keysOf(body);
  return storage.deleteKeyed(kind, storage[kind].keys(keys), range);
}

/** A node that was not there has what should be gone: that is an error, and says how far it went. */
function deletedOf<T extends string>(asked: FanOut<number | Record<T, number>>, what: T): TelemetryReply {
  const count = asked.answered.reduce((sum, { value }) => sum + (typeof value === 'number' ? value : value[what]), 0);
  if (asked.unavailable.length === 0) return done(DONE.delete, { [what]: count });
  const unavailable = asked.unavailable.map(({ name }) => name);
  const fault = new Fault('PEER_UNREACHABLE', { node: unavailable.join(', '), url: '(its gateway)', reason: 'nothing was deleted there' });
  return failed(fault, WENT_WRONG.delete, { [what]: count, unavailable });
}

function keysOf(body: unknown): ReturnType<typeof readKeyQuestion> {
  const question = readKeyQuestion(body);
  if (!question.keys) throw new Fault('TELEMETRY_INVALID', { pointer: '/key', reason: `${KEYS_EMPTY} A list of keys is needed; ["*"] stands for all` });
  return question;
}

/** Any error as its route's answer. */
export function faultReply(route: TelemetryRoute, error: unknown, call: string): TelemetryReply {
  const fault = asFault(error, call);
  // Between nodes a fault stays a fault, so that it is one again over there.
  if (route.access === 'peer') return json(fault, fault.status);
  const { pointer, reason } = fault.details;
  const message = pointer === '/agg' ? AGG_WRONG : String(reason ?? '').startsWith(KEYS_EMPTY) ? KEYS_EMPTY
    : fault.code === 'JSON_INVALID' || (fault.code === 'TELEMETRY_INVALID' && route.wrong === WENT_WRONG.put) ? SCHEMA_WRONG : route.wrong;
  return failed(fault, message);
}

/** Questions to this node or to many: get, query, list, and the same for keyed data; each owner's part is made where its data lies. */
import { Fault } from '../model/faults.js';
import { MAX_GROUPS_PER_ANSWER, MAX_POINTS_PER_ANSWER } from '../model/limits.js';
import { combine, emptyAggregate, fromWire, percentileOf, toWire, valueOf } from './aggregate.js';
import { json, latestJson, listed, type ListedSeries, type Partial, seriesJson, type TelemetryReply } from './answers.js';
import type { Cluster, FanOut } from './cluster.js';
import type { ToldSeries } from './export.js';
import type { KeyedValues } from './keyed.js';
import { OWN } from './points.js';
import { type AggregateQuestion, type Question, readAggregate, readFields, readKeyQuestion, readQuestion } from './read-query.js';
import type { Storage } from './storage.js';

export const PEER_GET = '/peer/telemetry/get';
export const PEER_QUERY = '/peer/telemetry/query';
export const PEER_LIST = '/peer/telemetry/list';
export const PEER_ANALYTICS = '/peer/telemetry/analytics';
export const PEER_APP = '/peer/telemetry/app';

export interface AskParts {
  storage: Storage;
  cluster: Cluster;
  /** What is known of another node's series, when neither it nor a replica answers. */
  remembered(node: string): Promise<readonly ListedSeries[] | undefined>;
}

type Keyed = 'analytics' | 'app';

/** A series as /get tells it. */
interface SeriesAnswer {
  metricID: string;
  entityID: string;
  values: { timestamp: number; val: number }[];
}

export class Asking {
  constructor(private readonly parts: AskParts) {}

  // ── This node's part ─────────────────────────────────────────────────────────────────────────

  /** JSON of the list `data`; a promise only when the disk has to be asked. */
  data(question: Question, owner = OWN): string | Promise<string> {
    const { storage } = this.parts;
    const series = storage.select(question, owner);
    if (question.range) return storage.range(series, question.range).then((found) => `[${found.map(seriesJson).join(',')}]`);
    const latest = series.filter(({ hasLatest }) => hasLatest);
    if (latest.length > MAX_POINTS_PER_ANSWER) throw new Fault('ANSWER_TOO_LARGE', { limit: MAX_POINTS_PER_ANSWER, what: 'points' });
    return `[${latest.map(latestJson).join(',')}]`;
  }

  partials(question: AggregateQuestion, owner = OWN): Promise<Partial[]> {
    return this.parts.storage.aggregate(question, owner);
  }

  series(question: Question, owner = OWN): ListedSeries[] {
    return this.parts.storage.select(question, owner).map(({ metricID, entityID, meta }) => ({ metricID, entityID, meta }));
  }

  // ── One or many ──────────────────────────────────────────────────────────────────────────────

  get(body: unknown): TelemetryReply | Promise<TelemetryReply> {
    const question = readQuestion(body);
    const { cluster } = this.parts;
    if (question.nodes) return this.getOfMany(question, question.nodes);
    const data = this.data(question);
    return typeof data === 'string' ? ofNodes([[cluster.self, data]], []) : data.then((text) => ofNodes([[cluster.self, text]], []));
  }

  private async getOfMany(question: Question, nodes: string[]): Promise<TelemetryReply> {
    const asked = await this.parts.cluster.ask<string | unknown[]>(nodes, PEER_GET, question.passedOn, (owner) => this.data(question, owner));
    const parts = asked.answered.map(({ node, value }): [string, string] => [node, typeof value === 'string' ? value : JSON.stringify(value)]);
    return ofNodes(parts, unavailable(asked));
  }

  /** The points of a question as numbers, over the nodes that it names. */
  async points(question: Question): Promise<{ told: ToldSeries[]; unavailable: string[] }> {
    const { cluster, storage } = this.parts;
    const own = async (owner = OWN): Promise<Omit<ToldSeries, 'node'>[]> => {
      const series = storage.select(question, owner);
      const found = question.range ? await storage.range(series, question.range)
        : series.filter(({ hasLatest }) => hasLatest).map((each) => ({ series: each, pairs: Float64Array.of(each.latestMs, each.latestValue) }));
      return found.map(({ series: { metricID, entityID }, pairs }) => ({ metricID, entityID, pairs }));
    };
    if (!question.nodes) return { told: (await own()).map((each) => ({ node: cluster.self, ...each })), unavailable: [] };
    const asked = await cluster.ask<(Omit<ToldSeries, 'node'> | SeriesAnswer)[]>(question.nodes, PEER_GET, question.passedOn, own);
    const told = asked.answered.flatMap(({ node, value }) => value.map((each) => ({
      node, metricID: each.metricID, entityID: each.entityID, pairs: 'pairs' in each ? each.pairs : each.values.flatMap(({ timestamp, val }) => [timestamp, val]),
    })));
    if (told.reduce((sum, { pairs }) => sum + pairs.length / 2, 0) > MAX_POINTS_PER_ANSWER) throw new Fault('ANSWER_TOO_LARGE', { limit: MAX_POINTS_PER_ANSWER, what: 'points' });
    return { told, unavailable: unavailable(asked) };
  }

  async query(body: unknown): Promise<TelemetryReply> {
    const question = readAggregate(body);
    const { cluster } = this.parts;
    if (!question.nodes) return this.combined(question, [{ node: cluster.self, value: await this.partials(question) }], []);
    const asked = await cluster.ask<Partial[] | { partials: WirePartial[] }>(question.nodes, PEER_QUERY, question.passedOn, (owner) => this.partials(question, owner));
    const answered = asked.answered.map(({ node, value }) => ({ node, value: Array.isArray(value) ? value : partialsFromWire(value) }));
    return this.combined(question, answered, unavailable(asked));
  }

  private combined(question: AggregateQuestion, answered: { node: string; value: Partial[] }[], missing: string[]): TelemetryReply {
    const { agg, by } = question;
    const groups = new Map<string, Partial>();
    for (const { node, value } of answered) {
      for (const partial of value) {
        const key = JSON.stringify([by.node ? node : 0, partial.series ?? 0, partial.bucketMs ?? 0]);
        let group = groups.get(key);
        if (!group) groups.set(key, group = { ...partial, aggregate: emptyAggregate(), values: [], ...(by.node && { node }) });
        combine(group.aggregate, partial.aggregate);
        group.values!.push(...partial.values ?? []);
      }
    }
    if (groups.size > MAX_GROUPS_PER_ANSWER) throw new Fault('ANSWER_TOO_LARGE', { limit: MAX_GROUPS_PER_ANSWER, what: 'groups' });
    const numberOf = (group: Partial) => typeof agg === 'object' ? percentileOf(joinedValues(group.values!), agg.percent) : valueOf(group.aggregate, agg);
    const more = missing.length > 0 ? { unavailable: missing } : {};
    if (!question.isGrouped) {
      const whole = groups.values().next().value ?? { aggregate: emptyAggregate(), values: [] };
      return json({ value: numberOf(whole), ...more });
    }
    const list = [...groups.values()].sort((left, right) => (left.bucketMs ?? 0) - (right.bucketMs ?? 0));
    return json({
      groups: list.map((group) => ({
        ...(group.node !== undefined && { node: group.node }), ...(group.series && { metricID: group.series[0], entityID: group.series[1] }),
        ...(group.bucketMs !== undefined && { timestamp: group.bucketMs }), value: numberOf(group), count: group.aggregate.count,
      })), ...more,
    });
  }

  async list(body: unknown): Promise<TelemetryReply> {
    const question = readQuestion(body);
    const fields = readFields(body);
    const { cluster } = this.parts;
    const shown = (node: string, series: readonly ListedSeries[]) => series.map((each) => listed(node, each, fields));
    if (!question.nodes) return json({ metric: shown(cluster.self, this.series(question)) });
    const asked = await cluster.ask<ListedSeries[]>(question.nodes, PEER_LIST, question.passedOn, (owner) => this.series(question, owner));
    const metric = asked.answered.flatMap(({ node, value }) => shown(node, value));
    // What is known of a node that is down is known everywhere; its name stands in `unavailable` all the same.
    for (const { name } of asked.unavailable) for (const each of shown(name, (await this.parts.remembered(name) ?? []).filter((one) => fits(one, question)))) metric.push(each);
    return json({ metric, ...(asked.unavailable.length > 0 && { unavailable: unavailable(asked) }) });
  }

  // ── Analytics and application data ───────────────────────────────────────────────────────────

  async getKeyed(kind: Keyed, body: unknown): Promise<TelemetryReply> {
    const question = readKeyQuestion(body);
    const name = kind === 'app' ? 'application' : 'analytics';
    const { storage, cluster } = this.parts;
    if (!question.nodes) return json({ [name]: await storage.keyed(kind, question) });
    const path = kind === 'app' ? PEER_APP : PEER_ANALYTICS;
    const asked = await cluster.ask<KeyedValues[]>(question.nodes, path, question.passedOn, (owner) => storage.keyed(kind, question, owner));
    const all = asked.answered.flatMap(({ node, value }) => value.map((each) => ({ node, ...each })));
    return json({ [name]: all, ...(asked.unavailable.length > 0 && { unavailable: unavailable(asked) }) });
  }
}

function fits({ metricID, entityID, meta }: ListedSeries, { filters }: Question): boolean {
  const { podName, podNamespace, containerName } = filters;
  return (filters.metricID?.matches(metricID) ?? true) && (filters.entityID?.matches(entityID) ?? true)
    && (podName?.matches(meta.pod?.name) ?? true) && (podNamespace?.matches(meta.pod?.namespace) ?? true)
    && (containerName?.matches(meta.container?.name) ?? true);
}

function ofNodes(parts: [node: string, data: string][], missing: string[]): TelemetryReply {
  const monitoring = parts.map(([node, data]) => `{"node":${JSON.stringify(node)},"data":${data}}`).join(',');
  return { status: 200, body: `{"monitoring":[${monitoring}]${missing.length > 0 ? `,"unavailable":${JSON.stringify(missing)}` : ''}}` };
}

function unavailable(asked: FanOut<unknown>): string[] {
  return asked.unavailable.map(({ name }) => name);
}

function joinedValues(parts: Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

// ── Partials on the wire ─────────────────────────────────────────────────────────────────────────

interface WirePartial {
  series?: [string, string];
  bucketMs?: number;
  aggregate: (number | string)[];
  values?: number[];
}

export function partialsToWire(partials: readonly Partial[]): { partials: WirePartial[] } {
  return {
    partials: partials.map(({ series, bucketMs, aggregate, values }) => ({
      series, bucketMs, aggregate: toWire(aggregate), ...(values && { values: [...joinedValues(values)] }),
    })),
  };
}

function partialsFromWire({ partials }: { partials: WirePartial[] }): Partial[] {
  return partials.map(({ series, bucketMs, aggregate, values }) => ({
    ...(series && { series }), ...(bucketMs !== undefined && { bucketMs }), aggregate: fromWire(aggregate),
    ...(values && { values: [Float64Array.from(values)] }),
  }));
}

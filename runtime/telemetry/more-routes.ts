/** Doors for the tools of others: Prometheus in both directions, OTLP, CSV and Parquet, and what Grafana's JSON data source asks. */
import { parseJson } from '../base/parse-json.js';
import { failed, json, SCHEMA_WRONG, type TelemetryReply, WENT_WRONG } from './answers.js';
import type { Asking } from './ask.js';
import { exported } from './export.js';
import { otlpItems, remoteWriteItems, unsnappy } from './formats.js';
import { graphs, metricsOf } from './grafana.js';
import type { History } from './history.js';
import { otlpOf } from './otlp.js';
import { invalid, readPoints } from './read-put.js';
import type { TelemetryCall, TelemetryRoute } from './routes.js';
import type { Series } from './series.js';
import type { Storage } from './storage.js';

export interface MoreRouteParts {
  node: string;
  storage: Storage;
  asking: Asking;
  history: History | undefined;
  now(): number;
}

type Items = Record<string, unknown>[];

export function moreRoutes(parts: MoreRouteParts): TelemetryRoute[] {
  const { storage, asking, now } = parts;
  const post = { method: 'POST', access: 'open' } as const;
  const get = { method: 'GET', access: 'open', wrong: WENT_WRONG.get } as const;
  /** Everything or nothing, unless `?partial=true`. */
  const store = async ({ query }: TelemetryCall, items: Items): Promise<{ refused: number; errors: object[] }> => {
    const { good, errors, refused } = readPoints(items, 'points', now());
    if (errors[0] && query.get('partial') !== 'true') throw invalid(errors[0].pointer, errors[0].reason);
    await storage.put(good);
    return { refused, errors };
  };
  const remoteWrite = async (call: TelemetryCall): Promise<TelemetryReply> => {
    const { good, errors, refused } = readPoints(remoteWriteItems(unsnappy(call.body)), 'points', now());
    await storage.put(good);
    // Prometheus sends a refused batch no second time: what is good of it would be lost with the rest.
    return errors[0] ? failed(invalid(errors[0].pointer, errors[0].reason), SCHEMA_WRONG, { stored: good.length, refused, errors }) : { status: 204, body: '' };
  };
  const otlp = async (call: TelemetryCall): Promise<TelemetryReply> => {
    const isJson = !call.contentType.startsWith('application/x-protobuf');
    const { refused, errors } = await store(call, otlpItems(isJson ? parseJson(call.body) : otlpOf(call.body)));
    // An answer without fields is an empty message.
    if (!isJson) return { status: 200, type: 'application/x-protobuf', body: Buffer.alloc(0) };
    return json({ partialSuccess: refused > 0 ? { rejectedDataPoints: refused, errorMessage: JSON.stringify(errors[0]) } : {} });
  };
  return [
    { ...post, path: '/api/v1/write', wrong: WENT_WRONG.put, run: remoteWrite },
    { ...post, path: '/v1/metrics', wrong: WENT_WRONG.put, run: otlp },
    { ...get, path: '/telemetry/metrics', run: () => ({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: exposition(storage.points.own.all()) }) },
    { ...post, path: '/export', wrong: WENT_WRONG.get, run: ({ body, query }) => exported(parts, parseJson(body), query.get('format') ?? 'csv') },
    { ...get, path: '/grafana', run: () => json({ status: 'ok' }) },
    { ...post, path: '/grafana/search', wrong: WENT_WRONG.get, run: async ({ body }) => json(await metricsOf(asking, parseJson(body))) },
    { ...post, path: '/grafana/metrics', wrong: WENT_WRONG.get, run: async ({ body }) => json((await metricsOf(asking, parseJson(body))).map((name) => ({ label: name, value: name }))) },
    { ...post, path: '/grafana/query', wrong: WENT_WRONG.get, run: ({ body }) => graphs(asking, parseJson(body)) },
  ];
}

/** Names as Prometheus allows them; the original ones stand in the labels. */
function exposition(all: Iterable<Series>): string {
  const families = new Map<string, string[]>();
  for (const { metricID, entityID, meta, hasLatest, latestMs, latestValue } of all) {
    if (!hasLatest) continue;
    const name = metricID.replace(/[^a-zA-Z0-9_:]/g, '_').replace(/^(?=\d)/, '_');
    const labels = [['metricID', metricID], ['entityID', entityID], ['entityType', meta.entityType], ['pod', meta.pod?.name], ['namespace', meta.pod?.namespace], ['container', meta.container?.name]]
      .flatMap(([label, value]) => value === undefined ? [] : [`${label}="${value.replace(/[\\"\n]/g, (each) => each === '\n' ? '\\n' : `\\${each}`)}"`]);
    const line = `${name}{${labels.join(',')}} ${latestValue} ${latestMs}`;
    const family = families.get(name);
    if (family) family.push(line);
    else families.set(name, [`# TYPE ${name} gauge`, line]);
  }
  return [...families.values()].map((lines) => `${lines.join('\n')}\n`).join('');
}

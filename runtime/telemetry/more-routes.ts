/** Doors for the tools of others: Prometheus in both directions, OTLP, CSV and Parquet, and what Grafana's JSON data source asks. */
import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../model/faults.js';
import { json, type TelemetryReply, WENT_WRONG } from './answers.js';
import { otlpItems, remoteWriteItems, unsnappy } from './formats.js';
import type { History } from './history.js';
import { invalid, parseJson, readPoints } from './read-put.js';
import { bodyOf, readQuestion } from './read-query.js';
import type { TelemetryRoute } from './routes.js';
import type { Series } from './series.js';
import type { Storage } from './storage.js';

export interface MoreRouteParts {
  node: string;
  storage: Storage;
  history: History | undefined;
  now(): number;
}

export function moreRoutes(parts: MoreRouteParts): TelemetryRoute[] {
  const { storage, now } = parts;
  const post = { method: 'POST', access: 'open' } as const;
  const store = async (items: Record<string, unknown>[], reply: TelemetryReply): Promise<TelemetryReply> => {
    const { good, errors } = readPoints(items, 'points', now());
    if (errors[0]) throw invalid(errors[0].pointer, errors[0].reason);
    await storage.put(good);
    return reply;
  };
  return [
    { ...post, path: '/api/v1/write', wrong: WENT_WRONG.put, run: ({ body }) => store(remoteWriteItems(unsnappy(body)), { status: 204, body: '' }) },
    { ...post, path: '/v1/metrics', wrong: WENT_WRONG.put, run: ({ body }) => store(otlpItems(parseJson(body)), json({ partialSuccess: {} })) },
    { method: 'GET', access: 'open', path: '/telemetry/metrics', wrong: WENT_WRONG.get, run: () => ({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: exposition(storage.points.own.all()) }) },
    { ...post, path: '/export', wrong: WENT_WRONG.get, run: ({ body, query }) => exported(parts, parseJson(body), query.get('format') ?? 'csv') },
    { method: 'GET', access: 'open', path: '/grafana', wrong: WENT_WRONG.get, run: () => json({ status: 'ok' }) },
    { ...post, path: '/grafana/search', wrong: WENT_WRONG.get, run: () => json([...new Set([...storage.points.own.all()].map(({ metricID }) => metricID))].sort()) },
    { ...post, path: '/grafana/query', wrong: WENT_WRONG.get, run: ({ body }) => graphs(storage, parseJson(body)) },
  ];
}

/** Names as Prometheus allows them; the original ones stand in the labels. */
export function exposition(all: Iterable<Series>): string {
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

/** The points of a question as a file: CSV here, Parquet by the database. */
async function exported(parts: MoreRouteParts, body: unknown, format: string): Promise<TelemetryReply> {
  if (format !== 'csv' && format !== 'parquet') throw new Fault('PARAMETER_INVALID', { name: 'format', reason: 'it is csv or parquet' });
  const { storage, history, node } = parts;
  const question = readQuestion(body);
  const series = storage.select(question);
  const found = question.range ? await storage.range(series, question.range)
    : series.filter(({ hasLatest }) => hasLatest).map((each) => ({ series: each, pairs: Float64Array.of(each.latestMs, each.latestValue) }));
  if (format === 'csv') {
    const lines = ['metricID,entityID,node,timestamp,val'];
    for (const { series: { metricID, entityID }, pairs } of found) {
      const head = [metricID, entityID, node].map(cell).join(',');
      for (let at = 0; at < pairs.length; at += 2) lines.push(`${head},${pairs[at]},${pairs[at + 1]}`);
    }
    return { status: 200, type: 'text/csv; charset=utf-8', body: `${lines.join('\n')}\n` };
  }
  if (!history) throw new Fault('HISTORY_UNAVAILABLE', { node, reason: 'it is switched off, and Parquet is written by it' });
  const base = join(history.folder, `export-${randomUUID()}`);
  const [hot, names, file] = [`${base}.csv`, `${base}.jsonl`, `${base}.parquet`];
  try {
    await writeFile(hot, found.flatMap(({ series: { id }, pairs }) => Array.from({ length: pairs.length / 2 }, (_, at) => `${id},${pairs[at * 2]},${pairs[at * 2 + 1]}\n`)).join(''), { mode: 0o600 });
    await writeFile(names, found.map(({ series: { id, metricID, entityID } }) => `${JSON.stringify({ id, metricID, entityID, node })}\n`).join(''), { mode: 0o600 });
    await history.client.call('export', { names, file, hot });
    return { status: 200, type: 'application/vnd.apache.parquet', body: await readFile(file) };
  } finally {
    await Promise.all([hot, names, file].map((path) => rm(path, { force: true })));
  }
}

/** A cell of a CSV file; one that a spreadsheet would take for a formula stays text. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** `{range: {from, to}, targets: [{target}]}` to `[{target, datapoints: [[value, time]]}]`. */
async function graphs(storage: Storage, parsed: unknown): Promise<TelemetryReply> {
  const { range, targets } = bodyOf(parsed) as { range?: { from?: string; to?: string }; targets?: { target?: string }[] };
  const [from, to] = [Date.parse(range?.from ?? ''), Date.parse(range?.to ?? '')];
  if (!(from >= 0 && to >= from)) throw invalid('/range', 'from and to as ISO times are needed');
  if (!Array.isArray(targets)) throw invalid('/targets', 'a list is needed');
  const metricID = targets.flatMap(({ target }) => typeof target === 'string' && target !== '' ? [target] : []);
  if (metricID.length === 0) return json([]);
  const question = readQuestion({ metricID, from, to });
  const found = await storage.range(storage.select(question), question.range!);
  return json(found.map(({ series: { metricID: metric, entityID }, pairs }) => ({
    target: `${metric} ${entityID}`, datapoints: Array.from({ length: pairs.length / 2 }, (_, at) => [pairs[at * 2 + 1], pairs[at * 2]]),
  })));
}

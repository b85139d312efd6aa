/** What Grafana's JSON data sources ask: which metrics there are, and their points, thinned to as many as a graph can show. */
import { json, type TelemetryReply } from './answers.js';
import type { Asking } from './ask.js';
import { invalid } from './read-put.js';
import { bodyOf, readQuestion } from './read-query.js';

interface Target {
  target?: unknown;
  /** Beyond Grafana's own: `nodes` and `entityID`, as /get takes them. */
  payload?: { nodes?: unknown; entityID?: unknown };
}

interface Group {
  node: string;
  metricID: string;
  entityID: string;
  timestamp: number;
  value: number;
}

/** Names of metrics; of other nodes too when the body has `nodes`. */
export async function metricsOf(asking: Asking, parsed: unknown): Promise<string[]> {
  const { nodes } = bodyOf(parsed);
  const { metric } = JSON.parse(String((await asking.list({ ...(Array.isArray(nodes) && { nodes }), fields: ['name'] })).body)) as { metric: { metricID: string }[] };
  return [...new Set(metric.map(({ metricID }) => metricID))].sort();
}

/** `{range: {from, to}, maxDataPoints?, targets: [{target, payload?}]}` to `[{target, datapoints: [[value, time]]}]`. */
export async function graphs(asking: Asking, parsed: unknown): Promise<TelemetryReply> {
  const { range, targets, maxDataPoints } = bodyOf(parsed) as { range?: { from?: string; to?: string }; targets?: unknown; maxDataPoints?: unknown };
  const [from, to] = [Date.parse(range?.from ?? ''), Date.parse(range?.to ?? '')];
  if (!(from >= 0 && to >= from)) throw invalid('/range', 'from and to as ISO times are needed');
  if (!Array.isArray(targets)) throw invalid('/targets', 'a list is needed');
  const most = Number.isSafeInteger(maxDataPoints) && (maxDataPoints as number) > 0 ? maxDataPoints as number : undefined;
  const lists = await Promise.all(targets.map((target: Target) => graph(asking, target, from, to, most)));
  return json(lists.flat());
}

async function graph(asking: Asking, { target, payload }: Target, from: number, to: number, most: number | undefined): Promise<object[]> {
  if (typeof target !== 'string' || target === '') return [];
  const { nodes, entityID } = payload ?? {};
  const question = { metricID: [target], from, to, ...(entityID !== undefined && { entityID }), ...(nodes !== undefined && { nodes }) };
  const called = (node: string, metricID: string, entityID_: string) => `${nodes === undefined ? '' : `${node} `}${metricID} ${entityID_}`;
  if (most === undefined) {
    const { told } = await asking.points(readQuestion(question));
    return told.map(({ node, metricID, entityID: entity, pairs }) => ({
      target: called(node, metricID, entity), datapoints: Array.from({ length: pairs.length / 2 }, (_, at) => [pairs[at * 2 + 1], pairs[at * 2]]),
    }));
  }
  const bucket = Math.max(1, Math.ceil((to - from + 1) / most));
  const { groups } = JSON.parse(String((await asking.query({ ...question, agg: 'avg', groupBy: ['series', 'node', 'time'], bucket })).body)) as { groups: Group[] };
  const lines = new Map<string, { target: string; datapoints: [number, number][] }>();
  for (const { node, metricID, entityID: entity, timestamp, value } of groups) {
    const key = JSON.stringify([node, metricID, entity]);
    const line = lines.get(key) ?? { target: called(node, metricID, entity), datapoints: [] };
    lines.set(key, line);
    line.datapoints.push([value, timestamp]);
  }
  return [...lines.values()];
}

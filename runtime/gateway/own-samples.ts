/** What a node says of itself: its health and its functions' times, as points like anybody's; and what functions say by `telemetryLog`. */
import { loadavg } from 'node:os';
import type { Clock } from '../base/clock.js';
import type { TelemetryEntry } from '../session/call.js';
import type { Point } from '../telemetry/read-put.js';
import type { Deployments } from './deployments.js';
import type { FunctionMetrics } from './function-metrics.js';

export interface OwnSamples {
  /** Since the last look. */
  take(): Point[];
  /** What one call of the function has said. */
  said(functionName: string, entries: readonly TelemetryEntry[]): Point[];
}

interface Before {
  finished: number;
  totalMs: number;
  transferred: number;
  transferMs: number;
}

const NOTHING: Before = { finished: 0, totalMs: 0, transferred: 0, transferMs: 0 };

export function createOwnSamples(parts: { node: string; deployments: Deployments; clock: Clock }): OwnSamples {
  const { node, deployments, clock } = parts;
  const before = new Map<string, Before>();
  let cpu = process.cpuUsage();
  let cpuAtMs = clock.now();

  function health(timestamp: number): Point[] {
    const used = process.cpuUsage(cpu);
    const passedMs = Math.max(timestamp - cpuAtMs, 1);
    cpu = process.cpuUsage();
    cpuAtMs = timestamp;
    const of = (metricID: string, val: number, units: string, higherIsBetter = false): Point =>
      ({ entityID: node, metricID, val, timestamp, meta: { entityType: 'node', group: 'health', name: metricID, units, higherIsBetter } });
    return [
      of('process_cpu', (used.user + used.system) / 10 / passedMs, '%'), of('process_memory', process.memoryUsage.rss() / 1024 / 1024, 'MiB'),
      of('system_load', loadavg()[0]!, 'processes'), of('requests_in_hand', deployments.list().reduce((sum, { inHand }) => sum + inHand, 0), 'requests'),
    ];
  }

  /** Means over the calls since the last look; a function that nobody called says nothing. */
  function times(name: string, metrics: FunctionMetrics, timestamp: number): Point[] {
    const last = before.get(name) ?? NOTHING;
    const { finished, totalMs, transferred, transferMs } = metrics;
    before.set(name, { finished, totalMs, transferred, transferMs });
    const of = (metricID: string, val: number, units: string): Point =>
      ({ entityID: `${node}/${name}`, metricID, val, timestamp, meta: { entityType: 'function', group: 'function', name, units } });
    return [
      ...(finished > last.finished ? [
        of('invocations', finished - last.finished, 'calls'), of('execution_time', (totalMs - last.totalMs) / (finished - last.finished), 'ms'),
      ] : []),
      ...(transferred > last.transferred ? [of('transfer_time', (transferMs - last.transferMs) / (transferred - last.transferred), 'ms')] : []),
    ];
  }

  return {
    take() {
      const timestamp = clock.now();
      return [...health(timestamp), ...deployments.list().flatMap(({ name, metrics }) => times(name, metrics, timestamp))];
    },
    said: (functionName, entries) => entries.filter(({ target }) => target !== '' && target.length <= 1_024).map(({ level, target, value, atMs }) => ({
      entityID: `${node}/${functionName}`, metricID: target, val: value, timestamp: Math.round(atMs),
      meta: { entityType: 'function', group: `telemetry_log/${level}`, name: target },
    })),
  };
}

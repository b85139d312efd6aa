/**
 * What a node says of itself: its health and its functions' times, as points like anybody's; and what functions say by
 * `telemetryLog`. The reports to the oracle are made of these points, when they have been stored.
 */
import type { Clock } from '../base/clock.js';
import { type MachineHealth, NO_TEMPERATURE } from '../base/machine-health.js';
import { HEALTH_FIELDS, type NodeHealthStatus, type Sample } from '../model/report.js';
import type { TelemetryEntry } from '../session/call.js';
import type { Point, Residency } from '../telemetry/read-put.js';
import type { Deployments } from './deployments.js';
import type { FunctionMetrics } from './function-metrics.js';

export interface OwnSamples {
  /** Since the last look. */
  take(): Promise<Point[]>;
  /** What one call of the function has said, and of which session. */
  said(functionName: string, entries: readonly TelemetryEntry[], residency?: Residency): Point[];
  /** What one call of the function took. */
  took(functionName: string, samples: readonly Sample[]): Point[];
}

export interface OwnSamplesParts {
  node: string;
  deployments: Pick<Deployments, 'list'>;
  health: Pick<MachineHealth, 'read'>;
  clock: Clock;
}

interface Before {
  finished: number;
  totalMs: number;
  transferred: number;
  transferMs: number;
}

const NOTHING: Before = { finished: 0, totalMs: 0, transferred: 0, transferMs: 0 };
const UNITS: Partial<Record<keyof NodeHealthStatus, string>> = {
  mem_free: 'KiB', mem_used: 'KiB', mem_available: 'KiB', proc_cpu_usage: '%', proc_memory: 'KiB', proc_vmemory: 'KiB',
  load_avg_1: '1/100', load_avg_5: '1/100', load_avg_15: '1/100', tot_rx_bytes: 'B', tot_tx_bytes: 'B', disk_free_space: 'B', disk_tot_reads: 'B', disk_tot_writes: 'B',
  gpu_load_perc: '%', gpu_temp_cels: 'm°C', active_power: 'mW',
};
const HIGHER_IS_BETTER: ReadonlySet<string> = new Set(['mem_free', 'mem_available', 'disk_free_space']);

export function createOwnSamples({ node, deployments, health, clock }: OwnSamplesParts): OwnSamples {
  const before = new Map<string, Before>();

  /** What the machine does not tell is no point. */
  async function ofTheNode(timestamp: number): Promise<Point[]> {
    const status = await health.read();
    const of = (metricID: string, val: number, units: string): Point =>
      ({ entityID: node, metricID, val, timestamp, meta: { entityType: 'node', group: 'health', name: metricID, units, higherIsBetter: HIGHER_IS_BETTER.has(metricID) } });
    return [
      ...HEALTH_FIELDS.filter((field) => status[field] !== -1 && status[field] !== NO_TEMPERATURE).map((field) => of(field, status[field], UNITS[field] ?? '1')),
      of('requests_in_hand', deployments.list().reduce((sum, { inHand }) => sum + inHand, 0), 'requests'),
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
    async take() {
      const timestamp = clock.now();
      return [...await ofTheNode(timestamp), ...deployments.list().flatMap(({ name, metrics }) => times(name, metrics, timestamp))];
    },
    said: (functionName, entries, residency) => entries.filter(({ target }) => target !== '' && target.length <= 1_024).map(({ level, target, value, atMs }) => ({
      entityID: `${node}/${functionName}`, metricID: target, val: value, timestamp: Math.round(atMs),
      meta: { entityType: 'function', group: `telemetry_log/${level}`, name: target }, ...(residency && { residency }),
    })),
    took: (functionName, samples) => samples.map(({ session, epoch, metric, value, atMs }) => ({
      entityID: `${node}/${functionName}`, metricID: metric, val: Number(value), timestamp: Math.round(atMs),
      meta: { entityType: 'function', group: 'function', name: functionName, units: 's' }, residency: { session, epoch },
    })),
  };
}

/** The node's health as its own latest points have it; what the machine did not tell is no point, and unknown. */
export function healthIn(latest: (metricID: string) => number | undefined): NodeHealthStatus {
  return Object.fromEntries(HEALTH_FIELDS.map((field) => [field, latest(field) ?? (field === 'gpu_temp_cels' ? NO_TEMPERATURE : -1)])) as NodeHealthStatus;
}

/** Points of sessions, as a report tells them. */
export function samplesIn(points: readonly Point[]): Sample[] {
  return points.flatMap(({ metricID: metric, val: value, timestamp: atMs, residency }) => residency ? [{ ...residency, metric, value, atMs }] : []);
}

/** From what Kubernetes answers to what policies count: pure. */
import type { NodeReport } from '../../runtime/model/report.js';

/** How a machine is, by metrics-server. */
export interface MachineUsage {
  /** Share of the processor that may be used by pods; above 1 when it is overcommitted. */
  cpuShare: number;
  memoryUsedBytes: number;
  memoryBytes: number;
  /** When it was measured, milliseconds since the epoch. */
  atMs: number;
}

const FACTORS: Record<string, number> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};
/** Usage older than this says nothing about now. */
export const STALE_USAGE_MS = 120_000;
const KIB = 1024;

/** `250m`, `1500000000n`, `16Gi`, `1e3`: a number of cores or bytes. NaN when it is none. */
export function quantityOf(text: unknown): number {
  const [, digits = '', suffix = ''] = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]*)\s*$/.exec(String(text)) ?? [];
  const factor = FACTORS[suffix];
  return digits === '' || factor === undefined ? Number.NaN : Number(digits) * factor;
}

/**
 * Machines by Kubernetes' name.
 * @param metrics list of NodeMetrics, of `/apis/metrics.k8s.io/v1beta1/nodes`
 * @param machines list of Node, of `/api/v1/nodes`; what one of the two does not have is left out
 */
export function usageOf(metrics: unknown, machines: unknown): Map<string, MachineUsage> {
  const allocatable = new Map(itemsOf(machines).map((item) => [nameOf(item), at(at(item, 'status'), 'allocatable')]));
  const found = new Map<string, MachineUsage>();
  for (const item of itemsOf(metrics)) {
    const name = nameOf(item);
    const [usage, most] = [at(item, 'usage'), allocatable.get(name)];
    const [used, cores, memoryUsedBytes, memoryBytes] = [at(usage, 'cpu'), at(most, 'cpu'), at(usage, 'memory'), at(most, 'memory')].map(quantityOf) as [number, number, number, number];
    const atMs = Date.parse(String(at(item, 'timestamp')));
    if (![used, memoryUsedBytes, memoryBytes, atMs].every(Number.isFinite) || !(cores > 0)) continue;
    found.set(name, { cpuShare: Math.max(0, used / cores), memoryUsedBytes, memoryBytes, atMs });
  }
  return found;
}

/**
 * A report that knows of the whole machine: work of others on it leaves a node less of its capacity. What the node
 * itself has counted is never made less.
 */
export function withUsage(report: NodeReport, { cpuShare, memoryUsedBytes, memoryBytes }: MachineUsage): NodeReport {
  const { load, health } = report;
  const [used, free] = [memoryUsedBytes, memoryBytes - memoryUsedBytes].map((bytes) => Math.max(0, Math.round(bytes / KIB))) as [number, number];
  return {
    ...report, load: { ...load, busy: Math.max(load.busy, Math.min(1, cpuShare) * load.capacity) },
    health: { ...health, mem_used: used, mem_free: free, mem_available: free },
  };
}

function itemsOf(list: unknown): unknown[] {
  const items = at(list, 'items');
  return Array.isArray(items) ? items : [];
}

function nameOf(item: unknown): string {
  return String(at(at(item, 'metadata'), 'name'));
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

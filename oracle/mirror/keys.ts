/** Every key of the mirror, and the form of what is in it, as EDGELESS's tools read them. */
import type { NodeCapabilities, NodeHealthStatus } from '../../runtime/model/report.js';

export const DOMAIN_ID = 'domain_info:domain_id';
/** List of keys of intents; tools push, the oracle pops. */
export const INTENTS = 'intents';

/** Under the seed's spelling and the orchestrator's. */
export const capabilitiesKeys = (node: string) => [`node:capabilities:${node}`, `nodes:capabilities:${node}`];
export const healthKey = (node: string) => `node:health:${node}`;
export const providerKey = (provider: string) => `provider:${provider}`;
export const instanceKey = (lid: string) => `instance:${lid}`;
export const dependencyKey = (lid: string) => `dependency:${lid}`;

export type PerformanceKeys = 'both' | 'seed' | 'current';

/** `performance:<metric>:<pid>` of the seeds, `performance:<pid>:<metric>` of today. */
export function performanceKeys(metric: string, pid: string, which: PerformanceKeys): string[] {
  return [...(which === 'current' ? [] : [`performance:${metric}:${pid}`]), ...(which === 'seed' ? [] : [`performance:${pid}:${metric}`])];
}

/** Seconds with their fraction. */
export function stampOf(ms: number): string {
  return (ms / 1000).toFixed(9);
}

/** An element of a sorted set: `timestamp:value`. */
export function sampleElement(atMs: number, value: number | string): string {
  return `${stampOf(atMs)}:${value}`;
}

function instanceId(node: string, pid: string): string {
  return `InstanceId(node_id: ${node}, function_id: ${pid})`;
}

export interface FunctionInstance {
  functions: readonly string[];
  outputs: readonly string[];
  lid: string;
  node: string;
  pid: string;
  workflow: string;
}

/** A session as an instance of a function: `code` is the seed's name of the specification, `spec` today's. */
export function functionInstance({ functions, outputs, lid, node, pid, workflow }: FunctionInstance): string {
  const specification = { function_class_id: functions[0] ?? '', function_class_type: 'NODE', function_class_version: '1', function_class_outputs: outputs };
  return JSON.stringify({
    Function: [
      {
        code: specification,
        spec: { id: specification.function_class_id, function_type: 'NODE', version: '1', outputs },
        annotations: functions.length > 1 ? { functions: functions.join(',') } : {}, state_specification: { state_id: lid, state_policy: 'NodeLocal' },
        workflow_id: workflow,
      },
      [instanceId(node, pid)],
    ],
  });
}

export function resourceInstance(classType: string, node: string, lid: string, workflow: string): string {
  return JSON.stringify({ Resource: [{ class_type: classType, configuration: {}, workflow_id: workflow }, instanceId(node, lid)] });
}

export function capabilitiesJson(capabilities: NodeCapabilities): string {
  return JSON.stringify(capabilities);
}

export function healthJson(health: NodeHealthStatus): string {
  return JSON.stringify(health);
}

/** What every node offers besides functions. */
export const PROVIDERS = [
  { name: 'gateway', classType: 'http-ingress', outputs: ['new_request'] },
  { name: 'store', classType: 'redis', outputs: [] },
  { name: 'telemetry', classType: 'metrics-collector', outputs: [] },
] as const;

/**
 * A wish as EDGELESS's tools leave it: the key says what about whom, its value where to. `intent:migrate:<lid>` →
 * ids of nodes, the first that can be had; `intent:cordon:<node id>` and `intent:uncordon:<node id>` have no value.
 */
export type IncomingIntent = { kind: 'migrate'; lid: string; nodes: string[] } | { kind: 'cordon' | 'uncordon'; node: string };

/** Throws an Error with what is wrong. */
export function parseIntent(key: string, value: string | null): IncomingIntent {
  const [prefix, kind, id = '', ...rest] = key.split(':');
  if (prefix !== 'intent' || rest.length > 0) throw new Error('its key is not intent:<kind>:<uuid>');
  if (!UUID.test(id)) throw new Error('its key does not end with a UUID');
  if (kind === 'cordon' || kind === 'uncordon') return { kind, node: id.toLowerCase() };
  if (kind !== 'migrate') throw new Error('its kind is none of migrate, cordon, uncordon');
  const nodes = (value ?? '').split(',').map((each) => each.trim()).filter((each) => each !== '');
  if (nodes.length === 0) throw new Error('its value names no node');
  if (nodes.some((each) => !UUID.test(each))) throw new Error('its value is not a list of UUIDs of nodes');
  return { kind, lid: id.toLowerCase(), nodes: nodes.map((each) => each.toLowerCase()) };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

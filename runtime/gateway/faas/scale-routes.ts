/** `/system/scale-function` and `/system/alert` as OpenFaaS has them. */
import type { Log } from '../../base/log.js';
import type { Reply, Route, RouteRequest } from '../../base/reply.js';
import { Fault } from '../../model/faults.js';
import { MAX_ALERTS } from '../../model/limits.js';
import { functionUnknown } from '../../model/unknown.js';
import type { Deployments } from '../deployments.js';
import { keyOfAsked } from './names.js';
import { replicasAfterAlert } from './scale-rules.js';

export interface ScaleParts {
  node: string;
  deployments: Pick<Deployments, 'find' | 'names'>;
  log: Log;
}

interface Alert {
  status?: unknown;
  labels?: Record<string, unknown>;
}

export function scaleRoutes(parts: ScaleParts): Route[] {
  const admin = { method: 'POST', access: 'admin' } as const;
  return [
    { ...admin, path: '/system/scale-function/:name', run: (request) => scale(parts, request) },
    { ...admin, path: '/system/alert', run: (request) => heed(parts, request) },
  ];
}

/** Answers when it is under way: a replica that takes its time, or does not come, is a matter of the function's status. */
async function scale({ node, deployments, log }: ScaleParts, { params, query, body }: RouteRequest): Promise<Reply> {
  const { replicas, namespace } = (body ?? {}) as { replicas?: unknown; namespace?: unknown };
  if (typeof replicas !== 'number' || !Number.isSafeInteger(replicas) || replicas < 0) {
    throw new Fault('PARAMETER_INVALID', { name: 'replicas', reason: 'it is a whole number from 0' });
  }
  const key = keyOfAsked(params['name']!, typeof namespace === 'string' && namespace !== '' ? namespace : query.get('namespace'));
  const deployed = deployments.find(key);
  if (!deployed) throw functionUnknown(key, node, deployments.names());
  deployed.scale(Math.min(replicas, deployed.rules.max)).catch((error: unknown) => {
    log.warn({ function: key, to: replicas, reason: String(error) }, 'a function could not be scaled');
  });
  return { status: 202 };
}

/** What an alert is about and is not here is none of this node's business. */
async function heed({ deployments, log }: ScaleParts, { body }: RouteRequest): Promise<Reply> {
  const { alerts, status } = (body ?? {}) as { alerts?: unknown; status?: unknown };
  if (!Array.isArray(alerts) || alerts.length > MAX_ALERTS || !alerts.every((alert) => typeof alert === 'object' && alert !== null)) {
    throw new Fault('PARAMETER_INVALID', { name: 'alerts', reason: `it is a list of at most ${MAX_ALERTS} alerts, as Alertmanager sends it` });
  }
  for (const alert of alerts as Alert[]) {
    const name = alert.labels?.['function_name'];
    const deployed = typeof name === 'string' ? deployments.find(name) : undefined;
    if (!deployed) continue;
    const { wanted } = deployed.replicas;
    const replicas = replicasAfterAlert(deployed.rules, wanted, (alert.status ?? status) === 'firing');
    if (replicas === wanted) continue;
    deployed.scale(replicas).catch((error: unknown) => {
      log.warn({ function: deployed.name, to: replicas, reason: String(error) }, 'a function could not be scaled');
    });
  }
  return { status: 200 };
}

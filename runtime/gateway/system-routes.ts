/** `/system/*` as OpenFaaS has it, the bundles beside it, and the way deployments come from other nodes. */
import type { Reply, Route, RouteRequest } from '../base/reply.js';
import { Fault } from '../model/faults.js';
import { SUBTREE_WAIT_MS } from '../model/limits.js';
import type { StreamRoute } from './admin.js';
import type { Bundles } from './bundles.js';
import type { Deployed } from './deployed.js';
import { entryOf, nameOf } from './deployment-rules.js';
import type { Deployments } from './deployments.js';
import type { PassingOn } from './passing-on.js';

export interface SystemParts {
  node: string;
  version: string;
  deployments: Deployments;
  bundles: Bundles;
  passingOn: PassingOn;
}

const NAMESPACE = 'openfaas-fn';
const ACCEPTED = 202;

export function systemRoutes(parts: SystemParts): (Route | StreamRoute)[] {
  const { deployments, version } = parts;
  const admin = { access: 'admin' } as const;
  return [
    { ...admin, method: 'GET', path: '/system/functions', run: async () => ({ status: 200, json: deployments.list().map(statusOf) }) },
    { ...admin, method: 'POST', path: '/system/functions', run: (request) => deploy(parts, request) },
    { ...admin, method: 'PUT', path: '/system/functions', run: (request) => deploy(parts, request) },
    { ...admin, method: 'DELETE', path: '/system/functions', run: (request) => remove(parts, request) },
    {
      ...admin, method: 'GET', path: '/system/function/:name',
      run: async ({ params }) => ({ status: 200, json: statusOf(find(parts, params['name']!)) }),
    },
    { ...admin, method: 'GET', path: '/system/namespaces', run: async () => ({ status: 200, json: [NAMESPACE] }) },
    { ...admin, method: 'GET', path: '/system/info', run: async () => ({ status: 200, json: infoOf(version) }) },
    ...bundleRoutes(parts.bundles),
    ...peerRoutes(parts),
  ];
}

async function deploy({ deployments, passingOn }: SystemParts, { body, query }: RouteRequest): Promise<Reply> {
  const scope = query.get('scope');
  const asked = entryOf({ ...(body as object), ...(scope !== null && { scope }), atMs: undefined, removed: undefined }, 1);
  await deployments.apply({ ...asked, atMs: deployments.stamp(asked.service) });
  return accepted(passingOn, query);
}

async function remove(parts: SystemParts, { body, query }: RouteRequest): Promise<Reply> {
  const { deployments, passingOn, node } = parts;
  const { functionName, service } = (body ?? {}) as { functionName?: unknown; service?: unknown };
  const name = nameOf(functionName ?? service);
  const known = deployments.entry(name);
  if (!known || 'removed' in known) throw new Fault('FUNCTION_UNKNOWN', { function: name, node, deployed: deployments.names() });
  const scope = query.get('scope') === 'node' || known.scope === 'node' ? 'node' : undefined;
  await deployments.apply({ service: name, removed: true, ...(scope && { scope }), atMs: deployments.stamp(name) });
  return accepted(passingOn, query);
}

/** OpenFaaS answers 202 as soon as the deploy is under way; `?wait=subtree` waits until all nodes below have it. */
async function accepted(passingOn: PassingOn, query: URLSearchParams): Promise<Reply> {
  if (query.get('wait') !== 'subtree') return { status: ACCEPTED };
  return { status: ACCEPTED, json: await passingOn.spread(SUBTREE_WAIT_MS) };
}

function find({ deployments, node }: SystemParts, name: string): Deployed {
  const deployed = deployments.find(name);
  if (!deployed) throw new Fault('FUNCTION_UNKNOWN', { function: name, node, deployed: deployments.names() });
  return deployed;
}

/** OpenFaaS's FunctionStatus. */
function statusOf({ deployment, metrics, worker }: Deployed): object {
  const { service, image, namespace, envVars, labels, annotations, constraints, secrets, readOnlyRootFilesystem, scope } = deployment;
  return {
    name: service, image, namespace: namespace ?? NAMESPACE, envVars: envVars ?? {}, labels: labels ?? {}, annotations: annotations ?? {},
    constraints: constraints ?? [], secrets: secrets ?? [], readOnlyRootFilesystem: readOnlyRootFilesystem ?? false,
    invocationCount: metrics.finished, replicas: 1, availableReplicas: 1, createdAt: new Date(deployment.atMs).toISOString(),
    scope: scope ?? 'subtree', kind: worker.kind,
  };
}

function infoOf(version: string): object {
  return {
    provider: { provider: 'edge-tree', orchestration: 'processes', version: { release: version, sha: '' } },
    version: { release: version, sha: '', commit_message: '' }, arch: process.arch === 'x64' ? 'x86_64' : process.arch,
  };
}

// ── Bundles ────────────────────────────────────────────────────────────────────────────────────

function bundleRoutes(bundles: Bundles): (Route | StreamRoute)[] {
  const at = { path: '/system/bundles/:sha256', access: 'admin' } as const;
  return [
    {
      ...at, method: 'GET',
      run: async ({ params }) => {
        const sha256 = hashOf(params);
        const bytes = await bundles.sizeOf(sha256);
        if (bytes === undefined) throw new Fault('NOT_FOUND', { path: `/system/bundles/${sha256}` });
        const headers = { 'content-type': 'text/javascript', 'content-length': String(bytes) };
        return { status: 200, headers, stream: bundles.read(sha256) };
      },
    },
    {
      ...at, method: 'PUT',
      stream: async ({ params }, body, admitted) => {
        await bundles.write(hashOf(params), body, (sha256) => admitted?.assertBodyHash(sha256));
        return { status: 201 };
      },
    },
  ];
}

function hashOf(params: Record<string, string>): string {
  const { sha256 = '' } = params;
  if (/^[0-9a-f]{64}$/.test(sha256)) return sha256;
  throw new Fault('PARAMETER_INVALID', { name: 'sha256', reason: 'it is a SHA-256 in 64 lower-case hex digits' });
}

// ── Between nodes ──────────────────────────────────────────────────────────────────────────────

function peerRoutes({ deployments, passingOn }: SystemParts): Route[] {
  const at = { path: '/peer/deployments', access: 'peer' } as const;
  return [
    {
      ...at, method: 'GET',
      run: async () => ({ status: 200, json: { entries: deployments.entries().filter(({ scope }) => scope !== 'node') } }),
    },
    {
      ...at, method: 'PUT',
      run: async ({ body, query }) => {
        const { entries } = (body ?? {}) as { entries?: unknown };
        if (!Array.isArray(entries)) throw new Fault('PARAMETER_INVALID', { name: 'entries', reason: 'it is a list of deployments' });
        const waitMs = Math.min(Number(query.get('wait')) || 0, SUBTREE_WAIT_MS);
        return { status: 200, json: await passingOn.receive(entries, waitMs) };
      },
    },
  ];
}

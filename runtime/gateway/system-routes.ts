/** `/system/*` as OpenFaaS has it, the bundles beside it, and the way deployments come from other nodes. */
import type { Reply, Route, RouteRequest } from '../base/reply.js';
import { Fault } from '../model/faults.js';
import { SUBTREE_WAIT_MS } from '../model/limits.js';
import { functionUnknown } from '../model/unknown.js';
import type { StreamRoute } from './admin.js';
import type { BuiltImages } from './build/built-images.js';
import type { Bundles } from './bundles.js';
import type { Deployed } from './deployed.js';
import { type Entry, entryOf, isRemoval, nameOf } from './deployment-rules.js';
import type { Deployments } from './deployments.js';
import { DEFAULT_NAMESPACE, keyOf, keyOfAsked, namespaceOf, serviceOf } from './faas/names.js';
import type { Namespaces } from './faas/namespaces.js';
import type { PassedSetting, PassedSettings } from './faas/passed-settings.js';
import type { Secrets } from './faas/secrets.js';
import { namespaceRoutes, secretRoutes } from './faas/setting-routes.js';
import type { PassingOn } from './passing-on.js';

export interface SystemParts {
  node: string;
  version: string;
  deployments: Deployments;
  bundles: Bundles;
  passingOn: PassingOn;
  secrets: Secrets;
  namespaces: Namespaces;
  settings?: PassedSettings;
  /** What the builder has made. */
  images?: BuiltImages;
}

const ACCEPTED = 202;

export function systemRoutes(parts: SystemParts): (Route | StreamRoute)[] {
  const { deployments, version } = parts;
  const admin = { access: 'admin' } as const;
  return [
    { ...admin, method: 'GET', path: '/system/functions', run: async ({ query }) => list(deployments, query) },
    { ...admin, method: 'POST', path: '/system/functions', run: (request) => deploy(parts, request) },
    { ...admin, method: 'PUT', path: '/system/functions', run: (request) => update(parts, request) },
    { ...admin, method: 'DELETE', path: '/system/functions', run: (request) => remove(parts, request) },
    {
      ...admin, method: 'GET', path: '/system/function/:name',
      run: async ({ params, query }) => ({ status: 200, json: statusOf(find(parts, keyOfAsked(params['name']!, query.get('namespace')))) }),
    },
    { ...admin, method: 'GET', path: '/system/info', run: async () => ({ status: 200, json: infoOf(version) }) },
    ...secretRoutes(parts), ...namespaceRoutes(parts),
    ...bundleRoutes(parts.bundles),
    ...peerRoutes(parts),
  ];
}

function list(deployments: Deployments, query: URLSearchParams): Reply {
  const namespace = namespaceOf(query.get('namespace'));
  return { status: 200, json: deployments.list().filter(({ name }) => serviceOf(name).namespace === namespace).map(statusOf) };
}

/** Makes the function, or replaces it; what is wrong is said before anything changes. */
async function deploy(parts: SystemParts, request: RouteRequest): Promise<Reply> {
  const { deployments, passingOn, namespaces, secrets } = parts;
  const asked = askedOf(request, parts.images);
  namespaces.get(asked.namespace ?? DEFAULT_NAMESPACE);
  const [missing] = isRemoval(asked) ? [] : secrets.missing(asked.namespace ?? DEFAULT_NAMESPACE, asked.secrets);
  if (missing !== undefined) throw new Fault('PARAMETER_INVALID', { name: 'secrets', reason: `there is no secret ${missing} in namespace ${asked.namespace ?? DEFAULT_NAMESPACE}` });
  await deployments.apply({ ...asked, atMs: deployments.stamp(keyOf(asked)) });
  return accepted(passingOn, request.query);
}

/** Its clients deploy by PUT first, and by POST when that says that there is no such function. */
async function update(parts: SystemParts, request: RouteRequest): Promise<Reply> {
  known(parts, keyOf(askedOf(request)));
  return deploy(parts, request);
}

/** @param images gives the bundle that the builder made under the image's name */
function askedOf({ body, query }: RouteRequest, images?: BuiltImages): Entry {
  const given = (body ?? {}) as { namespace?: unknown; image?: unknown };
  const bundle = typeof given.image === 'string' ? images?.find(given.image) : undefined;
  const [scope, namespace] = [query.get('scope'), given.namespace || query.get('namespace')];
  return entryOf({ ...given, ...(scope !== null && { scope }), ...(namespace && { namespace }), bundle, atMs: undefined, removed: undefined }, 1);
}

async function remove(parts: SystemParts, { body, query }: RouteRequest): Promise<Reply> {
  const { deployments, passingOn } = parts;
  const { functionName, service, namespace } = (body ?? {}) as { functionName?: unknown; service?: unknown; namespace?: unknown };
  const asked = functionName ?? service;
  if (typeof asked !== 'string' || asked === '') throw new Fault('PARAMETER_INVALID', { name: 'functionName', reason: 'the function that is to be removed' });
  const key = keyOfAsked(asked, namespaceOf(namespace || query.get('namespace')));
  const name = { service: nameOf(serviceOf(key).service), ...(key.includes('.') && { namespace: namespaceOf(serviceOf(key).namespace) }) };
  const scope = query.get('scope') === 'node' || known(parts, key).scope === 'node' ? 'node' : undefined;
  await deployments.apply({ ...name, removed: true, ...(scope && { scope }), atMs: deployments.stamp(key) });
  return accepted(passingOn, query);
}

function known({ deployments, node }: SystemParts, key: string): Entry {
  const entry = deployments.entry(key);
  if (entry && !isRemoval(entry)) return entry;
  throw functionUnknown(key, node, deployments.names());
}

/** OpenFaaS answers 202 as soon as the deploy is under way; `?wait=subtree` waits until all nodes below have it. */
async function accepted(passingOn: PassingOn, query: URLSearchParams): Promise<Reply> {
  if (query.get('wait') !== 'subtree') return { status: ACCEPTED };
  return { status: ACCEPTED, json: await passingOn.spread(SUBTREE_WAIT_MS) };
}

function find({ deployments, node }: Pick<SystemParts, 'deployments' | 'node'>, key: string): Deployed {
  const deployed = deployments.find(key);
  if (!deployed) throw functionUnknown(key, node, deployments.names());
  return deployed;
}

/** OpenFaaS's FunctionStatus. */
function statusOf({ deployment, metrics, worker, replicas }: Deployed): object {
  const { service, image, namespace, envVars, labels, annotations, constraints, secrets, readOnlyRootFilesystem, scope, envProcess, limits } = deployment;
  return {
    name: service, image, namespace: namespace ?? DEFAULT_NAMESPACE, envVars: envVars ?? {}, labels: labels ?? {}, annotations: annotations ?? {},
    constraints: constraints ?? [], secrets: secrets ?? [], readOnlyRootFilesystem: readOnlyRootFilesystem ?? false,
    ...(envProcess && { envProcess }), ...(limits && { limits }),
    invocationCount: metrics.finished, replicas: replicas.wanted, availableReplicas: replicas.available, createdAt: new Date(deployment.atMs).toISOString(),
    scope: scope ?? 'subtree', kind: worker.kind,
  };
}

/** Clients take an empty `sha` for a broken provider; a release is not told its commit. */
const SHA = 'unknown';

function infoOf(version: string): object {
  return {
    provider: { provider: 'edge-tree', orchestration: 'processes', version: { release: version, sha: SHA } },
    version: { release: version, sha: SHA, commit_message: '' }, arch: process.arch === 'x64' ? 'x86_64' : process.arch,
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

function peerRoutes({ deployments, passingOn, settings }: SystemParts): Route[] {
  const at = { path: '/peer/deployments', access: 'peer' } as const;
  return [
    ...(settings ? settingRoutes(settings) : []),
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

function settingRoutes(settings: PassedSettings): Route[] {
  const at = { path: '/peer/settings', access: 'peer' } as const;
  return [
    {
      ...at, method: 'GET',
      run: async () => {
        const all: PassedSetting[] = [];
        for await (const batch of settings.batches([...settings.times().keys()])) all.push(...batch.settings);
        return { status: 200, json: { settings: all } };
      },
    },
    {
      ...at, method: 'PUT',
      run: async ({ body }) => {
        const { settings: given } = (body ?? {}) as { settings?: unknown };
        if (!Array.isArray(given)) throw new Fault('PARAMETER_INVALID', { name: 'settings', reason: 'it is a list of secrets and namespaces' });
        await settings.receive(given);
        return { status: 200, json: {} };
      },
    },
  ];
}

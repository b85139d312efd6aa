/** `/system/secrets` and `/system/namespace(s)` as OpenFaaS's clients use them. */
import type { Reply, Route, RouteRequest } from '../../base/reply.js';
import { Fault } from '../../model/faults.js';
import type { Deployments } from '../deployments.js';
import { namespaceOf, secretNameOf, serviceOf } from './names.js';
import type { Namespace, Namespaces } from './namespaces.js';
import type { SecretName, Secrets } from './secrets.js';

export interface SettingParts {
  secrets: Secrets;
  namespaces: Namespaces;
  deployments: Pick<Deployments, 'list'>;
}

const CREATED = 201;
const ACCEPTED = 202;
const admin = { access: 'admin' } as const;

type Body = Record<string, unknown>;

function bodyOf({ body }: RouteRequest): Body {
  if (typeof body === 'object' && body !== null && !Array.isArray(body) && !Buffer.isBuffer(body)) return body as Body;
  throw new Fault('PARAMETER_INVALID', { name: 'body', reason: 'it is a JSON object' });
}

// ── Secrets ────────────────────────────────────────────────────────────────────────────────────

export function secretRoutes({ secrets, namespaces }: SettingParts): Route[] {
  const at = { ...admin, path: '/system/secrets' };
  const secretOf = (request: RouteRequest): SecretName => {
    const { name, namespace } = bodyOf(request);
    const secret = { name: secretNameOf(name), namespace: namespaceOf(namespace ?? request.query.get('namespace')) };
    namespaces.get(secret.namespace);
    return secret;
  };
  return [
    { ...at, method: 'GET', run: async ({ query }) => ({ status: 200, json: secrets.list(namespaceOf(query.get('namespace'))) }) },
    {
      ...at, method: 'POST',
      run: async (request) => {
        await secrets.create(secretOf(request), valueOf(bodyOf(request)));
        return { status: CREATED };
      },
    },
    {
      ...at, method: 'PUT',
      run: async (request) => {
        await secrets.replace(secretOf(request), valueOf(bodyOf(request)));
        return { status: ACCEPTED };
      },
    },
    {
      ...at, method: 'DELETE',
      run: async (request) => {
        await secrets.remove(secretOf(request));
        return { status: ACCEPTED };
      },
    },
  ];
}

/** `value` is text, `rawValue` bytes in base64; the bytes win, as they do in OpenFaaS. */
function valueOf({ value, rawValue }: Body): Buffer {
  if (typeof rawValue === 'string' && rawValue !== '') {
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(rawValue)) throw new Fault('PARAMETER_INVALID', { name: 'rawValue', reason: 'it is base64' });
    return Buffer.from(rawValue, 'base64');
  }
  if (typeof value === 'string' && value !== '') return Buffer.from(value);
  throw new Fault('PARAMETER_INVALID', { name: 'value', reason: 'a secret has a text, or bytes in base64 as rawValue' });
}

// ── Namespaces ─────────────────────────────────────────────────────────────────────────────────

/** Clients create at the path without a name as well as with it. */
export function namespaceRoutes(parts: SettingParts): Route[] {
  const { namespaces } = parts;
  const one = { ...admin, path: '/system/namespace/:name' };
  const create = async (request: RouteRequest): Promise<Reply> => {
    await namespaces.create(namespaceGiven(request));
    return { status: CREATED };
  };
  return [
    { ...admin, method: 'GET', path: '/system/namespaces', run: async () => ({ status: 200, json: namespaces.names() }) },
    { ...admin, method: 'POST', path: '/system/namespace', run: create },
    { ...one, method: 'POST', run: create },
    { ...one, method: 'GET', run: async ({ params }) => ({ status: 200, json: namespaces.get(namespaceOf(params['name'])) }) },
    {
      ...one, method: 'PUT',
      run: async (request) => {
        await namespaces.replace(namespaceGiven(request));
        return { status: ACCEPTED };
      },
    },
    { ...one, method: 'DELETE', run: (request) => removeNamespace(parts, request) },
  ];
}

async function removeNamespace({ namespaces, secrets, deployments }: SettingParts, { params }: RouteRequest): Promise<Reply> {
  const name = namespaceOf(params['name']);
  namespaces.get(name);
  const functions = deployments.list().filter((deployed) => serviceOf(deployed.name).namespace === name).map((deployed) => deployed.name);
  if (functions.length > 0) throw new Fault('NAMESPACE_IN_USE', { namespace: name, reason: `it has the functions ${functions.join(', ')}` });
  for (const secret of secrets.list(name)) await secrets.remove(secret);
  await namespaces.remove(name);
  return { status: ACCEPTED };
}

function namespaceGiven(request: RouteRequest): Namespace {
  const { name, labels, annotations } = bodyOf(request);
  const asked = request.params['name'];
  if (asked !== undefined && name !== undefined && name !== asked) {
    throw new Fault('PARAMETER_INVALID', { name: 'name', reason: `the path says ${asked}, the body ${String(name)}` });
  }
  const given = name ?? asked;
  if (given === undefined || given === '') throw new Fault('PARAMETER_INVALID', { name: 'name', reason: 'a namespace has a name' });
  return { name: namespaceOf(given), labels: textsOf(labels, 'labels'), annotations: textsOf(annotations, 'annotations') };
}

function textsOf(value: unknown, name: string): Record<string, string> {
  if (value === undefined || value === null) return {};
  const isRecord = typeof value === 'object' && !Array.isArray(value);
  if (isRecord && Object.values(value).every((text) => typeof text === 'string')) return { ...value } as Record<string, string>;
  throw new Fault('PARAMETER_INVALID', { name, reason: 'it is an object whose values are texts' });
}

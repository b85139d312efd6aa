/** Names of functions and namespaces as OpenFaaS has them. */
import { Fault } from '../../model/faults.js';

/** The namespace of whatever names none. */
export const DEFAULT_NAMESPACE = 'openfaas-fn';

/** One label of a DNS name. */
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** Labels of a DNS name with dots between them, as Kubernetes names secrets. */
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const MAX_SUBDOMAIN_CHARS = 253;

interface Named {
  service: string;
  namespace?: string;
}

/** The name under which a function is called, counted and logged: followed by its namespace unless that is the default one. */
export function keyOf({ service, namespace }: Named): string {
  return namespace === undefined || namespace === '' || namespace === DEFAULT_NAMESPACE ? service : `${service}.${namespace}`;
}

/** The key of what a client asks for: `name`, `name.namespace`, or a name and a namespace beside it. */
export function keyOfAsked(name: string, namespace: string | null | undefined): string {
  const dot = name.indexOf('.');
  if (dot > 0) return keyOf({ service: name.slice(0, dot), namespace: name.slice(dot + 1) });
  return keyOf({ service: name, ...(namespace && { namespace }) });
}

export function serviceOf(key: string): Required<Named> {
  const dot = key.indexOf('.');
  return dot > 0 ? { service: key.slice(0, dot), namespace: key.slice(dot + 1) } : { service: key, namespace: DEFAULT_NAMESPACE };
}

/** Throws PARAMETER_INVALID. */
export function namespaceOf(value: unknown): string {
  if (value === undefined || value === null || value === '') return DEFAULT_NAMESPACE;
  if (typeof value === 'string' && LABEL.test(value)) return value;
  throw new Fault('PARAMETER_INVALID', { name: 'namespace', reason: 'it has 1 to 63 lower-case letters, digits and hyphens, and neither begins nor ends with a hyphen' });
}

/** Throws PARAMETER_INVALID. */
export function secretNameOf(value: unknown): string {
  if (typeof value === 'string' && value.length <= MAX_SUBDOMAIN_CHARS && SUBDOMAIN.test(value)) return value;
  throw new Fault('PARAMETER_INVALID', { name: 'name', reason: 'a secret\'s name has lower-case letters, digits, hyphens and dots, and begins and ends with a letter or digit' });
}

/** Brings functions to a node and everything below it: the bundle if it is not there yet, then the deployment. */
import type { Bundle } from '../runtime/base/bundle.js';
import type { Client } from './client.js';
import type { StackFunction } from './up/stack.js';

export interface DeployOptions {
  /** Waits until the nodes below have it as well. */
  wait?: boolean;
  scope?: 'node';
}

/** Where a deployment has arrived; missing when it was not waited for. */
export interface Spread {
  nodes: string[];
  pending: string[];
}

/** OpenFaaS's status of a function, as far as it is read here. */
export interface FunctionStatus {
  name: string;
  image: string;
  envVars?: Record<string, string>;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  constraints?: string[];
  secrets?: string[];
  readOnlyRootFilesystem?: boolean;
  invocationCount?: number;
  kind?: string;
  scope?: string;
  createdAt?: string;
}

/** Makes the bundle; the bundler is loaded only now, because most commands do without. */
export async function bundleOf({ folder, name }: StackFunction): Promise<Bundle> {
  const { bundleFunction } = await import('../runtime/base/bundle.js');
  return bundleFunction(folder, name);
}

export async function deploy(client: Client, url: string, given: StackFunction, bundle: Bundle, options: DeployOptions = {}): Promise<Spread | undefined> {
  const { name, envVars, labels, annotations, constraints, secrets, readOnlyRootFilesystem } = given;
  const settings = { envVars, labels, annotations, constraints, secrets, readOnlyRootFilesystem };
  const path = `/system/bundles/${bundle.sha256}`;
  const { status } = await client.send(url, 'HEAD', path);
  if (status !== 200) await client.call(url, 'PUT', path, { body: bundle.code, headers: { 'content-type': 'application/octet-stream' } });
  const query = new URLSearchParams({ ...(options.wait && { wait: 'subtree' }), ...(options.scope && { scope: options.scope }) });
  return client.json<Spread | undefined>(url, 'PUT', `/system/functions?${query}`, { body: { service: name, image: imageOf(bundle), ...settings } });
}

/** True when the node runs exactly this already, so that a second start has nothing to deploy. */
export function isSame(status: FunctionStatus | undefined, given: StackFunction, bundle: Bundle): boolean {
  if (status?.image !== imageOf(bundle)) return false;
  const comparable = ({ envVars, labels, annotations, constraints, secrets, readOnlyRootFilesystem }: Omit<StackFunction, 'folder'>) =>
    JSON.stringify([sorted(envVars), sorted(labels), sorted(annotations), constraints ?? [], secrets ?? [], readOnlyRootFilesystem ?? false]);
  return comparable(status) === comparable(given);
}

export function imageOf({ sha256 }: Bundle): string {
  return `bundle:${sha256}`;
}

function sorted(record: Record<string, string> = {}): [string, string][] {
  return Object.entries(record).sort(([left], [right]) => left < right ? -1 : 1);
}

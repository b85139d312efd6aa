/** Brings functions to a node and everything below it: the bundle if it is not there yet, then the deployment. */
import type { Bundle } from '../runtime/base/bundle.js';
import { type DeploymentSettings, settingsKey, settingsOf } from '../runtime/base/settings.js';
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
export interface FunctionStatus extends DeploymentSettings {
  name: string;
  image: string;
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
  const path = `/system/bundles/${bundle.sha256}`;
  const { status } = await client.send(url, 'HEAD', path);
  if (status !== 200) await client.call(url, 'PUT', path, { body: bundle.code, headers: { 'content-type': 'application/octet-stream' } });
  const query = new URLSearchParams({ ...(options.wait && { wait: 'subtree' }), ...(options.scope && { scope: options.scope }) });
  return client.json<Spread | undefined>(url, 'POST', `/system/functions?${query}`, { body: { service: given.name, image: imageOf(bundle), ...settingsOf(given) } });
}

/** True when the node runs exactly this already, so that a second start has nothing to deploy. */
export function isSame(status: FunctionStatus | undefined, given: StackFunction, bundle: Bundle): boolean {
  return status?.image === imageOf(bundle) && settingsKey(status) === settingsKey(given);
}

export function imageOf({ sha256 }: Bundle): string {
  return `bundle:${sha256}`;
}

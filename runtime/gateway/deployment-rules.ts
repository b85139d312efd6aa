/** What a deployment must look like, and which of two is the newer. */
import { CONSTRAINT_FORM, isConstraint } from '../base/constraints.js';
import { settingsKey } from '../base/settings.js';
import type { Deployment } from '../model/config.js';
import { Fault } from '../model/faults.js';
import { MAX_DEPLOYMENT_BYTES } from '../model/limits.js';
import { DEFAULT_NAMESPACE, namespaceOf } from './faas/names.js';
import { checkTimeouts } from '../base/timeouts.js';

/** A removed function; remembered so that an older deployment does not come back with a node that was down. */
export interface Removal {
  service: string;
  namespace?: string;
  removed: true;
  scope?: Deployment['scope'];
  atMs: number;
}

export type Entry = Deployment | Removal;

/** OpenFaaS's rule for names: one label of a DNS name. */
const NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const BUNDLE = /^bundle:([0-9a-f]{64})$/;
const HASH = /^[0-9a-f]{64}$/;
/** A name of an image: registry, path, tag, digest. */
const IMAGE = /^(?!bundle:)[a-zA-Z0-9][\w.:/-]{0,254}(?:@sha256:[0-9a-f]{64})?$/;

export const isRemoval = (entry: Entry): entry is Removal => 'removed' in entry;

/** Hex SHA-256 of the bundle that a deployment runs; undefined when its image is none. */
export function bundleOf({ image, bundle }: Pick<Deployment, 'image' | 'bundle'>): string | undefined {
  return BUNDLE.exec(image)?.[1] ?? bundle;
}

/** Equal times are told apart by content, the same way on every node. */
export function isNewer(entry: Entry, known: Entry): boolean {
  if (entry.atMs !== known.atMs) return entry.atMs > known.atMs;
  return JSON.stringify(entry) > JSON.stringify(known);
}

/** Everything that decides how the function runs is the same. */
export function sameRun(left: Deployment, right: Deployment): boolean {
  const runOf = (deployment: Deployment) => settingsKey({ ...deployment, constraints: [] });
  const codeOf = ({ image, bundle, envProcess, limits }: Deployment) => JSON.stringify([image, bundle, envProcess, limits?.memory, limits?.cpu]);
  return codeOf(left) === codeOf(right) && runOf(left) === runOf(right);
}

/** A checked entry from a body of unknown origin. Throws PARAMETER_INVALID; unknown fields are dropped. */
export function entryOf(body: unknown, atMs: number): Entry {
  const given = recordOf(body, 'body') as Partial<Record<keyof Deployment | 'removed', unknown>>;
  const time = typeof given.atMs === 'number' && Number.isSafeInteger(given.atMs) && given.atMs > 0 ? given.atMs : atMs;
  const service = nameOf(given.service);
  const scope = scopeOf(given.scope);
  const asked = namespaceOf(given.namespace);
  const place = { ...(asked !== DEFAULT_NAMESPACE && { namespace: asked }), ...(scope && { scope }) };
  if (given.removed === true) return { service, removed: true, ...place, atMs: time };
  return { ...deploymentOf(given, service), ...place, atMs: time };
}

function deploymentOf(given: Partial<Record<keyof Deployment, unknown>>, service: string): Omit<Deployment, 'atMs'> {
  if (typeof given.image !== 'string' || !(BUNDLE.test(given.image) || IMAGE.test(given.image))) {
    throw invalid('image', 'it is bundle:<sha256 in hex> of a bundle that was put to /system/bundles/<sha256>, or the name of an image');
  }
  const deployment: Omit<Deployment, 'atMs'> = { service, image: given.image };
  if (typeof given.bundle === 'string' && HASH.test(given.bundle)) deployment.bundle = given.bundle;
  if (typeof given.envProcess === 'string' && given.envProcess !== '') deployment.envProcess = commandLineOf(given.envProcess);
  if (given.limits !== undefined && given.limits !== null) deployment.limits = textsOf(given.limits, 'limits');
  if (given.readOnlyRootFilesystem === true) deployment.readOnlyRootFilesystem = true;
  for (const field of ['envVars', 'labels', 'annotations'] as const) {
    if (given[field] !== undefined && given[field] !== null) deployment[field] = textsOf(given[field], field);
  }
  checkTimeouts(deployment);
  for (const [name, value] of Object.entries(deployment.envVars ?? {})) {
    if (name === '' || /[=\0]/.test(name) || value.includes('\0')) throw invalid('envVars', `${JSON.stringify(name.slice(0, 64))} cannot be in an environment: names have no =, and neither names nor values a zero byte`);
  }
  for (const field of ['constraints', 'secrets'] as const) {
    if (given[field] !== undefined && given[field] !== null) deployment[field] = listOf(given[field], field);
  }
  for (const constraint of deployment.constraints ?? []) {
    if (!isConstraint(constraint)) throw invalid('constraints', `${constraint} is not of the form ${CONSTRAINT_FORM}`);
  }
  if (Buffer.byteLength(JSON.stringify(deployment)) > MAX_DEPLOYMENT_BYTES) throw invalid('body', `a deployment with all its texts has at most ${MAX_DEPLOYMENT_BYTES} bytes`);
  return deployment;
}

export function nameOf(service: unknown): string {
  if (typeof service === 'string' && NAME.test(service)) return service;
  throw invalid('service', 'a name has 1 to 63 lower-case letters, digits and hyphens, and neither begins nor ends with a hyphen');
}

function scopeOf(scope: unknown): Deployment['scope'] {
  if (scope === undefined || scope === 'subtree' || scope === 'node') return scope;
  throw invalid('scope', 'it is subtree or node');
}

function commandLineOf(text: string): string {
  if (!text.includes('\0')) return text;
  throw invalid('envProcess', 'no command line has a zero byte');
}

function recordOf(value: unknown, name: string): Record<string, unknown> {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
  if (isRecord) return value as Record<string, unknown>;
  throw invalid(name, 'it is a JSON object');
}

function textsOf(value: unknown, name: string): Record<string, string> {
  const entries = Object.entries(recordOf(value, name));
  if (entries.some(([, text]) => !['string', 'number', 'boolean'].includes(typeof text))) throw invalid(name, 'its values are texts');
  return Object.fromEntries(entries.map(([key, text]) => [key, String(text)]));
}

function listOf(value: unknown, name: string): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw invalid(name, 'it is a list of texts');
}

function invalid(name: string, reason: string): Fault {
  return new Fault('PARAMETER_INVALID', { name, reason });
}

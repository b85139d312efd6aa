/** What a deployment must look like, and which of two is the newer. */
import { CONSTRAINT_FORM, isConstraint } from '../base/constraints.js';
import { settingsKey } from '../base/settings.js';
import type { Deployment } from '../model/config.js';
import { Fault } from '../model/faults.js';
import { checkTimeouts } from './timeouts.js';

/** A removed function; remembered so that an older deployment does not come back with a node that was down. */
export interface Removal {
  service: string;
  removed: true;
  scope?: Deployment['scope'];
  atMs: number;
}

export type Entry = Deployment | Removal;

/** OpenFaaS's rule for names: one label of a DNS name. */
const NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const IMAGE = /^bundle:([0-9a-f]{64})$/;

export const isRemoval = (entry: Entry): entry is Removal => 'removed' in entry;

/** Hex SHA-256 of the bundle that a deployment runs. */
export function bundleOf(deployment: Deployment): string {
  return IMAGE.exec(deployment.image)![1]!;
}

/** Equal times are told apart by content, the same way on every node. */
export function isNewer(entry: Entry, known: Entry): boolean {
  if (entry.atMs !== known.atMs) return entry.atMs > known.atMs;
  return JSON.stringify(entry) > JSON.stringify(known);
}

/** Everything that decides how the function runs is the same. */
export function sameRun(left: Deployment, right: Deployment): boolean {
  const runOf = (deployment: Deployment) => settingsKey({ ...deployment, constraints: [] });
  return left.image === right.image && runOf(left) === runOf(right);
}

/** A checked entry from a body of unknown origin. Throws PARAMETER_INVALID; unknown fields are dropped. */
export function entryOf(body: unknown, atMs: number): Entry {
  const given = recordOf(body, 'body') as Partial<Record<keyof Deployment | 'removed', unknown>>;
  const time = typeof given.atMs === 'number' && Number.isSafeInteger(given.atMs) && given.atMs > 0 ? given.atMs : atMs;
  const service = nameOf(given.service);
  const scope = scopeOf(given.scope);
  if (given.removed === true) return { service, removed: true, ...(scope && { scope }), atMs: time };
  return { ...deploymentOf(given, service), ...(scope && { scope }), atMs: time };
}

function deploymentOf(given: Partial<Record<keyof Deployment, unknown>>, service: string): Omit<Deployment, 'atMs'> {
  if (typeof given.image !== 'string' || !IMAGE.test(given.image)) {
    throw invalid('image', 'it is bundle:<sha256 in hex> of a bundle that was put to /system/bundles/<sha256>');
  }
  const deployment: Omit<Deployment, 'atMs'> = { service, image: given.image };
  if (typeof given.namespace === 'string' && given.namespace !== '') deployment.namespace = given.namespace;
  if (given.readOnlyRootFilesystem === true) deployment.readOnlyRootFilesystem = true;
  for (const field of ['envVars', 'labels', 'annotations'] as const) {
    if (given[field] !== undefined && given[field] !== null) deployment[field] = textsOf(given[field], field);
  }
  checkTimeouts(deployment);
  for (const field of ['constraints', 'secrets'] as const) {
    if (given[field] !== undefined && given[field] !== null) deployment[field] = listOf(given[field], field);
  }
  for (const constraint of deployment.constraints ?? []) {
    if (!isConstraint(constraint)) throw invalid('constraints', `${constraint} is not of the form ${CONSTRAINT_FORM}`);
  }
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

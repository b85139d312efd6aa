/** What the author of a function chooses for its deployment, in OpenFaaS's names. */
import type { Deployment } from '../model/config.js';

const NAMES = ['envVars', 'labels', 'annotations', 'constraints', 'secrets', 'readOnlyRootFilesystem'] as const;

export type DeploymentSettings = Pick<Deployment, (typeof NAMES)[number]>;

/** Only the settings of whatever has them. */
export function settingsOf(given: DeploymentSettings): DeploymentSettings {
  return Object.fromEntries(NAMES.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]));
}

/** The same text for the same settings: what is left out counts as empty, and the order of names does not count. */
export function settingsKey({ envVars, labels, annotations, constraints = [], secrets = [], readOnlyRootFilesystem = false }: DeploymentSettings): string {
  return JSON.stringify([sorted(envVars), sorted(labels), sorted(annotations), constraints, secrets, readOnlyRootFilesystem]);
}

function sorted(record: Record<string, string> = {}): [string, string][] {
  return Object.entries(record).sort(([left], [right]) => (left < right ? -1 : 1));
}

/** The oracle's settings: which policy decides, its numbers, the mirror, the constants of replicas, and Kubernetes. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { parse as parseYaml } from 'yaml';
import { type KubernetesSettings, kubernetesSettings } from './kubernetes/settings.js';
import { proxySettings, type ProxySettings } from './mirror/settings.js';
import { MOVEMENT_DEFAULTS, type MovementConstants } from './movement.js';
import { DEFAULT_POLICY, policyNamed } from './policy/policies.js';
import type { PolicySettings } from './policy/settings.js';

export interface OracleSettings {
  policy: string;
  settings: Partial<PolicySettings>;
  proxy: ProxySettings;
  movement: Partial<MovementConstants>;
  /** Where the load of machines comes from, beside the nodes themselves. */
  kubernetes?: KubernetesSettings;
}

/** Of a YAML or TOML file; one that is not there is empty. Rejects with the file, the setting and what it may be. */
export async function readOracleSettings(file: string | undefined): Promise<OracleSettings> {
  const text = file === undefined ? '' : await readFile(file, 'utf8').catch(ignoreMissing);
  try {
    return oracleSettings((file !== undefined && extname(file) === '.toml' ? parseToml(text) : parseYaml(text)) ?? {});
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

export function oracleSettings(given: unknown): OracleSettings {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Error('the settings are a table of names and values');
  const { policy = DEFAULT_POLICY, settings = {}, proxy = {}, movement = {}, kubernetes: section } = given as Record<string, unknown>;
  if (typeof policy !== 'string') throw new Error('policy is the name of a policy');
  if (typeof settings !== 'object' || settings === null) throw new Error('settings is a table of numbers');
  const wrong = Object.entries(settings).find(([, value]) => typeof value !== 'number');
  if (wrong) throw new Error(`settings.${wrong[0]} is a number`);
  // What the numbers have to do with each other is the policy's own to say.
  policyNamed(policy, settings as Partial<PolicySettings>);
  const kubernetes = kubernetesSettings(section);
  return { policy, settings: settings as Partial<PolicySettings>, proxy: proxySettings(proxy), movement: movementConstants(movement), ...(kubernetes && { kubernetes }) };
}

function movementConstants(given: unknown): Partial<MovementConstants> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Error('movement is a table of numbers');
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(MOVEMENT_DEFAULTS, name)) throw new Error(`movement.${name} is none of ${Object.keys(MOVEMENT_DEFAULTS).join(', ')}`);
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error(`movement.${name} is a number from 0 on`);
  }
  return given;
}

function ignoreMissing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}

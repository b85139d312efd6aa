/** Reads stack.yml as faas-cli does: `${NAME}` and `${NAME:-otherwise}` come from the environment. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { DeploymentSettings } from '../../runtime/base/settings.js';
import { wrongUsage } from '../failure.js';

export interface StackFunction extends DeploymentSettings {
  name: string;
  /** Absolute path of its folder. */
  folder: string;
}

interface Entry {
  handler?: unknown;
  environment?: Record<string, unknown>;
  labels?: Record<string, unknown>;
  annotations?: Record<string, unknown>;
  constraints?: unknown[];
  secrets?: unknown[];
  readonly_root_filesystem?: boolean;
}

/** Undefined when there is no such file. Throws on wrong content, naming the function. */
export async function readStack(file: string, environment: NodeJS.ProcessEnv): Promise<StackFunction[] | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { functions } = await parse(file, substituted(text, environment));
  if (typeof functions !== 'object' || functions === null) throw wrongUsage(`${file} has no functions`);
  return Object.entries(functions as Record<string, Entry>).map(([name, entry]) => functionOf(file, name, entry));
}

async function parse(file: string, text: string): Promise<{ functions?: unknown }> {
  const { parse: parseYaml } = await import('yaml');
  try {
    return (parseYaml(text) ?? {}) as { functions?: unknown };
  } catch (error) {
    throw wrongUsage(`${file}: ${(error as Error).message.split('\n')[0]}`);
  }
}

function functionOf(file: string, name: string, entry: Entry | null): StackFunction {
  if (typeof entry?.handler !== 'string') throw wrongUsage(`${file}: function ${name} has no handler: the folder of its code`);
  const { environment, labels, annotations, constraints, secrets, readonly_root_filesystem: readOnly } = entry;
  return {
    name, folder: resolve(dirname(file), entry.handler),
    ...(environment && { envVars: texts(environment) }), ...(labels && { labels: texts(labels) }), ...(annotations && { annotations: texts(annotations) }),
    ...(constraints && { constraints: constraints.map(String) }), ...(secrets && { secrets: secrets.map(String) }),
    ...(readOnly && { readOnlyRootFilesystem: true }),
  };
}

function texts(values: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
}

function substituted(text: string, environment: NodeJS.ProcessEnv): string {
  return text.replace(/\$\{(\w+)(?::?-([^}]*))?\}/g, (_, name: string, otherwise: string | undefined) => environment[name] || (otherwise ?? ''));
}

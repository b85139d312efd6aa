/** The state folder of a domain: what lies where, and what a running domain tells about itself there. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CliFailure, reasonOfFile } from './failure.js';
import { spelled } from './product.js';

export const DEFAULT_STATE = '.state';
export const ADMIN_USER = 'admin';

export interface StateFolder {
  path: string;
  lockFile: string;
  domainFile: string;
  passwordFile: string;
  peerKeyFile: string;
  payloadSecretFile: string;
  oracleDir: string;
  /** Bundles of functions as the last start made them. */
  bundlesDir: string;
  nodeDir(name: string): string;
}

export interface KnownNode {
  name: string;
  level: string;
  url: string;
  parent?: string;
}

/** What `domain.json` says; the CLI of another terminal finds the domain by it. */
export interface DomainRecord {
  domain: string;
  oracleUrl: string;
  nodes: KnownNode[];
  adminUser: string;
  passwordFile: string;
  peerKeyFile: string;
  /** Path of the domain file it was started from. */
  file: string;
}

export function stateFolder(folder: string): StateFolder {
  const path = resolve(folder);
  return {
    path, lockFile: join(path, 'supervisor.json'), domainFile: join(path, 'domain.json'), passwordFile: join(path, 'admin-password'),
    peerKeyFile: join(path, 'peer-key'), payloadSecretFile: join(path, 'payload-secret'), oracleDir: join(path, 'oracle'), bundlesDir: join(path, 'bundles'), nodeDir: (name) => join(path, 'nodes', name),
  };
}

/** Undefined when no domain was ever started there. */
export async function readRecord(state: StateFolder): Promise<DomainRecord | undefined> {
  const text = await readFile(state.domainFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new CliFailure(reasonOfFile(error, state.domainFile));
  });
  if (text === undefined) return undefined;
  const record = recordOf(text);
  if (!record) throw new CliFailure(`${state.domainFile} does not say which domain is there: take the file away, and ${spelled('domain up')} writes it anew`);
  return record;
}

function recordOf(text: string): DomainRecord | undefined {
  try {
    const record = JSON.parse(text) as DomainRecord | null;
    return Array.isArray(record?.nodes) ? record : undefined;
  } catch {
    return undefined;
  }
}

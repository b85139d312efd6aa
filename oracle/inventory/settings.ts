/** The inventory's settings, from `inventory.yml` beside the domain file. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { parseDocument } from 'yaml';
import { createCompiler } from '../../runtime/base/validation.js';
import { KEEP_SNAPSHOTS, MAX_SNAPSHOT_EVERY_MS, MIN_SNAPSHOT_EVERY_MS, SNAPSHOT_EVERY_MS } from '../../runtime/model/limits.js';

const closed = { additionalProperties: false };

const SETTINGS = Type.Object({
  strictXnames: Type.Optional(Type.Boolean()),
  reads: Type.Optional(Type.Union([Type.Literal('open'), Type.Literal('token')])),
  tokens: Type.Optional(Type.Object({
    secretFile: Type.Optional(Type.String({ minLength: 1 })),
    jwks: Type.Optional(Type.String({ minLength: 1 })),
    issuer: Type.String({ minLength: 1 }),
    audience: Type.String({ minLength: 1 }),
    adminScope: Type.Optional(Type.String({ minLength: 1 })),
  }, closed)),
  snapshots: Type.Optional(Type.Object({
    everySeconds: Type.Optional(Type.Number({ minimum: MIN_SNAPSHOT_EVERY_MS / 1000, maximum: MAX_SNAPSHOT_EVERY_MS / 1000 })),
    keep: Type.Optional(Type.Integer({ minimum: 2 })),
  }, closed)),
  remote: Type.Optional(Type.Array(Type.Object({
    name: Type.String({ pattern: '^[a-z][a-z0-9_]{0,62}$' }),
    kind: Type.Union([Type.Literal('parquet'), Type.Literal('duckdb'), Type.Literal('sqlite'), Type.Literal('postgres')]),
    at: Type.String({ minLength: 1 }),
  }, closed))),
}, closed);

export type InventorySettings = Static<typeof SETTINGS>;
/** Parquet files or a database that queries may read besides the inventory. */
export type RemoteSource = NonNullable<InventorySettings['remote']>[number];

export interface SnapshotSettings {
  everyMs: number;
  keep: number;
}

export function snapshotSettings({ snapshots = {} }: InventorySettings): SnapshotSettings {
  const { everySeconds, keep = KEEP_SNAPSHOTS } = snapshots;
  return { everyMs: everySeconds === undefined ? SNAPSHOT_EVERY_MS : everySeconds * 1000, keep };
}

/** Empty without a file. Throws with every error of the file. */
export async function readSettings(file: string | undefined): Promise<InventorySettings> {
  if (file === undefined) return {};
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0]!.message}`);
  const settings = (document.toJS() ?? {}) as InventorySettings;
  const offences = createCompiler()(SETTINGS)(settings);
  if (offences.length > 0) throw new Error(`${file} is wrong: ${offences.map(({ pointer, detail }) => `${pointer || 'the whole'}: ${detail}`).join('; ')}`);
  const { tokens } = settings;
  if (tokens && (tokens.secretFile === undefined) === (tokens.jwks === undefined)) throw new Error(`${file} is wrong: /tokens: either secretFile or jwks is needed`);
  for (const [index, source] of (settings.remote ?? []).entries()) {
    const reason = nameOffence(settings.remote!, index, source);
    if (reason !== undefined) throw new Error(`${file} is wrong: /remote/${index}/name: ${reason}`);
  }
  return withPaths(settings, dirname(resolve(file)));
}

/** Of the database itself, or of the inventory: a query could not tell which is meant. */
const TAKEN = ['main', 'memory', 'temp', 'system', 'remote', 'history', 'public', 'information_schema', 'pg_catalog'];

function nameOffence(sources: RemoteSource[], index: number, { name, kind }: RemoteSource): string | undefined {
  if (sources.findIndex((other) => other.name === name) < index) return `another source is called ${name}`;
  return kind !== 'parquet' && TAKEN.includes(name) ? `${name} means something else in queries` : undefined;
}

/** Paths in the file are meant from where it lies. */
function withPaths(settings: InventorySettings, folder: string): InventorySettings {
  const { tokens, remote } = settings;
  const local = (path: string) => (/^\w+:/.test(path) ? path : resolve(folder, path));
  return {
    ...settings,
    ...(tokens && { tokens: { ...tokens, ...(tokens.secretFile !== undefined && { secretFile: local(tokens.secretFile) }), ...(tokens.jwks !== undefined && { jwks: local(tokens.jwks) }) } }),
    ...(remote && { remote: remote.map((source) => (source.kind === 'postgres' ? source : { ...source, at: local(source.at) })) }),
  };
}

/** What the verbs of `inventory` do that are about schemas and snapshots. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OBJECT_NAMES } from '../runtime/model/inventory/objects.js';
import { schemaDocuments, schemaText } from '../runtime/model/inventory/schemas.js';
import { findInventory, type InventoryOptions } from './inventory-target.js';
import { facts, print, table } from './print.js';

interface Snapshot {
  name: string;
  reason: string;
  seq: number;
  restored?: string;
  tables: Record<string, { rows: number; bytes: number }>;
}

interface Diff {
  from: string;
  to: string;
  counts: Record<string, Record<string, number>>;
  differences: { object: string; id: string; kind: string }[];
}

export async function writeSchemas({ dir, strict = false }: { dir: string; strict?: boolean }): Promise<void> {
  const documents = schemaDocuments({ strictXnames: strict });
  await mkdir(dir, { recursive: true });
  for (const name of OBJECT_NAMES) {
    const file = join(dir, `${name}.json`);
    await writeFile(file, schemaText(documents[name]));
    console.log(file);
  }
}

export async function snapshot(options: InventoryOptions): Promise<void> {
  const client = await findInventory(options);
  print(await client.json<Snapshot>('POST', '/snapshots', { body: {} }), options.json, short);
}

export async function restore(name: string, options: InventoryOptions): Promise<void> {
  const client = await findInventory(options);
  print(await client.json<Snapshot>('POST', `/snapshots/${encodeURIComponent(name)}/restore`, { body: {} }), options.json, short);
}

function short({ name, seq, restored, tables }: Snapshot): string {
  return facts({ name, restored, changes: seq, ...Object.fromEntries(Object.entries(tables).map(([object, { rows }]) => [object, rows])) });
}

export async function showHistory(options: InventoryOptions): Promise<void> {
  const client = await findInventory(options);
  if (options.from === undefined) {
    print(await client.json<Snapshot[]>('GET', '/snapshots'), options.json, (snapshots) => table(
      ['SNAPSHOT', 'WHY', 'CHANGES', ...OBJECT_NAMES.map((name) => name.toUpperCase())],
      snapshots.map(({ name, reason, seq, tables }) => [name, reason, seq, ...OBJECT_NAMES.map((object) => tables[object]?.rows)]),
    ));
    return;
  }
  const query = new URLSearchParams({ from: options.from, ...(options.to !== undefined && { to: options.to }), ...(options.object !== undefined && { object: options.object }) });
  print(await client.json<Diff>('GET', `/diff?${query}`), options.json, ({ differences }) => table(['OBJECT', 'ID', 'WHAT'], differences.map(({ object, id, kind }) => [object, id, kind])));
}

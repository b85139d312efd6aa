/** The folder of snapshots: one folder each, Parquet files and a manifest, there whole or not at all. */
import { copyFile, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OBJECT_NAMES, type ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { TableFacts } from '../engine/messages.js';
import { syncFile, syncFolder } from '../../../runtime/base/sync.js';

export type SnapshotReason = 'timer' | 'request' | 'shutdown' | 'restore';

export interface Manifest {
  format: 1;
  /** `2026-11-21T07-01-02.345Z`: UTC, as a file may be called. */
  name: string;
  /** ISO 8601. */
  createdAt: string;
  /** Number of the last change in it. */
  seq: number;
  reason: SnapshotReason;
  /** Snapshot that was restored by this one. */
  restored?: string;
  tables: Record<ObjectName, TableFacts>;
}

export interface Snapshot extends Manifest {
  folder: string;
}

const MANIFEST = 'manifest.json';
const DRAFT = '.draft-';
const DAMAGED = 'damaged';
const NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$/;

export function snapshotName(atMs: number): string {
  return new Date(atMs).toISOString().replaceAll(':', '-');
}

/** Milliseconds since the epoch of a snapshot's name or of any time; undefined when it is neither. */
export function timeOf(text: string): number | undefined {
  const iso = NAME.test(text) ? text.replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:') : text;
  const ms = /^\d{4}-\d\d-\d\d/.test(iso) ? Date.parse(iso) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

export class SnapshotFolder {
  constructor(readonly path: string) {}

  /** Oldest first. What has no readable manifest is named apart; drafts of former lives are removed. */
  async list(): Promise<{ snapshots: Snapshot[]; torn: string[] }> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    const names = (await readdir(this.path)).sort();
    await Promise.all(names.filter((name) => name.startsWith(DRAFT)).map((name) => rm(join(this.path, name), { recursive: true, force: true })));
    const snapshots: Snapshot[] = [];
    const torn: string[] = [];
    for (const name of names.filter((each) => NAME.test(each))) {
      const manifest = await this.#manifest(name);
      if (manifest) snapshots.push({ ...manifest, folder: join(this.path, name) });
      else torn.push(name);
    }
    return { snapshots, torn };
  }

  /** A new one with the objects of another. */
  copy(from: Snapshot, facts: Omit<Manifest, 'format' | 'tables'>): Promise<Snapshot> {
    return this.make(facts, async (folder) => {
      for (const object of OBJECT_NAMES) await copySynced(join(from.folder, `${object}.parquet`), join(folder, `${object}.parquet`));
      return from.tables;
    });
  }

  /** `fill` writes the tables into a folder of its own, which gets its name when everything is on the disk. */
  async make(facts: Omit<Manifest, 'format' | 'tables'>, fill: (folder: string) => Promise<Record<ObjectName, TableFacts>>): Promise<Snapshot> {
    const draft = join(this.path, DRAFT + facts.name);
    const folder = join(this.path, facts.name);
    try {
      await mkdir(draft, { recursive: true, mode: 0o700 });
      const manifest: Manifest = { format: 1, ...facts, tables: await fill(draft) };
      const handle = await open(join(draft, MANIFEST), 'w', 0o600);
      try {
        await handle.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await syncFolder(draft);
      await rename(draft, folder);
      await syncFolder(this.path);
      return { ...manifest, folder };
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw error;
    }
  }

  remove(name: string): Promise<void> {
    return rm(join(this.path, name), { recursive: true, force: true });
  }

  /** Out of the way, but not lost: somebody may want to look at it. */
  async setAside(name: string): Promise<void> {
    await mkdir(join(this.path, DAMAGED), { recursive: true, mode: 0o700 });
    await rm(join(this.path, DAMAGED, name), { recursive: true, force: true });
    await rename(join(this.path, name), join(this.path, DAMAGED, name));
  }

  async #manifest(name: string): Promise<Manifest | undefined> {
    try {
      const manifest = JSON.parse(await readFile(join(this.path, name, MANIFEST), 'utf8')) as Manifest;
      const isWhole = manifest.format === 1 && manifest.name === name && Number.isSafeInteger(manifest.seq) && OBJECT_NAMES.every((object) => manifest.tables[object]);
      return isWhole ? manifest : undefined;
    } catch {
      return undefined;
    }
  }
}

/** A copy that outlives a power cut. */
async function copySynced(from: string, to: string): Promise<void> {
  await mkdir(join(to, '..'), { recursive: true });
  await copyFile(from, to);
  await syncFile(to);
}

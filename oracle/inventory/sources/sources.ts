/**
 * Sources of queries that DuckDB cannot open by itself here: files at other machines, which are fetched, and
 * databases for which its extension is not installed, which are copied by their own command line tool. A
 * query that names one waits until it is fresh; nobody else does.
 */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../runtime/base/clock.js';
import type { Log } from '../../../runtime/base/log.js';
import { MAX_SOURCE_BYTES, SOURCE_FRESH_MS, SOURCE_MS } from '../../../runtime/model/limits.js';
import type { SourcePlace } from '../engine/messages.js';
import type { RemoteSource } from '../settings.js';
import { copyPostgres } from './copy-postgres.js';
import { copySqlite } from './copy-sqlite.js';
import { fetchSource } from './fetch-source.js';
import { SourceProblem } from './problem.js';

export interface SourcesParts {
  /** Its own folder: what is in it is thrown away at a start. */
  folder: string;
  remote: RemoteSource[];
  clock: Clock;
  log: Log;
  limits?: { bytes: number; ms: number; freshMs: number };
}

interface Held {
  source: RemoteSource;
  place: SourcePlace;
  /** By the clock; 0 when it has to be got again whoever asks. */
  gotMs: number;
  etag?: string;
  /** Size and time of the file that was copied. */
  stamp?: string;
  getting?: Promise<void>;
}

export class Sources {
  readonly #held: Held[];
  #count = 0;
  #isEmptied: Promise<void> | undefined;
  #unused: string[] = [];

  constructor(private readonly parts: SourcesParts) {
    this.#held = parts.remote.filter(isElsewhere).map((source) => ({ source, place: { name: source.name, kind: source.kind, problem: 'it has not been fetched yet' }, gotMs: 0 }));
  }

  /** As the engine shall see them. */
  get places(): SourcePlace[] {
    return this.#held.map(({ place }) => place);
  }

  /** The engine says which databases it has no extension for: from here on they are copied. */
  take(names: string[]): void {
    for (const name of names) {
      if (this.#held.some(({ source }) => source.name === name)) continue;
      const source = this.parts.remote.find((each) => each.name === name)!;
      this.#held.push({ source, place: { name, kind: source.kind, problem: 'it has not been copied yet' }, gotMs: 0 });
    }
  }

  /** Gets those that `text` names, or all without one. What cannot be got says why in its place. */
  async refresh(text?: string): Promise<void> {
    const lower = text?.toLowerCase();
    await Promise.all(this.#held.filter(({ source }) => lower === undefined || lower.includes(source.name)).map((held) => (held.getting ??= this.#get(held).finally(() => {
      delete held.getting;
    }))));
  }

  /** Files that nobody sees any more since the engine was told of the present places. */
  async tidy(): Promise<void> {
    await Promise.all(this.#unused.splice(0).map((path) => rm(path, { recursive: true, force: true })));
  }

  async #get(held: Held): Promise<void> {
    const { clock, log, limits = LIMITS } = this.parts;
    if (held.gotMs > 0 && clock.now() - held.gotMs < limits.freshMs) return;
    try {
      await (this.#isEmptied ??= this.#empty());
      await this.#bring(held, limits);
      held.gotMs = clock.now();
    } catch (error) {
      const problem = error instanceof SourceProblem ? error.message : `it cannot be kept here (${(error as NodeJS.ErrnoException).code ?? 'it failed'})`;
      if (!('problem' in held.place) || held.place.problem !== problem) log.warn({ source: held.source.name, reason: problem }, 'a source that queries may read cannot be had');
      this.#put(held, { name: held.source.name, kind: held.source.kind, problem });
      held.gotMs = 0;
      delete held.etag;
      delete held.stamp;
    }
  }

  async #bring(held: Held, limits: { bytes: number; ms: number }): Promise<void> {
    const { name, kind, at } = held.source;
    const path = join(this.parts.folder, `${name}-${this.#count += 1}`);
    if (isElsewhere(held.source)) {
      const { isNew, etag } = await fetchSource(at, path, limits, held.etag).catch(async (error: unknown) => {
        await rm(path, { force: true });
        throw error;
      });
      if (!isNew) return;
      delete held.etag;
      if (etag !== undefined) held.etag = etag;
      this.#put(held, { name, kind, file: path });
      return;
    }
    const stamp = kind === 'sqlite' ? await stampOf(at) : undefined;
    if (stamp !== undefined && stamp === held.stamp) return;
    await mkdir(path, { mode: 0o700 });
    const tables = await (kind === 'sqlite' ? copySqlite : copyPostgres)(at, path, limits).catch(async (error: unknown) => {
      await rm(path, { recursive: true, force: true });
      throw error;
    });
    if (stamp !== undefined) held.stamp = stamp;
    this.#put(held, { name, kind, folder: path, tables });
  }

  #put(held: Held, place: SourcePlace): void {
    if ('file' in held.place) this.#unused.push(held.place.file);
    if ('folder' in held.place) this.#unused.push(held.place.folder);
    held.place = place;
  }

  async #empty(): Promise<void> {
    await rm(this.parts.folder, { recursive: true, force: true });
    await mkdir(this.parts.folder, { recursive: true, mode: 0o700 });
  }
}

const LIMITS = { bytes: MAX_SOURCE_BYTES, ms: SOURCE_MS, freshMs: SOURCE_FRESH_MS };

/** A file that is fetched. */
export function isElsewhere({ kind, at }: RemoteSource): boolean {
  return (kind === 'parquet' || kind === 'duckdb') && /^https?:\/\//i.test(at);
}

/** Changes with the file, and with the log beside it that a writer has not taken over yet. */
async function stampOf(file: string): Promise<string> {
  const one = async (path: string) => stat(path).then(({ size, mtimeMs }) => `${size} ${mtimeMs}`, () => '');
  return (await Promise.all([one(file), one(`${file}-wal`)])).join();
}

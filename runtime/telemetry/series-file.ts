/** The file of series: a line for each that is new, of which more is known, or that is gone. What a crash cut off at its end is cut off for good. */
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../base/log.js';
import { syncFolder } from '../base/sync.js';
import { AppendFile, type Committer } from './append-file.js';
import type { Points } from './points.js';
import type { Meta, Series } from './series.js';

type SeriesLine = { id: number; owner: string; entityID: string; metricID: string; meta: Meta } | { id: number; gone: true };

/** So many lines more than there are series, at least, before the file is written anew. */
const SLACK_LINES = 1_000;

export class SeriesFile {
  file!: AppendFile;
  private lines = 0;

  constructor(private readonly parts: { path: string; points: Points; log: Log }) {}

  /** Takes up what it has. */
  async open(): Promise<void> {
    const { path, points, log } = this.parts;
    const { values, bytes, spoilt } = await readLines<SeriesLine>(path);
    for (const line of values) {
      if ('gone' in line) {
        const series = points.byId.get(line.id);
        if (series) points.delete([series], undefined);
        points.reserve(line.id);
      } else points.teach(points.restore(line.id, line.entityID, line.metricID, line.owner), line.meta);
    }
    if (spoilt > 0) log.warn({ path, lines: spoilt }, 'lines of the file of series are spoilt: series of that time may be missing');
    this.lines = values.length;
    this.file = await AppendFile.open(path, bytes);
  }

  learnt(series: readonly Series[]): void {
    for (const each of series) this.append(lineOf(each));
  }

  gone(ids: readonly number[]): void {
    for (const id of ids) this.append(JSON.stringify({ id, gone: true }));
  }

  /** Writes the file anew when most of it is of no use any more. */
  async tidy(committer: Committer): Promise<void> {
    const { path, points } = this.parts;
    if (this.lines <= 2 * points.size + SLACK_LINES) return;
    await committer.exclusively(async () => {
      const before = this.file;
      const waiting = before.pending;
      const lines = this.current();
      // From here on lines go to the new file; those that wait are in it already.
      this.file = AppendFile.later(path);
      this.lines = lines.length;
      try {
        const content = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const draft = await open(`${path}.new`, 'w', 0o600);
        try {
          await draft.writeFile(content);
          await draft.sync();
        } finally {
          await draft.close();
        }
        await before.close();
        await rename(`${path}.new`, path);
        await syncFolder(dirname(path));
        const fresh = await AppendFile.open(path, content.length);
        for (const line of this.file.pending) fresh.append(line);
        this.file = fresh;
      } catch (error) {
        const [old, since] = [await AppendFile.open(path), this.file.pending];
        for (const line of [...waiting, ...since]) old.append(line);
        this.file = old;
        throw error;
      }
    });
  }

  private current(): string[] {
    const { byId, lastId } = this.parts.points;
    const lines = [...byId.values()].map(lineOf);
    // The greatest id that was ever given stays known.
    if (!byId.has(lastId) && lastId > 0) lines.push(JSON.stringify({ id: lastId, gone: true }));
    return lines;
  }

  private append(line: string): void {
    this.file.append(Buffer.from(`${line}\n`));
    this.lines += 1;
  }
}

function lineOf({ id, owner, entityID, metricID, meta }: Series): string {
  return JSON.stringify({ id, owner, entityID, metricID, meta });
}

/** The whole lines, and the bytes that they take; one that is spoilt is passed over, a torn one at the end is none. */
export async function readLines<T>(path: string): Promise<{ values: T[]; bytes: number; spoilt: number }> {
  const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  return linesOf<T>(content);
}

export function linesOf<T>(content: Buffer): { values: T[]; bytes: number; spoilt: number } {
  const values: T[] = [];
  let spoilt = 0;
  let at = 0;
  for (let end = content.indexOf(10, at); end >= 0; at = end + 1, end = content.indexOf(10, at)) {
    try {
      if (end > at) values.push(JSON.parse(content.toString('utf8', at, end)) as T);
    } catch {
      spoilt += 1;
    }
  }
  return { values, bytes: at, spoilt };
}

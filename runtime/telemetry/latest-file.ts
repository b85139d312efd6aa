/** The latest value of every series, as it was when a log went into the database: so that a start need not look for it there. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Series } from './series.js';

/** Id, time, value, when it was stored. */
const FIELDS = 4;
const SOUGHT = -1;

export async function writeLatest(path: string, series: ReadonlyMap<number, Series>): Promise<void> {
  const rows = new Float64Array(series.size * FIELDS);
  let at = 0;
  for (const { id, hasLatest, latestMs, latestValue, storedMs, sought } of series.values()) {
    if (!hasLatest && sought === 0) continue;
    rows[at] = id;
    // One that is being looked for is looked for again after a start.
    rows[at + 1] = sought > 0 ? SOUGHT : latestMs;
    rows[at + 2] = latestValue;
    rows[at + 3] = storedMs;
    at += FIELDS;
  }
  await writeFile(`${path}.new`, Buffer.from(rows.buffer, 0, at * 8), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** @returns series of which the latest value has to be looked for in the database */
export async function readLatest(path: string, series: ReadonlyMap<number, Series>): Promise<Series[]> {
  const sought: Series[] = [];
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  const rows = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length - bytes.length % (FIELDS * 8)));
  for (let at = 0; at < rows.length; at += FIELDS) {
    const each = series.get(rows[at]!);
    if (!each) continue;
    each.latestMs = rows[at + 1]!;
    if (!each.hasLatest) sought.push(each);
    each.latestValue = rows[at + 2]!;
    each.storedMs = rows[at + 3]!;
  }
  return sought;
}

/** The answer to any question as a file, over any nodes: points, or what /query makes of them. CSV is made here, Parquet by the database. */
import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../model/faults.js';
import type { TelemetryReply } from './answers.js';
import type { Asking } from './ask.js';
import type { History } from './history.js';
import { bodyOf, readQuestion } from './read-query.js';

/** Points of one series of one node: time and value in turn. */
export interface ToldSeries {
  node: string;
  metricID: string;
  entityID: string;
  pairs: ArrayLike<number>;
}

export interface ExportParts {
  node: string;
  asking: Asking;
  history: History | undefined;
}

const GROUP_COLUMNS = ['node', 'metricID', 'entityID', 'timestamp', 'value', 'count'] as const;
type Group = { [column in (typeof GROUP_COLUMNS)[number]]?: string | number | null };

/** Nodes that did not answer stand in the header `x-unavailable`. */
export async function exported(parts: ExportParts, parsed: unknown, format: string): Promise<TelemetryReply> {
  if (format !== 'csv' && format !== 'parquet') throw new Fault('PARAMETER_INVALID', { name: 'format', reason: 'it is csv or parquet' });
  const { unavailable, ...table } = bodyOf(parsed)['agg'] === undefined ? await pointsOf(parts, parsed) : await groupsOf(parts, parsed);
  const headers: Record<string, string> = unavailable.length > 0 ? { 'x-unavailable': unavailable.map(encodeURIComponent).join(', ') } : {};
  if (format === 'csv') return { status: 200, type: 'text/csv; charset=utf-8', headers, body: 'told' in table ? csvOfPoints(table.told) : csvOfGroups(table.groups) };
  return { status: 200, type: 'application/vnd.apache.parquet', headers, body: await parquetOf(parts, table) };
}

async function pointsOf({ asking }: ExportParts, parsed: unknown): Promise<{ told: ToldSeries[]; unavailable: string[] }> {
  return asking.points(readQuestion(parsed));
}

async function groupsOf({ asking }: ExportParts, parsed: unknown): Promise<{ groups: Group[]; unavailable: string[] }> {
  const { value, groups, unavailable = [] } = JSON.parse(String((await asking.query(parsed)).body)) as { value?: number | null; groups?: Group[]; unavailable?: string[] };
  return { groups: groups ?? [{ value: value ?? null }], unavailable };
}

function csvOfPoints(told: readonly ToldSeries[]): string {
  const lines = ['metricID,entityID,node,timestamp,val'];
  for (const { node, metricID, entityID, pairs } of told) {
    const head = [metricID, entityID, node].map(cell).join(',');
    for (let at = 0; at < pairs.length; at += 2) lines.push(`${head},${pairs[at]},${pairs[at + 1]}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Only the columns that the question has made. */
function csvOfGroups(groups: readonly Group[]): string {
  const columns = GROUP_COLUMNS.filter((column) => column === 'value' || groups.some((group) => group[column] !== undefined));
  const lines = groups.map((group) => columns.map((column) => typeof group[column] === 'string' ? cell(group[column]) : String(group[column] ?? '')).join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}

/** A cell of a CSV file; one that a spreadsheet would take for a formula stays text. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

async function parquetOf({ history, node }: ExportParts, table: { told: ToldSeries[] } | { groups: Group[] }): Promise<Buffer> {
  if (!history) throw new Fault('HISTORY_UNAVAILABLE', { node, reason: 'it is switched off, and Parquet is written by it' });
  const base = join(history.folder, `export-${randomUUID()}`);
  const [points, names, file] = [`${base}.csv`, `${base}.jsonl`, `${base}.parquet`];
  try {
    if ('told' in table) {
      const { told } = table;
      await writeFile(points, told.map(({ pairs }, id) => Array.from({ length: pairs.length / 2 }, (_, at) => `${id},${pairs[at * 2]},${pairs[at * 2 + 1]}\n`).join('')), { mode: 0o600 });
      await writeFile(names, told.map(({ node: of, metricID, entityID }, id) => `${JSON.stringify({ id, node: of, metricID, entityID })}\n`), { mode: 0o600 });
      await history.client.call('export', { names, points, file });
    } else {
      await writeFile(names, table.groups.map((group) => `${JSON.stringify(group)}\n`), { mode: 0o600 });
      await history.client.call('export', { names, file });
    }
    return await readFile(file);
  } finally {
    await Promise.all([points, names, file].map((path) => rm(path, { force: true })));
  }
}

/** The tables of docs/ that say what the code says: made from it, written by `npm run docs`, held to it by a test. */
import { readFile } from 'node:fs/promises';
import { FAULTS } from '../../runtime/model/faults.js';
import * as limits from '../../runtime/model/limits.js';

export interface DocTable {
  file: string;
  /** Its first line. */
  header: string;
  rows(sources: Sources): string[];
}

export interface Sources {
  /** The files behind runtime/model/limits.ts in its order; their comments are the reasons. */
  limits: { name: string; text: string }[];
}

export async function readSources(): Promise<Sources> {
  const door = await readFile('runtime/model/limits.ts', 'utf8');
  const names = [...door.matchAll(/^export \* from '\.\/limits\/([a-z-]+)\.js';$/gm)].map(([, name]) => name!);
  return { limits: await Promise.all(names.map(async (name) => ({ name, text: await readFile(`runtime/model/limits/${name}.ts`, 'utf8') }))) };
}

export const TABLES: DocTable[] = [
  {
    file: 'docs/errors.md', header: '| code | status | again | sentence |',
    rows: () => Object.entries(FAULTS).map(([code, { status, retryable, sentence }]) => `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${sentence} |`),
  },
  { file: 'docs/config.md', header: '| limit | value | reason |', rows: ({ limits: files }) => files.flatMap(({ name, text }) => [`| **${name}** | | |`, ...limitRows(text)]) },
];

/** A comment stands above the limits that it is about. */
function limitRows(source: string): string[] {
  const values = limits as Record<string, number>;
  const rows: string[] = [];
  let reason = '';
  for (const line of source.split('\n')) {
    reason = /^\/\*\* (.+) \*\/$/.exec(line)?.[1] ?? reason;
    const name = /^export const ([A-Z][A-Z0-9_]*)\b/.exec(line)?.[1];
    if (name !== undefined) rows.push(`| \`${name}\` | ${shown(name, values[name]!)} | ${reason} |`);
  }
  return rows;
}

const UNITS: [suffix: RegExp, units: [size: number, name: string][]][] = [
  [/_BYTES$/, [[1024 * 1024, 'MiB'], [1024, 'KiB'], [1, 'bytes']]],
  [/_MS$/, [[24 * 3_600_000, 'd'], [3_600_000, 'h'], [60_000, 'min'], [1_000, 's'], [1, 'ms']]],
  [/_MB$/, [[1, 'MB']]],
];

/** In the largest unit that has it whole. */
function shown(name: string, value: number): string {
  const units = UNITS.find(([suffix]) => suffix.test(name))?.[1];
  const unit = units?.find(([size]) => value >= size && value % size === 0);
  return unit ? `${(value / unit[0]).toLocaleString('en')} ${unit[1]}` : value.toLocaleString('en');
}

/** The text with the table's rows as they should be. Throws when it has no such table. */
export function withTable(text: string, { file, header }: DocTable, rows: string[]): string {
  const lines = text.split('\n');
  const start = lines.indexOf(header);
  if (start < 0) throw new Error(`${file} has no table ${header}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return [...lines.slice(0, start + 2), ...rows, ...lines.slice(end < 0 ? lines.length : end)].join('\n');
}

/** Copies the tables of an SQLite file with its own tool, as JSON, in one transaction. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CopiedTable } from '../engine/messages.js';
import type { FetchLimits } from './fetch-source.js';
import { SourceProblem } from './problem.js';
import { runTool } from './tool.js';

interface Told {
  t: string;
  c: string;
}

const LISTING = `SELECT m.name AS t, c.name AS c FROM sqlite_schema AS m JOIN pragma_table_xinfo(m.name) AS c
  WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND c.hidden <> 1 ORDER BY m.rowid, c.cid;\n`;

/** Rejects with SourceProblem. */
export async function copySqlite(at: string, folder: string, limits: FetchLimits): Promise<CopiedTable[]> {
  const { size } = await stat(at).catch((error: NodeJS.ErrnoException) => {
    throw new SourceProblem(`it cannot be read (${error.code})`);
  });
  if (size > limits.bytes) throw new SourceProblem(`it has more than ${limits.bytes} bytes`);
  const run = (file: string, input: string) => runTool({ tool: 'sqlite3', words: ['-batch', '-bail', '-readonly', '-json', at], input, file, limits });
  const read = async <T>(file: string, input: string): Promise<T[]> => ((await run(file, input)) === 0 ? [] : JSON.parse(await readFile(file, 'utf8')) as T[]);
  const listed = await read<Told>(join(folder, 'listing'), LISTING);
  const names = [...new Set(listed.map(({ t }) => t))];
  const tables: CopiedTable[] = [];
  for (const [index, table] of names.entries()) {
    const columns = listed.filter(({ t }) => t === table).map(({ c }) => c);
    // SQLite has types for values, not for columns: a column is what all of its values are.
    const [kinds] = await read<Record<string, number>>(join(folder, 'kinds'), `SELECT ${columns.flatMap((column, place) => KINDS.map((kind) => `max(typeof(${quoted(column)}) = '${kind}') AS ${kind}${place}`)).join(', ')} FROM ${quoted(table)};\n`);
    tables.push({ schema: 'main', table, format: 'json', file: join(folder, `${index}.json`), columns: columns.map((name, place) => ({ name, type: typeOf(KINDS.filter((kind) => kinds?.[`${kind}${place}`] === 1)) })) });
  }
  const dump = tables.map(({ table, file, columns }) => `.output ${quotedWord(file)}\nSELECT ${columns.map(({ name, type }) => `${valueSql(name, type)} AS ${quoted(name)}`).join(', ')} FROM ${quoted(table)};\n`);
  await run(join(folder, 'rest'), `BEGIN;\n${dump.join('')}.output\nCOMMIT;\n`);
  return tables;
}

const KINDS = ['integer', 'real', 'text', 'blob'] as const;

function typeOf(kinds: (typeof KINDS)[number][]): string {
  if (kinds.length === 1 && kinds[0] === 'integer') return 'BIGINT';
  if (kinds.length > 0 && kinds.every((kind) => kind === 'integer' || kind === 'real')) return 'DOUBLE';
  return kinds.length === 1 && kinds[0] === 'blob' ? 'BLOB' : 'VARCHAR';
}

function valueSql(column: string, type: string): string {
  if (type === 'BIGINT' || type === 'DOUBLE') return quoted(column);
  return `CASE typeof(${quoted(column)}) WHEN 'null' THEN NULL WHEN 'blob' THEN hex(${quoted(column)}) ELSE CAST(${quoted(column)} AS TEXT) END`;
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
/** As its dot commands take a word. */
const quotedWord = (word: string) => `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

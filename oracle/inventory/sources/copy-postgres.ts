/** Copies the tables of a Postgres database with psql, as CSV, as they are at one moment. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CopiedTable } from '../engine/messages.js';
import type { FetchLimits } from './fetch-source.js';
import { SourceProblem } from './problem.js';
import { runTool } from './tool.js';

const OWN = `n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege(c.oid, 'SELECT')`;
const SIZE = `SELECT coalesce(sum(pg_relation_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OWN};\n`;
const LISTING = `SELECT jsonb_build_array(n.nspname, c.relname, jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, NULL)) ORDER BY a.attnum))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE ${OWN} GROUP BY n.nspname, c.relname ORDER BY n.nspname, c.relname;\n`;

const TYPES: Record<string, string> = {
  'smallint': 'BIGINT', 'integer': 'BIGINT', 'bigint': 'BIGINT', 'real': 'DOUBLE', 'double precision': 'DOUBLE', 'boolean': 'BOOLEAN', 'date': 'DATE',
  'timestamp without time zone': 'TIMESTAMP', 'timestamp with time zone': 'TIMESTAMPTZ', 'json': 'JSON', 'jsonb': 'JSON', 'uuid': 'UUID',
};

/** Rejects with SourceProblem. */
export async function copyPostgres(at: string, folder: string, limits: FetchLimits): Promise<CopiedTable[]> {
  const { address, password } = withoutPassword(at);
  const run = (file: string, input: string) => runTool({
    tool: 'psql', words: ['-X', '-q', '-A', '-t', '-w', '-v', 'ON_ERROR_STOP=1', '-d', address], input, file, limits,
    env: { PGCONNECT_TIMEOUT: '10', PGCLIENTENCODING: 'UTF8', ...(password !== undefined && { PGPASSWORD: password }) },
  });
  const listing = join(folder, 'listing');
  await run(listing, SIZE + LISTING);
  const [size, ...lines] = (await readFile(listing, 'utf8')).split('\n').filter((line) => line !== '');
  if (Number(size) > limits.bytes) throw new SourceProblem(`it has more than ${limits.bytes} bytes`);
  const tables = lines.map((line, index): CopiedTable => {
    const [schema, table, columns] = JSON.parse(line) as [string, string, [string, string][]];
    return { schema, table, format: 'csv', file: join(folder, `${index}.csv`), columns: columns.map(([name, type]) => ({ name, type: TYPES[type] ?? 'VARCHAR' })) };
  });
  const dump = tables.map(({ schema, table, file, columns }) => `\\o ${quotedWord(file)}\nCOPY (SELECT ${columns.map(({ name }) => quoted(name)).join(', ')} FROM ${quoted(schema)}.${quoted(table)}) TO STDOUT (FORMAT csv, FORCE_QUOTE *, NULL '\\N');\n`);
  await run(join(folder, 'rest'), `SET datestyle = 'ISO';\nBEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n${dump.join('')}\\o\nCOMMIT;\n`);
  return tables;
}

/** A word of a command line is seen by every user of the machine; the environment is not. An address may name several hosts, or none, which no URL may. */
export function withoutPassword(at: string): { address: string; password?: string } {
  return /^postgres(ql)?:\/\//.test(at) ? uriWithoutPassword(at) : wordsWithoutPassword(at);
}

function uriWithoutPassword(at: string): { address: string; password?: string } {
  const [, scheme, user, first] = /^(\w+:\/\/)([^:@/]*):([^@/]*)@/.exec(at) ?? [];
  const bare = scheme === undefined ? at : `${scheme}${user}${at.slice(`${scheme}${user}:${first}`.length)}`;
  const [head, ...rest] = bare.split('?');
  const parameters = rest.join('?').split('&').filter((each) => each !== '');
  const last = parameters.findLast((each) => each.startsWith('password='))?.slice('password='.length);
  const others = parameters.filter((each) => !each.startsWith('password='));
  const password = last ?? first;
  return { address: others.length > 0 ? `${head}?${others.join('&')}` : head!, ...(password !== undefined && { password: decodeURIComponent(password) }) };
}

function wordsWithoutPassword(at: string): { address: string; password?: string } {
  const found = /(?:^|\s)password\s*=\s*('(?:[^'\\]|\\.)*'|\S+)/.exec(at);
  if (!found) return { address: at };
  const password = found[1]!.replace(/^'(.*)'$/s, '$1').replace(/\\(.)/g, '$1');
  return { address: `${at.slice(0, found.index)} ${at.slice(found.index + found[0].length).trim()}`.trim(), password };
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
/** As its backslash commands take a word. */
const quotedWord = (word: string) => `'${word.replaceAll('\\', '\\\\').replaceAll('\'', '\\\'')}'`;

/**
 * Last part of `npm run mutate`: writes docs/mutation.md from the reports of the runs. Ends with 1 when a mutant survived
 * that explained.json has no reason for, when a reason is there for one that no longer does, or when a file has changed since its report.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { isAlive, isCounted, ofPart, type Mutant, type MutationReport } from './reports.js';

interface Survivor {
  file: string;
  line: number;
  /** What it says, and what the mutant says instead. */
  change: string;
  reason: string | undefined;
}

const ROOT = new URL('../../../', import.meta.url);
/** One a file, as run.ts leaves them. */
const REPORT = /^(step|store)-\w+\.json$/;

const read = (path: string) => readFile(new URL(path, ROOT), 'utf8');
const explained = JSON.parse(await read('test/mutate/explained.json')) as Record<string, string>;
const used = new Set<string>();
const unfinished: string[] = [];

async function reports(): Promise<MutationReport[]> {
  const found = await readdir(new URL('.stryker-tmp/', ROOT));
  const names = found.filter((name) => REPORT.test(name)).sort();
  const whole = await Promise.all(names.map(async (name) => JSON.parse(await read(`.stryker-tmp/${name}`)) as MutationReport));
  return [...whole, ...await parts(found.filter((name) => !names.includes(`${name}.json`)))];
}

/** Of runs of one file that have not come to an end. */
async function parts(folders: string[]): Promise<MutationReport[]> {
  const found = await Promise.all(folders.map(async (name) => {
    const [lines, config] = await Promise.all([`${name}/tested.jsonl`, `config-${name}.json`].map((path) => read(`.stryker-tmp/${path}`).catch(() => undefined)));
    if (lines === undefined || config === undefined) return [];
    const [file] = (JSON.parse(config) as { mutate: [string] }).mutate;
    unfinished.push(file);
    return [ofPart(lines, file, await read(file))];
  }));
  return found.flat();
}

function survivorOf(file: string, source: string, { location: { start, end }, replacement = '' }: Mutant): Survivor {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines.at(-1)!.slice(0, end.column - 1);
  lines[0] = lines[0]!.slice(start.column - 1);
  const change = `${short(lines.join('\n'))} → ${short(replacement)}`;
  const key = [`${file}: ${change}`, `${file}:${start.line}: ${change}`].find((one) => one in explained);
  if (key) used.add(key);
  return { file, line: start.line, change, reason: key && explained[key] };
}

function short(code: string): string {
  const line = code.replace(/\s+/g, ' ').trim();
  return line.length > 90 ? `${line.slice(0, 60)} … ${line.slice(-25)}` : line;
}

const rows: string[] = [];
const survivors: Survivor[] = [];
const outdated: string[] = [];
let [killed, counted] = [0, 0];
for (const report of await reports()) {
  for (const [file, { source, mutants }] of Object.entries(report.files)) {
    const present = await read(file).catch(() => undefined);
    if (present === undefined) continue;
    if (present !== source) outdated.push(file);
    const mine = mutants.filter(isCounted);
    const alive = mine.filter(isAlive).map((mutant) => survivorOf(file, source, mutant));
    const dead = mine.length - alive.length;
    [killed, counted] = [killed + dead, counted + mine.length];
    survivors.push(...alive);
    rows.push(`| \`${file}\`${unfinished.includes(file) ? ' (in part)' : ''} | ${mine.length} | ${dead} | ${alive.length} | ${(100 * dead / Math.max(mine.length, 1)).toFixed(1)} % |`);
  }
}

const cell = (text: string) => text.replaceAll('|', '\\|');
const code = (text: string) => `\`${cell(text.replaceAll('`', 'ˋ'))}\``;
const text = `# Mutation testing

Stryker changes the protocol core and the code that talks to the Lua scripts in one place at a time, and the tests have to notice.
\`npm run mutate\` does it again and writes this page; it fails when a mutant survives that is not explained below.
The step function meets the tests of the rules and [the table of every cell](../test/model/table.txt). The store meets, file by file,
the small tests of its parts and what is quick of the conformance suite on a real Redis, the verbs the table's cells there too; the
long random sequences and the largest session are left out, so that what they alone would notice counts as a survivor. Of the code
that speaks to Redis, what makes and keeps the connection (\`connection\`, \`pipe\`, \`resp\`, \`scripts\`, \`url\`) is not mutated: it is met by
tests of its own that cut answers into pieces, and kill and cut servers. A mutant is noticed when a test fails, or does not end,
that does well without it.
${unfinished.map((file) => `\nThe run of \`${file}\` has not come to its end: only the mutants that were met so far are counted.\n`).join('')}${outdated.map((file) => `\nThe figures of \`${file}\` are older than the file.\n`).join('')}
**Score: ${(100 * killed / Math.max(counted, 1)).toFixed(1)} %** (${killed} of ${counted} mutants noticed).

| file | mutants | noticed | survived | score |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

## Survivors, and why

${survivors.length === 0 ? 'None.' : `| where | change | why nothing notices |\n| --- | --- | --- |\n${survivors.map(({ file, line, change, reason }) =>
    `| \`${file}\`:${line} | ${code(change)} | ${cell(reason ?? 'NOT EXPLAINED')} |`).join('\n')}`}
`;
await writeFile(new URL('docs/mutation.md', ROOT), text);

const open = survivors.filter(({ reason }) => reason === undefined);
for (const { file, line, change } of open) console.log(`survived, not explained: ${file}:${line}: ${change}`);
const idle = Object.keys(explained).filter((key) => !used.has(key));
for (const key of idle) console.log(`explained, but it did not survive: ${key}`);
for (const file of outdated) console.log(`changed since its report: ${file}`);
console.log(`${killed} of ${counted} mutants noticed`);
process.exitCode = open.length + idle.length + outdated.length + unfinished.length > 0 ? 1 : 0;

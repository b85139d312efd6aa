/**
 * `npm run mutate [-- --only WORD,…]`: the mutation tester on one file after the other, each with a report of its own in `.stryker-tmp`,
 * so that a run that was ended goes on where it was: a file whose report is of its present source is not run again
 * (`--again` does all the same). `--together` runs all files that meet the same tests at once: quicker, but ended it has done nothing.
 * `--alive` tries only the lines again whose mutants were not killed. Without `--only`, docs/mutation.md is written from all reports then.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startServer } from '../redis/server.js';
import { keptAs } from './kept.js';
import { linesAlive, merged, type MutationReport } from './reports.js';

interface Config {
  mutate: string[];
  /** The tests: the same for all files, or those of each. */
  suite: { spec: string[] | Record<string, string[]> };
  [option: string]: unknown;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' }, again: { type: 'boolean', default: false }, together: { type: 'boolean', default: false },
    alive: { type: 'boolean', default: false },
  },
});
const isWanted = (file: string) => values.only.split(',').some((word) => file.includes(word));
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const REPORTS = join(ROOT, '.stryker-tmp');

async function filesOf({ mutate }: Config): Promise<string[]> {
  const files = await Promise.all(mutate.map(async (path) => {
    if (!path.includes('*')) return [path];
    return (await readdir(join(ROOT, dirname(path)))).filter((name) => name.endsWith('.ts')).sort().map((name) => `${dirname(path)}/${name}`);
  }));
  return files.flat();
}

/** The report of a file as it is now. */
async function reportOf({ file, name }: Pick<Task, 'file' | 'name'>): Promise<MutationReport | undefined> {
  const text = await readFile(join(REPORTS, `${name}.json`), 'utf8').catch(() => undefined);
  const found = text === undefined ? undefined : JSON.parse(text) as MutationReport;
  return found?.files[file]?.source === await readFile(join(ROOT, file), 'utf8') ? found : undefined;
}

let running: ChildProcess | undefined;

async function node(args: string[], env: Record<string, string> = {}): Promise<number | null> {
  running = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } });
  const [code] = await once(running, 'exit') as [number | null];
  return code;
}

/** With a Redis that all mutants share, in memory: it has to be there, not to last. */
async function withServer<T>(work: (env: Record<string, string>) => Promise<T>): Promise<T> {
  const { server, end } = await startServer({ durable: false });
  try {
    return await work(keptAs(server));
  } finally {
    await end();
  }
}

interface Task {
  file: string;
  name: string;
  config: Config;
  /** What to mutate: the file, or lines of it. */
  places: string[];
  /** To be mended by what is found. */
  former?: MutationReport | undefined;
}

/** The files of a run that have no report of what they are now, or of whose reports something is left to be tried. */
async function tasksOf(run: string): Promise<Task[]> {
  const config = JSON.parse(await readFile(join(ROOT, `test/mutate/${run}.json`), 'utf8')) as Config;
  const tasks: Task[] = [];
  for (const file of (await filesOf(config)).filter(isWanted)) {
    const name = `${run}-${basename(file, '.ts')}`;
    const former = values.again ? undefined : await reportOf({ file, name });
    if (!former) tasks.push({ file, name, config, places: [file] });
    else if (values.alive && linesAlive(former, file).length > 0) tasks.push({ file, name, config, former, places: linesAlive(former, file) });
    else console.log(`${file}: its report is there already`);
  }
  return tasks;
}

/** Tasks that go into one run of the mutation tester. */
function runsOf(tasks: Task[]): Task[][] {
  if (!values.together) return tasks.map((task) => [task]);
  const runs = new Map<string, Task[]>();
  for (const task of tasks) {
    const tests = JSON.stringify(specOf(task));
    runs.set(tests, [...runs.get(tests) ?? [], task]);
  }
  return [...runs.values()];
}

function specOf({ file, config: { suite: { spec } } }: Task): string[] | undefined {
  return Array.isArray(spec) ? spec : spec[file];
}

/** @returns whether the mutation tester came to an end with each. */
async function mutate(tasks: Task[], env: Record<string, string> = {}): Promise<boolean> {
  let isWell = true;
  for (const run of runsOf(tasks)) {
    if (isEnding) return false;
    const [{ name, config }] = run as [Task];
    await mkdir(REPORTS, { recursive: true });
    const own = join(REPORTS, `config-${name}.json`);
    const fileName = `.stryker-tmp/all-${name}.json`;
    const suite = { ...config.suite, spec: specOf(run[0]!) };
    const files = run.map(({ file }) => file);
    const places = run.flatMap((task) => task.places);
    await writeFile(own, JSON.stringify({ ...config, suite, mutate: places, tempDirName: `.stryker-tmp/${name}`, jsonReporter: { fileName } }));
    console.log(`── ${files.join(' ')}`);
    if (await node(['node_modules/@stryker-mutator/core/bin/stryker.js', 'run', own], env) !== 0) isWell = false;
    else await Promise.all(run.map((task) => report(task, join(ROOT, fileName))));
  }
  return isWell;
}

/** Each file has a report of its own. */
async function report({ file, name, former }: Task, from: string): Promise<void> {
  const { files, ...rest } = JSON.parse(await readFile(from, 'utf8')) as MutationReport;
  const found = { ...rest, files: { [file]: files[file]! } };
  await writeFile(join(REPORTS, `${name}.json`), JSON.stringify(former ? merged(former, found, file) : found));
}

let isEnding = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isEnding = true;
    running?.kill(signal);
  });
}

const [steps, stores] = [await tasksOf('step'), await tasksOf('store')];
const outcomes = [await mutate(steps), stores.length === 0 || await withServer((env) => mutate(stores, env))];
// The page is about all of them.
const written = values.only === '' && !isEnding ? await node(['dist/test/mutate/main.js']) : 0;
process.exitCode = outcomes.every(Boolean) && written === 0 ? 0 : 1;

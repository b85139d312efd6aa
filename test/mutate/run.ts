/**
 * `npm run mutate [-- --only WORD]`: the mutation tester on one file after the other, each with a report of its own in `.stryker-tmp`,
 * so that a run that was ended goes on where it was: a file whose report is of its present source is not run again
 * (`--again` does all the same). `--together` runs all files that meet the same tests at once: quicker, but ended it has done nothing.
 * Without `--only`, docs/mutation.md is written from all reports then.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startServer } from '../redis/server.js';
import { keptAs } from './kept.js';

interface Config {
  mutate: string[];
  /** The tests: the same for all files, or those of each. */
  suite: { spec: string[] | Record<string, string[]> };
  [option: string]: unknown;
}

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, again: { type: 'boolean', default: false }, together: { type: 'boolean', default: false } },
});
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const REPORTS = join(ROOT, '.stryker-tmp');

async function filesOf({ mutate }: Config): Promise<string[]> {
  const files = await Promise.all(mutate.map(async (path) => {
    if (!path.includes('*')) return [path];
    return (await readdir(join(ROOT, dirname(path)))).filter((name) => name.endsWith('.ts')).sort().map((name) => `${dirname(path)}/${name}`);
  }));
  return files.flat();
}

async function isDone(report: string, file: string): Promise<boolean> {
  const text = await readFile(report, 'utf8').catch(() => undefined);
  if (text === undefined || values.again) return false;
  const { files } = JSON.parse(text) as { files: Record<string, { source: string }> };
  return files[file]?.source === await readFile(join(ROOT, file), 'utf8');
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
}

/** The files of a run that have no report of what they are now. */
async function tasksOf(run: string): Promise<Task[]> {
  const config = JSON.parse(await readFile(join(ROOT, `test/mutate/${run}.json`), 'utf8')) as Config;
  const tasks: Task[] = [];
  for (const file of (await filesOf(config)).filter((one) => one.includes(values.only))) {
    const name = `${run}-${basename(file, '.ts')}`;
    if (await isDone(join(REPORTS, `${name}.json`), file)) console.log(`${file}: its report is there already`);
    else tasks.push({ file, name, config });
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
    await writeFile(own, JSON.stringify({ ...config, suite, mutate: files, tempDirName: `.stryker-tmp/${name}`, jsonReporter: { fileName } }));
    console.log(`── ${files.join(' ')}`);
    if (await node(['node_modules/@stryker-mutator/core/bin/stryker.js', 'run', own], env) !== 0) isWell = false;
    else await Promise.all(run.map((task) => report(task, join(ROOT, fileName))));
  }
  return isWell;
}

/** Each file has a report of its own. */
async function report({ file, name }: Task, from: string): Promise<void> {
  const { files, ...rest } = JSON.parse(await readFile(from, 'utf8')) as { files: Record<string, unknown> };
  await writeFile(join(REPORTS, `${name}.json`), JSON.stringify({ ...rest, files: { [file]: files[file] } }));
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

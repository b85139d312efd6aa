/**
 * `npm run mutate [-- --only WORD]`: the mutation tester on one file after the other, each with a report of its own in `.stryker-tmp`,
 * so that a run that was ended goes on where it was: a file whose report is of its present source is not run again
 * (`--again` does all the same). Without `--only`, docs/mutation.md is written from all reports then.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

interface Config {
  mutate: string[];
  [option: string]: unknown;
}

const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, again: { type: 'boolean', default: false } } });
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

async function node(...args: string[]): Promise<number | null> {
  const [code] = await once(spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }), 'exit') as [number | null];
  return code;
}

async function mutate(run: string): Promise<boolean> {
  const config = JSON.parse(await readFile(join(ROOT, `test/mutate/${run}.json`), 'utf8')) as Config;
  let isWell = true;
  for (const file of (await filesOf(config)).filter((one) => one.includes(values.only))) {
    const name = `${run}-${basename(file, '.ts')}`;
    const report = join(REPORTS, `${name}.json`);
    if (await isDone(report, file)) {
      console.log(`${file}: its report is there already`);
      continue;
    }
    await mkdir(REPORTS, { recursive: true });
    const own = join(REPORTS, `config-${name}.json`);
    await writeFile(own, JSON.stringify({ ...config, mutate: [file], tempDirName: `.stryker-tmp/${name}`, jsonReporter: { fileName: `.stryker-tmp/${name}.json` } }));
    console.log(`── ${file}`);
    if (await node('node_modules/@stryker-mutator/core/bin/stryker.js', 'run', own) !== 0) isWell = false;
  }
  return isWell;
}

const outcomes = [await mutate('step'), await mutate('store')];
// The page is about all of them.
const written = values.only === '' ? await node('dist/test/mutate/main.js') : 0;
process.exitCode = outcomes.every(Boolean) && written === 0 ? 0 : 1;

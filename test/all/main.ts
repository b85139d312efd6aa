/**
 * `npm run test:all -- [--only WORD] [--fast]`: everything that proves something, in its long form, and the tests on every
 * version of Node that this has to run on. Hours. `--fast` runs the fast tests where the whole suite would be, and short forms;
 * `--only` takes the steps whose name has the word.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_VERSIONS, nodeBinary } from './node-binary.js';

interface Step {
  name: string;
  /** Arguments of the Node binary. */
  args: string[];
  version?: string;
  env?: NodeJS.ProcessEnv;
}

const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, fast: { type: 'boolean', default: false } } });
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MOCHA = ['node_modules/mocha/bin/mocha.js', ...(values.fast ? ['--config', '.mocharc.fast.json'] : [])];
const module = (path: string, ...args: string[]) => ['--enable-source-maps', `dist/test/${path}/main.js`, ...args];
const long = <T>(whole: T, short: T) => (values.fast ? short : whole);

const steps: Step[] = [
  { name: `tests on Node ${process.versions.node}`, args: MOCHA },
  ...NODE_VERSIONS.map((version): Step => ({ name: `tests on Node ${version}`, args: MOCHA, version })),
  {
    name: 'conformance', env: long({ RANDOM_RUNS: '400' }, { RANDOM_RUNS: '80' }),
    args: [MOCHA[0]!, '--no-config', '--timeout', '1800000', 'dist/test/store/embedded.test.js', 'dist/test/redis/conformance.test.js'],
  },
  { name: 'model', args: ['--max-old-space-size=8192', ...module('model-check', ...long(['--full'], []))] },
  { name: 'simulation', args: module('simulate', ...long(['--steps', '10000000'], ['--seconds', '60'])) },
  { name: 'nemesis', args: module('nemesis', '--minutes', ...long(['60'], ['1'])) },
  { name: 'stress', args: module('stress') },
  { name: 'stress with kills', args: module('stress', '--kill', '--minutes', ...long(['10'], ['1'])) },
  { name: 'crash', args: module('crash', '--times', ...long(['20'], ['1'])) },
];

async function take({ name, args, version, env: more }: Step): Promise<boolean> {
  console.log(`── ${name}: node ${args.join(' ')}`);
  const binary = version === undefined ? process.execPath : await nodeBinary(version);
  // Whatever starts `node` by its name gets the same one.
  const env = { ...process.env, ...more, PATH: `${dirname(binary)}:${process.env['PATH']}` };
  const child = spawn(binary, args, { cwd: ROOT, stdio: 'inherit', env });
  const [code] = await once(child, 'exit') as [number | null];
  if (code !== 0) console.log(`FAILED: ${name}`);
  return code === 0;
}

const results: boolean[] = [];
for (const step of steps.filter(({ name }) => name.includes(values.only))) {
  results.push(await take(step).catch((error: Error) => {
    console.log(`FAILED: ${step.name}: ${error.message}`);
    return false;
  }));
}
const failed = results.filter((isWell) => !isWell).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 && results.length > 0 ? 0 : 1);

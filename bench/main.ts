/**
 * `npm run bench -- [--quick] [--json FILE] [--only NAMES] [--stores redis,embedded]`
 * `npm run bench -- --pause [--quick] [--store KIND] [--only SIZE] [--json FILE]`: the pause of writers in a move, by size.
 * Prints every figure with its spread and the promises it is held to; README.md beside this file explains them.
 */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { domainFigures, movePauses } from './domain-figures.js';
import { firstBytes } from './first-byte.js';
import { startGenerator } from './harness/generator.js';
import { runPauses } from './pause/main.js';
import { reportOf, tableOf, type Report } from './report.js';
import { runRounds } from './rounds.js';
import { startSubjects } from './subjects/subjects.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    only: { type: 'string' },
    stores: { type: 'string', default: 'redis,embedded' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    domain: { type: 'boolean', default: false },
    prof: { type: 'string' },
    pause: { type: 'boolean', default: false },
    store: { type: 'string', default: 'redis' },
  },
});
const { quick } = values;
if (values.pause) {
  await runPauses({ quick, store: values.store, only: values.only, json: values.json, prof: values.prof });
  process.exit();
}
const rounds = Number(values.rounds ?? (quick ? 3 : 7));
const durationMs = Number(values.seconds ?? (quick ? 0.7 : 1.5)) * 1000;
const stores = values.stores.split(',');
const progress = (line: string) => console.error(line);

async function throughput(): Promise<Report> {
  const generator = await startGenerator();
  const execArgv = values.prof ? ['--cpu-prof', `--cpu-prof-dir=${values.prof}`] : [];
  const subjects = await startSubjects({ stores, execArgv, only: values.only ? new RegExp(values.only) : undefined });
  try {
    return reportOf(await runRounds(subjects.list, generator, { rounds, durationMs, concurrencies: [1, 32], progress }));
  } finally {
    await generator.close();
    await subjects.close();
  }
}

const report: Report = values.domain ? { ratios: {} } : await throughput();
if (!values.only) {
  const store = stores[0]!;
  Object.assign(report, await domainFigures(store, quick ? 1 : 3, progress));
  Object.assign(report, await firstBytes(quick ? 50 : 300));
  Object.assign(report, await movePauses({ store, sizes: [1 << 10, 64 << 10, 1 << 20], moves: quick ? 10 : 40, progress }));
}
Object.assign(report, { machine: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`, node: process.version, rounds, seconds: durationMs / 1000 });
console.log(tableOf(report));
if (values.json) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);

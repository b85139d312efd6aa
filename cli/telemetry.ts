/** `telemetry`: what functions took, by the oracle's last samples. */
import type { Command } from 'commander';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { domainNamespace, lidOf } from '../runtime/base/ids.js';
import type { KeptSample, SampleSummary } from '../runtime/model/oracle-answers.js';
import { physicalIds } from './oracle-books.js';
import { askOracle } from './oracle-target.js';
import { ago, print, table } from './print.js';
import { examples } from './product.js';
import { findTarget, type Target, type TargetOptions, withTarget } from './target.js';

type Options = TargetOptions & { metric?: string; session?: string; node?: string; samples?: boolean; dir?: string };

export function telemetryCommands(noun: Command): void {
  withTarget(noun.command('performance').description('execution and transfer times, and what functions logged, for each residency of a session; nodes tell them that have performanceSamples'))
    .option('--metric <name>', 'such as function_execution_time')
    .option('--session <id>', 'of this session only')
    .option('--node <name>', 'of this node only')
    .option('--samples', 'each value, instead of their sums')
    .option('--dir <folder>', 'a file for each metric and residency with lines of time and value, as proxy_cli makes them')
    .addHelpText('after', examples('telemetry performance', 'telemetry performance --metric function_execution_time --session anna --samples'))
    .action(async (options: Options) => performance(await findTarget(options), options));
}

async function performance(target: Target, { metric, session, node, samples, dir, json }: Options): Promise<void> {
  const query = new URLSearchParams({ ...(metric !== undefined && { metric }), ...(session !== undefined && { session }), ...(node !== undefined && { node }) });
  if (dir !== undefined || samples) {
    query.set('samples', 'true');
    const told = await askOracle<{ samples: KeptSample[] }>(target, `/api/v1/performance?${query}`);
    if (dir === undefined) return print(told, json, () => table(['METRIC', 'SESSION', 'NODE', 'EPOCH', 'VALUE', 'AT'], told.samples.map((each) => [each.metric, each.session, each.node, each.epoch, each.value, new Date(each.atMs).toISOString()])));
    const files = await writeSamples(target, dir, told.samples);
    return print({ files }, json, () => files.join('\n'));
  }
  const told = await askOracle<{ performance: SampleSummary[] }>(target, `/api/v1/performance?${query}`);
  print(told, json, ({ performance: rows }) => table(['METRIC', 'SESSION', 'NODE', 'EPOCH', 'SAMPLES', 'MEAN', 'P50', 'P99', 'LAST', 'TOLD'], rows.map((each) => [
    each.metric, each.session, each.node, each.epoch, each.count, shown(each.mean), shown(each.p50), shown(each.p99), shown(each.last), ago(each.lastMs, Date.now()),
  ])));
}

/** `<metric>-<pid>.dat`, each line a time in seconds and a value. */
async function writeSamples(target: Target, dir: string, samples: KeptSample[]): Promise<string[]> {
  const [pidOf, { id: domain }] = await Promise.all([physicalIds(target), askOracle<{ id: string }>(target, '/api/v1/domain')]);
  const namespace = domainNamespace(domain);
  const files = new Map<string, string>();
  for (const { metric, session, node, epoch, value, atMs } of samples) {
    const pid = pidOf({ lid: lidOf(session, namespace), current: node, epoch });
    if (pid === undefined) continue;
    const file = join(dir, `${encodeURIComponent(metric)}-${pid}.dat`);
    files.set(file, `${files.get(file) ?? ''}${atMs / 1000},${String(value).replaceAll('\n', '\\n')}\n`);
  }
  await mkdir(dir, { recursive: true });
  for (const [file, text] of files) await writeFile(file, text, { mode: 0o600 });
  return [...files.keys()];
}

function shown(value: number | string | null): string | undefined {
  return typeof value === 'number' ? value.toPrecision(3) : value ?? undefined;
}

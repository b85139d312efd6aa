/** `domain info` and `domain dump`: the domain by its oracle's books. */
import type { Command } from 'commander';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_PAGE } from '../runtime/model/limits.js';
import type { Overview, RegisteredNode } from '../runtime/model/oracle-answers.js';
import { allInstances } from './oracle-books.js';
import { askOracle, oracleOf } from './oracle-target.js';
import { ago, facts, print } from './print.js';
import { examples } from './product.js';
import { findTarget, type Target, type TargetOptions, withTarget } from './target.js';

export function domainInfoCommands(noun: Command): void {
  withTarget(noun.command('info').description('the domain as its oracle sees it: id, size, policy, mirror'))
    .addHelpText('after', examples('domain info'))
    .action(async (options: TargetOptions) => print(await infoOf(await findTarget(options)), options.json, facts));

  withTarget(noun.command('dump').description('everything that the oracle knows, as JSON: nodes, functions, sessions, intents, samples'))
    .option('--dir <folder>', 'a file for each part into this folder, instead of all of it here')
    .addHelpText('after', examples('domain dump > domain.json', 'domain dump --dir ./dump'))
    .action(async (options: TargetOptions & { dir?: string }) => {
      const parts = await dumpOf(await findTarget(options));
      if (options.dir === undefined) return print(parts, true, String);
      await mkdir(options.dir, { recursive: true });
      const files = Object.keys(parts).map((name) => join(options.dir!, `${name}.json`));
      // Sessions and what they did are nobody else's business.
      await Promise.all(Object.values(parts).map((part, at) => writeFile(files[at]!, `${JSON.stringify(part, undefined, 2)}\n`, { mode: 0o600 })));
      print({ files }, options.json, () => files.join('\n'));
    });
}

async function infoOf(target: Target): Promise<object> {
  const [{ version, domain, policy, totals, oracle }, nodes] = await Promise.all([
    askOracle<Overview>(target, '/api/v1/overview'), askOracle<RegisteredNode[]>(target, '/api/v1/nodes'),
  ]);
  const failed = nodes.filter(({ state }) => state === 'failed').map(({ name }) => name);
  return {
    domain, version, oracle: oracleOf(target), started: ago(oracle.startedMs, Date.now()), nodes: nodes.length, ...(failed.length > 0 && { failed }), sessions: totals.sessions,
    policy: policy.name, openIntents: totals.open, movesPerMinute: totals.movesPerMinute, mirror: oracle.mirror, dataset: oracle.dataset,
  };
}

async function dumpOf(target: Target): Promise<Record<string, unknown>> {
  const ask = <T>(path: string) => askOracle<T>(target, `/api/v1/${path}`);
  const nodes = await ask<RegisteredNode[]>('nodes');
  const told = [];
  // One after the other: a thousand nodes would be three thousand questions at once.
  for (const node of nodes) {
    const path = `nodes/${encodeURIComponent(node.name)}`;
    const [{ capabilities }, { health }, { load }] = await Promise.all([ask<{ capabilities: unknown }>(`${path}/capabilities`), ask<{ health: unknown }>(`${path}/health`), ask<{ load: unknown }>(`${path}/load`)]);
    told.push({ ...node, capabilities, health, load });
  }
  const [info, { functions }, sessions, { intents }, policy, { samples }] = await Promise.all([
    infoOf(target), ask<{ functions: unknown }>('functions'), allInstances(target), ask<{ intents: unknown }>(`intents?limit=${MAX_PAGE}`), ask('policy'), ask<{ samples: unknown }>('performance?samples=true'),
  ]);
  return { domain: info, nodes: told, functions, sessions, intents, policy, performance: samples };
}

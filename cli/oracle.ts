/** `oracle`: what the oracle knows, and what its policies would do. */
import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { fileURLToPath } from 'node:url';
import type { ListedSession } from '../runtime/model/oracle-answers.js';
import { askOracle } from './oracle-target.js';
import { ago, facts, print, table } from './print.js';
import { examples } from './product.js';
import { findTarget, type TargetOptions, withTarget } from './target.js';

const SIMULATOR = fileURLToPath(new URL('../oracle/simulate/main.js', import.meta.url));

export function oracleCommands(noun: Command): void {
  withTarget(noun.command('sessions').description('where every session is, in the oracle\'s books'))
    .option('--node <name>', 'only those on this node')
    .option('--limit <number>', 'at most so many', '100')
    .addHelpText('after', examples('oracle sessions --node milan'))
    .action(async (options: TargetOptions & { node?: string; limit: string }) => {
      const query = new URLSearchParams({ limit: options.limit, ...(options.node !== undefined && { node: options.node }) });
      const found = await askOracle<{ total: number; sessions: ListedSession[] }>(await findTarget(options), `/api/v1/sessions?${query}`);
      print(found, options.json, ({ total, sessions }) => [
        table(['SESSION', 'LID', 'NODE', 'HOME', 'EPOCH', 'BYTES', 'REQUESTS/S', 'FUNCTIONS', 'USED'], sessions.map((each) => [
          each.id, each.lid, each.current, each.home, each.epoch, each.bytes, each.requestsPerSecond.toFixed(1), each.functions.join(', '), ago(each.lastAccessMs, Date.now()),
        ])),
        `${sessions.length} of ${total}`,
      ].join('\n'));
    });

  withTarget(noun.command('session').argument('<id>', 'a session\'s id, or its lid').description('one session, in the oracle\'s books'))
    .addHelpText('after', examples('oracle session anna'))
    .action(async (id: string, options: TargetOptions) => print(await askOracle<object>(await findTarget(options), `/api/v1/sessions/${encodeURIComponent(id)}`), options.json, facts));

  withTarget(noun.command('policy').description('the policy that decides who moves'))
    .addHelpText('after', examples('oracle policy'))
    .action(async (options: TargetOptions) => print(await askOracle<object>(await findTarget(options), '/api/v1/policy'), options.json, facts));

  noun.command('simulate').description('policies side by side on a trace: latency percentiles, moves, megabytes × hops, refused requests')
    .option('--policy <names...>', 'names of policies, or all', ['none', 'balanced'])
    .option('--trace <traces...>', 'hot-leaf, wave, flash-crowd, roaming, even or big-sessions with a seed (hot-leaf:7), or the folder of a dataset', ['hot-leaf:1'])
    .option('--seconds <number>', 'length of a synthetic trace')
    .option('--sessions <number>', 'sessions of a synthetic trace')
    .option('--load <share>', 'requests of a synthetic trace, as a share of all the leaves\' capacity')
    .option('--settings <json>', 'numbers of the policies, such as {"high":0.9}')
    .option('--best', 'the best fixed placement as well, found by trying them all: for a handful of sessions')
    .option('--plot <file>', 'draw the first trace\'s response times as SVG')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('oracle simulate --policy all --trace hot-leaf:7', 'oracle simulate --policy none balanced --trace wave:3 --plot wave.svg'))
    .action(async (options: Record<string, string | string[] | boolean>) => {
      const args = Object.entries(options).flatMap(([name, value]) => [value].flat().flatMap((each) => each === true ? [`--${name}`] : each === false ? [] : [`--${name}`, String(each)]));
      // A process of its own: it computes for as long as it takes, and Ctrl-C ends it.
      const child = spawn(process.execPath, [SIMULATOR, ...args], { stdio: 'inherit' });
      process.exitCode = await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
    });
}

/** `node`: look at single nodes, take them out of service, add one. */
import type { Command } from 'commander';
import type { RegisteredNode } from '../runtime/model/oracle-answers.js';
import { CliFailure, EXIT } from './failure.js';
import { keyValue, wholeNumber } from './options.js';
import { askOracle } from './oracle-target.js';
import { facts, print, table } from './print.js';
import { examples } from './product.js';
import { findTarget, nodeNamed, type Target, type TargetOptions, withTarget } from './target.js';

export function nodeCommands(noun: Command): void {
  withTarget(noun.command('list').description('the nodes of the domain'))
    .addHelpText('after', examples('node list'))
    .action(async (options: TargetOptions) => {
      const { nodes, client, oracleUrl } = await findTarget(options);
      // The oracle also knows the nodes that joined later; without it there are those of the state folder.
      const known = oracleUrl === undefined ? undefined : await client.json<ListedNode[]>(oracleUrl, 'GET', '/api/v1/nodes').catch(unlessUnreachable);
      const rows: ListedNode[] = known ?? nodes;
      print({ nodes: rows }, options.json, () => table(
        ['NODE', 'LEVEL', 'PARENT', 'URL', 'STATE'],
        rows.map(({ name, level, parent, url, state }) => [name, level, parent ?? undefined, url, state]),
      ));
    });

  withTarget(noun.command('show').argument('<node>').description('what a node says about itself'))
    .addHelpText('after', examples('node show milan'))
    .action(async (name: string, options: TargetOptions) => {
      const target = await findTarget(options);
      print(await target.client.json<object>(nodeNamed(target, name).url, 'GET', '/api/v1/node'), options.json, facts);
    });

  for (const [what, about] of [['capabilities', 'what the machine of a node is'], ['health', 'how it is: memory, load, network, disks'], ['load', 'how busy it is, as policies see it']] as const) {
    withTarget(noun.command(what).argument('[node]', 'without one all of them').description(`${about}, as it told the oracle`))
      .addHelpText('after', examples(`node ${what}`, `node ${what} milan`))
      .action(async (name: string | undefined, options: TargetOptions) => {
        const target = await findTarget(options);
        if (name === undefined) return showAll(target, what, options.json);
        const told = await askOracle<Record<string, object | null>>(target, `/api/v1/nodes/${encodeURIComponent(name)}/${what}`);
        print(told, options.json, (each) => facts(each[what] ?? { [what]: 'not told yet' }));
      });
  }

  for (const [verb, status, about] of [
    ['cordon', 'reject', 'a node takes no more sessions; those it would get go to its parent'], ['uncordon', 'accept', 'a node takes sessions again'],
  ] as const) {
    withTarget(noun.command(verb).argument('<node>').description(about))
      .addHelpText('after', examples(`node ${verb} milan`))
      .action(async (name: string, options: TargetOptions) => {
        const target = await findTarget(options);
        const path = `/function/set-offload-status?status=${status}`;
        print(await target.client.json<object>(nodeNamed(target, name).url, 'POST', path), options.json, facts);
      });
  }

  noun.command('start').description('run one node here that joins a domain, on this or another machine; Ctrl-C stops it')
    .requiredOption('--parent <url>', 'gateway of the node above it')
    .requiredOption('--peer-key <file>', 'copy of the domain\'s file peer-key')
    .option('--name <name>', 'its name (default: the name of this machine)')
    .option('--level <level>', 'its level', 'edge')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 takes a free one', wholeNumber, 0)
    .option('--url <url>', 'where the others reach it (default: http://host:port)')
    .option('--oracle <url>', 'the domain\'s oracle, where it can be reached')
    .option('--domain-id <id>', 'id of the domain', 'local')
    .option('--label <key=value>', 'a label; may be given again', keyValue)
    .option('--store <store>', 'auto, redis, embedded, memory, or an address', 'auto')
    .option('--password-file <file>', 'file with the admin\'s password (default: ADMIN_PASSWORD, else made in its state folder)')
    .option('--state <folder>', 'its state folder (default: .state/<name>)')
    .addHelpText('after', examples('node start --parent http://10.0.0.5:8081 --peer-key ./peer-key --name milan-003 \\\n    --host 0.0.0.0 --port 8080 --url http://10.0.0.9:8080'))
    .action(async (options: NodeStartOptions) => (await import('./up/one-node.js')).runNode(options));
}

/** Of all that a node tells, what fits beside each other; the JSON has the rest. */
const COLUMNS = {
  capabilities: ['num_cpus', 'num_cores', 'mem_size', 'disk_tot_space', 'num_gpus', 'model_name_cpu'],
  health: ['mem_available', 'mem_used', 'proc_cpu_usage', 'proc_memory', 'load_avg_1', 'disk_free_space'],
  load: ['capacity', 'busy', 'waiting', 'latencyMs', 'memoryUsedBytes', 'memoryLimitBytes'],
};

async function showAll(target: Target, what: keyof typeof COLUMNS, asJson: boolean | undefined): Promise<void> {
  const nodes = await askOracle<ListedNode[]>(target, '/api/v1/nodes');
  const told: { node: string; told: Record<string, unknown> | null }[] = [];
  for (const { name } of nodes) {
    const answer = await askOracle<Record<string, Record<string, unknown> | null>>(target, `/api/v1/nodes/${encodeURIComponent(name)}/${what}`);
    told.push({ node: name, told: answer[what] ?? null });
  }
  print({ nodes: told.map((each) => ({ node: each.node, [what]: each.told })) }, asJson, () => table(
    ['NODE', ...COLUMNS[what].map((column) => column.toUpperCase())],
    told.map((each) => [each.node, ...COLUMNS[what].map((column) => each.told === null ? undefined : valueOf(each.told[column]))]),
  ));
}

function valueOf(value: unknown): string {
  return typeof value === 'number' ? String(Math.round(value * 100) / 100) : String(value);
}

/** As the oracle knows it, or the state folder when there is no oracle to ask. */
type ListedNode = Pick<RegisteredNode, 'name' | 'level' | 'url'> & Partial<Pick<RegisteredNode, 'parent' | 'state'>>;

export interface NodeStartOptions {
  parent: string;
  peerKey: string;
  name?: string;
  level: string;
  host: string;
  port: number;
  url?: string;
  oracle?: string;
  domainId: string;
  label?: Record<string, string>;
  store: string;
  passwordFile?: string;
  state?: string;
}

function unlessUnreachable(error: unknown): undefined {
  if (!(error instanceof CliFailure) || error.exitCode !== EXIT.unreachable) throw error;
}

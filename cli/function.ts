/** `function`: deploy, invoke and remove functions. */
import type { Command } from 'commander';
import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { appliesAt, CONSTRAINT_FORM, isConstraint } from '../runtime/base/constraints.js';
import { Client } from './client.js';
import { bundleOf, deploy, type FunctionStatus, imageOf } from './deploy.js';
import { allNodes, describeNodes, type NodeStatus } from './describe-nodes.js';
import { CliFailure, EXIT, wrongUsage } from './failure.js';
import { callCommand } from './function-calls.js';
import { keyValue, several } from './options.js';
import { askOracle } from './oracle-target.js';
import { constraintsOf, type Placement, PLACEMENT_OPTIONS, subtreeOf } from './placement.js';
import { facts, print, table } from './print.js';
import { examples } from './product.js';
import { findTarget, nodeNamed, type Target, type TargetOptions, withTarget } from './target.js';
import { readStack, type StackFunction } from './up/stack.js';

type Options = TargetOptions & {
  node?: string; name?: string; scope?: 'node'; env?: Record<string, string>; label?: Record<string, string>;
  annotation?: Record<string, string>; constraint?: string[]; dryRun?: boolean;
} & Placement;
type InvokeOptions = TargetOptions & {
  node?: string; session?: string; requestId?: string; method: string; data?: string; query?: Record<string, string>; header?: Record<string, string>;
};

const AT = ['--node <name>', 'at this node and below it (default: the root)'] as const;

/** A function in the oracle's books. */
interface FunctionUse {
  name: string;
  nodes: string[];
  sessions: number;
  bytes: number;
  requestsPerSecond: number;
}

export function functionCommands(noun: Command): void {
  withTarget(noun.command('list').description('functions that run on a node'))
    .option('--node <name>', 'the node (default: the root)')
    .addHelpText('after', examples('function list --node milan'))
    .action(async (options: Options) => {
      const target = await findTarget(options);
      const functions = await target.client.json<FunctionStatus[]>(nodeNamed(target, options.node).url, 'GET', '/system/functions');
      print(functions, options.json, () => table(
        ['FUNCTION', 'KIND', 'CALLS', 'CONSTRAINTS', 'DEPLOYED'],
        functions.map(({ name, kind, invocationCount, constraints, createdAt }) => [name, kind, invocationCount, constraints?.join(' '), createdAt]),
      ));
    });

  withTarget(noun.command('instances').description('where each function runs, and what its sessions are, by the oracle\'s books'))
    .option('--function <name>', 'of this one only')
    .addHelpText('after', examples('function instances'))
    .action(async (options: TargetOptions & { function?: string }) => {
      const { functions } = await askOracle<{ functions: FunctionUse[] }>(await findTarget(options), '/api/v1/functions');
      const rows = functions.filter(({ name }) => options.function === undefined || name === options.function);
      print({ functions: rows }, options.json, () => table(
        ['FUNCTION', 'NODES', 'SESSIONS', 'BYTES', 'REQUESTS/S'], rows.map((each) => [each.name, each.nodes.join(' '), each.sessions, each.bytes, each.requestsPerSecond.toFixed(1)]),
      ));
    });

  withTarget(noun.command('describe').argument('<function>').description('everything a node knows about a function'))
    .option('--node <name>', 'the node (default: the root)')
    .addHelpText('after', examples('function describe shopping-cart'))
    .action(async (name: string, options: Options) => {
      const target = await findTarget(options);
      print(await target.client.json<object>(nodeNamed(target, options.node).url, 'GET', `/system/function/${encodeURIComponent(name)}`), options.json, facts);
    });

  noun.command('new').argument('<folder>').description('make a folder with a new function, its unit test and a README, from the template')
    .option('--language <language>', 'ts or js', 'ts')
    .addHelpText('after', examples('function new ../my-function', 'function new ../my-function --language js'))
    .action(async (folder: string, options: { language?: string }) => (await import('./new-function.js')).newFunction(folder, options));

  noun.command('test').argument('[folder]', 'folder of the function (default: this one)').description('run the unit tests of a function; it needs no domain')
    .addHelpText('after', examples('function test ../my-function'))
    .action(async (folder: string | undefined) => (await import('./new-function.js')).testFunction(folder ?? '.'));

  const deploying = withTarget(noun.command('deploy').argument('<folder|stack.yml>')
    .description('bundle a function\'s folder, or all of a stack, and deploy it; it then runs on just the nodes that are chosen here'));
  for (const [flags, about] of PLACEMENT_OPTIONS) deploying.option(flags, about, several);
  deploying
    .option(...AT)
    .option('--name <name>', 'name of the function (default: the folder\'s)')
    .option('--scope <scope>', '"node" deploys at that node only, not below it')
    .option('--env <key=value>', 'a variable of its environment; may be given again', keyValue)
    .option('--label <key=value>', 'a label; may be given again', keyValue)
    .option('--annotation <key=value>', 'such as worker=inline or timeout-ms=5000; may be given again', keyValue)
    .option('--constraint <rule>', 'such as level=edge, node=milan* or zone!=north; may be given again, and all must hold', several)
    .option('--dry-run', 'only say where it would run, and where it would be taken from')
    .addHelpText('after', examples(
      'function deploy ./functions/shopping-cart', 'function deploy ./stack.yml', 'function deploy ./mine --in-every edge --in milan --except milan-002 --dry-run', 'function deploy ./mine --in blue',
      'function deploy ./mine --name mine --constraint level=edge',
    ))
    .action(deployAll);

  withTarget(noun.command('remove').argument('<function>').description('take a function off a node and all nodes below it'))
    .option(...AT)
    .option('--scope <scope>', '"node" removes it from that node only')
    .addHelpText('after', examples('function remove mine'))
    .action(async (name: string, options: Options) => {
      const target = await findTarget(options);
      const query = new URLSearchParams({ wait: 'subtree', ...(options.scope && { scope: options.scope }) });
      print(await target.client.json<object>(nodeNamed(target, options.node).url, 'DELETE', `/system/functions?${query}`, { body: { functionName: name } }), options.json, facts);
    });

  callCommand(noun);

  withTarget(noun.command('invoke').argument('<function>').description('call a function and print its answer'))
    .option('--node <name>', 'node to call (default: the root)')
    .option('--session <id>', 'session of the call')
    .option('--request-id <uuid>', 'the same id again gives the same answer and takes effect once')
    .option('--method <method>', 'HTTP method', 'POST')
    .option('--data <text>', 'body; @file reads it from a file')
    .option('--query <key=value>', 'a query parameter; may be given again', keyValue)
    .option('--header <key=value>', 'a header; may be given again', keyValue)
    .addHelpText('after', examples('function invoke shopping-cart --session anna --query product=milk'))
    .action(invoke);
}

interface Deployed {
  function: string;
  image?: string;
  constraints: string[];
  /** Where it runs now, or would. */
  nodes: string[];
  /** Where it ran and does not any more, or would not. */
  removed: string[];
  /** Where word of it has not arrived yet. */
  pending: string[];
}

async function deployAll(source: string, options: Options): Promise<void> {
  const { scope, dryRun, json } = options;
  if (scope !== undefined && scope !== 'node') throw wrongUsage('--scope is "node", or left out');
  const placed = [options.inEvery, options.in, options.except].some((values) => values !== undefined);
  if (placed && scope === 'node') throw wrongUsage('--scope node names one node, --in-every, --in and --except choose among many: use one of them');
  const functions = await functionsOf(source, options);
  const target = await findTarget(options);
  const start = nodeNamed(target, options.node);
  const area = scope === 'node' ? [start] : subtreeOf(start, await allNodes(target));
  const before = await describeNodes(target, area);
  const chosen = placed ? constraintsOf(options, before) : [];
  const done: Deployed[] = [];
  for (const each of functions) {
    const constraints = [...each.constraints ?? [], ...chosen];
    const wrong = constraints.find((constraint) => !isConstraint(constraint));
    if (wrong !== undefined) throw wrongUsage(`${wrong} is not of the form ${CONSTRAINT_FORM}`);
    const plan = planOf(each.name, constraints, before);
    if (plan.nodes.length === 0) throw wrongUsage(`${each.name} would run nowhere: no node is ${constraints.join(' and ')}`);
    done.push(dryRun ? plan : await carryOut(plan, { ...each, ...(constraints.length > 0 && { constraints }) }, target, start.url, scope));
  }
  print(done, json, () => shownPlan(done, dryRun));
}

/** @param nodes those that a deployment would reach */
function planOf(name: string, constraints: string[], nodes: NodeStatus[]): Deployed {
  const runs = nodes.filter((node) => appliesAt(node, constraints));
  const loses = nodes.filter((node) => node.functions?.includes(name) && !runs.includes(node));
  return { function: name, constraints, nodes: runs.map((node) => node.name), removed: loses.map((node) => node.name), pending: [] };
}

async function carryOut(plan: Deployed, given: StackFunction, { client }: Target, url: string, scope: 'node' | undefined): Promise<Deployed> {
  const bundle = await bundleOf(given);
  const { nodes = [], pending = [] } = await deploy(client, url, given, bundle, { wait: true, ...(scope && { scope }) }) ?? {};
  return { ...plan, image: imageOf(bundle), nodes: plan.nodes.filter((name) => nodes.includes(name)), pending };
}

function shownPlan(plans: Deployed[], dryRun: boolean | undefined): string {
  const header = ['FUNCTION', dryRun ? 'WOULD RUN ON' : 'NODES', dryRun ? 'WOULD LEAVE' : 'TAKEN FROM', ...(dryRun ? [] : ['STILL WITHOUT IT']), 'CONSTRAINTS'];
  return table(header, plans.map(({ function: name, nodes, removed, pending, constraints }) =>
    [name, nodes.join(' '), removed.join(' '), ...(dryRun ? [] : [pending.join(' ')]), constraints.join(' ')]));
}

async function functionsOf(source: string, options: Options): Promise<StackFunction[]> {
  const path = resolve(source);
  const found = await stat(path).catch(() => undefined);
  if (!found) throw wrongUsage(`there is no ${path}`);
  if (found.isFile()) return (await readStack(path, process.env))!;
  const { name = basename(path), env, label, annotation, constraint } = options;
  return [{ name, folder: path, ...(env && { envVars: env }), ...(label && { labels: label }), ...(annotation && { annotations: annotation }), ...(constraint && { constraints: constraint }) }];
}

async function invoke(name: string, options: InvokeOptions): Promise<void> {
  const target = await findTarget(options);
  const { session, requestId, method, data, query = {}, header = {} } = options;
  const body = data?.startsWith('@') ? await readFile(data.slice(1)) : data === undefined ? undefined : Buffer.from(data);
  const parameters = new URLSearchParams(query).toString();
  const path = `/function/${encodeURIComponent(name)}${parameters && `?${parameters}`}`;
  const headers = { ...header, ...(session !== undefined && { 'x-session': session }), ...(requestId !== undefined && { 'x-session-request-id': requestId }) };
  // A user's function has no business with the admin's password.
  const answer = await new Client().send(nodeNamed(target, options.node).url, method.toUpperCase(), path, { headers, ...(body && { body }) });
  const text = answer.bytes.toString('utf8');
  if (options.json) print({ status: answer.status, headers: Object.fromEntries(answer.headers), body: text }, true, String);
  else if (answer.status < 400) process.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  else throw new CliFailure(`${name} answered ${answer.status}: ${sentenceOf(text)}`);
  if (answer.status >= 400) process.exitCode = EXIT.refused;
}

/** A node's own errors as `sentence (CODE)`; what a function answered stays as it is. */
function sentenceOf(text: string): string {
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown };
    if (typeof message === 'string') return typeof code === 'string' ? `${message} (${code})` : message;
  } catch {
    // No JSON.
  }
  return text.trim().split('\n')[0]!;
}

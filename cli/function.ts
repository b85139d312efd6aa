/** `function`: deploy, invoke and remove functions. */
import type { Command } from 'commander';
import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Client } from './client.js';
import { bundleOf, deploy, type FunctionStatus, imageOf } from './deploy.js';
import { CliFailure, EXIT, wrongUsage } from './failure.js';
import { keyValue, several } from './options.js';
import { facts, print, table } from './print.js';
import { examples } from './product.js';
import { findTarget, nodeNamed, type TargetOptions, withTarget } from './target.js';
import { readStack, type StackFunction } from './up/stack.js';

type Options = TargetOptions & {
  node?: string; name?: string; scope?: 'node'; env?: Record<string, string>; label?: Record<string, string>;
  annotation?: Record<string, string>; constraint?: string[];
};
type InvokeOptions = TargetOptions & {
  node?: string; session?: string; requestId?: string; method: string; data?: string; query?: Record<string, string>; header?: Record<string, string>;
};

const AT = ['--node <name>', 'at this node and below it (default: the root)'] as const;

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

  withTarget(noun.command('describe').argument('<function>').description('everything a node knows about a function'))
    .option('--node <name>', 'the node (default: the root)')
    .addHelpText('after', examples('function describe shopping-cart'))
    .action(async (name: string, options: Options) => {
      const target = await findTarget(options);
      print(await target.client.json<object>(nodeNamed(target, options.node).url, 'GET', `/system/function/${encodeURIComponent(name)}`), options.json, facts);
    });

  withTarget(noun.command('deploy').argument('<folder|stack.yml>').description('bundle a function\'s folder, or all of a stack, and deploy it'))
    .option(...AT)
    .option('--name <name>', 'name of the function (default: the folder\'s)')
    .option('--scope <scope>', '"node" deploys at that node only, not below it')
    .option('--env <key=value>', 'a variable of its environment; may be given again', keyValue)
    .option('--label <key=value>', 'a label; may be given again', keyValue)
    .option('--annotation <key=value>', 'such as worker=inline or timeout-ms=5000; may be given again', keyValue)
    .option('--constraint <rule>', 'such as level=edge or node=milan*; may be given again', several)
    .addHelpText('after', examples('function deploy ./functions/shopping-cart', 'function deploy ./stack.yml', 'function deploy ./mine --name mine --constraint level=edge'))
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

async function deployAll(source: string, options: Options): Promise<void> {
  if (options.scope !== undefined && options.scope !== 'node') throw wrongUsage('--scope is "node", or left out');
  const functions = await functionsOf(source, options);
  const target = await findTarget(options);
  const { url } = nodeNamed(target, options.node);
  const done: { function: string; image: string; nodes: string[]; pending: string[] }[] = [];
  for (const each of functions) {
    const bundle = await bundleOf(each);
    const spread = await deploy(target.client, url, each, bundle, { wait: true, ...(options.scope && { scope: options.scope }) });
    done.push({ function: each.name, image: imageOf(bundle), nodes: spread?.nodes ?? [], pending: spread?.pending ?? [] });
  }
  print(done, options.json, () => table(['FUNCTION', 'NODES', 'STILL WITHOUT IT'], done.map((each) => [each.function, each.nodes.join(' '), each.pending.join(' ')])));
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

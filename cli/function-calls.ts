/** `function calls`: what became of asynchronous calls; the dead are begun anew or dropped. */
import type { Command } from 'commander';
import { wrongUsage } from './failure.js';
import { facts, print, table } from './print.js';
import { examples } from './product.js';
import { findTarget, nodeNamed, type Target, type TargetOptions, withTarget } from './target.js';

interface Call {
  id: string;
  callId: string;
  function: string;
  state: string;
  attempts: number;
  queuedAt: string;
  status?: number;
  reason?: string;
}

type Options = TargetOptions & { node?: string; state?: string; function?: string };

const PATH = '/system/async-calls';

export function callCommand(noun: Command): void {
  withTarget(noun.command('calls').argument('[verb]', 'list, show, retry or drop', 'list').argument('[id]', 'id of the call').description('asynchronous calls that wait or are dead'))
    .option('--node <name>', 'the node that took them (default: the root)')
    .option('--state <state>', 'only those that are waiting, running, answering or dead')
    .option('--function <name>', 'only those of this function')
    .addHelpText('after', examples('function calls --state dead', 'function calls retry 3f0c9d5e-7a54-4d52-9d0a-0d6a3b1c2e4f'))
    .action(run);
}

async function run(verb: string, id: string | undefined, options: Options): Promise<void> {
  const target = await findTarget(options);
  const { url } = nodeNamed(target, options.node);
  if (verb === 'list') return list(target, url, options);
  if (!['show', 'retry', 'drop'].includes(verb)) throw wrongUsage(`there is no verb ${verb}: use list, show, retry or drop`);
  if (id === undefined) throw wrongUsage(`${verb} needs the id of a call`);
  const path = `${PATH}/${encodeURIComponent(id)}`;
  if (verb === 'show') return print(await target.client.json<object>(url, 'GET', path), options.json, facts);
  if (verb === 'retry') await target.client.call(url, 'POST', `${path}/retry`);
  else await target.client.call(url, 'DELETE', path);
  print({ id, done: verb }, options.json, () => (verb === 'retry' ? 'it begins anew' : 'dropped'));
}

async function list({ client }: Target, url: string, { state, function: name, json }: Options): Promise<void> {
  const query = new URLSearchParams({ limit: '1000', ...(state && { state }), ...(name && { function: name }) });
  const found = await client.json<{ total: number; calls: Call[] }>(url, 'GET', `${PATH}?${query}`);
  print(found, json, ({ total, calls }) => {
    const rows = calls.map((call) => [call.id, call.function, call.state, call.attempts, call.status, call.queuedAt, call.reason]);
    return `${table(['ID', 'FUNCTION', 'STATE', 'TRIES', 'STATUS', 'QUEUED', 'REASON'], rows)}${total > calls.length ? `\nand ${total - calls.length} more` : ''}`;
  });
}

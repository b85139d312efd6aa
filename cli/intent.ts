/** `intent`: wishes to change placement, through the oracle's queue. */
import type { Command } from 'commander';
import type { Intent, Wish } from '../runtime/model/oracle-answers.js';
import { CliFailure } from './failure.js';
import { askOracle, oracleOf } from './oracle-target.js';
import { ago, print, table } from './print.js';
import { examples } from './product.js';
import { findTarget, type TargetOptions, withTarget } from './target.js';

type Options = TargetOptions & { to: string; rehome?: boolean; reason?: string; wait: string; state?: string };

export function intentCommands(noun: Command): void {
  withTarget(noun.command('migrate').argument('<session>').description('ask the oracle to move a session, after what was asked before'))
    .requiredOption('--to <node>', 'node that is to hold it')
    .option('--rehome', 'let any node be its home from now on')
    .option('--reason <text>', 'for whoever reads the list')
    .option('--wait <seconds>', 'wait so long for the end of it', '30')
    .addHelpText('after', examples('intent migrate anna --to cloud', 'intent migrate anna --to turin-001 --rehome --wait 0'))
    .action((session: string, { to, rehome, ...options }: Options) => submit({ kind: 'migrate', session, to, ...(rehome && { rehome }) }, options as Options));

  for (const kind of ['cordon', 'uncordon'] as const) {
    withTarget(noun.command(kind).argument('<node>').description(kind === 'cordon' ? 'a node takes no more sessions, and no policy changes that' : 'a node takes sessions again'))
      .option('--reason <text>', 'for whoever reads the list')
      .option('--wait <seconds>', 'wait so long for the end of it', '30')
      .addHelpText('after', examples(`intent ${kind} milan`))
      .action((node: string, options: Options) => submit({ kind, node }, options));
  }

  withTarget(noun.command('list').description('what is asked for, and what became of what was'))
    .option('--state <state>', 'waiting, running, done or refused')
    .addHelpText('after', examples('intent list', 'intent list --state refused'))
    .action(async (options: Options) => {
      const query = options.state === undefined ? '' : `?state=${encodeURIComponent(options.state)}`;
      const { intents } = await askOracle<{ intents: Intent[] }>(await findTarget(options), `/api/v1/intents${query}`);
      print({ intents }, options.json, () => table(
        ['INTENT', 'WHAT', 'BY', 'STATE', 'ANSWER', 'REASON', 'ASKED'],
        intents.map((each) => [each.id.slice(0, 8), wishOf(each), each.by, each.state, each.answer, each.reason, ago(each.createdMs, Date.now())]),
      ));
    });
}

async function submit(wish: Wish, options: Options): Promise<void> {
  const target = await findTarget(options);
  const { reason, wait } = options;
  const intent = await target.client.json<Intent>(oracleOf(target), 'POST', `/api/v1/intents?wait=${encodeURIComponent(wait)}`, {
    body: { ...wish, ...(reason !== undefined && { reason }) }, timeoutMs: Number(wait) * 1000 + 10_000,
  });
  if (intent.state === 'refused') throw new CliFailure(`${wishOf(intent)} was refused: ${intent.answer}`, undefined, intent);
  print(intent, options.json, () => `${wishOf(intent)}: ${intent.answer ?? intent.state}`);
}

function wishOf({ wish }: Intent): string {
  return wish.kind === 'migrate' ? `migrate ${wish.session} to ${wish.to}${wish.rehome ? ', as its home' : ''}` : `${wish.kind} ${wish.node}`;
}

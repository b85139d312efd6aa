#!/usr/bin/env node
/** The command line: one noun a file, each loaded only when it is called. */
import { Command, CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { CliFailure, EXIT } from './failure.js';

const NOUNS: Record<string, { about: string; load(): Promise<(noun: Command) => void> }> = {
  domain: { about: 'start, stop and look at a whole domain on this machine', load: async () => (await import('./domain.js')).domainCommands },
  node: { about: 'look at single nodes, take them out of service, add one', load: async () => (await import('./node.js')).nodeCommands },
  session: { about: 'find sessions and move them', load: async () => (await import('./session.js')).sessionCommands },
  function: { about: 'deploy, invoke and remove functions', load: async () => (await import('./function.js')).functionCommands },
};

const EXAMPLES = `
Examples:
  domain up                        start the domain of domain.yml and keep it running
  domain status                    is everything up?
  session list                     every session, and where it is
  session migrate anna --to cloud  move a session
  function deploy ./my-function    put a function on every node

Each noun and each verb has its own --help.
Exit codes: 0 done, 1 refused, 2 wrong usage, 3 cannot be reached.`;

async function main(): Promise<void> {
  const { name: product, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { name: string; version: string };
  const program = new Command(product).description('Stateful functions on a tree of nodes.').version(version).addHelpText('after', EXAMPLES);
  program.exitOverride().showHelpAfterError('Add --help to see how it is used.');
  const wanted = process.argv[2];
  for (const [name, { about, load }] of Object.entries(NOUNS)) {
    const noun = program.command(name).description(about);
    if (name === wanted) (await load())(noun);
  }
  if (wanted === undefined) program.help({ error: true });
  await program.parseAsync();
}

main().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return;
  }
  process.exitCode = error instanceof CliFailure ? error.exitCode : EXIT.refused;
  const asJson = process.argv.includes('--json');
  const message = (error as Error).message ?? String(error);
  const details = error instanceof CliFailure ? error.details : undefined;
  console.error(asJson ? JSON.stringify(details ?? { message }) : `error: ${message}`);
  if (process.env.DEBUG && error instanceof Error) console.error(error.stack);
});

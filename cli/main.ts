#!/usr/bin/env node
/** The command line: one noun a file, each loaded only when it is called. */
import { Command, CommanderError } from 'commander';
import { CliFailure, EXIT, wrongUsage } from './failure.js';
import { examples, product, spelled } from './product.js';

interface Noun {
  about: string;
  examples: string[];
  load(): Promise<(noun: Command) => void>;
}

const NOUNS: Record<string, Noun> = {
  domain: {
    about: 'check, start, show and stop a whole domain on this machine', load: async () => (await import('./domain.js')).domainCommands,
    examples: ['domain up', 'domain info', 'domain check infrastructure.json', 'domain show', 'domain down'],
  },
  node: {
    about: 'look at single nodes, take them out of service, add one', load: async () => (await import('./node.js')).nodeCommands,
    examples: ['node list', 'node cordon milan'],
  },
  session: {
    about: 'find sessions and move them', load: async () => (await import('./session.js')).sessionCommands,
    examples: ['session list', 'session offload anna', 'session migrate anna --to cloud'],
  },
  intent: {
    about: 'ask the oracle for moves, and see what became of them', load: async () => (await import('./intent.js')).intentCommands,
    examples: ['intent migrate anna --to cloud', 'intent list'],
  },
  oracle: {
    about: 'what the oracle knows, and what its policies would do', load: async () => (await import('./oracle.js')).oracleCommands,
    examples: ['oracle sessions', 'oracle simulate --policy all --trace hot-leaf:7'],
  },
  function: {
    about: 'write, test, deploy, invoke and remove functions', load: async () => (await import('./function.js')).functionCommands,
    examples: ['function new ./my-function', 'function test ./my-function', 'function deploy ./my-function', 'function invoke my-function --node milan-001 --session anna'],
  },
  telemetry: {
    about: 'what functions took, by the samples of their nodes', load: async () => (await import('./telemetry.js')).telemetryCommands,
    examples: ['telemetry performance'],
  },
  inventory: {
    about: 'what every node is: objects, schemas, snapshots', load: async () => (await import('./inventory.js')).inventoryCommands,
    examples: ['inventory list ComputeNode', 'inventory create ComputeNode --file nodes.ndjson', 'inventory schemas --dir schemas'],
  },
};

const MORE = `
Each noun and each verb has its own --help.
Exit codes: 0 done, 1 refused, 2 wrong usage, 3 cannot be reached.`;

async function main(): Promise<void> {
  const { name, version } = product();
  const program = new Command(name).description('Stateful functions on a tree of nodes.').version(version);
  program.addHelpText('after', `${examples(...Object.values(NOUNS).flatMap((noun) => noun.examples))}\n${MORE}`);
  program.exitOverride().configureOutput({ outputError: (text, write) => write(`${text.trim()} (--help shows how it is used)\n`) });
  const [first, second, third] = process.argv.slice(2);
  const wanted = first === 'help' ? second : first;
  for (const [noun, { about, load, examples: lines }] of Object.entries(NOUNS)) {
    const command = program.command(noun).description(about).addHelpText('after', examples(...lines));
    if (noun === wanted) (await load())(command);
  }
  if (first === undefined) program.help({ error: true });
  checkNames(program, wanted, first === 'help' ? third : second);
  await program.parseAsync();
}

/** Says what there is instead of what there is not. */
function checkNames(program: Command, noun: string | undefined, verb: string | undefined): void {
  const chosen = program.commands.find((command) => command.name() === noun);
  if (!chosen && isName(noun)) throw wrongUsage(`there is no ${noun}; it is one of ${namesOf(program)}. Help: ${spelled('--help')}`);
  if (!chosen || !isName(verb) || chosen.commands.some((command) => command.name() === verb)) return;
  throw wrongUsage(`there is no ${noun} ${verb}; it is one of ${namesOf(chosen)}. Help: ${spelled(`${noun} --help`)}`);
}

function isName(word: string | undefined): word is string {
  return word !== undefined && word !== 'help' && !word.startsWith('-');
}

function namesOf(command: Command): string {
  return command.commands.map((each) => each.name()).join(', ');
}

// Whoever reads may stop reading, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.refused));

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

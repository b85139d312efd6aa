/** `domain`: start, stop and look at a whole domain on this machine. */
import type { Command } from 'commander';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describeError } from '../runtime/base/domain-file.js';
import { hasEnded, signal } from '../runtime/base/process.js';
import { allNodes, describeNodes } from './describe-nodes.js';
import { domainInfoCommands } from './domain-info.js';
import { CliFailure, EXIT } from './failure.js';
import { wholeNumber } from './options.js';
import { print, table } from './print.js';
import { examples, spelled } from './product.js';
import { DEFAULT_STATE, readRecord, stateFolder } from './state.js';
import { findTarget, type Target, type TargetOptions, withTarget } from './target.js';
import { treePicture } from './tree.js';
import type { UpOptions } from './up/up.js';

/** It takes four seconds at most where there is a processor for it. */
const STOP_MS = 30_000;

export function domainCommands(noun: Command): void {
  noun.command('up').description('start the domain and keep it running until Ctrl-C')
    .option('--file <file>', 'the domain\'s tree: domain.yml, or an infrastructure file in JSON (default: domain.yml)')
    .option('--state <folder>', `where everything is kept (default: ${DEFAULT_STATE})`)
    .option('--no-functions', 'start it bare, without the functions of stack.yml')
    .option('--watch', 'a function whose files are saved runs anew, and no other; sessions go on')
    .option('--host <address>', 'address of this machine to listen on, for nodes on others', '127.0.0.1')
    .option('--base-port <number>', 'first port of the nodes; 0 takes free ones', wholeNumber)
    .option('--oracle-port <number>', 'port of the oracle; 0 takes a free one', wholeNumber)
    .option('--alias-port <number>', 'first port of the listeners for RAINBOW\'s clients; 0 takes free ones', wholeNumber)
    .option('--store <store>', 'store of every node: auto, redis, embedded, memory, or an address')
    .addHelpText('after', examples('domain up', 'domain up --watch', 'domain up --no-functions --store embedded', 'domain up --base-port 9080 --oracle-port 9000 --state /tmp/second'))
    .action(async (options: UpOptions) => (await import('./up/up.js')).up(options));

  noun.command('down').description('stop the domain that runs in a state folder')
    .option('--state <folder>', `its state folder (default: ${DEFAULT_STATE})`)
    .addHelpText('after', examples('domain down'))
    .action(down);

  noun.command('reset').description('forget everything a stopped domain has kept: sessions, functions, password')
    .option('--state <folder>', `its state folder (default: ${DEFAULT_STATE})`)
    .addHelpText('after', examples('domain reset'))
    .action(reset);

  domainInfoCommands(noun);

  withTarget(noun.command('status').description('is every node up, and how much does it hold?'))
    .addHelpText('after', examples('domain status', 'domain status --json'))
    .action(async (options) => status(await findTarget(options), options.json));

  noun.command('check').argument('[file]', 'the domain\'s tree, or the areas of an infrastructure file (default: domain.yml)')
    .description('read the domain file and say everything that is wrong with it, each with its line; nothing is started')
    .option('--file <file>', 'the same, as `domain up` has it')
    .option('--base-port <number>', 'first port of the nodes', wholeNumber)
    .option('--oracle-port <number>', 'port of the oracle', wholeNumber)
    .option('--json', 'print JSON')
    .addHelpText('after', examples('domain check', 'domain check infrastructure.json'))
    .action(check);

  withTarget(noun.command('show').argument('[file]', 'a domain file to show instead of the domain that runs here')
    .description('the tree: level, address, store, functions and status of each node'))
    .option('--file <file>', 'the same, as `domain up` has it')
    .option('--base-port <number>', 'first port of the nodes of a file', wholeNumber)
    .option('--oracle-port <number>', 'port of the oracle of a file', wholeNumber)
    .addHelpText('after', examples('domain show', 'domain show --json', 'domain show infrastructure.json'))
    .action(show);
}

type FileOptions = Partial<UpOptions> & TargetOptions;

async function check(given: string | undefined, options: FileOptions): Promise<void> {
  const { defaultFile, readDomain } = await import('./up/read-domain.js');
  const file = resolve(given ?? options.file ?? await defaultFile());
  const { domain, remarks } = await readDomain(file, options);
  print({ file, nodes: domain.nodes.length, errors: [], remarks }, options.json, () => [
    ...remarks.map((remark) => `note: ${describeError(given ?? file, remark)}`), `${file} is right: ${domain.nodes.length} nodes`,
  ].join('\n'));
}

/** The domain that runs, where there is one and no file is named; else the file. */
async function show(given: string | undefined, options: FileOptions): Promise<void> {
  const named = given ?? options.file;
  const runs = named === undefined && (options.gateway !== undefined || await readRecord(stateFolder(options.domain ?? DEFAULT_STATE)) !== undefined);
  if (runs) {
    const target = await findTarget(options);
    const nodes = await describeNodes(target, await allNodes(target));
    print({ oracleUrl: target.oracleUrl, nodes }, options.json, () => treePicture(nodes));
    return;
  }
  const { defaultFile, readDomain } = await import('./up/read-domain.js');
  const { domain } = await readDomain(resolve(named ?? await defaultFile()), options);
  const nodes = domain.nodes.map((node) => ({ ...node, url: `http://127.0.0.1:${node.port}` }));
  print(domain, options.json, () => `${treePicture(nodes)}\noracle: http://127.0.0.1:${domain.oraclePort}`);
}

async function down(options: { state?: string }): Promise<void> {
  const { holderOf } = await import('./up/lock.js');
  const state = stateFolder(options.state ?? DEFAULT_STATE);
  const holder = await holderOf(state);
  if (!holder) {
    console.log(`no domain is running in ${state.path}`);
    return;
  }
  signal(holder.pid, 'SIGTERM');
  if (!await hasEnded(holder.pid, STOP_MS)) throw new CliFailure(`process ${holder.pid} has not ended within ${STOP_MS / 1000} s; ${spelled('domain down')} again makes it kill its nodes`);
  console.log('stopped');
}

async function reset(options: { state?: string }): Promise<void> {
  const { heldBy, holderOf, takeFolder } = await import('./up/lock.js');
  const { endStores } = await import('./up/stores.js');
  const state = stateFolder(options.state ?? DEFAULT_STATE);
  const holder = await holderOf(state);
  if (holder) throw heldBy(state, holder);
  const record = await readRecord(state);
  // Only what a domain has made is removed: the folder might be any.
  if (!record) throw new CliFailure(`${state.path} is no state folder of a domain: nothing was removed`);
  // Nobody starts it meanwhile.
  const release = await takeFolder(state);
  try {
    await endStores(record.nodes.map(({ name }) => state.nodeDir(name)), 1_000);
    const made = [state.nodeDir('.'), state.oracleDir, state.bundlesDir, state.passwordFile, state.peerKeyFile, state.payloadSecretFile, state.domainFile];
    for (const path of made) await rm(path, { recursive: true, force: true });
  } finally {
    await release();
  }
  console.log(`${state.path} is as new`);
}

async function status(target: Target, asJson: boolean | undefined): Promise<void> {
  const nodes = await describeNodes(target);
  print({ nodes, oracleUrl: target.oracleUrl }, asJson, () => table(
    ['NODE', 'LEVEL', 'URL', 'STATE', 'STORE', 'SESSIONS', 'FUNCTIONS', 'OFFLOADS'],
    nodes.map(({ name, level, url, state, store, sessions, functions, offloadStatus }) => [name, level, url, state, store, sessions, functions?.length, offloadStatus ?? undefined]),
  ));
  const silent = nodes.filter(({ state }) => state !== 'ready');
  if (silent.length > 0) process.exitCode = silent.some(({ state }) => state === 'unreachable') ? EXIT.unreachable : EXIT.refused;
}

/** `domain`: start, stop and look at a whole domain on this machine. */
import type { Command } from 'commander';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DomainFile } from '../runtime/base/domain-file.js';
import { askAll } from './ask-all.js';
import { CliFailure, EXIT } from './failure.js';
import { wholeNumber } from './options.js';
import { print, table } from './print.js';
import { hasEnded, signal } from './process.js';
import { examples, spelled } from './product.js';
import { DEFAULT_STATE, readRecord, stateFolder } from './state.js';
import { findTarget, type Target, withTarget } from './target.js';
import type { UpOptions } from './up/up.js';

const STOP_MS = 6_000;
const STATUS_MS = 3_000;

export function domainCommands(noun: Command): void {
  noun.command('up').description('start the domain and keep it running until Ctrl-C')
    .option('--file <file>', 'the domain\'s tree (default: domain.yml)')
    .option('--state <folder>', `where everything is kept (default: ${DEFAULT_STATE})`)
    .option('--no-functions', 'start it bare, without the functions of stack.yml')
    .option('--host <address>', 'address of this machine to listen on, for nodes on others', '127.0.0.1')
    .option('--base-port <number>', 'first port of the nodes; 0 takes free ones', wholeNumber)
    .option('--oracle-port <number>', 'port of the oracle; 0 takes a free one', wholeNumber)
    .option('--store <store>', 'store of every node: auto, redis, embedded, memory, or an address')
    .addHelpText('after', examples('domain up', 'domain up --no-functions --store embedded', 'domain up --base-port 9080 --oracle-port 9000 --state /tmp/second'))
    .action(async (options: UpOptions) => (await import('./up/up.js')).up(options));

  noun.command('down').description('stop the domain that runs in a state folder')
    .option('--state <folder>', `its state folder (default: ${DEFAULT_STATE})`)
    .addHelpText('after', examples('domain down'))
    .action(down);

  noun.command('reset').description('forget everything a stopped domain has kept: sessions, functions, password')
    .option('--state <folder>', `its state folder (default: ${DEFAULT_STATE})`)
    .addHelpText('after', examples('domain reset'))
    .action(reset);

  withTarget(noun.command('status').description('is every node up, and how much does it hold?'))
    .addHelpText('after', examples('domain status', 'domain status --json'))
    .action(async (options) => status(await findTarget(options), options.json));

  for (const [verb, about] of [['check', 'read the domain file and say everything that is wrong with it'], ['show', 'print the tree with its ports and stores']] as const) {
    noun.command(verb).description(about)
      .option('--file <file>', 'the domain\'s tree (default: domain.yml)')
      .option('--base-port <number>', 'first port of the nodes', wholeNumber)
      .option('--oracle-port <number>', 'port of the oracle', wholeNumber)
      .option('--json', 'print JSON')
      .addHelpText('after', examples(`domain ${verb} --file my-domain.yml`))
      .action(async (options: UpOptions & { json?: boolean }) => {
        const { defaultFile, readDomain } = await import('./up/up.js');
        const file = resolve(options.file ?? await defaultFile());
        const domain = await readDomain(file, options);
        if (verb === 'show') print(domain, options.json, treeOf);
        else print({ file, nodes: domain.nodes.length, errors: [] }, options.json, () => `${file} is right: ${domain.nodes.length} nodes`);
      });
  }
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
  const { heldBy, holderOf } = await import('./up/lock.js');
  const { endStores } = await import('./up/stores.js');
  const state = stateFolder(options.state ?? DEFAULT_STATE);
  const holder = await holderOf(state);
  if (holder) throw heldBy(state, holder);
  const record = await readRecord(state);
  // Only what a domain has made is removed: the folder might be any.
  if (!record) throw new CliFailure(`${state.path} is no state folder of a domain: nothing was removed`);
  await endStores(record.nodes.map(({ name }) => state.nodeDir(name)), 1_000);
  const made = [state.nodeDir('.'), state.oracleDir, state.bundlesDir, state.passwordFile, state.peerKeyFile, state.lockFile, state.domainFile];
  for (const path of made) await rm(path, { recursive: true, force: true });
  console.log(`${state.path} is as new`);
}

interface NodeStatus {
  name: string;
  level: string;
  url: string;
  state: string;
  store?: string;
  sessions?: number;
  functions?: number;
  offloadStatus?: string | null;
}

async function status(target: Target, asJson: boolean | undefined): Promise<void> {
  const nodes = (await askAll(target.nodes, (node) => statusOf(target, node))).map((answer) => {
    if (answer.status === 'rejected') throw answer.reason;
    return answer.value;
  });
  print({ nodes, oracleUrl: target.oracleUrl }, asJson, () => table(
    ['NODE', 'LEVEL', 'URL', 'STATE', 'STORE', 'SESSIONS', 'FUNCTIONS', 'OFFLOADS'],
    nodes.map(({ name, level, url, state, store, sessions, functions, offloadStatus }) => [name, level, url, state, store, sessions, functions, offloadStatus ?? undefined]),
  ));
  const silent = nodes.filter(({ state }) => state !== 'ready');
  if (silent.length > 0) process.exitCode = silent.some(({ state }) => state === 'unreachable') ? EXIT.unreachable : EXIT.refused;
}

interface Described {
  store: string;
  offloadStatus: string | null;
  functions: string[];
  sessions: Record<string, number>;
}

async function statusOf({ client }: Target, { name, level, url }: Target['nodes'][number]): Promise<NodeStatus> {
  const options = { timeoutMs: STATUS_MS };
  try {
    const health = await client.send(url, 'GET', '/healthz', options);
    const { store, offloadStatus, functions, sessions } = await client.json<Described>(url, 'GET', '/api/v1/node', options);
    return { name, level, url, state: health.status === 200 ? 'ready' : 'not ready', store, offloadStatus, functions: functions.length, sessions: sessions['resident'] };
  } catch (error) {
    if (error instanceof CliFailure && error.exitCode === EXIT.unreachable) return { name, level, url, state: 'unreachable' };
    throw error;
  }
}

function treeOf({ nodes, oraclePort, levels }: DomainFile): string {
  const lines = nodes.map(({ name, level, port, store, labels }) => {
    const named = Object.entries(labels).map(([key, value]) => ` ${key}=${value}`).join('');
    return `${'  '.repeat(levels.indexOf(level))}${name}  ${level}  port ${port}  store ${store}${named}`;
  });
  return [...lines, `oracle port ${oraclePort}`].join('\n');
}

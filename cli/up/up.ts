/** `domain up`: from the domain file to a running domain, and back to nothing when it is told to stop. */
import { mkdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { readSecret } from '../../runtime/base/credentials.js';
import { aliasPortOf, describeError, type DomainFile } from '../../runtime/base/domain-file.js';
import type { Bundle } from '../../runtime/base/bundle.js';
import { Client } from '../client.js';
import { deploy, type FunctionStatus, isSame } from '../deploy.js';
import { CliFailure, wrongUsage } from '../failure.js';
import { ADMIN_USER, DEFAULT_STATE, type StateFolder, stateFolder } from '../state.js';
import { BundleCache } from './bundle-cache.js';
import { DomainProcess, type StartedNode } from './domain-process.js';
import { takeFolder } from './lock.js';
import { assertFree, freePorts } from './ports.js';
import { defaultFile, readDomain, shown } from './read-domain.js';
import { makeSecrets, type PasswordSource } from './secrets.js';
import { untilStopped } from './signals.js';
import { readStack, type StackFunction } from './stack.js';
import { findStoreServer } from './store-server.js';
import { watchFunctions } from './watch.js';

export interface UpOptions {
  file?: string;
  state?: string;
  functions: boolean;
  /** Functions whose files change run anew. */
  watch?: boolean;
  host: string;
  basePort?: number;
  oraclePort?: number;
  /** First port of the listeners for RAINBOW's clients; 0 takes free ones. */
  aliasPort?: number;
  store?: string;
}

type Say = (line: string) => void;

/** Where EDGELESS's tools find the default domain's mirror; a domain on free ports has none. */
const MIRROR_PORT = 7379;
const HEALTH_EVERY_MS = 40;
const HEALTH_MS = 120_000;

/** Resolves after the domain has been stopped. */
export async function up(options: UpOptions, say: Say = (line) => console.log(line)): Promise<void> {
  const startedMs = performance.now();
  const { host } = options;
  if (isIP(host) !== 4 || host === '0.0.0.0') throw wrongUsage(`--host ${host} is no address of this machine by which others reach it, such as 10.0.0.5`);
  const file = resolve(options.file ?? await defaultFile());
  const { domain: read, remarks } = await readDomain(file, options);
  for (const remark of remarks) say(`note: ${describeError(shown(file), remark)}`);
  const domain = await withFreePorts(read, host);
  const stack = options.functions ? await readStack(join(dirname(file), 'stack.yml'), process.env) : [];
  const state = stateFolder(options.state ?? DEFAULT_STATE);
  await mkdir(state.path, { recursive: true, mode: 0o700 });
  const release = await takeFolder(state);
  try {
    await assertFree(host, [
      ...domain.nodes.map(({ name, port }) => ({ port, what: `node ${name}` })), { port: domain.oraclePort, what: 'the oracle' },
      ...domain.nodes.map(({ name }, index) => ({ port: aliasPortOf(domain, index, options.aliasPort), what: `the telemetry of ${name}` })).filter(({ port }) => port !== 0),
    ]);
    const source = await makeSecrets(state, process.env.ADMIN_PASSWORD);
    await runUntilStopped({ domain, file, host, state, aliasPort: options.aliasPort, functions: stack ?? [], hasStack: stack !== undefined, watch: options.watch === true, source, startedMs, say });
  } finally {
    await release();
  }
  say('stopped');
}

interface Circumstances {
  domain: DomainFile;
  file: string;
  host: string;
  aliasPort?: number;
  state: StateFolder;
  functions: StackFunction[];
  hasStack: boolean;
  watch: boolean;
  source: PasswordSource;
  startedMs: number;
  say: Say;
}

/** Whatever has been started when a signal comes, or when something fails, is stopped again. */
async function runUntilStopped(given: Circumstances): Promise<void> {
  const { domain, file, host, aliasPort, state, functions, say } = given;
  let running: DomainProcess | undefined;
  let watching: { close(): void } | undefined;
  const searching = new AbortController();
  const stopped = untilStopped(async () => running?.kill(), say);
  const start = async () => {
    // Bundling takes about as long as starting the processes; the reason of a failed start comes first.
    const cache = new BundleCache(state.bundlesDir);
    const bundling = Promise.all(functions.map((each) => cache.bundle(each)));
    bundling.catch(() => undefined);
    const storeServer = await findStoreServer({ stores: domain.nodes.map(({ store }) => store), say, signal: searching.signal });
    if (searching.signal.aborted) return;
    running = new DomainProcess({ domain, file, host, aliasPort, state, awaitFunctions: functions.map(({ name }) => name), ...(storeServer && { storeServer }), say });
    const client = await bringUp(running, bundling, given);
    if (given.watch) {
      watching = watchFunctions({
        functions, bundles: await bundling, say, bundle: (each) => cache.bundle(each),
        deploy: async (each, bundle) => void await deploy(client, running!.configs[0]!.url!, each, bundle, { wait: true }),
      });
      say('watching the functions; saving one of their files lets it run anew');
    }
  };
  try {
    await Promise.race([start(), stopped.asked]);
    await stopped.asked;
  } finally {
    searching.abort();
    watching?.close();
    await running?.stop();
    stopped.forget();
  }
}

async function bringUp(running: DomainProcess, bundling: Promise<Bundle[]>, { state, functions, say, source, startedMs, hasStack }: Circumstances): Promise<Client> {
  const nodes = await running.start();
  const client = new Client({ user: ADMIN_USER, password: await readSecret(state.passwordFile) });
  await deployAll(client, nodes[0]!.ready.url, functions, await bundling);
  await Promise.all(nodes.map((node) => healthy(client, node)));
  describe(nodes, running, say);
  say(`admin:   user ${ADMIN_USER}, password in ${shown(state.passwordFile)} (${source === 'ADMIN_PASSWORD' ? 'from ADMIN_PASSWORD' : source})`);
  say(`state:   ${shown(state.path)}`);
  if (functions.length > 0) say(`functions: ${functions.map(({ name }) => name).join(', ')}`);
  else if (!hasStack) say('functions: none, there is no stack.yml beside the domain file');
  say(`ready in ${((performance.now() - startedMs) / 1000).toFixed(1)} s; Ctrl-C stops it`);
  return client;
}

async function withFreePorts(domain: DomainFile, host: string): Promise<DomainFile> {
  const needsNodes = domain.basePort === 0;
  const needsOracle = domain.oraclePort === 0;
  if (!needsNodes && !needsOracle) return { ...domain, mirrorPort: MIRROR_PORT };
  const free = await freePorts(host, domain.nodes.length + 1);
  return {
    ...domain, oraclePort: needsOracle ? free.at(-1)! : domain.oraclePort,
    nodes: needsNodes ? domain.nodes.map((node, index) => ({ ...node, port: free[index]! })) : domain.nodes,
  };
}

/** To the root, which passes them on; what it runs already is left as it is. */
async function deployAll(client: Client, rootUrl: string, functions: StackFunction[], bundles: Bundle[]): Promise<void> {
  if (functions.length === 0) return;
  const present = await client.json<FunctionStatus[]>(rootUrl, 'GET', '/system/functions');
  await Promise.all(functions.map(async (each, index) => {
    if (isSame(present.find(({ name }) => name === each.name), each, bundles[index]!)) return;
    await deploy(client, rootUrl, each, bundles[index]!);
  }));
}

/** Waits for /healthz; rejects with the node's own reason when the time is over. */
async function healthy(client: Client, { config, ready }: StartedNode): Promise<void> {
  let reason = 'it does not answer';
  for (const untilMs = performance.now() + HEALTH_MS; performance.now() < untilMs;) {
    try {
      const { status, bytes } = await client.send(ready.url, 'GET', '/healthz', { timeoutMs: 5_000 });
      if (status === 200) return;
      reason = bytes.toString('utf8');
    } catch (error) {
      reason = (error as Error).message;
    }
    await new Promise((resolve) => setTimeout(resolve, HEALTH_EVERY_MS));
  }
  throw new CliFailure(`node ${config.name} did not get ready within ${HEALTH_MS / 1000} s: ${reason}; its log: ${shown(join(config.stateDir, 'node.log'))}`);
}

function describe(nodes: StartedNode[], { oracleUrl, mirror }: DomainProcess, say: Say): void {
  const wide = (pick: (node: StartedNode) => string) => Math.max(...nodes.map((node) => pick(node).length));
  const [name, level, url] = [wide(({ config }) => config.name), wide(({ config }) => config.level), wide(({ ready }) => ready.url)];
  for (const { config, ready } of nodes) {
    const { kind = '?', why = '' } = ready.store ?? {};
    say(`${config.name.padEnd(name)}  ${config.level.padEnd(level)}  ${ready.url.padEnd(url)}  store ${kind}${why ? `: ${why}` : ''}${ready.aliasUrl === undefined ? '' : `  telemetry :${new URL(ready.aliasUrl).port}`}`);
  }
  say(`oracle:  ${oracleUrl}`);
  say(`dashboard: ${oracleUrl}`);
  say(`mirror:  ${mirror ?? 'off'}`);
}

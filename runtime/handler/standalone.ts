/**
 * One function by itself, as in a container: HTTP in front, the session layer, a store behind. Alone it has no tree around it:
 * sessions are born here and stay in the store. Beside a manager they move between nodes, and requests are sent after them.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { bundleFunction } from '../base/bundle.js';
import { systemClock } from '../base/clock.js';
import { readSecret } from '../base/credentials.js';
import { systemIds } from '../base/ids.js';
import { createLog, type Log } from '../base/log.js';
import { managerUrl } from '../base/manager-url.js';
import { checkTimeouts, durationMs, millisecondsOf, timeoutsOf } from '../base/timeouts.js';
import { ANNOTATIONS, type NodeConfig } from '../model/config.js';
import { Fault } from '../model/faults.js';
import { CLOSE_GRACE_MS, HANDLER_TIMEOUT_MS, MAX_WAITING_PER_SESSION, MAX_WAIT_MS, TOMBSTONE_KEEP_MS } from '../model/limits.js';
import { Changes } from '../session/changes.js';
import { createSessions } from '../session/invoke.js';
import { WaitingLine } from '../session/line.js';
import type { Neighbourhood } from '../session/ports.js';
import { openStore } from '../store/open.js';
import type { SessionStore } from '../store/store.js';
import { createBesideManager } from './beside-manager.js';
import { createFunctionServer } from './function-server.js';
import { createWorkers } from './workers.js';

export interface StandaloneOptions {
  /** Folder of the function, or its bundle (a file ending in .mjs). */
  source: string;
  /** 0 takes a free one. */
  port: number;
  host?: string;
  /** As in a node's configuration; `memory` forgets everything at the end. */
  store: string;
  /** Name that answers give as X-session-location. */
  node?: string;
  stateDir?: string;
  /** Goes before `exec_timeout` of the environment. */
  timeoutMs?: number;
  env?: Record<string, string>;
  /** Name of the function, by which clients are redirected; default the folder's. */
  name?: string;
  storePasswordFile?: string;
  /** The manager of its node, and the domain's key to ask it with. */
  manager?: { url: string; key: string; receives: boolean };
  log: Log;
}

export interface Standalone {
  port: number;
  /** Takes no more connections, lets requests in hand end, closes the store. */
  close(): Promise<void>;
}

/** Rejects with DEPLOY_FAILED when the function cannot be built or loaded, STORE_UNAVAILABLE when the store cannot be opened. */
export async function startFunction(options: StandaloneOptions): Promise<Standalone> {
  checkTimeouts({ envVars: options.env ?? {} });
  const folder = await mkdtemp(join(tmpdir(), 'function-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    return await startIn(folder, options, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    throw error;
  }
}

/** @param undo extended by what a start that fails further on has to take back */
async function startIn(folder: string, options: StandaloneOptions, undo: (() => Promise<unknown>)[]): Promise<Standalone> {
  const { log, node = hostname(), env = {} } = options;
  const { execMs, readMs, writeMs } = timeoutsOf({ envVars: env });
  const timeoutMs = options.timeoutMs ?? execMs;
  const name = options.name ?? basename(resolve(options.source), '.mjs');
  const bundlePath = options.source.endsWith('.mjs') ? resolve(options.source) : await bundleInto(folder, options.source, name);
  const opened = await openStore(configOf(options, node, folder), { clock: systemClock, log });
  undo.push(() => opened.close());
  const workers = createWorkers({ clock: systemClock, log });
  undo.push(() => workers.close());
  // The container is the wall around the function; another would only cost.
  const deployment = { service: name, image: 'bundle:local', envVars: env, annotations: { [ANNOTATIONS.worker]: 'inline' }, atMs: 0 };
  const worker = await workers.load(deployment, bundlePath);
  const beside = options.manager && createBesideManager({
    node, ...options.manager, function: name, isStateful: worker.kind !== 'stateless', clock: systemClock, ids: systemIds, log,
  });
  const sessions = createSessions({
    // Other containers take leases on the same sessions; the manager waits for them as for a request.
    node, owner: `${node}/${systemIds.uuid()}`, remembers: beside === undefined, boot: systemIds.uuid(), store: opened.store, changes: new Changes(systemClock), clock: systemClock, ids: systemIds,
    line: new WaitingLine({ clock: systemClock, maxWaiting: MAX_WAITING_PER_SESSION, maxWaitMs: MAX_WAIT_MS }),
    neighbourhood: beside?.neighbourhood ?? aloneWith(opened.store),
  });
  const server = createFunctionServer({ name, node, worker, sessions, timeoutMs: timeoutMs === 0 && worker.kind !== 'stateless' ? HANDLER_TIMEOUT_MS : timeoutMs, readMs, writeMs,
    maxInflight: wholeOf(env['max_inflight']), clock: systemClock, ids: systemIds, log, ready: () => opened.store.ping(),
    ...(options.manager && { key: options.manager.key }) });
  await server.listen(options.port, options.host ?? '0.0.0.0');
  await beside?.announce();
  return {
    port: (server.http.address() as AddressInfo).port,
    async close() {
      // As long as a request may take; whoever wants it shorter kills the container.
      await server.drain(timeoutMs === 0 ? 0 : Math.max(timeoutMs, CLOSE_GRACE_MS), durationMs(env['healthcheck_interval'] ?? '0') ?? 0);
      await beside?.close();
      await workers.close();
      await opened.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function wholeOf(text = ''): number {
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}

async function bundleInto(folder: string, source: string, name: string): Promise<string> {
  const { sha256, code } = await bundleFunction(source, name);
  const file = join(folder, `${sha256}.mjs`);
  await writeFile(file, code);
  return file;
}

function configOf(options: StandaloneOptions, node: string, stateDir: string): NodeConfig {
  return {
    name: node, level: '', host: options.host ?? '0.0.0.0', port: options.port, domainId: '', labels: {}, store: options.store,
    stateDir: options.stateDir ?? stateDir, adminUser: '', adminPasswordFile: '', peerKeyFile: '',
    ...(options.storePasswordFile !== undefined && { storePasswordFile: options.storePasswordFile }),
  };
}

/** Nobody else has sessions, and nobody takes any. */
function aloneWith(store: SessionStore): Neighbourhood {
  return {
    locate: async (_session, _function, { epoch }) => ({ kind: 'free', epoch, incarnation: systemIds.uuid(), knownBy: [], owed: [], certain: true }),
    urlOf: (node) => Promise.reject(unreachable(node)),
    accepting: () => true,
    shed: async () => false,
    retire: async (session) => {
      await store.run({ verb: 'expire', session, forced: false, owed: [], keepMs: TOMBSTONE_KEEP_MS });
    },
    sendHome: (_session, home) => Promise.reject(unreachable(home)),
    forward: (_call, to) => Promise.reject(unreachable(to)),
    owes: () => undefined,
    mayOwe: () => undefined,
  };
}

function unreachable(node: string): Fault {
  return new Fault('PEER_UNREACHABLE', { node, url: 'unknown', reason: 'this function runs by itself' });
}

/** The program: the function's folder (or bundle) as first argument, the rest from the environment. Ends at SIGTERM or SIGINT. */
export async function runFunction(source: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const log = createLog('info');
  const { PORT = '8080', STORE_URL = 'memory', NODE_NAME, STATE_DIR, TIMEOUT_MS, FUNCTION_NAME } = environment;
  const { NODE_URL, MANAGER_URL, RECEIVES, SECRETS_DIR = '/run/secrets' } = environment;
  let standalone: Standalone | undefined;
  let closing = false;
  // From the first moment: as the first process of a container it would not even notice the signal otherwise.
  const close = (): void => {
    if (closing) return;
    closing = true;
    void Promise.resolve(standalone?.close()).then(() => process.exit(0));
  };
  process.on('SIGTERM', close);
  process.on('SIGINT', close);
  const managerAt = MANAGER_URL ?? (NODE_URL && managerUrl(NODE_URL));
  standalone = await startFunction({
    source, port: Number(PORT), store: STORE_URL, node: NODE_NAME, stateDir: STATE_DIR, log, env: environmentOf(environment),
    name: FUNCTION_NAME, storePasswordFile: join(SECRETS_DIR, 'store-password'),
    ...(managerAt && { manager: { url: managerAt, key: await readSecret(join(SECRETS_DIR, 'peer-key')), receives: RECEIVES === 'true' } }),
    timeoutMs: millisecondsOf(TIMEOUT_MS),
  });
  log.info({ url: `http://127.0.0.1:${standalone.port}/`, store: STORE_URL.split('@').pop() }, 'the function is ready');
}

/** A container's environment is that of its deployment. */
function environmentOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

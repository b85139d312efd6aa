/** A gateway with everything behind it faked, for tests of what the gateway itself does. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../runtime/base/clock.js';
import { basicHeader } from '../../runtime/base/credentials.js';
import { createPeerClient, type PeerClient } from '../../runtime/base/http-client.js';
import { systemIds } from '../../runtime/base/ids.js';
import { silentLog } from '../../runtime/base/log.js';
import { createPeerSigner, createPeerVerifier } from '../../runtime/base/peer-signature.js';
import type { CommandMeta, Commands, Reply } from '../../runtime/base/reply.js';
import { createAccess } from '../../runtime/gateway/access.js';
import { createAdmin } from '../../runtime/gateway/admin.js';
import { createBundles, type Bundles } from '../../runtime/gateway/bundles.js';
import { callRoutes, createAsyncDoor } from '../../runtime/gateway/calls/async-door.js';
import { createCallFiles } from '../../runtime/gateway/calls/call-files.js';
import { CallQueue, type CallQueueParts } from '../../runtime/gateway/calls/call-queue.js';
import { createCallbackRules } from '../../runtime/gateway/calls/callback-rules.js';
import { EndedCalls } from '../../runtime/gateway/calls/ended-calls.js';
import { createSender } from '../../runtime/gateway/calls/sender.js';
import { createCors } from '../../runtime/gateway/cors.js';
import { Deployments } from '../../runtime/gateway/deployments.js';
import { FunctionLogs } from '../../runtime/gateway/faas/function-logs.js';
import { HttpMetrics } from '../../runtime/gateway/faas/http-metrics.js';
import { logRoutes } from '../../runtime/gateway/faas/log-routes.js';
import { Namespaces } from '../../runtime/gateway/faas/namespaces.js';
import { createPassedSettings } from '../../runtime/gateway/faas/passed-settings.js';
import { scaleRoutes } from '../../runtime/gateway/faas/scale-routes.js';
import { Secrets } from '../../runtime/gateway/faas/secrets.js';
import { createGateway, type Gateway } from '../../runtime/gateway/gateway.js';
import { createHealth } from '../../runtime/gateway/health.js';
import { nodeRoutes } from '../../runtime/gateway/node-routes.js';
import { type Child, PassingOn } from '../../runtime/gateway/passing-on.js';
import { systemRoutes } from '../../runtime/gateway/system-routes.js';
import type { Deployment } from '../../runtime/model/config.js';
import type { CorsSettings } from '../../runtime/model/cors.js';
import { Fault } from '../../runtime/model/faults.js';
import type { FunctionKind, FunctionResponse, Worker, WorkerCall } from '../../runtime/session/call.js';
import type { Invocation, Served } from '../../runtime/session/invoke.js';
import { createMemoryStore } from '../../runtime/store/memory.js';

export const CREDENTIALS = { user: 'admin', password: 'sesame' };
export const ADMIN = basicHeader(CREDENTIALS);
export const KEY = 'the key of the domain';

export type Handle = (call: WorkerCall) => Promise<FunctionResponse> | FunctionResponse;

export const respond = (body: string | Buffer = '', options: Partial<FunctionResponse> = {}): FunctionResponse =>
  ({ status: 200, headers: {}, body: Buffer.from(body as string), ...options });

/** `streaming`: stateless, and it takes the body as a stream. */
export type FakeKind = FunctionKind | 'streaming';

/** A worker whose handler is a plain function; it notes whether it was closed. */
export class FakeWorker implements Worker {
  closed = false;

  readonly kind: FunctionKind;
  readonly streams: boolean;

  constructor(kind: FakeKind, private readonly handle: Handle) {
    this.streams = kind === 'streaming';
    this.kind = kind === 'streaming' ? 'stateless' : kind;
  }

  async run(call: WorkerCall) {
    return { response: await this.handle(call), writes: [], effects: [], telemetry: [] };
  }

  async close() {
    this.closed = true;
  }
}

export interface NodeOptions {
  oracleUrl?: string;
  name?: string;
  level?: string;
  stateDir?: string;
  parentUrl?: string;
  children?: () => Child[];
  invoke?: (call: Invocation) => Promise<Served>;
  command?: (name: string, params: URLSearchParams, body: unknown, meta: CommandMeta) => Promise<Reply>;
  ping?: () => Promise<void>;
  registered?: () => boolean;
  awaitFunctions?: string[];
  limits?: { statefulBodyBytes?: number; statelessBodyBytes?: number; inHand?: number };
  /** What every other bundle does; without it, say its name. */
  fallback?: Handle;
  /** What a bundle does, by its content. */
  behaviours?: Record<string, { kind: FakeKind; handle: Handle }>;
  cors?: CorsSettings;
  headers?: { timeoutMs: number; checkMs: number };
  queue?: CallQueueParts['limits'];
  /** Places that callbacks may name. */
  callbacks?: string[];
}

export interface TestNode {
  gateway: Gateway;
  deployments: Deployments;
  bundles: Bundles;
  passingOn: PassingOn;
  peers: PeerClient;
  /** From now on that worker runs the function. */
  provide(service: string, worker: Worker): void;
  /** What workers were made of. */
  loaded: Deployment[];
  secrets: Secrets;
  logs: FunctionLogs;
  queue: CallQueue;
  url: string;
  stateDir: string;
  workers: FakeWorker[];
  /** Runs `handle` as function `name`, without HTTP. */
  serve(name: string, handle: Handle, kind?: FakeKind, options?: Partial<Deployment>): Promise<void>;
  close(): Promise<void>;
}

export const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

export async function startNode(options: NodeOptions = {}): Promise<TestNode> {
  const name = options.name ?? 'milan';
  const stateDir = options.stateDir ?? await mkdtemp(join(tmpdir(), 'gateway-'));
  const base = { clock: systemClock, ids: systemIds, log: silentLog };
  const behaviours = options.behaviours ?? {};
  const workers: FakeWorker[] = [];
  const bundles = createBundles({ folder: join(stateDir, 'bundles'), ids: systemIds, limit: 4096 });
  const loaded: Deployment[] = [];
  const provided = new Map<string, Worker>();
  const load = async (deployment: Deployment) => {
    const { service, image } = deployment;
    loaded.push(deployment);
    const behaviour = behaviours[image] ?? { kind: 'stateless' as const, handle: options.fallback ?? (() => respond(image)) };
    if (image === `bundle:${sha256('broken')}`) throw new Fault('DEPLOY_FAILED', { function: service, reason: 'it exports no handler' });
    const given = provided.get(service);
    if (given) return given;
    const worker = new FakeWorker(behaviour.kind, behaviour.handle);
    workers.push(worker);
    return worker;
  };
  const place = { name, level: options.level ?? 'city', labels: {} };
  const secrets = new Secrets({ stateDir, clock: systemClock });
  const namespaces = new Namespaces({ stateDir, clock: systemClock });
  const settings = createPassedSettings({ secrets, namespaces, key: KEY });
  const logs = new FunctionLogs({ node: name, clock: systemClock });
  const deployments = new Deployments({ ...base, place, stateDir, bundles, workers: { load }, secrets });
  const peers = createPeerClient({ signer: createPeerSigner({ ...base, node: name, key: KEY }) });
  const children = options.children ?? (() => []);
  const passingOn = new PassingOn({ ...base, node: name, deployments, bundles, settings, children, parentUrl: options.parentUrl, peers });
  const access = createAccess(CREDENTIALS, createPeerVerifier({ key: KEY, clock: systemClock }));
  const store = createMemoryStore({ node: name, clock: systemClock });
  const commands: Commands = { names: ['force-offload', 'migrate-session'], run: options.command ?? (async () => ({ status: 200, json: {} })) };
  const health = createHealth({
    store: { ping: options.ping ?? (async () => undefined) }, clock: systemClock, registered: options.registered ?? (() => true),
    missing: () => deployments.missing(options.awaitFunctions ?? []),
  });
  const callbacks = createCallbackRules(options.callbacks && { allowed: options.callbacks });
  const queue = new CallQueue({
    ...base, node: name, files: createCallFiles(join(stateDir, 'async-calls')), ended: new EndedCalls(join(stateDir, 'ended-async-calls.ndjson')),
    settingsOf: (each) => deployments.find(each), limits: options.queue,
    sender: createSender({ node: name, url: () => gateway.loopbackUrl, callbacks, monotonic: () => performance.now() }),
  });
  const httpMetrics = new HttpMetrics();
  const onAnswered = (method: string, path: string, status: number, tookMs: number) => httpMetrics.count(method, path, status, tookMs / 1000);
  const routes = () => [
    ...systemRoutes({ node: name, version: '0', deployments, bundles, passingOn, settings, secrets, namespaces }),
    ...logRoutes({ node: name, logs, deployments }), ...scaleRoutes({ node: name, deployments, log: silentLog }), ...callRoutes(queue),
    ...nodeRoutes({
      facts: place, url: () => gateway.url, store, deployments, offloadStatus: () => 'accept', children, clock: systemClock, startedAtMs: 0,
      moreMetrics: async () => httpMetrics.text() + queue.metrics(),
      ...(options.oracleUrl !== undefined && { oracleUrl: options.oracleUrl }),
    }),
  ];
  const gateway = createGateway({
    ...base, node: name, host: '127.0.0.1', port: 0, deployments, commands, access, health,
    asyncCalls: createAsyncDoor({ ...base, node: name, deployments, queue, callbacks, onAnswered }), limits: options.limits, headers: options.headers,
    cors: options.cors && createCors({ settings: options.cors, key: KEY, clock: systemClock }),
    sessions: { invoke: options.invoke ?? (async () => { throw new Fault('BUSY', { waiting: 1 }); }) },
    admin: () => createAdmin({
      ...base, routes: routes(), access, onAnswered,
    }),
  });
  await Promise.all([secrets.open(), namespaces.open()]);
  await deployments.restore();
  const url = await gateway.listen();
  await queue.open();
  return {
    gateway, deployments, bundles, passingOn, peers, url, stateDir, workers, secrets, logs, queue, loaded,
    provide: (service, worker) => void provided.set(service, worker),
    async serve(service, handle, kind = 'stateless', extra = {}) {
      const code = `${service} ${loaded.length}`;
      await bundles.write(sha256(code), chunksOf(code));
      behaviours[`bundle:${sha256(code)}`] = { kind, handle };
      await deployments.apply({ service, image: `bundle:${sha256(code)}`, atMs: deployments.stamp(service), ...extra });
    },
    async close() {
      passingOn.close();
      logs.close();
      await queue.close(0);
      await gateway.close(0);
      await deployments.close();
      await peers.close();
      if (!options.stateDir) await rm(stateDir, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

export async function* chunksOf(text: string): AsyncIterable<Buffer> {
  yield Buffer.from(text);
}

/** Sends bytes as they are and resolves with everything that comes until the connection ends, or until `enough` says so. */
export function sendRaw(url: string, bytes: string, enough: (answer: string) => boolean = () => false): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (enough(answer)) socket.destroy();
    });
    // A reset that comes behind the answer is the end of the connection, too: what was answered early need not have read everything.
    socket.on('error', (error) => { if (answer === '') reject(error); });
    socket.on('close', () => resolve(answer));
  });
}

/** Something that one side waits for and the other gives. */
export function signal<T>(): { come: Promise<T>; give(value: T): void } {
  let give: (value: T) => void;
  const come = new Promise<T>((resolve) => { give = resolve; });
  return { come, give: (value) => give(value) };
}

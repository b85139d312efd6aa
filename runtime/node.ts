/**
 * One node: reads its configuration, opens its store, wires the layers and says when it is ready.
 * Everything long-lived of a node is made here and ended here, in the opposite order.
 *
 * As a process: `node dist/runtime/node.js --config FILE`. It reports to the process that started it
 * with `{event: 'ready', …}` or `{event: 'failed', reason}` (and prints the same as one line of JSON),
 * ends on SIGTERM, and when the channel to its supervisor closes.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent } from './agent.js';
import { type Clock, systemClock, type Timer } from './base/clock.js';
import { type Credentials, readAdmin, readSecret } from './base/credentials.js';
import { createPeerClient } from './base/http-client.js';
import { systemIds } from './base/ids.js';
import { createLog, type Log } from './base/log.js';
import { MachineHealth } from './base/machine-health.js';
import { detectMachine } from './base/machine.js';
import { releaseMemory } from './base/memory.js';
import { createPeerSigner, createPeerVerifier } from './base/peer-signature.js';
import { repeat } from './base/repeat.js';
import { folderShelf } from './base/shelf.js';
import { keepTickShape } from './base/tick-shape.js';
import { createAccess } from './gateway/access.js';
import { createAdmin } from './gateway/admin.js';
import { buildRoutes } from './gateway/build/build-door.js';
import { openBuiltImages } from './gateway/build/built-images.js';
import { createBundles } from './gateway/bundles.js';
import { callRoutes, createAsyncDoor } from './gateway/calls/async-door.js';
import { createCallFiles } from './gateway/calls/call-files.js';
import { CallQueue } from './gateway/calls/call-queue.js';
import { createCallbackRules } from './gateway/calls/callback-rules.js';
import { EndedCalls } from './gateway/calls/ended-calls.js';
import { createSender } from './gateway/calls/sender.js';
import { createCors } from './gateway/cors.js';
import { bundleOf, isRemoval } from './gateway/deployment-rules.js';
import { Deployments } from './gateway/deployments.js';
import { Autoscaler } from './gateway/faas/autoscaler.js';
import { FunctionLogs } from './gateway/faas/function-logs.js';
import { HttpMetrics } from './gateway/faas/http-metrics.js';
import { logRoutes } from './gateway/faas/log-routes.js';
import { createMetricsListener } from './gateway/faas/metrics-listener.js';
import { Namespaces } from './gateway/faas/namespaces.js';
import { createPassedSettings } from './gateway/faas/passed-settings.js';
import { scaleRoutes } from './gateway/faas/scale-routes.js';
import { Secrets } from './gateway/faas/secrets.js';
import { createGateway } from './gateway/gateway.js';
import { createHealth } from './gateway/health.js';
import { createLocalFunctions } from './gateway/local-functions.js';
import { metricsText, nodeRoutes } from './gateway/node-routes.js';
import { createOwnSamples, healthIn, samplesIn } from './gateway/own-samples.js';
import { PassingOn } from './gateway/passing-on.js';
import { createSendOn } from './gateway/send-on.js';
import { systemRoutes } from './gateway/system-routes.js';
import { createAliasListener, createTelemetryDoor } from './gateway/telemetry-door.js';
import { createWorkers } from './handler/workers.js';
import { configFromEnvironment } from './model/environment.js';
import { type NodeConfig, VERSION } from './model/config.js';
import { AUTOSCALE_EVERY_MS, BUNDLE_KEEP_MS, CLOSE_GRACE_MS, DEFAULT_CAPACITY_PER_CORE, MAX_WAITING_PER_SESSION, MAX_WAIT_MS, STOP_MS, SWEEP_EVERY_MS, TIDY_AFTER_MS, TIDY_IDLE_SHARE } from './model/limits.js';
import { folderArchive } from './offload/archive.js';
import { createCommands } from './offload/commands.js';
import { createForward } from './offload/forward.js';
import { moveAll } from './offload/leave.js';
import type { MoverOptions } from './offload/move.js';
import { createNeighbourhood } from './offload/neighbourhood.js';
import { Offload } from './offload/offload.js';
import { createPeerRoutes } from './offload/peer-routes.js';
import { Peers } from './offload/peers.js';
import { StatusFile } from './offload/status.js';
import { createTransport } from './offload/transport.js';
import { Activity } from './report/activity.js';
import { Reporter } from './report/reporter.js';
import { sampledWorkers } from './report/sampled.js';
import { Changes } from './session/changes.js';
import { createSessions } from './session/invoke.js';
import { WaitingLine } from './session/line.js';
import { type OpenedStore, openStore } from './store/open.js';
import { telemetrySettings } from './telemetry/settings.js';
import { createTelemetry } from './telemetry/telemetry.js';

export interface RunningNode {
  name: string;
  url: string;
  store: { kind: string; url: string; why: string };
  /** Where RAINBOW's clients find its telemetry; undefined without a port for them. */
  aliasUrl?: string;
  /** Where there is nothing but /metrics; undefined without a port for it. */
  metricsUrl?: string;
  /** Ends everything in order: no new requests, those in hand, the moves, the workers, the store. */
  close(): Promise<void>;
}

export interface NodeHooks {
  /** Called at every step of a move that this node drives; tests crash there. */
  reached?: MoverOptions['reached'];
  /** The node's clock; tests step it. */
  clock?: Clock;
}

export async function startNode(config: NodeConfig, hooks: NodeHooks = {}): Promise<RunningNode> {
  const { clock = systemClock } = hooks;
  const { name, stateDir } = config;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const log = createLog(config.log ?? 'info', { file: join(stateDir, 'node.log'), fields: { node: name } });
  const [credentials, peerKey] = await Promise.all([
    readAdmin({ user: config.adminUser, passwordFile: config.adminPasswordFile }, process.env), readSecret(config.peerKeyFile),
  ]);
  const opened = await openStore(config, { clock, log });
  try {
    return await startOver(opened, { config, hooks, log, credentials, peerKey });
  } catch (error) {
    // A store server of the node's own must not outlive a start that failed.
    await opened.close().catch(() => undefined);
    throw error;
  }
}

interface StartParts {
  config: NodeConfig;
  hooks: NodeHooks;
  log: Log;
  credentials: Credentials;
  peerKey: string;
}

async function startOver(opened: OpenedStore, { config, hooks, log, credentials, peerKey }: StartParts): Promise<RunningNode> {
  const { clock = systemClock } = hooks;
  const ids = systemIds;
  const { name, level, stateDir, parentUrl } = config;
  const boot = ids.uuid();
  const { store } = opened;
  const hardware = await detectMachine(stateDir);

  const signer = createPeerSigner({ node: name, key: peerKey, clock, ids });
  const peerClient = createPeerClient({ signer });
  const bundles = createBundles({ folder: join(stateDir, 'bundles'), ids });
  const images = await openBuiltImages(join(stateDir, 'built-images.json'));
  const payloadSecret = config.payloadSecretFile === undefined ? undefined : await readSecret(config.payloadSecretFile).catch(() => undefined);
  const activity = new Activity();
  const functionLogs = new FunctionLogs({ node: name, clock });
  const plainWorkers = createWorkers({ clock, log: functionLogs.beside(log), ...config.workers,
    containers: { socket: engineSocket(process.env), ...config.containers, owner: `${name} ${resolve(stateDir)}` },
  });
  const workers = config.performanceSamples ? sampledWorkers(plainWorkers, {
    record: (functionName, samples) => telemetry.record(ownSamples.took(functionName, samples)), clock, monotonic: () => performance.now(),
  }) : plainWorkers;
  const place = { name, level, labels: config.labels, collections: [] as string[] };
  const secrets = new Secrets({ stateDir, clock });
  const namespaces = new Namespaces({ stateDir, clock });
  const settings = createPassedSettings({ secrets, namespaces, key: peerKey });
  const deployments = new Deployments({ place, stateDir, bundles, workers, secrets, clock, log });

  const self = { name, url: config.url ?? `http://${config.host}:${config.port}`, level, accepting: true, sinceMs: clock.now() };
  const agent = new Agent({
    self, parentUrl, oracleUrl: config.oracleUrl, boot, stateDir, peers: peerClient, clock, log,
    describe: () => ({ labels: config.labels, store: store.kind, functions: deployments.names(), hardware }),
    onCollections(names) {
      place.collections = names;
      void deployments.reconsider();
    },
    onChildren: () => passingOn.start(),
  });
  const { directory } = agent;
  const passingOn = new PassingOn({ node: name, deployments, bundles, settings, children: () => directory.children(), parentUrl, peers: peerClient, clock, log });

  const line = new WaitingLine({ clock, maxWaiting: MAX_WAITING_PER_SESSION, maxWaitMs: MAX_WAIT_MS });
  const changes = new Changes(clock);
  const status = new StatusFile(join(stateDir, 'offload-status'));
  const offload = new Offload({
    node: name, store, peers: new Peers(createTransport(peerClient, directory)), directory, status, line, changes, clock, ids, log,
    random: Math.random, reached: hooks.reached, onEffect: (session, output, receiver) => activity.depend(session, output, receiver), marks: config.offload,
    shelf: (kind) => folderShelf(join(stateDir, kind)), archive: folderArchive(join(stateDir, 'archive')),
    functions: createLocalFunctions({ node: name, deployments, sessions: () => sessions, ids }),
  });
  const carrier = createSendOn((node) => neighbourhood.urlOf(node));
  const neighbourhood = createNeighbourhood(offload, createForward({ clock, sendOn: carrier.sendOn }));
  const sessions = createSessions({ node: name, boot, store, line, changes, neighbourhood, clock, ids });

  const access = createAccess(credentials, createPeerVerifier({ key: peerKey, clock }));
  const telemetryOf = telemetrySettings(config.telemetry ?? {}, process.env, config.oracleUrl !== undefined);
  const telemetry = createTelemetry({
    node: name, stateDir, clock, log, settings: telemetryOf,
    directory, peers: peerClient, oracleUrl: config.oracleUrl, sample: () => ownSamples.take(),
    onPoints: config.performanceSamples ? (points) => { for (const sample of samplesIn(points)) activity.sample(sample); } : undefined,
  });
  const machineHealth = new MachineHealth({ folder: stateDir, monotonic: () => performance.now() });
  const ownSamples = createOwnSamples({ node: name, deployments, health: machineHealth, clock });
  // Reports tell what the node has put into its telemetry; only one that puts nothing there is looked at for them.
  let firstSample: Promise<void> | undefined;
  const health = async () => {
    if (telemetryOf.ownSamplesMs <= 0) return machineHealth.read();
    await (firstSample ??= telemetry.sample());
    return healthIn((metricID) => telemetry.latest(name, metricID));
  };
  const telemetryDoor = createTelemetryDoor({ routes: telemetry.routes, access, clock, ids, log });
  const { aliasPort } = config.telemetry ?? {};
  const alias = aliasPort === undefined ? undefined : createAliasListener(telemetryDoor, config.host, aliasPort);
  const callbacks = createCallbackRules(config.callbacks && { allowed: config.callbacks });
  const callQueue = new CallQueue({
    node: name, files: createCallFiles(join(stateDir, 'async-calls')), ended: new EndedCalls(join(stateDir, 'ended-async-calls.ndjson')),
    settingsOf: (each) => deployments.find(each), clock, log,
    sender: createSender({ node: name, url: () => gateway.loopbackUrl, callbacks, monotonic: () => performance.now() }),
  });
  const httpMetrics = new HttpMetrics();
  const onAnswered = (method: string, path: string, status: number, tookMs: number) => httpMetrics.count(method, path, status, tookMs / 1000);
  const counters = { deployments, clock, startedAtMs: clock.now(), moreMetrics: async () => httpMetrics.text() + callQueue.metrics() };
  const metricsListener = config.metricsPort === undefined ? undefined
    : createMetricsListener({ host: config.host, port: config.metricsPort, text: () => metricsText(counters) });
  const routes = [
    ...systemRoutes({ node: name, version: VERSION, deployments, bundles, passingOn, secrets, namespaces, settings, images }),
    ...logRoutes({ node: name, logs: functionLogs, deployments }), ...scaleRoutes({ node: name, deployments, log }), ...callRoutes(callQueue),
    ...nodeRoutes({
      facts: { name, level, labels: config.labels, get collections() { return place.collections; }, parentUrl }, url: () => gateway.url, store,
      offloadStatus: () => (directory.parent() ? status.current : undefined), children: () => directory.children(), ...counters, oracleUrl: config.oracleUrl,
    }),
    ...buildRoutes({ bundles, images, secret: payloadSecret, folder: join(stateDir, 'builds'), clock, log }), ...createPeerRoutes(offload), ...agent.routes(),
  ];
  const gateway = createGateway({
    node: name, host: config.host, port: config.port, deployments, sessions, commands: createCommands(offload), access, telemetry: telemetryDoor,
    asyncCalls: createAsyncDoor({ node: name, deployments, queue: callQueue, callbacks, clock, ids, onAnswered }),
    onSaid: (functionName, entries, residency) => telemetry.record(ownSamples.said(functionName, entries, residency)),
    health: createHealth({ store, missing: () => deployments.missing(config.awaitFunctions ?? []), registered: () => agent.registered(), clock }),
    ...(config.statefulBodyMb !== undefined && { limits: { statefulBodyBytes: config.statefulBodyMb * 1024 * 1024 } }),
    admin: () => createAdmin({
      routes, access, clock, ids, log, onAnswered,
    }), clock, ids, log, activity,
    cors: config.cors && config.cors.origins.length > 0 ? createCors({ settings: config.cors, key: peerKey, clock }) : undefined,
  });
  const reporter = config.oracleUrl === undefined ? undefined : new Reporter({
    node: name, boot, oracleUrl: config.oracleUrl, peers: peerClient, store, activity, labels: { ...config.labels, level }, machine: hardware, health,
    capacity: config.capacity ?? DEFAULT_CAPACITY_PER_CORE * availableParallelism(), memoryLimitBytes: config.memoryLimitBytes ?? 0,
    ...(config.capabilities && { capabilities: config.capabilities }),
    workDone: () => ({ ...deployments.metrics.sum(), inHand: deployments.list().reduce((sum, { inHand }) => sum + inHand, 0) }),
    accepting: () => directory.isRoot() || status.current === 'accept', onSession: (listener) => changes.onAny(listener),
    monotonic: () => performance.now(), clock, log,
  });

  // What a former life knew of its neighbours, and had begun with them, is taken up before anybody is served.
  await agent.restore();
  await Promise.all([secrets.open(), namespaces.open()]);
  // The functions come first: an effect delivered before they are here would find no receiver.
  await deployments.restore();
  const wanted = new Set([...images.bundles(), ...deployments.entries().flatMap((entry) => isRemoval(entry) ? [] : bundleOf(entry) ?? [])]);
  // None at all is a list that could not be read, or a node without a past.
  if (wanted.size > 0) await bundles.sweep((sha256) => wanted.has(sha256), clock.now() - BUNDLE_KEEP_MS);
  await offload.resume();
  await telemetry.start();
  const url = await gateway.listen();
  if (config.url === undefined) self.url = url;
  const aliasUrl = await alias?.listen();
  const metricsUrl = await metricsListener?.listen();
  const sweeping = repeat(() => offload.sweep(), { clock, log, everyMs: SWEEP_EVERY_MS });
  const autoscaler = new Autoscaler({ deployments, queued: (each) => callQueue.queued(each), clock, log });
  const scaling = repeat(() => autoscaler.look(), { clock, log, everyMs: AUTOSCALE_EVERY_MS });
  await callQueue.open();
  await agent.start();
  reporter?.start();
  void passingOn.catchUp();
  deployments.onChange(() => functionLogs.keepOnly(deployments.names()));
  tidyAfter(deployments);
  log.info({ url, metricsUrl, store: store.kind, why: opened.why }, 'the node is ready');

  return {
    name, url: self.url, aliasUrl, metricsUrl, store: { kind: store.kind, url: opened.url, why: opened.why },
    async close() {
      const drainMs = config.drainMs ?? CLOSE_GRACE_MS;
      // While it still answers its peers; half of the time is for the requests in hand.
      if (config.drain === 'move' && directory.parent()) await moveAll({ offload, clock, log, withinMs: drainMs / 2 });
      const graceMs = config.drain === 'move' ? drainMs / 2 : drainMs;
      sweeping.end();
      scaling.end();
      reporter?.close();
      agent.close();
      passingOn.close();
      functionLogs.close();
      await Promise.all([callQueue.close(graceMs), gateway.close(graceMs), alias?.close(), metricsListener?.close()]);
      offload.close();
      await telemetry.close();
      await Promise.all([deployments.close(), carrier.close(), peerClient.close()]);
      await workers.close();
      await opened.close();
    },
  };
}

/** Docker's own rule. */
function engineSocket({ DOCKER_HOST: host = '' }: NodeJS.ProcessEnv): string {
  return host.startsWith('unix://') ? host.slice('unix://'.length) : '/var/run/docker.sock';
}

/**
 * Once the start and each round of deployments are over, their leftovers are given back: when the node has been idle for a while,
 * for whoever is being served would wait for it. A node that is always busy collects by itself.
 */
function tidyAfter(deployments: Deployments): void {
  let timer: Timer;
  let before = performance.eventLoopUtilization();
  const later = () => {
    systemClock.clearTimeout(timer);
    before = performance.eventLoopUtilization();
    timer = systemClock.setTimeout(() => (performance.eventLoopUtilization(before).utilization > TIDY_IDLE_SHARE ? later() : releaseMemory()), TIDY_AFTER_MS);
  };
  later();
  deployments.onChange(later);
}

// ── As a process ───────────────────────────────────────────────────────────────────────────────

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  keepTickShape();
  // A terminal's Ctrl-C reaches the whole group; the supervisor ends its nodes itself, in order.
  process.on('SIGINT', () => undefined);
  let drainMs = CLOSE_GRACE_MS;
  let starting: Promise<RunningNode> | undefined;
  let ending: Promise<void> | undefined;
  // A start that is under way is waited for, so that whatever it has begun is ended too.
  const end = () => {
    systemClock.setTimeout(() => process.exit(1), STOP_MS - CLOSE_GRACE_MS + drainMs);
    ending ??= (starting ?? Promise.resolve(undefined)).then((node) => node?.close()).then(() => process.exit(0), () => process.exit(1));
  };
  process.on('SIGTERM', end);
  process.on('disconnect', end);
  try {
    const config = values.config ? (JSON.parse(await readFile(values.config, 'utf8')) as NodeConfig) : configFromEnvironment(process.env);
    drainMs = config.drainMs ?? CLOSE_GRACE_MS;
    starting = startNode(config, hooksOf(process.env));
    const node = await starting;
    report({ event: 'ready', name: node.name, url: node.url, store: node.store, aliasUrl: node.aliasUrl, pid: process.pid });
  } catch (error) {
    report({ event: 'failed', reason: (error as Error).message });
    process.exit(1);
  }
}

function report(event: Record<string, unknown>): void {
  console.log(JSON.stringify(event));
  if (process.connected) process.send?.(event);
}

/**
 * For crash tests alone, and only with `ALLOW_CRASH=yes`: `CRASH_AT=step` kills the process when a move
 * reaches the step here; `STEP_BY_STEP=yes` reports each step to the parent process and waits for its word;
 * `STEP_CLOCK=yes` lets the parent set how far this process's clock is from the machine's.
 */
function hooksOf({ CRASH_AT: crashAt, STEP_BY_STEP: reports, STEP_CLOCK: steps, ALLOW_CRASH: allowed }: NodeJS.ProcessEnv): NodeHooks {
  if (allowed !== 'yes') return {};
  if (steps === 'yes') return { clock: steppedClock() };
  if (reports === 'yes') return { reached: (step, session) => askParent(step, session) };
  if (crashAt === undefined) return {};
  return {
    reached: (step) => {
      if (step === crashAt) process.kill(process.pid, 'SIGKILL');
    },
  };
}

function steppedClock(): Clock {
  let offsetMs = 0;
  process.on('message', (message: { event?: string; offsetMs?: number }) => {
    if (message.event === 'clock') offsetMs = message.offsetMs ?? 0;
  });
  return { ...systemClock, now: () => systemClock.now() + offsetMs };
}

function askParent(step: string, session: string): Promise<void> {
  return new Promise((resolve) => {
    const onMessage = (message: { event?: string; step?: string; session?: string }) => {
      if (message.event !== 'go-on' || message.step !== step || message.session !== session) return;
      process.off('message', onMessage);
      resolve();
    };
    process.on('message', onMessage);
    process.send?.({ event: 'step', step, session });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();

/** A node's telemetry: made by `createTelemetry`, served by the gateway's door, fed by the node's own samples. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock, Timer } from '../base/clock.js';
import type { Directory } from '../base/directory.js';
import type { PeerClient } from '../base/http-client.js';
import type { Log } from '../base/log.js';
import { Asking } from './ask.js';
import { Cluster } from './cluster.js';
import { History } from './history.js';
import { Knowledge } from './knowledge.js';
import { PEER_DEADLINE_MS, TELEMETRY_TIDY_MS } from '../model/limits.js';
import { MetaCopies } from './meta-copies.js';
import { moreRoutes } from './more-routes.js';
import type { Point } from './read-put.js';
import { peerRoutes, seedRoutes, type TelemetryRoute } from './routes.js';
import { Replicas } from './replicas.js';
import type { TelemetrySettings } from './settings.js';
import { Storage } from './storage.js';

export interface TelemetryParts {
  node: string;
  settings: TelemetrySettings;
  directory: Directory;
  peers: PeerClient;
  /** Missing: only what the tree knows is known of other nodes. */
  oracleUrl?: string;
  /** What the node says of itself, now and then. */
  sample?(): Promise<Point[]>;
  /** Looks on: every point of the node's own that is stored, whether the node or somebody else has put it. */
  onPoints?(points: readonly Point[]): void;
  stateDir: string;
  clock: Clock;
  log: Log;
}

export interface Telemetry {
  readonly routes: readonly TelemetryRoute[];
  /** Points of the node itself, by the same way as everybody's. */
  put(points: readonly Point[]): Promise<void> | undefined;
  /** The same for whoever cannot wait: what finds no room is logged and dropped. */
  record(points: readonly Point[]): void;
  /** The latest value of a series of the node's own. */
  latest(entityID: string, metricID: string): number | undefined;
  /** Has the node say of itself what it says now and then. */
  sample(): Promise<void>;
  /** Forgets what has been in memory for longer than the eviction time. @returns latest values that went */
  evict(): number;
  /** Everything that was stored before is in the database when it resolves. */
  settle(): Promise<void>;
  /** Looks after the age of the history at once. */
  tidy(): Promise<void>;
  /** Takes up what a former life has kept. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Eviction is looked after this often; its unit is hours. */
const EVICT_EVERY_MS = 60_000;

export function createTelemetry(parts: TelemetryParts): Telemetry {
  const { node, settings, clock, log } = parts;
  const storage: Storage = new Storage({
    node, settings, clock, onStored: (batch) => replicas.stored(batch), onDeleted: (series, range) => replicas.deleted(series, range),
    onKeyed: (kind, change) => replicas.keyed(kind, change), onPoints: parts.onPoints,
  });
  const knowledge: Knowledge = new Knowledge({
    ...parts, file: join(parts.stateDir, 'telemetry-domain.json'), isHead: settings.isHead, discovery: settings.discovery,
    onLearnt() {
      replicas.reconcile();
      void copies.learn();
    },
  });
  const replicas: Replicas = new Replicas({ ...parts, storage, knowledge, now: () => clock.now() });
  const ask = async (url: string, path: string, body: unknown, timeoutMs: number) => (await parts.peers.call(url, 'POST', path, body, undefined, { timeoutMs })).body;
  const history = settings.history ? new History({ node, folder: join(parts.stateDir, 'telemetry'), storage, settings, clock, log }) : undefined;
  const cluster = new Cluster({ self: node, nodes: () => knowledge.nodes(), replicas: () => knowledge.replicas, ask });
  const boot = randomUUID();
  const copies: MetaCopies = new MetaCopies({ node, folder: join(parts.stateDir, 'telemetry-copies'), nodes: () => knowledge.nodes(), ask: (url, path, body) => ask(url, path, body, PEER_DEADLINE_MS), log });
  const asking = new Asking({ storage, cluster, remembered: (name) => copies.of(name) });
  const routeParts = { boot, knowledge, node, storage, asking, cluster, isHead: () => knowledge.nodes().find(({ name }) => name === node)?.isHead ?? false, appCache: settings.appCache, now: () => clock.now() };
  const record = (points: readonly Point[]) => {
    try {
      storage.put(points)?.catch((error: unknown) => log.warn({ reason: (error as Error).message }, 'samples of the node were not kept'));
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'samples of the node were dropped');
    }
  };
  const sample = async () => {
    try {
      record(await parts.sample?.() ?? []);
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'the node could not look at itself');
    }
  };
  const timers = new Set<Timer>();
  const every = (ms: number, work: () => unknown) => {
    const again = () => {
      const timer = clock.setTimeout(() => {
        timers.delete(timer);
        work();
        again();
      }, ms);
      timers.add(timer);
    };
    again();
  };
  return {
    routes: [...seedRoutes(routeParts), ...peerRoutes(routeParts), ...moreRoutes({ node, storage, asking, history, now: () => clock.now() })],
    put: (points) => storage.put(points),
    record, sample, latest: (entityID, metricID) => storage.latest(entityID, metricID),
    settle: async () => history?.settle(),
    tidy: async () => history?.tidy(),
    evict: () => storage.evict(),
    async start() {
      for (const warning of settings.warnings) log.warn({}, warning);
      await history?.open();
      storage.disk = history;
      // What was evicted in a former life does not come back.
      storage.evict();
      await replicas.start();
      every(EVICT_EVERY_MS, () => storage.evict());
      if (history) every(TELEMETRY_TIDY_MS, () => history.tidy().catch((error: unknown) => log.warn({ reason: (error as Error).message }, 'the history could not be tidied')));
      if (settings.ownSamplesMs > 0) every(settings.ownSamplesMs, () => void sample());
      await knowledge.start();
    },
    async close() {
      for (const timer of timers) clock.clearTimeout(timer);
      knowledge.close();
      await copies.close();
      await replicas.close();
      await history?.close();
    },
  };
}

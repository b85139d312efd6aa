/** A node's telemetry: made by `createTelemetry`, served by the gateway's door, fed by the node's own samples. */
import type { Clock, Timer } from '../base/clock.js';
import type { Directory } from '../base/directory.js';
import type { PeerClient } from '../base/http-client.js';
import type { Log } from '../base/log.js';
import { Asking } from './ask.js';
import { Cluster } from './cluster.js';
import { Knowledge } from './knowledge.js';
import type { Point } from './read-put.js';
import { peerRoutes, seedRoutes, type TelemetryRoute } from './routes.js';
import type { TelemetrySettings } from './settings.js';
import { Storage } from './storage.js';

export interface TelemetryParts {
  node: string;
  settings: TelemetrySettings;
  directory: Directory;
  peers: PeerClient;
  /** Missing: only what the tree knows is known of other nodes. */
  oracleUrl?: string;
  stateDir: string;
  clock: Clock;
  log: Log;
}

export interface Telemetry {
  readonly routes: readonly TelemetryRoute[];
  /** Points of the node itself, by the same way as everybody's. */
  put(points: readonly Point[]): Promise<void> | undefined;
  /** Forgets what has been in memory for longer than the eviction time. @returns latest values that went */
  evict(): number;
  /** Takes up what a former life has kept. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Eviction is looked after this often; its unit is hours. */
const EVICT_EVERY_MS = 60_000;

export function createTelemetry(parts: TelemetryParts): Telemetry {
  const { node, settings, clock, log } = parts;
  const storage = new Storage({ node, settings, clock });
  const knowledge = new Knowledge({ ...parts, isHead: settings.isHead, discovery: settings.discovery });
  const ask = async (url: string, path: string, body: unknown, timeoutMs: number) => (await parts.peers.call(url, 'POST', path, body, undefined, { timeoutMs })).body;
  const cluster = new Cluster({ self: node, nodes: () => knowledge.nodes(), replicas: () => knowledge.replicas, ask });
  const asking = new Asking({ storage, cluster, remembered: () => undefined });
  const routeParts = { node, storage, asking, cluster, appCache: settings.appCache, now: () => clock.now() };
  const timers = new Set<Timer>();
  const every = (ms: number, work: () => void) => {
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
    routes: [...seedRoutes(routeParts), ...peerRoutes(routeParts)],
    put: (points) => storage.put(points),
    evict: () => storage.evict(),
    async start() {
      for (const warning of settings.warnings) log.warn({}, warning);
      every(EVICT_EVERY_MS, () => storage.evict());
      knowledge.start();
    },
    async close() {
      for (const timer of timers) clock.clearTimeout(timer);
      knowledge.close();
    },
  };
}

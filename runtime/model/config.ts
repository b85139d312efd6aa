import type { CorsSettings } from './cors.js';
import type { NodeCapabilities } from './report.js';
import type { Watermarks } from './watermarks.js';

/** Version of this runtime, as `/system/info` and `--version` say it; a test holds it to package.json. */
export const VERSION = '0.1.0';

/** A Redis or Valkey server that can be run, or why there is none. */
export type FoundServer = { found: true; server: ServerBinary } | { found: false; reason: string };

/** A server binary that has been run once to ask its version. */
export interface ServerBinary {
  /** Absolute path. */
  binary: string;
  /** To be added to the environment it runs in. */
  env: Record<string, string>;
  /** `7.0.15` */
  version: string;
  flavour: 'redis' | 'valkey';
  /** `path`: installed; `cache`: taken from the cache folder; `packages`: downloaded into it just now. */
  source: 'path' | 'cache' | 'packages';
}

/** What a node is told at its start; `runtime/node.ts` reads it from a JSON file or from the environment of a container. */
export interface NodeConfig {
  name: string;
  /** Level of the domain file: cloud, city, edge, … */
  level: string;
  /** Address the gateway listens on, e.g. 127.0.0.1:8082. Port 0 takes a free one. */
  host: string;
  port: number;
  /** Where clients and peers reach it; defaults to http://host:port. */
  url?: string;
  /** Missing at the root. */
  parentUrl?: string;
  oracleUrl?: string;
  domainId: string;
  labels: Record<string, string>;
  /** `auto`, `redis`, `embedded`, `memory`, or a redis:// or unix socket URL. */
  store: string;
  /** What a search for a store server has found already; without it the node searches itself. */
  storeServer?: FoundServer;
  /** When a store server of the node's own makes sure that the disk has it: as Redis' `appendfsync`; `everysec` unless given. */
  storeFsync?: 'everysec' | 'always' | 'no';
  /** File with the password of the Redis at `store`; default `store-password` in the state folder, if there is one. */
  storePasswordFile?: string;
  /** Folder for everything the node keeps: store, bundles, deployments, its log. */
  stateDir: string;
  adminUser: string;
  adminPasswordFile: string;
  peerKeyFile: string;
  /** Port with nothing but /metrics; 0 takes a free one, missing: none, and the gateway has them anyway. */
  metricsPort?: number;
  /** File with the secret that builds are signed with; without one, or where it is not there, nothing is built here. */
  payloadSecretFile?: string;
  /** None unless given. */
  cors?: CorsSettings;
  /** Places that callbacks of asynchronous calls may name; missing: everywhere but where only the machine's own programs belong. */
  callbacks?: string[];
  /** Time that requests in hand have when the node is told to stop, in ms; 2000 unless given, for Ctrl-C has to be through within 4 s. */
  drainMs?: number;
  /** What becomes of its sessions then: they stay in its store (`keep`, the default), or go to the parent within half of that time (`move`). */
  drain?: 'keep' | 'move';
  /** Largest body of a request with a session, in MiB; 16 unless given. It is held in memory while the session is waited for. */
  statefulBodyMb?: number;
  /** Deployments that must be loaded before /healthz answers 200. */
  awaitFunctions?: string[];
  /** Requests that the node can work on at once, as policies count its load; default 16 for each core. */
  capacity?: number;
  /** Bytes of sessions from which policies count the store as full; 0 or missing: without a limit. */
  memoryLimitBytes?: number;
  /** What an operator knows better than the operating system: cores, model of the processor, GPUs, … */
  capabilities?: Partial<NodeCapabilities>;
  /** Execution and transfer time of every stateful request go to the oracle; default false. */
  performanceSamples?: boolean;
  /** Container engine for images that are neither bundles nor commands: its unix socket (Docker's usual one), and the network of its containers. */
  containers?: { socket?: string; network?: string };
  workers?: {
    /** Worker processes kept warm. */
    spare?: number;
    /** Most worker processes of one function. */
    perFunction?: number;
    memoryLimitMb?: number;
    /** File that maps names of images to commands; without it the one that comes with the runtime. */
    imagesFile?: string;
  };
  /** When sessions go up and come back by themselves; without it only by command. */
  offload?: Partial<Watermarks>;
  log?: 'silent' | 'error' | 'warn' | 'info' | 'debug';
  telemetry?: TelemetryConfig;
}

/** Telemetry of a node; what is missing comes from the environment, then from defaults. */
export interface TelemetryConfig {
  /** Port of the listener for RAINBOW's clients; 0 takes a free one, missing: none. */
  aliasPort?: number;
  /** False: nothing is kept on disk, and nothing older than memory holds. */
  history?: boolean;
  /** A point is acknowledged when it is in memory (`buffer`, the default) or when it is on the disk (`flush`). */
  durability?: 'buffer' | 'flush';
  /** SIZE, EVICTION and APP_CACHE, as the environment has them. */
  sizeMb?: number;
  evictionHours?: number;
  appCache?: boolean;
  /** Points are deleted so long after they were stored. */
  retentionDays?: number;
  /** Points in the database from which on days that are over become Parquet files. */
  compactAfterPoints?: number;
  /** Pause between two samples of the node's own state; 0: none. */
  ownSamplesSeconds?: number;
}

/** Quantities as Kubernetes writes them. */
export interface Resources {
  memory?: string;
  cpu?: string;
}

/** One deployed function: OpenFaaS's deploy body, as far as this runtime reads it, and the bundle that runs it. */
export interface Deployment {
  service: string;
  /** `bundle:<sha256 hex>` of an ES module made by the bundler, or a name that the builder, the list of commands or a container engine knows. */
  image: string;
  /** Hex SHA-256 of the bundle that the builder made under the image's name; goes down the tree with the deployment. */
  bundle?: string;
  /** Command line that the image's own is replaced by, as OpenFaaS's `fprocess`. */
  envProcess?: string;
  /** Most that one replica may take: `{memory: '128Mi', cpu: '500m'}`. */
  limits?: Resources;
  namespace?: string;
  envVars?: Record<string, string>;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** OpenFaaS constraints: `level=edge`, `node=milan*`. */
  constraints?: string[];
  secrets?: string[];
  readOnlyRootFilesystem?: boolean;
  /** `subtree` (default) deploys below as well, `node` here only. */
  scope?: 'subtree' | 'node';
  /** Milliseconds since the epoch of the deploy at the node that was asked; the newer one wins, a removal counts too. */
  atMs: number;
}

/** Annotations of a deployment that this runtime reads. */
export const ANNOTATIONS = {
  /** `inline`, `thread` or `process` (default) for a bundle; `command`, `container` or `remote` for what is none. */
  worker: 'worker',
  /** URL of a remote worker: the function runs there. */
  upstream: 'upstream',
  /** Handler's time in ms. */
  timeoutMs: 'timeout-ms',
  /** Idle time to live of new sessions in seconds. */
  sessionTtl: 'session-ttl',
  /** `true`: takes what others propagate to it. */
  receives: 'receives',
} as const;

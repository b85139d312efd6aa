/**
 * The domain's oracle: `node dist/oracle/oracle.js --config FILE`. It reports to the process that
 * started it with `{event: 'ready', url}` or `{event: 'failed', reason}` (and prints the same as one
 * line of JSON), ends on SIGTERM, and when the channel to its supervisor closes.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Clock, systemClock, type Timer } from '../runtime/base/clock.js';
import { readSecret } from '../runtime/base/credentials.js';
import type { DomainArea } from '../runtime/base/domain-file.js';
import { systemIds } from '../runtime/base/ids.js';
import { createLog, type Log, type LogLevel } from '../runtime/base/log.js';
import { createPeerClient } from '../runtime/base/http-client.js';
import { createPeerSigner, createPeerVerifier } from '../runtime/base/peer-signature.js';
import type { ServerBinary } from '../runtime/model/config.js';
import { ANNOUNCE_EVERY_MS } from '../runtime/model/limits.js';
import { Board } from './dashboard/board.js';
import { DashboardFiles } from './dashboard/files.js';
import { DashboardRoutes } from './dashboard/routes.js';
import { createInventory, type RunningInventory } from './inventory/create-inventory.js';
import { readSettings } from './inventory/settings.js';
import { Machines } from './kubernetes/machines.js';
import { Movement } from './movement-service.js';
import { assertOwnDatabase } from './mirror/database.js';
import { type MirrorServer, startMirrorServer } from './mirror/server.js';
import { Orchestration } from './orchestration.js';
import { Registry } from './registry.js';
import { createOracleServer } from './server.js';
import { type OracleSettings, readOracleSettings } from './settings.js';

/** In whose name the oracle signs its calls; no node may be called so. */
const ORACLE_NAME = 'oracle';

export interface OracleConfig {
  host: string;
  /** 0 takes a free one. */
  port: number;
  domainId: string;
  peerKeyFile: string;
  /** Folder of its log, of its intents and of the inventory. */
  stateDir: string;
  adminUser?: string;
  /** Without one nobody administers with a password. */
  adminPasswordFile?: string;
  /** Collections of the inventory that the domain file has. */
  areas?: DomainArea[];
  /** Settings of the inventory; a file that is not there is an empty one. */
  inventoryFile?: string;
  /** `policy`, its `settings`, and the mirror's section `proxy`, in YAML or TOML; a file that is not there is an empty one. */
  settingsFile?: string;
  /** A Redis of the mirror's own, used where the settings name none. */
  mirrorServer?: { port: number; server?: ServerBinary; reason?: string };
  /** Stores of sessions: the mirror empties its database at the start, so it must be none of them. */
  sessionStores?: string[];
  log?: LogLevel;
}

export interface RunningOracle {
  url: string;
  /** Where the mirror is, or why there is none. */
  mirror: string;
  /** It will be closed soon: what takes long then is begun now. */
  prepareClose(): void;
  close(): Promise<void>;
}

export async function startOracle(config: OracleConfig): Promise<RunningOracle> {
  const { host, port, domainId, stateDir } = config;
  const clock = systemClock;
  const log = createLog(config.log ?? 'info', { file: join(stateDir, 'oracle.log') });
  const key = await readSecret(config.peerKeyFile);
  const verifier = createPeerVerifier({ key, clock });
  const credentials = config.adminPasswordFile === undefined ? undefined
    : { user: config.adminUser ?? 'admin', password: await readSecret(config.adminPasswordFile) };
  const inventory: RunningInventory = await createInventory({
    folder: join(stateDir, 'inventory'), settings: await readSettings(config.inventoryFile), areas: config.areas ?? [], domainId, clock, ids: systemIds, log, ...(credentials && { credentials }),
  });
  const registry = new Registry({
    domainId, clock, idOf: (name) => inventory.idOf(name),
    onEvent({ kind, node }) {
      log.info({ node }, `a node ${kind}`);
      orchestration.noteNode(node);
      movement.note(kind, node);
      if (kind === 'failed') inventory.failed(node);
    },
  });
  const settings = await readOracleSettings(config.settingsFile);
  const mirror = await ownMirror(config, settings, { clock, log });
  const proxy = mirror?.server ? { ...settings.proxy, proxy_type: 'Redis' as const, redis_url: mirror.server.url } : settings.proxy;
  assertOwnDatabase(proxy.redis_url, config.sessionStores ?? []);
  const movement: Movement = new Movement({ stateDir, registry, clock, log, environment: process.env, constants: settings.movement });
  const peers = createPeerClient({ signer: createPeerSigner({ node: ORACLE_NAME, key, clock, ids: systemIds }) });
  const machines = settings.kubernetes && new Machines({ settings: settings.kubernetes, clock, log });
  const board = new Board(() => clock.now());
  const orchestration = new Orchestration({
    domainId, stateDir, policy: settings.policy, policySettings: settings.settings, proxy, registry, peers, clock, ids: systemIds, log, board, ...(machines && { machines }), ...(mirror?.server && { mirrorServer: mirror.server }),
  });
  const mirrorAt = proxy.proxy_type === 'Redis' ? hidden(proxy.redis_url) : `off: ${mirror?.reason ?? 'oracle.yml names none'}`;
  const dashboard = {
    files: await DashboardFiles.open(), routes: new DashboardRoutes({ domainId, registry, orchestration, board, mirror: mirrorAt, now: () => clock.now() }),
  };
  const server = createOracleServer({
    host, port, domainId, registry, verifier, orchestration, ...(credentials && { admin: credentials }), ids: systemIds, clock, log, inventory, movement, dashboard,
  });
  await movement.start();
  // Whoever is asked there may be away: nobody waits for it.
  void machines?.start().catch((error: unknown) => log.warn({ reason: (error as Error).message }, 'machines in Kubernetes cannot be asked'));
  await orchestration.start();
  const url = await server.listen();
  let timer: Timer;
  const watch = () => {
    registry.sweep();
    inventory.sweep();
    timer = clock.setTimeout(watch, ANNOUNCE_EVERY_MS);
  };
  watch();
  log.info({ url }, 'the oracle is ready');
  return {
    url,
    mirror: mirrorAt,
    prepareClose: () => inventory.keeping.prepareClose(),
    async close() {
      clock.clearTimeout(timer);
      await server.close();
      // Its last snapshot may take longer than the supervisor waits. Its journal has everything, so that this may be cut off; the others may not wait for it.
      const kept = inventory.close();
      await orchestration.close();
      await movement.close();
      await machines?.close();
      await peers.close();
      await mirror?.server?.close();
      await kept;
    },
  };
}

/** The mirror's own server, or the reason why there is none. Nothing of it keeps an oracle from starting. */
async function ownMirror(
  { mirrorServer, stateDir }: OracleConfig, { proxy }: OracleSettings, { clock, log }: { clock: Clock; log: Log },
): Promise<{ server?: MirrorServer; reason?: string } | undefined> {
  if (!mirrorServer || proxy.proxy_type === 'Redis' || proxy.is_off) return undefined;
  if (!mirrorServer.server) return { reason: mirrorServer.reason ?? 'no Redis server can be had' };
  const { port, server } = mirrorServer;
  return startMirrorServer({ server, port, folder: stateDir, clock, log }).then((started) => ({ server: started }), (error: Error) => ({ reason: error.message }));
}

/** Without what may be a password. */
function hidden(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  // A terminal's Ctrl-C reaches the whole group; the supervisor ends the oracle itself, after the nodes.
  process.on('SIGINT', () => undefined);
  let oracle: RunningOracle | undefined;
  const end = () => void (oracle?.close() ?? Promise.resolve()).then(() => process.exit(0), () => process.exit(1));
  process.on('SIGTERM', end);
  process.on('disconnect', end);
  process.on('message', (message: { event?: string }) => {
    if (message.event === 'prepare') oracle?.prepareClose();
  });
  try {
    if (values.config === undefined) throw new Error('--config FILE is needed');
    oracle = await startOracle(JSON.parse(await readFile(values.config, 'utf8')) as OracleConfig);
    report({ event: 'ready', url: oracle.url, mirror: oracle.mirror, pid: process.pid });
  } catch (error) {
    report({ event: 'failed', reason: (error as Error).message });
    process.exit(1);
  }
}

function report(event: Record<string, unknown>): void {
  console.log(JSON.stringify(event));
  process.send?.(event);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();

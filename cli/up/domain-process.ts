/** A whole domain on this machine: the oracle and one process a node, started together and stopped in order. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeAtomically } from '../../runtime/base/atomic-file.js';
import { type DomainFile, nodeConfigs } from '../../runtime/base/domain-file.js';
import type { FoundServer, NodeConfig, ServerBinary } from '../../runtime/model/config.js';
import { CliFailure } from '../failure.js';
import { ADMIN_USER, type DomainRecord, type StateFolder } from '../state.js';
import { endStores } from './stores.js';
import { Child, type ReadyEvent } from './child.js';

export interface DomainProcessOptions {
  domain: DomainFile;
  file: string;
  host: string;
  aliasPort?: number;
  state: StateFolder;
  awaitFunctions: string[];
  /** What was found to run the nodes' stores. */
  storeServer?: FoundServer;
  say(line: string): void;
  /** Scripts of the processes; tests may put others in their place. */
  scripts?: { node: string; oracle: string };
}

export interface StartedNode {
  config: NodeConfig;
  ready: ReadyEvent;
}

const SCRIPTS = {
  node: fileURLToPath(new URL('../../runtime/node.js', import.meta.url)),
  oracle: fileURLToPath(new URL('../../oracle/oracle.js', import.meta.url)),
};
/** Ctrl-C is through within 4 s: nodes first, with most of the time, then the oracle and whatever stores are left. */
const NODES_PATIENCE_MS = 2_600;
const ORACLE_PATIENCE_MS = 400;
const STORES_PATIENCE_MS = 400;
/** Nodes below are given this lead, so that what they tell their parents at the end is still heard. */
const LEVEL_LEAD_MS = 150;

export class DomainProcess {
  readonly configs: NodeConfig[];
  private readonly oracle: Child;
  private readonly nodes: { depth: number; child: Child }[];
  private stopping: Promise<void> | undefined;
  /** Where the mirror is, or why there is none; known after `start`. */
  mirror: string | undefined;

  constructor(private readonly options: DomainProcessOptions) {
    const { domain, state, host, aliasPort, awaitFunctions, storeServer, say, scripts = SCRIPTS } = options;
    this.configs = nodeConfigs(domain, {
      host, oracleUrl: this.oracleUrl, stateDirOf: (name) => state.nodeDir(name), adminUser: ADMIN_USER,
      adminPasswordFile: state.passwordFile, peerKeyFile: state.peerKeyFile, payloadSecretFile: state.payloadSecretFile, awaitFunctions, aliasBasePort: aliasPort, ...(storeServer && { storeServer }),
    });
    this.oracle = new Child({ title: 'the oracle', script: scripts.oracle, configFile: join(state.oracleDir, 'config.json'), say });
    this.nodes = domain.nodes.map(({ name, level }) => ({
      depth: domain.levels.indexOf(level),
      child: new Child({ title: `node ${name}`, script: scripts.node, configFile: join(state.nodeDir(name), 'config.json'), say }),
    }));
  }

  get oracleUrl(): string {
    return `http://${this.options.host}:${this.options.domain.oraclePort}`;
  }

  /** Resolves once every process is ready. Rejects with the reasons of all that failed; the others run on until `stop`. */
  async start(): Promise<StartedNode[]> {
    await this.write();
    const attempts = await Promise.allSettled([this.oracle, ...this.nodes.map(({ child }) => child)].map((child) => child.start()));
    const titles = ['the oracle', ...this.nodes.map(({ child }) => child.title)];
    if (attempts[0]!.status === 'fulfilled') this.mirror = attempts[0]!.value.mirror;
    const failures = attempts.flatMap((attempt, index) => attempt.status === 'rejected' ? [`${titles[index]}: ${(attempt.reason as Error).message}`] : []);
    if (failures.length > 0) throw new CliFailure(failures.join('\n       '));
    return this.configs.map((config, index) => ({ config, ready: (attempts[index + 1] as PromiseFulfilledResult<ReadyEvent>).value }));
  }

  stop(): Promise<void> {
    this.stopping ??= this.stopInOrder();
    return this.stopping;
  }

  /** Without asking anybody. */
  async kill(): Promise<void> {
    for (const { child } of this.nodes) child.kill();
    this.oracle.kill();
    await this.endStores(0);
  }

  private async stopInOrder(): Promise<void> {
    const deepest = Math.max(...this.nodes.map(({ depth }) => depth));
    const startedMs = performance.now();
    this.oracle.prepare();
    await Promise.all(this.nodes.map(async ({ depth, child }) => {
      const lead = Math.min((deepest - depth) * LEVEL_LEAD_MS, NODES_PATIENCE_MS / 2);
      if (lead > 0) await Promise.race([this.belowEnded(depth), new Promise((resolve) => setTimeout(resolve, lead))]);
      await child.stop(Math.max(NODES_PATIENCE_MS - (performance.now() - startedMs), 0));
    }));
    await this.oracle.stop(ORACLE_PATIENCE_MS);
    await this.endStores(STORES_PATIENCE_MS);
  }

  /** Never by itself before the lead is over when nodes below have not ended. */
  private async belowEnded(depth: number): Promise<void> {
    const below = this.nodes.filter((node) => node.depth > depth);
    await Promise.all(below.map(({ child }) => child.ended));
  }

  private endStores(patienceMs: number): Promise<void> {
    return endStores([...this.configs.map(({ stateDir }) => stateDir), this.options.state.oracleDir], patienceMs);
  }

  private async write(): Promise<void> {
    const { domain, state, file, host } = this.options;
    const secret = { mode: 0o600 };
    const writeConfig = async (folder: string, config: object) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(join(folder, 'config.json'), JSON.stringify(config, undefined, 2), secret);
    };
    await writeConfig(state.oracleDir, {
      host, port: domain.oraclePort, domainId: domain.domainId, peerKeyFile: state.peerKeyFile, stateDir: state.oracleDir,
      adminUser: ADMIN_USER, adminPasswordFile: state.passwordFile, inventoryFile: join(dirname(file), 'inventory.yml'),
      ...(domain.areas && { areas: domain.areas }), sessionStores: domain.nodes.map(({ store }) => store), settingsFile: join(dirname(file), 'oracle.yml'),
      ...(domain.mirrorPort !== undefined && { mirrorServer: { port: domain.mirrorPort, ...mirrorServerOf(this.options.storeServer) } }),
    });
    await Promise.all(this.configs.map((config) => writeConfig(config.stateDir, config)));
    const record: DomainRecord = {
      domain: domain.domainId, oracleUrl: this.oracleUrl, adminUser: ADMIN_USER, passwordFile: state.passwordFile, peerKeyFile: state.peerKeyFile, file,
      nodes: this.configs.map(({ name, level, url }, index) => ({ name, level, url: url!, parent: domain.nodes[index]!.parent })),
    };
    await writeAtomically(state.domainFile, JSON.stringify(record, undefined, 2));
  }
}

function mirrorServerOf(found: FoundServer | undefined): { server?: ServerBinary; reason?: string } {
  if (!found) return { reason: 'no node looked for a Redis server' };
  return found.found ? { server: found.server } : { reason: found.reason };
}

/** A node as a process of its own, that can be killed and started again on the port and state it had. */
import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from '../../cli/up/child.js';
import type { NodeConfig } from '../../runtime/model/config.js';
import type { CorsSettings } from '../../runtime/model/cors.js';
import { endChild, isRunning, killChild, spawnModule } from './children.js';

export interface NodePlan {
  name: string;
  level: string;
  parent?: string;
  /** Instead of the tree's. */
  store?: string;
  /** `no` for servers that are killed: while a slow disk holds up the fsync of every second, Redis keeps back what it has acknowledged. */
  storeFsync?: NodeConfig['storeFsync'];
  statefulBodyMb?: number;
  /** Requests at once, and bytes of sessions, that policies reckon with. */
  capacity?: number;
  memoryLimitBytes?: number;
  /** Time that requests in hand have when it is told to stop. */
  drainMs?: number;
}

/** Where a node listens, and the address that everybody else knows it by. */
export interface Front {
  port: number;
  url: string;
}

export interface NodeOptions extends NodePlan {
  /** Folder of the node's state. */
  folder: string;
  parentUrl?: string;
  oracleUrl?: string;
  domainId: string;
  store: string;
  passwordFile: string;
  peerKeyFile: string;
  awaitFunctions?: string[];
  env?: NodeJS.ProcessEnv;
  execArgv?: string[];
  cors?: CorsSettings;
  /** Something stands in front of the node. */
  front?: Front;
}

const NODE = fileURLToPath(new URL('../../runtime/node.js', import.meta.url));

export class NodeProcess {
  url = '';
  store: { kind: string; url: string; why: string } | undefined;
  /** Steps that the node reports and waits at, when it was started step by step. */
  onStep: ((step: string, session: string) => void) | undefined;
  #child: ChildProcess | undefined;
  #port = 0;

  constructor(readonly options: NodeOptions) {}

  get name(): string { return this.options.name; }
  get pid(): number { return this.#child?.pid ?? 0; }
  get port(): number { return this.#port; }
  get isRunning(): boolean { return this.#child !== undefined && isRunning(this.#child); }

  async start(): Promise<void> {
    const { folder, name, level, parentUrl, domainId, store, passwordFile, peerKeyFile, awaitFunctions, env, execArgv = [], front, cors } = this.options;
    const { storeFsync, statefulBodyMb, oracleUrl, capacity, memoryLimitBytes, drainMs } = this.options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const config: NodeConfig = {
      name, level, host: '127.0.0.1', port: front?.port ?? this.#port, url: front?.url, parentUrl, domainId, labels: {}, store, storeFsync, stateDir: folder,
      adminUser: 'admin', adminPasswordFile: passwordFile, peerKeyFile, awaitFunctions, cors, statefulBodyMb, oracleUrl, capacity, memoryLimitBytes, drainMs, log: 'info',
    };
    const file = join(folder, 'config.json');
    await writeFile(file, JSON.stringify(config));
    const { child, ready } = await spawnModule<{ url: string; store: NodeProcess['store'] }>(NODE, ['--config', file], { env, execArgv: [...NODE_FLAGS, ...execArgv] });
    child.on('message', (message: { event?: string; step?: string; session?: string }) => {
      if (message.event === 'step') this.onStep?.(message.step!, message.session!);
    });
    this.#child = child;
    this.url = ready.url;
    this.store = ready.store;
    this.#port = front?.port ?? Number(new URL(ready.url).port);
  }

  /** Lets a node that waits at a step go on. */
  goOn(step: string, session: string): void {
    this.#say({ event: 'go-on', step, session });
  }

  /** Sets how far the node's clock is from the machine's, when it was started with a clock that steps. */
  stepClock(offsetMs: number): void {
    this.#say({ event: 'clock', offsetMs });
  }

  #say(message: object): void {
    if (this.isRunning && this.#child!.connected) this.#child!.send(message, () => undefined);
  }

  async kill(): Promise<void> {
    if (this.#child) await killChild(this.#child);
  }

  async stop(): Promise<void> {
    if (this.#child) await endChild(this.#child);
  }

  /** Process id of the store server that the node supervises; undefined when it has none. */
  async storePid(): Promise<number | undefined> {
    const text = await readFile(join(this.options.folder, 'store.pid'), 'utf8').catch(() => '');
    return Number.parseInt(text, 10) || undefined;
  }

  /** Worker processes: children of the node that are no store server. */
  async workerPids(): Promise<number[]> {
    const children = await readFile(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').catch(() => '');
    const store = await this.storePid();
    return children.trim().split(/\s+/).filter(Boolean).map(Number).filter((pid) => pid !== store);
  }

  /** Resident memory of the node's own process in MB. */
  async rssMb(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
  }
}

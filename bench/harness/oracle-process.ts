/** An oracle as a process of its own, that can be killed and started again on the port and state it had. */
import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { basicHeader } from '../../runtime/base/credentials.js';
import { endChild, isRunning, killChild, spawnModule } from './children.js';

export interface OraclePlan {
  policy: string;
  /** Numbers of the policy that differ from the defaults. */
  settings?: Record<string, number>;
}

export interface OracleOptions extends OraclePlan {
  folder: string;
  domainId: string;
  passwordFile: string;
  password: string;
  peerKeyFile: string;
}

export interface KnownSession {
  id: string;
  home: string;
  current: string;
  epoch: number;
}

/** What a node told of itself last. */
export interface KnownNode {
  name: string;
  busy: number;
  waiting: number;
  /** 0 before the first time. */
  reportedMs: number;
}

export interface KnownIntent {
  id: string;
  by: string;
  state: string;
  answer?: string;
  reason: string;
  /** Node that held the session when its move began. */
  from?: string;
  createdMs: number;
  endedMs?: number;
  wish: { kind: string; session?: string; to?: string; node?: string };
}

const ORACLE = fileURLToPath(new URL('../../oracle/oracle.js', import.meta.url));

export class OracleProcess {
  url = '';
  #child: ChildProcess | undefined;
  #port = 0;

  constructor(readonly options: OracleOptions) {}

  /** Ends it, and starts it again with another policy; it learns everything anew. */
  async decideBy(plan: OraclePlan): Promise<void> {
    await this.stop();
    Object.assign(this.options, { settings: {}, ...plan });
    await this.start();
  }

  get pid(): number { return this.#child?.pid ?? 0; }
  get isRunning(): boolean { return this.#child !== undefined && isRunning(this.#child); }

  async start(): Promise<void> {
    const { folder, domainId, passwordFile, peerKeyFile, policy, settings = {} } = this.options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const settingsFile = join(folder, 'oracle.yml');
    // JSON is YAML too.
    await writeFile(settingsFile, JSON.stringify({ policy, settings }));
    const config = { host: '127.0.0.1', port: this.#port, domainId, peerKeyFile, adminPasswordFile: passwordFile, stateDir: folder, settingsFile, log: 'info' };
    const file = join(folder, 'config.json');
    await writeFile(file, JSON.stringify(config));
    const { child, ready } = await spawnModule<{ url: string }>(ORACLE, ['--config', file]);
    this.#child = child;
    this.url = ready.url;
    this.#port = Number(new URL(ready.url).port);
  }

  async kill(): Promise<void> {
    if (this.#child) await killChild(this.#child);
  }

  async stop(): Promise<void> {
    if (this.#child) await endChild(this.#child);
  }

  /** An administrator's call. Rejects when the answer is no 2xx. */
  async call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    // A connection of its own: one that an oracle before this one had would be closed in the moment in which it is used again.
    const headers: Record<string, string> = { authorization: basicHeader({ user: 'admin', password: this.options.password }), connection: 'close' };
    const answer = await fetch(this.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }), signal: AbortSignal.timeout(65_000) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} at the oracle: ${answer.status} ${text}`);
    return JSON.parse(text) as Answer;
  }

  async sessions(): Promise<KnownSession[]> {
    return (await this.call<{ sessions: KnownSession[] }>('GET', '/api/v1/sessions?limit=1000')).sessions;
  }

  /** Of each node the last figures. */
  async nodes(): Promise<KnownNode[]> {
    const { nodeColumns, nodes } = await this.call<{ nodeColumns: string[]; nodes: unknown[][] }>('GET', '/api/v1/overview');
    return nodes.map((row) => Object.fromEntries(nodeColumns.map((column, at) => [column, row[at]])) as unknown as KnownNode);
  }

  /** Open ones, then those that ended, the newest first. */
  async intents(): Promise<KnownIntent[]> {
    return (await this.call<{ intents: KnownIntent[] }>('GET', '/api/v1/intents?limit=1000')).intents;
  }

  /** Resolves once the policy decides: not before the oracle has had time to hear of everything. */
  async deciding(): Promise<void> {
    while (!(await this.call<{ isDeciding: boolean }>('GET', '/api/v1/policy')).isDeciding) await sleep(100);
  }

  async log(): Promise<string> {
    return readFile(join(this.options.folder, 'oracle.log'), 'utf8').catch(() => '');
  }
}

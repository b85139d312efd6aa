/** A tree of node processes in a temporary folder, on ports the system gave, with functions deployed at its root. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { basicHeader } from '../../runtime/base/credentials.js';
import { bundleFunction } from '../../runtime/base/bundle.js';
import type { CorsSettings } from '../../runtime/model/cors.js';
import { FAULTS, type FaultCode } from '../../runtime/model/faults.js';
import { OracleProcess, type OraclePlan } from './oracle-process.js';
import { type Front, NodeProcess, type NodePlan } from './node-process.js';

export interface FunctionPlan {
  name: string;
  folder: string;
  annotations?: Record<string, string>;
  envVars?: Record<string, string>;
}

export interface TreeOptions {
  plans: NodePlan[];
  store: string;
  storeFsync?: NodePlan['storeFsync'];
  functions: FunctionPlan[];
  /** Environment and arguments of every node's process. */
  env?: NodeJS.ProcessEnv;
  execArgv?: string[];
  /** Puts something in front of each node. */
  frontOf?: (plan: NodePlan) => Promise<Front | undefined>;
  cors?: CorsSettings;
  /** Starts an oracle before the nodes, which register with it. */
  oracle?: OraclePlan;
}

const DOMAIN = 'bench';

/** The default domain. */
export const SIX_NODES: NodePlan[] = [
  { name: 'cloud', level: 'cloud' },
  { name: 'milan', level: 'city', parent: 'cloud' },
  { name: 'milan-001', level: 'edge', parent: 'milan' },
  { name: 'milan-002', level: 'edge', parent: 'milan' },
  { name: 'turin', level: 'city', parent: 'cloud' },
  { name: 'turin-001', level: 'edge', parent: 'turin' },
];

export class Tree {
  readonly nodes = new Map<string, NodeProcess>();
  #folder = '';
  #password = '';
  #oracle: OracleProcess | undefined;

  constructor(private readonly options: TreeOptions) {}

  get folder(): string { return this.#folder; }
  get oracle(): OracleProcess {
    if (!this.#oracle) throw new Error('this tree has no oracle');
    return this.#oracle;
  }
  get all(): NodeProcess[] { return [...this.nodes.values()]; }

  node(name: string): NodeProcess {
    const node = this.nodes.get(name);
    if (!node) throw new Error(`there is no node ${name}`);
    return node;
  }

  /** Parents first, because a child has to know its parent's address. */
  async start(): Promise<void> {
    const { plans, store, storeFsync, functions, env, execArgv, frontOf } = this.options;
    this.#folder = await mkdtemp(join(tmpdir(), 'tree-'));
    this.#password = randomBytes(12).toString('hex');
    const passwordFile = join(this.#folder, 'admin-password');
    const peerKeyFile = join(this.#folder, 'peer-key');
    await writeFile(passwordFile, this.#password, { mode: 0o600 });
    await writeFile(peerKeyFile, randomBytes(32).toString('hex'), { mode: 0o600 });
    try {
      if (this.options.oracle) {
        this.#oracle = new OracleProcess({ ...this.options.oracle, folder: join(this.#folder, 'oracle'), domainId: DOMAIN, passwordFile, password: this.#password, peerKeyFile });
        await this.#oracle.start();
      }
      for (const plan of plans) {
        const node = new NodeProcess({
          storeFsync, ...plan, folder: join(this.#folder, plan.name), store: plan.store ?? store, front: await frontOf?.(plan), passwordFile, peerKeyFile, env, execArgv, cors: this.options.cors, domainId: DOMAIN, oracleUrl: this.#oracle?.url,
          parentUrl: plan.parent === undefined ? undefined : this.node(plan.parent).url,
          awaitFunctions: functions.map(({ name }) => name),
        });
        this.nodes.set(plan.name, node);
        await node.start();
      }
      await this.#deploy(functions);
      await this.healthy();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #deploy(functions: FunctionPlan[]): Promise<void> {
    const root = this.all[0]!;
    for (const { name, folder, annotations, envVars } of functions) {
      const { sha256, code } = await bundleFunction(folder, name);
      await this.admin(root, 'PUT', `/system/bundles/${sha256}`, code);
      await this.admin(root, 'POST', '/system/functions?wait=subtree', { service: name, image: `bundle:${sha256}`, annotations, envVars });
    }
  }

  /** Calls what needs the admin's credentials. Rejects when the answer is no 2xx, unless `anyStatus`. */
  async admin(node: NodeProcess, method: string, path: string, body?: object | Buffer, anyStatus = false): Promise<{ status: number; json: unknown }> {
    // A connection of its own: a kept one may be closed by the node, or by a relay before it, in the moment in which it is used again.
    const headers: Record<string, string> = { authorization: basicHeader({ user: 'admin', password: this.#password }), connection: 'close' };
    if (body && !Buffer.isBuffer(body)) headers['content-type'] = 'application/json';
    const sent = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const answer = await fetch(node.url + path, { method, headers, body: sent as never, signal: AbortSignal.timeout(120_000) });
    const text = await answer.text();
    if (!answer.ok && !anyStatus) throw new Error(`${method} ${path} at ${node.name}: ${answer.status} ${text}`);
    return { status: answer.status, json: text === '' ? undefined : parse(text) };
  }

  /** Asks for a move until it is made: on a busy machine one may be so slow that it is given up, which is no fault. Rejects when it cannot be. */
  async move(node: NodeProcess, path: string, body?: object): Promise<void> {
    for (;; await sleep(100)) {
      const { status, json } = await this.admin(node, 'POST', path, body, true);
      if (status === 200) return;
      if (!FAULTS[(json as { code: FaultCode }).code]?.retryable) throw new Error(`POST ${path} at ${node.name}: ${status} ${JSON.stringify(json)}`);
    }
  }

  /** Resolves once every node that runs answers 200 to /healthz and every parent has announced its children. */
  async healthy(timeoutMs = 120_000): Promise<void> {
    const untilMs = Date.now() + timeoutMs;
    for (const node of this.all.filter(({ isRunning }) => isRunning)) {
      for (;;) {
        const answer = await fetch(`${node.url}/healthz`, { signal: AbortSignal.timeout(120_000) }).catch((error: Error) => error);
        if (answer instanceof Response && answer.ok) break;
        const said = answer instanceof Response ? `${answer.status} ${await answer.text()}` : answer.message;
        if (Date.now() > untilMs || !node.isRunning) throw new Error(`${node.name} is not healthy: ${said}\n${await this.logOf(node)}`);
        await sleep(25);
      }
    }
  }

  /** Last lines of a node's log, for evidence. */
  async logOf(node: NodeProcess, lines = 20): Promise<string> {
    const text = await readFile(join(node.options.folder, 'node.log'), 'utf8').catch(() => '');
    return text.trim().split('\n').slice(-lines).join('\n');
  }

  /** Ends every process, children first, and removes the folder. */
  async stop({ keep = false } = {}): Promise<void> {
    await Promise.all(this.all.map((node) => node.stop()));
    await this.#oracle?.stop();
    // A node that was killed, or could not end in time, leaves its store server behind.
    for (const node of this.all) {
      const pid = await node.storePid();
      if (pid !== undefined) await killIfOurs(pid, this.#folder);
    }
    if (!keep) await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A pid from a file may have been given to somebody else since: its working folder has to lie in ours. */
async function killIfOurs(pid: number, folder: string): Promise<void> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
  if (line === '' || !(cwd.startsWith(folder) || line.includes(folder))) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

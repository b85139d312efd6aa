/** Stands for a machine with OpenFaaS: a gateway that hands `/function/<name>/…` on to a container, and the containers as processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { createServer as createSocket, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { killChild } from '../../bench/harness/children.js';
import { startServer, type TestServer } from '../redis/server.js';

const MANAGER = 'session-offloading-manager';
export const PASSWORD = 'test-password';

interface Container {
  child: ChildProcess;
  port: number;
}

export class Machine {
  readonly url: string;
  private readonly containers = new Map<string, Container>();

  private constructor(
    readonly name: string, private readonly level: string, private readonly gateway: Server, private readonly store: TestServer, private readonly secrets: string,
  ) {
    this.url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
    gateway.on('request', (incoming, outgoing) => {
      // As OpenFaaS does: the function's name is taken off the path, the rest goes on as it came.
      const [, name, rest] = /^\/function\/([^/?]+)(.*)$/s.exec(incoming.url!) ?? [];
      const container = name === undefined ? undefined : this.containers.get(name);
      if (!container) return void outgoing.writeHead(404).end(`error finding function ${name}.openfaas-fn`);
      const path = rest!.startsWith('/') ? rest! : `/${rest!}`;
      // On a connection of its own: one that was kept may be closed by the container just when it is taken again.
      const onward = request({ agent: false, host: '127.0.0.1', port: container.port, method: incoming.method, path, headers: incoming.headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
      incoming.pipe(onward);
    });
  }

  static async start(name: string, level: string): Promise<Machine> {
    const gateway = createServer().listen(0, '127.0.0.1');
    const [store, secrets] = await Promise.all([startServer(), mkdtemp(join(tmpdir(), 'secrets-')), once(gateway, 'listening')]);
    await writeFile(join(secrets, 'peer-key'), 'a-key-of-the-domain-for-tests-alone');
    await writeFile(join(secrets, 'admin-password'), PASSWORD);
    return new Machine(name, level, gateway, store, secrets);
  }

  /** Starts the manager; resolves when it is ready. */
  manager(parent?: Machine): Promise<void> {
    const env = { NODE_LEVEL: this.level, STATE_DIR: join(this.secrets, 'state'), ...(parent && { PARENT_URL: parent.url }) };
    return this.run(MANAGER, ['dist/runtime/manager/main.js'], (port) => ({ ...env, NODE_PORT: String(port), NODE_HOST: '127.0.0.1' }));
  }

  /** Starts the container of a function. */
  deploy(name: string, folder: string, env: Record<string, string> = {}): Promise<void> {
    return this.run(name, ['dist/runtime/handler/serve.js', folder], (port) => ({ exec_timeout: '3m', ...env, FUNCTION_NAME: name, PORT: String(port) }));
  }

  async kill(name: string): Promise<void> {
    const { child } = this.containers.get(name)!;
    this.containers.delete(name);
    await killChild(child);
  }

  async close(): Promise<void> {
    await Promise.all([...this.containers.keys()].map((name) => this.kill(name)));
    this.gateway.closeAllConnections();
    this.gateway.close();
    await this.store.end();
    await rm(this.secrets, { recursive: true, force: true, maxRetries: 10 });
  }

  private async run(name: string, args: string[], envOf: (port: number) => Record<string, string>): Promise<void> {
    const port = await freePort();
    const shared = { PATH: process.env.PATH!, NODE_NAME: this.name, NODE_URL: this.url, STORE_URL: this.store.server.url, SECRETS_DIR: this.secrets };
    const child = spawn(process.execPath, [resolve(args[0]!), ...args.slice(1)], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...shared, ...envOf(port) } });
    let said = '';
    const hear = (chunk: Buffer) => void (said += chunk.toString());
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const died = once(child, 'exit').then(() => Promise.reject(new Error(`${name} at ${this.name} ended: ${said}`)));
    died.catch(() => undefined);
    this.containers.set(name, { child, port });
    await Promise.race([died, untilReady(port)]);
  }
}

async function untilReady(port: number): Promise<void> {
  for (;;) {
    const ok = await fetch(`http://127.0.0.1:${port}/_/ready`).then((answer) => answer.ok, () => false);
    if (ok) return;
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket().listen(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address() as AddressInfo;
  socket.close();
  await once(socket, 'close');
  return port;
}

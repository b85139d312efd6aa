/** One container of a function: started, found healthy, watched, ended. */
import { connect, createServer, type AddressInfo } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../../base/clock.js';
import { Fault } from '../../model/faults.js';
import { CONTAINER_START_MS, CONTAINER_STOP_MS, HEALTH_EVERY_MS, MAX_LOG_LINE_CHARS } from '../../model/limits.js';
import { Upstream } from '../remote/upstream.js';
import type { ContainerConfig, Engine } from './engine.js';

export interface ReplicaOptions {
  service: string;
  name: string;
  engine: Engine;
  /** Without what differs between replicas. */
  config: ContainerConfig;
  healthPath: string;
  clock: Clock;
  print(level: 'info' | 'warn', line: string): void;
  /** Once, when it has ended by itself. */
  died(replica: Replica, reason: string): void;
}

/** What every image of a function listens on. */
const PORT = 8080;
const REMOVALS = 3;
const LAST_WORDS_MS = 10_000;

export class Replica {
  inHand = 0;
  /** Since when it takes calls, of the clock. */
  readyAtMs = 0;
  /** Takes no more calls. */
  leaving = false;
  upstream!: Upstream;
  #id = '';
  #made: Promise<string> | undefined;
  #followed: Promise<void> = Promise.resolve();
  #idle: (() => void) | undefined;
  readonly #ended = new AbortController();
  #exit: string | undefined;
  #ready = false;

  constructor(private readonly options: ReplicaOptions) {}

  /** Resolves when it takes calls. Rejects with DEPLOY_FAILED when it ended instead, or did not get healthy in time; nothing of it is left then. */
  async start(): Promise<void> {
    const { engine, name, config, service } = this.options;
    const port = config.HostConfig.NetworkMode === 'host' ? await freePort() : PORT;
    const env = port === PORT ? config.Env : [...config.Env, `port=${port}`, `PORT=${port}`];
    this.#made = engine.create(name, { ...config, Env: env });
    this.#id = await this.#made;
    try {
      this.#assertWanted();
      await engine.start(this.#id);
      this.#followed = this.#follow();
      void this.#watch();
      this.upstream = new Upstream(service, `http://${await this.#address(config.HostConfig.NetworkMode)}:${port}`);
      await this.#healthy();
      this.#assertWanted();
      if (this.#exit !== undefined) throw this.#failed(this.#exit);
      this.#ready = true;
      this.readyAtMs = this.options.clock.now();
    } catch (error) {
      // Its last words tell why.
      if (!this.#ended.signal.aborted) await this.#lastWords();
      await this.kill();
      throw error;
    }
  }

  /** What it has taken of the processor; undefined when the engine does not say. */
  processorMs(): Promise<number | undefined> {
    return this.options.engine.processorMs(this.#id).catch(() => undefined);
  }

  leave(): void {
    this.inHand -= 1;
    if (this.inHand === 0) this.#idle?.();
  }

  /** Lets its calls end, then ends it. */
  async retire(): Promise<void> {
    this.leaving = true;
    if (this.inHand > 0) await new Promise<void>((resolve) => { this.#idle = resolve; });
    await this.#terminate();
    await this.kill();
  }

  async #terminate(): Promise<void> {
    const { engine, clock } = this.options;
    const waiting = new AbortController();
    const timer = clock.setTimeout(() => waiting.abort(), CONTAINER_STOP_MS);
    await engine.terminate(this.#id).then(() => engine.ended(this.#id, waiting.signal)).catch(() => undefined);
    clock.clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.leaving = true;
    this.#ended.abort();
    await this.#made?.catch(() => undefined);
    await Promise.all([this.upstream?.close(), this.#remove()]);
  }

  /** An engine may need a moment to let go of a file system. */
  async #remove(): Promise<void> {
    const { engine, service, print } = this.options;
    if (this.#id === '') return;
    for (let left = REMOVALS; left > 0; left -= 1) {
      const problem = await engine.remove(this.#id).then(() => undefined, (error: unknown) => error as Error);
      if (problem === undefined) return;
      if (left === 1) print('warn', `a container of ${service} could not be removed: ${problem.message}`);
    }
  }

  async #lastWords(): Promise<void> {
    const { clock } = this.options;
    await Promise.race([this.#followed, new Promise((resolve) => clock.setTimeout(() => resolve(undefined), LAST_WORDS_MS))]);
  }

  #assertWanted(): void {
    if (this.#ended.signal.aborted) throw this.#failed('it is not wanted any more');
  }

  async #address(network: string): Promise<string> {
    if (network === 'host') return '127.0.0.1';
    const state = await this.options.engine.inspect(this.#id);
    const { IPAddress, Networks = {} } = state?.NetworkSettings ?? {};
    const address = IPAddress || Object.values(Networks).map((one) => one.IPAddress).find(Boolean);
    if (!address) throw this.#failed(this.#exit ?? (state?.State.Running === false ? `it ended with code ${state.State.ExitCode}` : `it has no address in network ${network}`));
    return address;
  }

  /** An image with a watchdog answers its health path; any other is taken as soon as it accepts connections. */
  async #healthy(): Promise<void> {
    const { clock, healthPath } = this.options;
    const untilMs = clock.now() + CONTAINER_START_MS;
    const { hostname, port } = this.upstream.url;
    for (;;) {
      if (this.#exit !== undefined) throw this.#failed(this.#exit);
      if (await accepts(hostname, Number(port)) && await isHealthy(`${this.upstream.url.origin}/${healthPath.replace(/^\/+/, '')}`)) return;
      if (clock.now() >= untilMs) throw this.#failed(`it did not get healthy within ${CONTAINER_START_MS} ms at ${healthPath}`);
      await new Promise((resolve) => clock.setTimeout(() => resolve(undefined), HEALTH_EVERY_MS));
    }
  }

  async #watch(): Promise<void> {
    const code = await this.options.engine.ended(this.#id, this.#ended.signal).catch(() => undefined);
    if (this.#ended.signal.aborted) return;
    const isStarved = await this.options.engine.inspect(this.#id).then((state) => state?.State.OOMKilled === true, () => false);
    this.#exit = isStarved ? 'it took more memory than its limit' : `it ended with code ${code ?? 'unknown'}`;
    if (this.#ready && !this.leaving) this.options.died(this, this.#exit);
  }

  async #follow(): Promise<void> {
    const [out, err] = [new Printed(), new Printed()];
    const { engine, print } = this.options;
    try {
      for await (const { stream, bytes } of engine.logs(this.#id, this.#ended.signal)) {
        const isError = stream === 2;
        for (const line of (isError ? err : out).lines(bytes)) print(isError ? 'warn' : 'info', line);
      }
    } catch {
      // It has ended, or the engine has.
    }
    for (const line of out.last()) print('info', line);
    for (const line of err.last()) print('warn', line);
  }

  #failed(reason: string): Fault {
    return new Fault('DEPLOY_FAILED', { function: this.options.service, reason: `its container did not start: ${reason}` });
  }
}

/** What comes from one of its outputs, cut into lines; what never ends one is cut, too. */
class Printed {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  lines(bytes: Buffer): string[] {
    const lines = (this.#rest + this.#decoder.write(bytes)).split('\n');
    this.#rest = lines.pop()!.slice(0, MAX_LOG_LINE_CHARS);
    return lines.filter((line) => line !== '').map((line) => line.slice(0, MAX_LOG_LINE_CHARS));
  }

  last(): string[] {
    return this.lines(Buffer.from('\n'));
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const end = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

/** 503 is a watchdog that waits for its function; whoever knows no health path has nothing against being called. */
async function isHealthy(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000), redirect: 'manual' });
    await answer.body?.cancel();
    return answer.status < 500 || answer.status === 501;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

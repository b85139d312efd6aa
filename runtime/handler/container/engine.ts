/** A container engine through Docker's API on its unix socket, as far as functions need it. */
import { Agent, type Dispatcher } from 'undici';
import { Fault } from '../../model/faults.js';
import { ENGINE_DEADLINE_MS, MAX_PULL_MS } from '../../model/limits.js';

/** Of API 1.41, as Docker's documentation names them. */
export interface ContainerConfig {
  Image: string;
  Env: string[];
  Labels: Record<string, string>;
  Cmd?: string[];
  HostConfig: {
    NetworkMode: string;
    Memory?: number;
    /** The same as Memory: no swap. */
    MemorySwap?: number;
    NanoCpus?: number;
    PidsLimit: number;
    ReadonlyRootfs: boolean;
    Tmpfs?: Record<string, string>;
    Binds: string[];
    SecurityOpt: string[];
  };
}

export interface ContainerState {
  Id: string;
  State: { Running: boolean; ExitCode: number; OOMKilled?: boolean };
  NetworkSettings: { IPAddress?: string; Networks?: Record<string, { IPAddress?: string }> };
}

const API = '/v1.41';
const JSON_TYPE = { 'content-type': 'application/json' };

export class Engine {
  readonly #agent: Agent;

  constructor(readonly socket: string) {
    this.#agent = new Agent({ connect: { socketPath: socket }, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** Makes sure that the image is here; what is not is pulled. Rejects with ENGINE_FAILED. */
  async provide(image: string): Promise<void> {
    const { status } = await this.#call('GET', `/images/${encodeURIComponent(image)}/json`, { allow: [404] });
    if (status === 404) await this.#pull(image);
  }

  /** Resolves with the container's id. */
  async create(name: string, config: ContainerConfig): Promise<string> {
    const { json } = await this.#call('POST', `/containers/create?name=${encodeURIComponent(name)}`, { body: config });
    return (json as { Id: string }).Id;
  }

  async start(id: string): Promise<void> {
    await this.#call('POST', `/containers/${id}/start`, { allow: [304] });
  }

  async inspect(id: string): Promise<ContainerState | undefined> {
    const { status, json } = await this.#call('GET', `/containers/${id}/json`, { allow: [404] });
    return status === 404 ? undefined : json as ContainerState;
  }

  /** What its processes have taken of the processor, in ms. */
  async processorMs(id: string): Promise<number | undefined> {
    const { json } = await this.#call('GET', `/containers/${id}/stats?stream=false&one-shot=true`);
    const ns = (json as { cpu_stats?: { cpu_usage?: { total_usage?: number } } }).cpu_stats?.cpu_usage?.total_usage;
    return typeof ns === 'number' ? ns / 1e6 : undefined;
  }

  /** Asks it to end. */
  async terminate(id: string): Promise<void> {
    await this.#call('POST', `/containers/${id}/kill?signal=SIGTERM`, { allow: [404, 409] });
  }

  /** At once, whatever it does. */
  async remove(id: string): Promise<void> {
    await this.#call('DELETE', `/containers/${id}?force=true&v=true`, { allow: [404, 409] });
  }

  /** Ids of all containers, running or not, that have these labels. */
  async list(labels: Record<string, string>): Promise<string[]> {
    const filters = JSON.stringify({ label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) });
    const { json } = await this.#call('GET', `/containers/json?all=true&filters=${encodeURIComponent(filters)}`);
    return (json as { Id: string }[]).map(({ Id }) => Id);
  }

  /** Resolves with its exit code once it has ended. */
  async ended(id: string, signal: AbortSignal): Promise<number> {
    const { json } = await this.#call('POST', `/containers/${id}/wait`, { signal, timeoutMs: 0 });
    return (json as { StatusCode: number }).StatusCode;
  }

  /** What it prints, from its start and on while it runs; 1: standard output, 2: error output. */
  async* logs(id: string, signal: AbortSignal): AsyncGenerator<{ stream: number; bytes: Buffer }> {
    const { body } = await this.#send('GET', `/containers/${id}/logs?follow=true&stdout=true&stderr=true`, undefined, signal);
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of body as AsyncIterable<Buffer>) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      // Each piece has a head of eight bytes: the stream, and from the fifth on its length.
      for (let length; rest.length >= 8 && rest.length >= (length = 8 + rest.readUInt32BE(4)); rest = rest.subarray(length)) {
        yield { stream: rest[0]!, bytes: rest.subarray(8, length) };
      }
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #pull(image: string): Promise<void> {
    const signal = AbortSignal.timeout(MAX_PULL_MS);
    const { statusCode, body } = await this.#send('POST', `/images/create?fromImage=${encodeURIComponent(tagged(image))}`, undefined, signal);
    // The engine answers 200 before it knows: what went wrong is in the last lines.
    const text = await body.text();
    const problem = statusCode === 200 ? /"error":\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] : messageOf(text);
    if (problem !== undefined) throw new Fault('ENGINE_FAILED', { reason: `image ${image} is not here and cannot be pulled: ${problem}` });
  }

  async #call(method: Dispatcher.HttpMethod, path: string, options: { body?: object; allow?: number[]; signal?: AbortSignal; timeoutMs?: number } = {}): Promise<{ status: number; json?: unknown }> {
    const { body: given, allow = [], timeoutMs = ENGINE_DEADLINE_MS } = options;
    const signals = [...(timeoutMs > 0 ? [AbortSignal.timeout(timeoutMs)] : []), ...(options.signal ? [options.signal] : [])];
    const { statusCode: status, body } = await this.#send(method, path, given, AbortSignal.any(signals));
    const text = await body.text();
    if (status >= 400 && !allow.includes(status)) throw new Fault('ENGINE_FAILED', { reason: messageOf(text) });
    return { status, ...(text !== '' && status < 400 && { json: JSON.parse(text) as unknown }) };
  }

  async #send(method: Dispatcher.HttpMethod, path: string, body: object | undefined, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    try {
      return await this.#agent.request({
        origin: 'http://engine', method, path: API + path, signal, ...(body && { body: JSON.stringify(body), headers: JSON_TYPE }),
      });
    } catch (cause) {
      throw new Fault('ENGINE_FAILED', { reason: `the engine at ${this.socket} does not answer: ${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message}` }, { cause });
    }
  }
}

/** Without a tag the engine would pull all there are. */
function tagged(image: string): string {
  return /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text;
  }
}

/**
 * A small domain in memory for unit tests of functions: a path of nodes with the session layer, the moves and the effects
 * that a running domain has, and no sockets. Each node has an instance of the handler of its own, so state that is kept
 * in a field instead of the session is lost by a move here as it is there.
 */
import { type Clock, systemClock } from '../../base/clock.js';
import type { Subtree } from '../../base/directory.js';
import { isUuid, systemIds } from '../../base/ids.js';
import { Fault } from '../../model/faults.js';
import { HANDLER_TIMEOUT_MS } from '../../model/limits.js';
import { functionUnknown, nodeUnknown } from '../../model/unknown.js';
import type { FunctionRequest, FunctionResponse, Worker, WorkerAnswer } from '../../session/call.js';
import { decodeRow } from '../../session/effect.js';
import type { Invocation } from '../../session/invoke.js';
import type { Effect } from '../../store/store.js';
import type { LogLevel } from '../context.js';
import { execute } from '../execution.js';
import { recognise } from '../recognise.js';
import { decodeValue, type Value } from '../value.js';
import { bodyOf, givenSecrets, type TestRequestOptions } from './context.js';
import { createTestNode, type TestNode } from './node.js';

/** What a handler's file exports by default: a class, an instance or a function. */
export type TestHandler = object;

export interface TestDomainOptions {
  /** Home first, the root last; a node's level has its name. By default edge, city, cloud. */
  nodes?: string[];
  /** Environment of every function. */
  env?: Record<string, string>;
  /** Secrets of every function, values by name. */
  secrets?: Record<string, string | Uint8Array>;
  /** Called for every line that a handler logs. */
  log?: (level: LogLevel, message: string, details?: Record<string, unknown>) => void;
}

export interface TestCall extends TestRequestOptions {
  /** Not needed by a function that keeps none. */
  session?: string;
  /** A UUID: the same again gives the same answer and takes effect once. */
  requestId?: string;
  /** Node that the client calls; the first one by default. It follows redirects. */
  at?: string;
}

export interface TestAnswer {
  status: number;
  headers: Record<string, string | string[]>;
  body: Buffer;
  /** Node that answered. */
  node: string;
  epoch: number;
  version: number;
  /** Redirects that the client followed. */
  redirects: number;
  replayed: boolean;
  text(): string;
  json<T = unknown>(): T;
}

/** What handlers asked for with `propagate` and `call`, as their requests committed it. */
export type RecordedEffect = { from: string; function: string } & (
  | { kind: 'propagate'; levels: string[]; value: unknown }
  | { kind: 'call'; session: string; method: string; path: string; query: string; body: unknown }
);

export interface TestDomain {
  /** Calls a function as a client does. Rejects with what the handler threw, or with the fault that a client would be answered. */
  call(functionName: string, call?: TestCall): Promise<TestAnswer>;
  /** Moves a session to a node, as an operator does; rejects with the reason when it cannot be. */
  move(session: string, to: string): Promise<void>;
  /** Node that holds the session; undefined when there is no such session. */
  whereIs(session: string): Promise<string | undefined>;
  /** What the session keeps. */
  dataOf(session: string): Promise<Record<string, Value | Value[]>>;
  /** Oldest first. */
  readonly effects: readonly RecordedEffect[];
  /** Waits until every effect has been delivered to the function it is for; those of functions that are not here go nowhere. */
  settle(): Promise<void>;
  /** Lets time pass, for what expires. */
  advance(seconds: number): void;
  close(): void;
}

const MOST_REDIRECTS = 8;
const SETTLE_POLL_MS = 2;

/** @param functions handlers by the names they are deployed under */
export function testDomain(functions: Record<string, TestHandler>, options: TestDomainOptions = {}): TestDomain {
  return new MemoryDomain(functions, options);
}

class MemoryDomain implements TestDomain {
  readonly effects: RecordedEffect[] = [];
  private readonly nodes = new Map<string, TestNode>();
  private readonly names: string[];
  private aheadMs = 0;
  private readonly clock: Clock = { ...systemClock, now: () => systemClock.now() + this.aheadMs };

  constructor(functions: Record<string, TestHandler>, private readonly options: TestDomainOptions) {
    this.names = options.nodes ?? ['edge', 'city', 'cloud'];
    const tree = pathTree(this.names);
    for (const name of this.names) {
      const workers = new Map(Object.entries(functions).map(([service, handler]) => [service, this.worker(service, handler)]));
      this.nodes.set(name, createTestNode({ name, tree, workers, clock: this.clock, peer: (other) => this.node(other) }));
    }
  }

  async call(functionName: string, { session, requestId, at = this.names[0]!, ...asked }: TestCall = {}): Promise<TestAnswer> {
    const worker = this.workerAt(at, functionName);
    const request = requestOf(asked, requestId);
    const signal = new AbortController().signal;
    const call = { function: functionName, callId: systemIds.uuid(), request, signal, timeoutMs: HANDLER_TIMEOUT_MS };
    try {
      if (worker.kind === 'stateless') return answerOf((await worker.run(call)).response, { node: at, epoch: 0, version: 0, replayed: false }, 0);
      if (session === undefined) throw new Fault('SESSION_MISSING');
      if (requestId !== undefined && !isUuid(requestId)) throw new Fault('REQUEST_ID_INVALID');
      return await this.follow({ ...call, session, ttlMs: 0, ...(requestId !== undefined && { requestId }) }, at);
    } catch (error) {
      throw error instanceof Fault && error.code === 'HANDLER_FAILED' && error.cause ? error.cause : error;
    }
  }

  async move(session: string, to: string): Promise<void> {
    const holder = await this.whereIs(session);
    if (holder === undefined) throw new Fault('SESSION_UNKNOWN', { node: this.names[0]!, session });
    await this.node(holder).offload.migrate(session, this.node(to).name, false);
  }

  async whereIs(session: string): Promise<string | undefined> {
    for (const { name, store } of this.nodes.values()) if ((await store.slot(session))?.state === 'resident') return name;
    return undefined;
  }

  async dataOf(session: string): Promise<Record<string, Value | Value[]>> {
    const holder = await this.whereIs(session);
    if (holder === undefined) return {};
    const { store } = this.node(holder);
    const { keys } = await store.readKeys(session);
    const values = await Promise.all(keys.map(async (key) => (await store.readKey(session, key)).value!));
    return Object.fromEntries(keys.map((key, index) => [key, shown(values[index]!)]));
  }

  async settle(): Promise<void> {
    while (await this.owesSomething()) await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
  }

  advance(seconds: number): void {
    this.aheadMs += seconds * 1000;
  }

  close(): void {
    for (const { offload } of this.nodes.values()) offload.close();
  }

  private async owesSomething(): Promise<boolean> {
    for (const { store } of this.nodes.values()) {
      for (const session of await store.unfinished()) if ((await store.effects(session, 1)).length > 0) return true;
    }
    return false;
  }

  private async follow(invocation: Omit<Invocation, 'worker'>, start: string): Promise<TestAnswer> {
    let at = start;
    let trail: { redirectedHome?: string; hops?: number } = {};
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const worker = this.workerAt(at, invocation.function);
      const served = await this.node(at).sessions.invoke({ ...invocation, ...trail, worker });
      if (served.kind === 'answer') return answerOf(served.response, served, redirects);
      at = served.to;
      trail = { redirectedHome: served.home, hops: served.hops };
    }
    throw new Fault('MOVING');
  }

  private node(name: string): TestNode {
    const node = this.nodes.get(name);
    if (!node) throw nodeUnknown(name, this.names);
    return node;
  }

  private workerAt(at: string, functionName: string): Worker {
    const { workers, name } = this.node(at);
    const worker = workers.get(functionName);
    if (!worker) throw functionUnknown(functionName, name, [...workers.keys()]);
    return worker;
  }

  /** Runs the handler in this thread; what it asks of others is written down once its answer is known to hold. */
  private worker(service: string, handler: TestHandler): Worker {
    const target = recognise({ default: handler });
    const { env = {}, secrets = {}, log } = this.options;
    const place = { service, env, secrets: givenSecrets(secrets), now: () => this.clock.now(), log: (level: LogLevel, _call: string, message: string, details?: Record<string, unknown>) => log?.(level, message, details) };
    return {
      kind: target.kind,
      run: async (call): Promise<WorkerAnswer> => {
        const answer = await execute(target, call, place);
        for (const effect of answer.effects) this.record(call.session!.info.id, effect);
        return answer;
      },
      close: async () => undefined,
    };
  }

  /** A request that had to run again has the same effects under the same ids. */
  private readonly recorded = new Set<string>();

  private record(from: string, { id, body }: Effect): void {
    if (this.recorded.has(id)) return;
    this.recorded.add(id);
    const row = decodeRow(body);
    if (row.kind === 'propagate') {
      this.effects.push({ kind: 'propagate', from, function: row.function, levels: row.levels, value: valueOf(row.content) });
    } else {
      const { method, path, query, content } = row.request;
      this.effects.push({ kind: 'call', from, function: row.function, session: row.session, method, path, query, body: valueOf(content) });
    }
  }
}

function valueOf(content: { value: unknown } | { base64: string } | undefined): unknown {
  if (content === undefined) return undefined;
  return 'value' in content ? content.value : Buffer.from(content.base64, 'base64');
}

function shown(stored: Buffer | Buffer[]): Value | Value[] {
  return Array.isArray(stored) ? stored.map(decodeValue) : decodeValue(stored);
}

/** The root has the next one below it, and so on down to the home. */
function pathTree(names: string[]): Subtree {
  return names.reduce<Subtree | undefined>((below, name) => ({
    node: { name, url: `http://${name}`, level: name, accepting: true }, children: below ? [below] : [],
  }), undefined)!;
}

function requestOf({ method = 'GET', path = '', query = '', headers = {}, body }: TestRequestOptions, requestId: string | undefined): FunctionRequest {
  return {
    method, path, query: new URLSearchParams(query).toString(), body: bodyOf(body),
    headers: { ...headers, ...(requestId !== undefined && { 'x-session-request-id': requestId }) },
  };
}

function answerOf({ status, headers, body }: FunctionResponse, at: Pick<TestAnswer, 'node' | 'epoch' | 'version' | 'replayed'>, redirects: number): TestAnswer {
  const { node, epoch, version, replayed } = at;
  return {
    status, headers, body, node, epoch, version, replayed, redirects,
    text: () => body.toString('utf8'), json: <T>() => JSON.parse(body.toString('utf8')) as T,
  };
}

/** The engine as the oracle's thread sees it: started when it is needed, closed when it has not been for a while. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Log } from '../../../runtime/base/log.js';
import { Fault } from '../../../runtime/model/faults.js';
import { ENGINE_MEMORY_MB } from '../../../runtime/model/limits.js';
import type { RemoteSource } from '../settings.js';
import type { EngineAnswer, EngineCall, EngineConfig, EngineVerb, EngineVerbs } from './messages.js';

export interface EngineParts {
  /** Folders it may read and write. */
  folders: string[];
  remote: RemoteSource[];
  log: Log;
}

type Args<V extends EngineVerb> = Parameters<EngineVerbs[V]>;
type Result<V extends EngineVerb> = ReturnType<EngineVerbs[V]>;

/** A query that was refused or stopped; the message is for the client. */
export class QueryStopped extends Error {
  constructor(message: string, readonly refused: 'query' | 'time') {
    super(message);
  }
}

interface Calling {
  resolve(result: never): void;
  reject(error: Error): void;
}

/** One life of the engine's thread. */
export class Engine {
  readonly #calls = new Map<number, Calling>();
  #lastCall = 0;
  #ended: Error | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Databases that it has no extension for. */
  copied: string[] = [];

  private constructor(private readonly worker: Worker) {
    worker.on('message', (answer: EngineAnswer) => this.#settle(answer));
    worker.on('error', (error) => this.#end(error));
    worker.on('exit', () => this.#end(new Error('the engine has ended')));
  }

  /** Throws INVENTORY_UNAVAILABLE when DuckDB cannot be loaded here. */
  static async start({ folders, remote, log }: EngineParts): Promise<Engine> {
    const engine = new Engine(new Worker(new URL('worker.js', import.meta.url), { stderr: false }));
    const config: EngineConfig = { folders, remote, memoryMb: ENGINE_MEMORY_MB, threads: Math.max(1, availableParallelism() - 1) };
    try {
      const opened = await engine.call('open', config);
      for (const { name, problem } of opened.remote) if (problem !== undefined) log.warn({ source: name, reason: problem }, 'a source that queries may read cannot be had');
      engine.copied = opened.remote.flatMap(({ name, isCopied }) => (isCopied ? [name] : []));
      return engine;
    } catch (error) {
      await engine.close();
      throw new Fault('INVENTORY_UNAVAILABLE', { reason: 'its engine, DuckDB, cannot be started on this machine' }, { cause: error });
    }
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Rejects with QueryStopped when the engine refuses, and with what it said otherwise. */
  call<V extends EngineVerb>(verb: V, ...args: Args<V>): Promise<Result<V>> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const call = (this.#lastCall += 1);
      this.#calls.set(call, { resolve: resolve as (result: never) => void, reject });
      this.worker.postMessage({ call, verb, args } satisfies EngineCall);
    });
  }

  /** Nobody waits for it any longer. It ends by itself when it is through: a thread that is ended inside DuckDB takes the process with it. */
  giveUp(error: Error): void {
    this.#end(error);
    this.worker.postMessage('end');
    this.worker.unref();
  }

  /** One after the other: what belongs to reading a snapshot may not be mixed. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** Stops the query that runs; whoever asked it is told so. What changes the tables is left to end. */
  interrupt(): void {
    if (!this.#ended) this.worker.postMessage('interrupt');
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const gone = new Promise((resolve) => this.worker.once('exit', resolve));
    this.worker.postMessage('end');
    await gone;
  }

  #settle(answer: EngineAnswer): void {
    const calling = this.#calls.get(answer.call);
    this.#calls.delete(answer.call);
    if ('result' in answer) calling?.resolve(answer.result as never);
    else calling?.reject(answer.refused ? new QueryStopped(answer.error, answer.refused) : new Error(answer.error));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#calls.values()) reject(this.#ended);
    this.#calls.clear();
  }
}

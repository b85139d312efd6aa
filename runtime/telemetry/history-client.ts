/** The node's side of the thread of the database: started at the first call, each call answered in turn. */
import { Worker } from 'node:worker_threads';
import { Fault } from '../model/faults.js';
import type { ColdPoints } from './disk.js';
import type { AnswerMessage, HistoryCall, HistoryCalls, HistoryOptions } from './history-protocol.js';

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
  onPart?: (part: ColdPoints) => void;
}

export class HistoryClient {
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(private readonly node: string, private readonly options: HistoryOptions) {}

  get isStarted(): boolean {
    return this.#worker !== undefined;
  }

  /** Rejects with HISTORY_UNAVAILABLE. */
  call<C extends HistoryCall>(call: C, ask: HistoryCalls[C]['ask'], onPart?: (part: ColdPoints) => void): Promise<HistoryCalls[C]['answer']> {
    const worker = this.#worker ??= this.#start();
    const id = this.#lastId += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject, ...(onPart && { onPart }) });
      worker.ref();
      worker.postMessage({ id, call, ask });
    });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    await this.call('close', undefined).catch(() => undefined);
    await worker.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./history-thread.js', import.meta.url), { workerData: this.options, resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 } });
    worker.on('message', ({ id, answer, part, error }: AnswerMessage) => {
      const waiting = this.#waiting.get(id);
      if (part !== undefined) return waiting?.onPart?.(part);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) worker.unref();
      if (error !== undefined) waiting?.reject(this.#fault(error));
      else waiting?.resolve(answer);
    });
    worker.on('error', (error) => this.#lost(error.message));
    worker.on('exit', () => this.#lost('its thread has ended'));
    return worker;
  }

  /** The next call starts another thread. */
  #lost(reason: string): void {
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(this.#fault(reason));
    this.#waiting.clear();
  }

  #fault(reason: string): Fault {
    return new Fault('HISTORY_UNAVAILABLE', { node: this.node, reason });
  }
}

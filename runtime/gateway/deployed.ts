/** A function that runs on this node: its worker, and the calls in hand. */
import { ANNOTATIONS, type Deployment } from '../model/config.js';
import { HANDLER_TIMEOUT_MS } from '../model/limits.js';
import type { Replicas, Worker } from '../session/call.js';
import { keyOf } from './faas/names.js';
import { type ScaleRules, scaleRulesOf } from './faas/scale-rules.js';
import type { FunctionMetrics } from './function-metrics.js';
import { millisecondsOf, timeoutsOf } from '../base/timeouts.js';

export class Deployed {
  readonly name: string;
  readonly isStateful: boolean;
  /** The request's body goes to the function as it comes. */
  readonly streams: boolean;
  /** Of the handler: 0 for ever, which only a stateless one may take. */
  readonly timeoutMs: number;
  /** Of the client, 0 for ever. */
  readonly readMs: number;
  readonly writeMs: number;
  /** Idle time to live of sessions born by this function; 0 for ever. */
  readonly ttlMs: number;
  /** How many replicas its labels ask for. */
  readonly rules: ScaleRules;
  /** Calls that have not been answered yet. */
  inHand = 0;
  /** Calls that have. */
  ended = 0;
  /** It has been given no replica; the next call brings them back. */
  isAsleep = false;
  /** Calls that may be in hand, as its environment's `max_inflight` has it for each replica. */
  mostInHand: number;
  private retired: (() => void) | undefined;
  readonly #ending = new AbortController();

  constructor(readonly deployment: Deployment, readonly worker: Worker, readonly metrics: FunctionMetrics) {
    this.name = keyOf(deployment);
    this.isStateful = worker.kind !== 'stateless';
    this.streams = worker.streams === true;
    const { execMs, readMs, writeMs } = timeoutsOf(deployment);
    const askedMs = millisecondsOf(deployment.annotations?.[ANNOTATIONS.timeoutMs]) ?? execMs;
    // A session cannot be held for ever.
    this.timeoutMs = askedMs === 0 && this.isStateful ? HANDLER_TIMEOUT_MS : askedMs;
    this.readMs = readMs;
    this.writeMs = writeMs;
    this.rules = scaleRulesOf(deployment);
    this.mostInHand = this.#limitFor(1);
    this.ttlMs = (numberOf(deployment, ANNOTATIONS.sessionTtl) ?? 0) * 1000;
  }

  /** A call ended; the counterpart is `inHand += 1`. */
  leave(): void {
    this.inHand -= 1;
    this.ended += 1;
    if (this.retired && this.inHand === 0) this.retired();
  }

  get replicas(): Replicas {
    return this.isAsleep ? { wanted: 0, available: 0 } : this.worker.replicas ?? { wanted: 1, available: 1 };
  }

  /** Makes it so many replicas, where its worker can; resolves when they are there, and rejects with a fault when they cannot be. */
  async scale(replicas: number): Promise<void> {
    this.isAsleep = replicas === 0;
    this.mostInHand = this.#limitFor(this.worker.scale ? Math.max(1, replicas) : 1);
    await this.worker.scale?.(replicas);
  }

  /** Gives it its least replicas again. Call it when a call comes while it is asleep; the call need not wait. */
  wake(): void {
    // The call itself fails when no worker comes, and says why.
    this.scale(Math.max(1, this.rules.min)).catch(() => undefined);
  }

  /** Aborted when it is removed or replaced, for what would not end by itself. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Closes the worker once its calls are through; new ones no longer find it. */
  async retire(): Promise<void> {
    this.#ending.abort();
    if (this.inHand > 0) await new Promise<void>((resolve) => { this.retired = resolve; });
    await this.worker.close();
  }

  #limitFor(replicas: number): number {
    const text = this.deployment.envVars?.['max_inflight'] ?? '';
    return /^[1-9]\d{0,8}$/.test(text) ? Number(text) * replicas : Infinity;
  }
}

function numberOf(deployment: Deployment, annotation: string): number | undefined {
  const text = deployment.annotations?.[annotation];
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** A function that runs on this node: its worker, and the calls in hand. */
import { ANNOTATIONS, type Deployment } from '../model/config.js';
import { HANDLER_TIMEOUT_MS } from '../model/limits.js';
import type { Worker } from '../session/call.js';
import { keyOf } from './faas/names.js';
import type { FunctionMetrics } from './function-metrics.js';
import { timeoutsOf } from './timeouts.js';

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
  /** Calls that have not been answered yet. */
  inHand = 0;
  private retired: (() => void) | undefined;

  constructor(readonly deployment: Deployment, readonly worker: Worker, readonly metrics: FunctionMetrics) {
    this.name = keyOf(deployment);
    this.isStateful = worker.kind !== 'stateless';
    this.streams = worker.streams === true;
    const { execMs, readMs, writeMs } = timeoutsOf(deployment);
    const askedMs = numberOf(deployment, ANNOTATIONS.timeoutMs) ?? execMs;
    // A session cannot be held for ever.
    this.timeoutMs = askedMs === 0 && this.isStateful ? HANDLER_TIMEOUT_MS : askedMs;
    this.readMs = readMs;
    this.writeMs = writeMs;
    this.ttlMs = (numberOf(deployment, ANNOTATIONS.sessionTtl) ?? 0) * 1000;
  }

  /** A call ended; the counterpart is `inHand += 1`. */
  leave(): void {
    this.inHand -= 1;
    if (this.retired && this.inHand === 0) this.retired();
  }

  /** Closes the worker once its calls are through; new ones no longer find it. */
  async retire(): Promise<void> {
    if (this.inHand > 0) await new Promise<void>((resolve) => { this.retired = resolve; });
    await this.worker.close();
  }
}

function numberOf(deployment: Deployment, annotation: string): number | undefined {
  const text = deployment.annotations?.[annotation];
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

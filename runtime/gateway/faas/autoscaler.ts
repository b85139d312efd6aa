/** Looks at the load of every function now and then, and makes it as many replicas as its labels ask for. */
import type { Clock } from '../../base/clock.js';
import type { Log } from '../../base/log.js';
import { RATE_WINDOW_MS } from '../../model/limits.js';
import type { Deployed } from '../deployed.js';
import type { Deployments } from '../deployments.js';
import { replicasFor } from './scale-rules.js';

export interface AutoscalerParts {
  deployments: Pick<Deployments, 'list'>;
  /** Asynchronous calls of the function that wait. */
  queued(name: string): number;
  clock: Clock;
  log: Log;
}

interface Sample {
  atMs: number;
  ended: number;
  /** Missing where that is not measured. */
  processorMs?: number | undefined;
}

interface Watched {
  /** Ended calls, and where it matters what they took of the processor, by time: for the rates. */
  samples: Sample[];
  /** What was wanted by time, for the way down. */
  wanted: { atMs: number; replicas: number }[];
  busyAtMs: number;
}

export class Autoscaler {
  /** A function that is deployed anew begins anew. */
  readonly #watched = new WeakMap<Deployed, Watched>();

  constructor(private readonly parts: AutoscalerParts) {}

  /** One look at everything. Resolves when all changes were asked for and came about, or failed. */
  async look(): Promise<void> {
    await Promise.all(this.parts.deployments.list().map((deployed) => this.#attend(deployed)));
  }

  async #attend(deployed: Deployed): Promise<void> {
    const { rules } = deployed;
    if (!rules.zero && !rules.isAutomatic) return;
    const processorMs = rules.type === 'cpu' ? await deployed.worker.processorMs?.() : undefined;
    const nowMs = this.parts.clock.now();
    const watched = this.#watch(deployed, nowMs, processorMs);
    const wanted = this.#wantedOf(deployed, watched, nowMs);
    if (wanted === undefined || wanted === deployed.replicas.wanted) return;
    try {
      this.parts.log.info({ function: deployed.name, from: deployed.replicas.wanted, to: wanted }, 'a function is scaled by its load');
      await deployed.scale(wanted);
    } catch (error) {
      this.parts.log.warn({ function: deployed.name, to: wanted, reason: String(error) }, 'a function could not be scaled');
    }
  }

  #watch(deployed: Deployed, nowMs: number, processorMs: number | undefined): Watched {
    const watched = this.#watched.get(deployed) ?? { samples: [], wanted: [], busyAtMs: nowMs };
    this.#watched.set(deployed, watched);
    const { ended, inHand } = deployed;
    if (inHand > 0 || ended !== watched.samples.at(-1)?.ended || this.parts.queued(deployed.name) > 0) watched.busyAtMs = nowMs;
    watched.samples.push({ atMs: nowMs, ended, processorMs });
    dropBefore(watched.samples, nowMs - RATE_WINDOW_MS);
    return watched;
  }

  /** Undefined: as it is. */
  #wantedOf(deployed: Deployed, watched: Watched, nowMs: number): number | undefined {
    const { rules } = deployed;
    if (rules.zero && deployed.inHand === 0 && nowMs - watched.busyAtMs >= rules.zeroAfterMs) return 0;
    // From nothing it comes back by a call.
    if (deployed.isAsleep || !rules.isAutomatic || rules.min === rules.max || rules.type === undefined) return undefined;
    const load = this.#loadOf(deployed, watched);
    if (load === undefined) return undefined;
    const replicas = replicasFor(rules, load);
    watched.wanted.push({ atMs: nowMs, replicas });
    dropBefore(watched.wanted, nowMs - rules.downWindowMs);
    const most = watched.wanted.reduce((high, { replicas: each }) => Math.max(high, each), 0);
    return replicas < deployed.replicas.wanted ? Math.min(most, deployed.replicas.wanted) : replicas;
  }

  /** Undefined where its worker does not say what it takes. */
  #loadOf(deployed: Deployed, { samples }: Watched): number | undefined {
    switch (deployed.rules.type) {
      case 'capacity': return deployed.inHand;
      case 'queue': return this.parts.queued(deployed.name);
      // Milliseconds a second are thousandths of a processor.
      case 'cpu': return samples.at(-1)!.processorMs === undefined ? undefined : growth(samples, ({ processorMs }) => processorMs);
      default: return growth(samples, ({ ended }) => ended);
    }
  }
}

/** By how much it grows in a second. */
function growth(samples: Sample[], of: (sample: Sample) => number | undefined): number {
  const known = samples.filter((sample) => of(sample) !== undefined);
  const [first, last] = [known[0]!, known.at(-1)!];
  const seconds = (last.atMs - first.atMs) / 1000;
  return seconds > 0 ? (of(last)! - of(first)!) / seconds : 0;
}

/** Keeps at least the last. */
function dropBefore(samples: { atMs: number }[], ms: number): void {
  while (samples.length > 1 && samples[0]!.atMs < ms) samples.shift();
}

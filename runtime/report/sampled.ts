/**
 * Workers whose stateful calls leave their times behind, as points of telemetry: how long each was on its way to the
 * handler, and how long the handler took. Only for nodes that are told to give performance samples; others pay nothing.
 */
import type { Clock } from '../base/clock.js';
import type { Deployment } from '../model/config.js';
import type { Sample } from '../model/report.js';
import type { Worker, WorkerAnswer, WorkerCall } from '../session/call.js';

export interface Loading {
  load(deployment: Deployment, bundle: string | undefined): Promise<Worker>;
  close(): Promise<void>;
}

export interface SampledParts {
  /** Where they go: what one call of the function took. */
  record(functionName: string, samples: readonly Sample[]): void;
  clock: Clock;
  monotonic: () => number;
}

export function sampledWorkers(workers: Loading, parts: SampledParts): Loading {
  return { load: async (deployment, bundle) => sampled(await workers.load(deployment, bundle), parts), close: () => workers.close() };
}

function sampled(worker: Worker, { record, clock, monotonic }: SampledParts): Worker {
  if (worker.kind === 'stateless') return worker;
  return {
    kind: worker.kind, streams: worker.streams ?? false, sockets: worker.sockets ?? false, close: () => worker.close(),
    get replicas() { return worker.replicas!; },
    ...(worker.scale && { scale: (replicas: number) => worker.scale!(replicas) }),
    async run(call: WorkerCall): Promise<WorkerAnswer> {
      const { id: session, epoch } = call.session!.info;
      const [startedMs, atMs] = [monotonic(), clock.now()];
      const transferMs = sentMs(call) === undefined ? startedMs - (call.arrivedMs ?? startedMs) : atMs - sentMs(call)!;
      const answer = await worker.run(call);
      record(call.function, [
        { session, epoch, metric: 'function_execution_time', value: (monotonic() - startedMs) / 1000, atMs: clock.now() },
        { session, epoch, metric: 'function_transfer_time', value: Math.max(0, transferMs) / 1000, atMs },
      ]);
      return answer;
    },
  };
}

/** The sender's stamp: nanoseconds since the epoch, as OpenFaaS writes it, or milliseconds. Clocks of two machines may disagree. */
function sentMs({ request }: WorkerCall): number | undefined {
  const stamp = Number(request.headers['x-start-time'] ?? 0);
  if (!(stamp > 0)) return undefined;
  return stamp > NANOSECONDS_FROM ? stamp / 1e6 : stamp;
}

/** No stamp in milliseconds is so large for the next thirty thousand years. */
const NANOSECONDS_FROM = 1e15;

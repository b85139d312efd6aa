/** What is counted per function: cheap enough for every request, read as Prometheus text (names as OpenFaaS has them). */
import { LATENCY_BOUNDS_MS } from '../model/report.js';
import type { Replicas } from '../session/call.js';
import type { ScaleRules } from './faas/scale-rules.js';

const BUCKETS_S = LATENCY_BOUNDS_MS.map((ms) => ms / 1000);

/** What is told of a function that runs here. */
export interface ServiceFigures {
  name: string;
  replicas: Replicas;
  rules: Pick<ScaleRules, 'min' | 'type' | 'target' | 'isAutomatic'>;
  inHand: number;
}

export class FunctionMetrics {
  started = 0;
  private readonly byStatus = new Float64Array(600);
  private readonly byBucket = new Float64Array(BUCKETS_S.length + 1);
  totalMs = 0;
  private answered = 0;
  /** Calls that told when they were sent, and their time on the way, all together. */
  transferred = 0;
  transferMs = 0;
  /** Of those, calls sent after they arrived: by another clock. */
  sentLater = 0;

  finish(status: number, tookMs: number): void {
    this.byStatus[status]! += 1;
    this.answered += 1;
    this.totalMs += tookMs;
    const seconds = tookMs / 1000;
    let bucket = 0;
    while (bucket < BUCKETS_S.length && seconds > BUCKETS_S[bucket]!) bucket += 1;
    this.byBucket[bucket]! += 1;
  }

  /** @param tookMs from the sender's stamp to here; below 0 counts as 0, and is counted */
  transfer(tookMs: number): void {
    this.transferred += 1;
    if (tookMs < 0) this.sentLater += 1;
    else this.transferMs += tookMs;
  }

  /** Adds its histogram to another. */
  addCounts(counts: number[]): void {
    this.byBucket.forEach((count, bucket) => { counts[bucket]! += count; });
  }

  get finished(): number {
    return this.answered;
  }

  /** Lines of the counter `gateway_function_invocation_total`. */
  totals(name: string): string[] {
    const lines: string[] = [];
    this.byStatus.forEach((count, status) => {
      if (count > 0) lines.push(`gateway_function_invocation_total{function_name="${name}",code="${status}"} ${count}`);
    });
    return lines;
  }

  /** Lines of the histogram `gateway_functions_seconds`. */
  seconds(name: string): string[] {
    let below = 0;
    const lines = [...BUCKETS_S.map(String), '+Inf'].map((bound, index) => {
      below += this.byBucket[index]!;
      return `gateway_functions_seconds_bucket{function_name="${name}",le="${bound}"} ${below}`;
    });
    return [...lines,
      `gateway_functions_seconds_sum{function_name="${name}"} ${this.totalMs / 1000}`,
      `gateway_functions_seconds_count{function_name="${name}"} ${this.answered}`];
  }
}

/** Keeps the counters of a function over its redeployments. */
export class MetricsBook {
  private readonly books = new Map<string, FunctionMetrics>();

  of(name: string): FunctionMetrics {
    const known = this.books.get(name);
    if (known) return known;
    const fresh = new FunctionMetrics();
    this.books.set(name, fresh);
    return fresh;
  }

  /** Over all functions: requests answered, the time that they took together, and how many took how long. */
  sum(): { requests: number; tookMs: number; latencyCounts: number[] } {
    let [requests, tookMs] = [0, 0];
    const latencyCounts = Array<number>(BUCKETS_S.length + 1).fill(0);
    for (const book of this.books.values()) {
      requests += book.finished;
      tookMs += book.totalMs;
      book.addCounts(latencyCounts);
    }
    return { requests, tookMs, latencyCounts };
  }

  text(services: readonly ServiceFigures[]): string {
    const books = [...this.books];
    const heads = (name: string, kind: string, help: string) => [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`];
    const each = (metric: string, help: string, of: (service: ServiceFigures) => number) =>
      [...heads(metric, 'gauge', help), ...services.map((service) => `${metric}{function_name="${service.name}"} ${of(service)}`)];
    return [
      ...each('gateway_service_count', 'Function replicas', ({ replicas }) => replicas.wanted),
      ...each('gateway_service_ready_count', 'Function replicas that take calls', ({ replicas }) => replicas.available),
      ...each('gateway_service_min', 'Least replicas of a function', ({ rules }) => rules.min),
      ...each('gateway_function_invocation_inflight', 'Requests that a function has in hand', ({ inHand }) => inHand),
      ...heads('gateway_service_target_load', 'gauge', 'Load that one replica takes'),
      ...services.filter(({ rules }) => rules.isAutomatic).map(({ name, rules: { type = 'none', target } }) => `gateway_service_target_load{function_name="${name}",scaling_type="${type}"} ${target}`),
      ...heads('gateway_function_invocation_started', 'counter', 'Requests that reached a function'),
      ...books.map(([name, book]) => `gateway_function_invocation_started{function_name="${name}"} ${book.started}`),
      ...heads('gateway_function_invocation_total', 'counter', 'Requests answered, by status'),
      ...books.flatMap(([name, book]) => book.totals(name)),
      ...heads('gateway_functions_seconds', 'histogram', 'Time from arrival to answer'),
      ...books.flatMap(([name, book]) => book.seconds(name)), '',
    ].join('\n');
  }
}

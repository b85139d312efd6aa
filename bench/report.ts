/** From the rounds to the figures that are promised: each ratio and difference is taken within a round. */
import { figureOf, type Figure } from './harness/figures.js';
import type { Measured } from './harness/load.js';
import type { Results } from './rounds.js';

export interface Report {
  ratios: Record<string, number>;
  [figure: string]: unknown;
}

const CROWD = 32;
const BARE = 'node-http';
const ALTERNATIVE = 'express-redis';

export function reportOf(results: Results): Report {
  const figures: Record<string, Figure> = {};
  const pairs = (left: string, right: string, concurrency: number, of: (mine: Measured, other: Measured) => number): Figure | undefined => {
    const [mine = [], others = []] = [results.get(left)?.get(concurrency), results.get(right)?.get(concurrency)];
    return mine.length > 0 && others.length > 0 ? figureOf(mine.map((value, round) => of(value, others[round]!))) : undefined;
  };
  const rate = (left: string, right: string) => pairs(left, right, CROWD, (mine, other) => mine.requestsPerSecond / other.requestsPerSecond);
  const added = (left: string) => pairs(left, BARE, 1, (mine, other) => mine.p50Us - other.p50Us);
  const keep = (name: string, figure: Figure | undefined) => { if (figure) figures[name] = figure; };

  const ratios: Record<string, Figure | undefined> = {
    stateless_vs_node_http: rate('hello-inline', BARE),
    stateless_process_vs_node_http: rate('hello-process', BARE),
    stateless_vs_express_preset: rate('hello-inline', 'express-preset'),
    stateless_vs_chain: rate('hello-inline', 'chain'),
    stateless_process_vs_chain: rate('hello-process', 'chain'),
    stateful_vs_express_redis: rate('counter-inline-redis', ALTERNATIVE),
    stateful_spread_vs_express_redis: rate('counter-inline-redis-spread', ALTERNATIVE),
    stateful_process_vs_express_redis: rate('counter-process-redis', ALTERNATIVE),
    stateful_embedded_vs_express_redis: rate('counter-inline-embedded', ALTERNATIVE),
    express_preset_vs_node_http: rate('express-preset', BARE),
    express_vs_node_http: rate('express', BARE),
  };
  for (const [name, figure] of Object.entries(ratios)) keep(`ratio_${name}`, figure);
  keep('stateless_inline_added_p50_us', added('hello-inline'));
  keep('stateless_process_added_p50_us', added('hello-process'));
  keep('stateful_inline_added_p50_us', added('counter-inline-redis'));
  keep('stateful_process_added_p50_us', added('counter-process-redis'));
  keep('stateful_inline_embedded_added_p50_us', added('counter-inline-embedded'));
  keep('stateful_process_embedded_added_p50_us', added('counter-process-embedded'));
  keep('express_redis_added_p50_us', added(ALTERNATIVE));
  for (const [subject, byConcurrency] of results) {
    const name = subject.replaceAll('-', '_');
    for (const [concurrency, measured] of byConcurrency) {
      if (measured.length === 0) continue;
      keep(`${name}_c${concurrency}_rps`, figureOf(measured.map(({ requestsPerSecond }) => requestsPerSecond)));
      keep(`${name}_c${concurrency}_p50_us`, figureOf(measured.map(({ p50Us }) => p50Us)));
      keep(`${name}_c${concurrency}_p99_us`, figureOf(measured.map(({ p99Us }) => p99Us)));
      keep(`${name}_c${concurrency}_generator_load`, figureOf(measured.map(({ generatorLoad }) => generatorLoad)));
    }
  }
  const present = Object.entries(ratios).flatMap(([name, figure]) => (figure ? [[name, figure.median]] : []));
  return { ratios: Object.fromEntries(present), ...figures };
}

/** The promises, each with its figure in the report and the most or least that is allowed. */
const GOALS: { figure: string; atLeast?: number; atMost?: number; says: string }[] = [
  { figure: 'ratio_stateless_vs_node_http', atLeast: 0.9, says: 'a stateless inline call against plain node:http' },
  { figure: 'ratio_stateless_process_vs_chain', atLeast: 6, says: 'a stateless call in a process worker against gateway → watchdog → Express' },
  { figure: 'first_byte_process_ms', atMost: 5, says: 'ms from a function\'s first write in a process worker to its client' },
  { figure: 'ratio_stateful_vs_express_redis', atLeast: 2, says: 'a stateful inline call against Express with a lock in Redis, 32 at once' },
  { figure: 'stateful_inline_added_p50_us', atMost: 200, says: 'µs that a stateful inline call adds to a bare handler' },
  { figure: 'stateful_process_added_p50_us', atMost: 280, says: 'µs that a stateful call in a process worker adds' },
  { figure: 'domain_ready_s', atMost: 10, says: 's until six nodes are ready' },
  { figure: 'idle_node_rss_mb', atMost: 90, says: 'MB of an idle node\'s process' },
];

export function tableOf(report: Report): string {
  const lines = Object.entries(report).flatMap(([name, value]) => {
    const figure = value as Figure;
    if (typeof figure?.median !== 'number') return [];
    return [`${name.padEnd(52)} ${String(figure.median).padStart(10)}   (${figure.min} … ${figure.max}, ${figure.rounds} rounds)`];
  });
  const goals = GOALS.flatMap(({ figure, atLeast, atMost, says }) => {
    const { median } = (report[figure] ?? {}) as Partial<Figure>;
    if (median === undefined) return [`not measured: ${says}`];
    const isMet = (atLeast === undefined || median >= atLeast) && (atMost === undefined || median <= atMost);
    return [`${isMet ? 'met   ' : 'MISSED'} ${String(median).padStart(8)}  ${atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`}  ${says}`];
  });
  return [...lines, '', ...goals].join('\n');
}

/**
 * `npm run stress [-- --sessions 50 --adds 200 --kill --seed N --minutes M --store KIND]`
 * Ends with 1, and the evidence, when anything acknowledged was lost, counted twice or answered otherwise than allowed.
 */
import { parseArgs } from 'node:util';
import { runStress, type StressReport } from './run.js';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '50' },
    adds: { type: 'string', default: '200' },
    kill: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '0' },
    store: { type: 'string', default: 'auto' },
    think: { type: 'string' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const MOST_SHOWN = 20;

function print({ seed, store, seconds, tally, trouble, violations, folder }: StressReport): void {
  const redirects = [...tally.redirects].map((count, length) => `${length}: ${count ?? 0}`).join(', ');
  console.log([
    `seed ${seed}, ${store} stores, ${seconds.toFixed(1)} s`,
    `requests      ${tally.requests} (${tally.acknowledged} products acknowledged, ${tally.replayed} answers replayed)`,
    `redirects     ${redirects}`,
    `503           ${tally.unavailable}`,
    `lost links    ${tally.connectionErrors}`,
    `moves done    ${countsOf(trouble.moved)}`,
    `moves refused ${countsOf(trouble.refused)}`,
    `killed        ${trouble.nodesKilled} nodes, ${trouble.storesKilled} stores`,
    violations.length === 0 ? 'every cart and counter is exact' : `${violations.length} VIOLATIONS${folder ? `, state kept in ${folder}` : ''}`,
    ...violations.slice(0, MOST_SHOWN).map((violation) => `  ${violation}`),
  ].join('\n'));
}

function countsOf(counts: Record<string, number>): string {
  return Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
}

const report = await runStress({
  sessions: Number(values.sessions), adds: Number(values.adds), kill: values.kill, seed: Number(values.seed), store: values.store,
  minutes: Number(values.minutes), keep: values.keep, thinkMs: values.think === undefined ? (values.kill ? 200 : 0) : Number(values.think),
  progress: (line) => console.error(line),
});
if (values.json) console.log(JSON.stringify(report));
else print(report);
process.exitCode = report.violations.length === 0 ? 0 : 1;

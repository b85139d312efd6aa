/**
 * `npm run nemesis -- [--minutes N | --seconds N] [--seed N] [--nodes 3..6] [--store mixed|embedded|redis]`
 * Rounds of about a minute, each on a fresh domain, until the time is up. Ends with 1, and the evidence, at the first violation.
 */
import { parseArgs } from 'node:util';
import { runNemesis, type NemesisReport } from './run.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' }, seconds: { type: 'string' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    nodes: { type: 'string' }, store: { type: 'string', default: 'mixed' }, round: { type: 'string', default: '40' },
    verbose: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false },
  },
});
const [LEAST_NODES, MOST_NODES, MOST_SHOWN] = [3, 6, 10];
const totalMs = values.seconds === undefined ? Number(values.minutes) * 60_000 : Number(values.seconds) * 1_000;
const startedMs = performance.now();

function print({ seed, nodes, seconds, clients, done, met, moves, operations, open, configurations, mostRedirectsWhenQuiet, violations, evidence }: NemesisReport): void {
  const counts = (named: Record<string, number>) => Object.entries(named).map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
  console.log([
    `seed ${seed}: ${nodes.join(' ')}, ${seconds.toFixed(0)} s`,
    `  clients   ${clients.acknowledged} operations answered in ${clients.tries} tries, ${clients.replayed} replayed, ${clients.broken} broken, at most ${clients.mostRedirects} redirects`,
    `  refused   ${counts(clients.refused)}`, `  done      ${counts(done)}`, `  relays    ${counts(met)}`,
    `  moves     ${counts(moves.moved)}; refused ${counts(moves.refused)}`,
    `  judged    ${operations} operations (${open} open) in ${configurations} configurations; when quiet at most ${mostRedirectsWhenQuiet} redirects`,
    violations.length === 0 ? '  linearizable, nothing stuck' : `  ${violations.length} VIOLATIONS, evidence in ${evidence}`,
    ...violations.slice(0, MOST_SHOWN).map((violation) => `  ${violation}`),
  ].join('\n'));
}

let isWell = true;
let rounds = 0;
// The last round begins when there is time for it.
for (let seed = Number(values.seed); isWell && (rounds === 0 || performance.now() - startedMs < totalMs - 30_000); seed += 1, rounds += 1) {
  const nodes = values.nodes === undefined ? LEAST_NODES + (seed % (MOST_NODES - LEAST_NODES + 1)) : Number(values.nodes);
  const seconds = Math.min(Number(values.round), Math.max(5, (totalMs - (performance.now() - startedMs)) / 1_000 - 20));
  const report = await runNemesis({ seed, seconds, nodes, store: values.store, keep: values.keep, say: values.verbose ? (line) => console.error(line) : undefined });
  print(report);
  isWell = report.violations.length === 0;
  if (!isWell) console.log(`again: npm run nemesis -- --seconds ${Math.ceil(seconds + 20)} --seed ${seed} --nodes ${nodes} --store ${values.store} (as far as the machine's timing allows)`);
}
console.log(`${rounds} rounds, ${((performance.now() - startedMs) / 1_000).toFixed(0)} s, ${isWell ? 'no violation' : 'VIOLATION'}`);
process.exit(isWell ? 0 : 1);

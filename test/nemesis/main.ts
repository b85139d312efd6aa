/**
 * `npm run nemesis -- [--minutes N | --seconds N] [--seed N] [--nodes 3..6] [--store mixed|embedded|redis]`
 * Rounds of about a minute, each on a fresh domain, until the time is up. Ends with 1, and the evidence, at the first violation;
 * so does a run in which nothing was answered or troubled (a long one: or moved or read), and one that does not end by itself within a quarter of an hour more.
 */
import { parseArgs } from 'node:util';
import type { Tree } from '../../bench/harness/tree.js';
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
/** A slow machine's last round may take so much longer than its time. */
const GRACE_MS = 15 * 60_000;
/** In so long a run everything has to have happened; on a busy machine a shorter one may see no move. */
const LONG_MS = 10 * 60_000;
const all = { answered: 0, read: 0, moved: 0, troubled: 0, met: 0 };
const sum = (named: Record<string, number>) => Object.values(named).reduce((total, count) => total + count, 0);

let tree: Tree | undefined;
/** Nodes are processes of their own, and one may stand still: none is left behind. */
async function endEarly(why: string): Promise<void> {
  console.log(`FAILED: ${why}`);
  await tree?.stop({ keep: values.keep });
  process.exit(1);
}
setTimeout(() => void endEarly(`it did not end within ${((totalMs + GRACE_MS) / 60_000).toFixed(0)} minutes`), totalMs + GRACE_MS).unref();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void endEarly(signal));

function print({ seed, nodes, seconds, clients, done, met, moves, operations, open, configurations, mostRedirectsWhenQuiet, violations, evidence }: NemesisReport): void {
  const counts = (named: Record<string, number>) => Object.entries(named).map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
  console.log([
    `seed ${seed}: ${nodes.join(' ')}, ${seconds.toFixed(0)} s`,
    `  clients   ${clients.acknowledged} operations answered in ${clients.tries} tries, ${clients.replayed} replayed, ${clients.reads} reads, ${clients.broken} broken, at most ${clients.mostRedirects} redirects`,
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
  const report = await runNemesis({ seed, seconds, nodes, store: values.store, keep: values.keep, say: values.verbose ? (line) => console.error(line) : undefined, onTree: (its) => { tree = its; } });
  print(report);
  all.answered += report.clients.acknowledged;
  all.read += report.clients.reads;
  all.moved += sum(report.moves.moved);
  all.troubled += sum(report.done);
  all.met += sum(report.met);
  isWell = report.violations.length === 0;
  if (!isWell) console.log(`again: npm run nemesis -- --seconds ${Math.ceil(seconds + 20)} --seed ${seed} --nodes ${nodes} --store ${values.store} (as far as the machine's timing allows)`);
}
const missing = !isWell ? [] : Object.entries(all).filter(([name, count]) => count === 0 && (totalMs >= LONG_MS || ['answered', 'troubled'].includes(name))).map(([name]) => name);
if (missing.length > 0) console.log(`FAILED: it shows nothing, for nothing was ${missing.join(', ')}`);
isWell &&= missing.length === 0;
console.log(`${rounds} rounds, ${((performance.now() - startedMs) / 1_000).toFixed(0)} s, ${isWell ? 'no violation' : missing.length > 0 ? 'no proof' : 'VIOLATION'}`);
process.exit(isWell ? 0 : 1);

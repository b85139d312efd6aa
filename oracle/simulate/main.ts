/**
 * `oracle simulate`: policies side by side on a trace. Traces are synthetic (`hot-leaf:7` is the kind
 * and its seed) or a folder of the oracle's dataset.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { DEFAULT_POLICY, POLICY_NAMES, policyNamed } from '../policy/policies.js';
import { bestPlacement } from './best.js';
import { recordedTrace } from './recorded.js';
import { plotOf, rowOf, tableOf } from './report.js';
import { play, type Outcome } from './run.js';
import { syntheticTrace, TRACE_KINDS, type Trace, type TraceKind } from './trace.js';

const { values } = parseArgs({
  options: {
    policy: { type: 'string', multiple: true, default: ['none', DEFAULT_POLICY] },
    trace: { type: 'string', multiple: true, default: ['hot-leaf:1'] },
    seconds: { type: 'string' }, sessions: { type: 'string' }, load: { type: 'string' },
    settings: { type: 'string' }, best: { type: 'boolean', default: false }, plot: { type: 'string' }, json: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  const settings = values.settings === undefined ? {} : JSON.parse(values.settings) as object;
  const names = values.policy.flatMap((given) => given === 'all' ? POLICY_NAMES : given.split(','));
  const outcomes: Outcome[] = [];
  for (const given of values.trace) {
    const trace = await traceOf(given);
    for (const name of names) outcomes.push(play(trace, policyNamed(name, settings)));
    if (values.best) outcomes.push(bestPlacement(trace));
  }
  const rows = outcomes.map(rowOf);
  console.log(values.json ? JSON.stringify(rows) : tableOf(rows));
  if (values.plot === undefined) return;
  await writeFile(values.plot, plotOf(outcomes.filter(({ trace }) => trace === outcomes[0]!.trace)));
}

async function traceOf(given: string): Promise<Trace> {
  const [kind, seed = '1'] = given.split(':');
  if (!(TRACE_KINDS as readonly string[]).includes(kind!)) return recordedTrace(given);
  return syntheticTrace({
    kind: kind as TraceKind, seed: Number(seed),
    ...(values.seconds !== undefined && { seconds: Number(values.seconds) }),
    ...(values.sessions !== undefined && { sessions: Number(values.sessions) }),
    ...(values.load !== undefined && { load: Number(values.load) }),
  });
}

await main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 2;
});

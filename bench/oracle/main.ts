/**
 * `npm run bench:oracle [-- --nodes 1000 --sessions 1000 --ticks 30]`: what the oracle's books and its policy cost
 * for a large domain: reports as they come over the wire (parsed, checked, taken in), a decision each tick, and, with `--mirror`, what a
 * real Redis is told of it.
 */
import { parseArgs } from 'node:util';
import { Domain } from '../../oracle/domain.js';
import { Mirror } from '../../oracle/mirror/mirror.js';
import { proxySettings } from '../../oracle/mirror/settings.js';
import { POLICY_NAMES, policyNamed } from '../../oracle/policy/policies.js';
import type { RegisteredNode } from '../../runtime/model/oracle-answers.js';
import { reportOf } from '../../oracle/report-check.js';
import { seeded } from '../../oracle/simulate/trace.js';
import { startStoreServer } from '../harness/store-server.js';
import { createLog } from '../../runtime/base/log.js';
import { HEALTH_FIELDS } from '../../runtime/model/report.js';

const { values } = parseArgs({
  options: { nodes: { type: 'string', default: '1000' }, sessions: { type: 'string', default: '1000' }, ticks: { type: 'string', default: '30' }, changing: { type: 'string', default: '0.01' }, mirror: { type: 'boolean', default: false } },
});
const [nodes, sessions, ticks, changing] = [values.nodes, values.sessions, values.ticks, values.changing].map(Number) as [number, number, number, number];
const TICK_MS = 2_000;
const random = seeded(1);
const health = Object.fromEntries(HEALTH_FIELDS.map((field) => [field, 1]));

/** A root, a tenth of the nodes in the middle, the others below them. */
const middle = Math.max(1, Math.floor(nodes / 10));
const registered: RegisteredNode[] = Array.from({ length: nodes }, (_, at) => ({
  id: `id-${at}`, name: `n${at}`, url: `http://n${at}`, level: 'l', parent: at === 0 ? null : at <= middle ? 'n0' : `n${1 + at % middle}`, state: 'alive', labels: {},
  store: 'redis', functions: ['f'], registeredMs: 0, lastSeenMs: 0, restarts: 0,
}));

let nowMs = 1_700_000_000_000;
const namespace = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';
const redis = values.mirror ? await startStoreServer() : undefined;
const domain: Domain = new Domain({ namespace, now: () => nowMs, onChange: (change) => mirror?.note(change) });
const mirror = redis && new Mirror({
  settings: proxySettings({ proxy_type: 'Redis', redis_url: redis.url }), domainId: 'bench', namespace, domain, nodes: () => registered, log: createLog('error'),
  // The measurement calls what the timers would.
  clock: { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined }, onIntent: () => undefined, onBadIntent: () => undefined,
});

/** What the node would send: all its sessions at first, then those that had requests. */
function wireReport(node: number, number: number): string {
  const isFull = number === 1;
  const chosen = isFull ? Array.from({ length: sessions }, (_, at) => at) : Array.from({ length: Math.ceil(sessions * changing) }, () => Math.floor(random() * sessions));
  const hot = node % 50 === 7;
  return JSON.stringify({
    boot: 'b', number, isFull, accepting: true, health, gone: [], astray: [], dependencies: [], samples: [],
    load: { capacity: 32, busy: hot ? 31 : 6, waiting: hot ? 40 : 0, latencyMs: 5, memoryUsedBytes: 1e6, memoryLimitBytes: 1e9 },
    sessions: chosen.map((at) => ({
      id: `n${node}-s${at}`, home: `n${node}`, epoch: 0, bytes: 10_000, functions: ['f'], requests: isFull ? 0 : 20, busyMs: isFull ? 0 : 100, lastAccessMs: nowMs, moving: false,
    })),
  });
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const beganMs = cpuMs();
for (let node = 0; node < nodes; node += 1) domain.report(`n${node}`, reportOf(JSON.parse(wireReport(node, 1))));
const filledMs = cpuMs() - beganMs;
const wroteAll = await timed(() => mirror?.start());

/** Processor time and time of the clock, milliseconds. */
async function timed(work: () => Promise<void> | undefined): Promise<{ cpu: number; wall: number }> {
  const [cpu, wall] = [cpuMs(), performance.now()];
  await work();
  return { cpu: cpuMs() - cpu, wall: performance.now() - wall };
}

const reporting: number[] = [];
const mirroring: { cpu: number; wall: number }[] = [];
const deciding = new Map(POLICY_NAMES.map((name) => [name, [] as number[]]));
for (let tick = 2; tick <= ticks + 1; tick += 1) {
  nowMs += TICK_MS;
  const bodies = Array.from({ length: nodes }, (_, node) => wireReport(node, tick));
  const reportsMs = cpuMs();
  bodies.forEach((body, node) => {
    const report = reportOf(JSON.parse(body));
    domain.report(`n${node}`, report);
    mirror?.noteReport(registered[node]!, report);
    // At the worst, whatever was used has also moved.
    for (const { id } of report.sessions) mirror?.note({ kind: 'session', session: domain.session(id)! });
  });
  reporting.push(cpuMs() - reportsMs);
  if (mirror) mirroring.push(await timed(() => mirror.refresh()));
  for (const [name, times] of deciding) {
    const policy = policyNamed(name);
    const fromMs = cpuMs();
    policy.decide(domain.view(registered));
    times.push(cpuMs() - fromMs);
  }
}

const at = (times: number[], share: number) => times.toSorted((left, right) => left - right)[Math.min(times.length - 1, Math.floor(share * times.length))]!;
console.log(`${nodes} nodes, ${domain.size} sessions, ${changing * 100} % changing each ${TICK_MS / 1000} s, ${ticks} ticks; CPU time`);
console.log(`every session reported once: ${(filledMs / 1000).toFixed(1)} s; resident ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`);
console.log(`reports of a tick: median ${at(reporting, 0.5).toFixed(0)} ms, that is ${(at(reporting, 0.5) / TICK_MS).toFixed(2)} of a core`);
for (const [name, times] of deciding) console.log(`decision ${name.padEnd(16)} median ${at(times, 0.5).toFixed(1)} ms, p99 ${at(times, 0.99).toFixed(1)} ms`);
if (mirror) {
  const of = (pick: 'cpu' | 'wall', share: number) => at(mirroring.map((each) => each[pick]), share).toFixed(0);
  console.log(`mirror: everything once ${(wroteAll.wall / 1000).toFixed(1)} s (${(wroteAll.cpu / 1000).toFixed(1)} s of the processor)`);
  console.log(`mirror: a tick's differences median ${of('cpu', 0.5)} ms of the processor, ${of('wall', 0.5)} ms by the clock, p99 ${of('wall', 0.99)} ms; resident now ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`);
  await mirror.close();
  await redis?.stop();
}

/**
 * Real processes on loopback, each node behind a relay, and whatever can befall them: kills, stops, clock steps,
 * broken, slow and doubled connections, sessions moved about at random. What clients saw is judged by the
 * linearizability checker; once all is quiet, every session has to be near, and nothing may be stuck.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { headerOf, Http } from '../../bench/harness/http.js';
import type { NodePlan } from '../../bench/harness/node-process.js';
import { Random } from '../../bench/harness/random.js';
import { Tree } from '../../bench/harness/tree.js';
import { checkHistory } from '../linearizability/explain.js';
import { History } from '../linearizability/history.js';
import { type Sighting, versionFaults } from '../linearizability/versions.js';
import { emptyTroubleTally, moveAbout, type TroubleTally } from '../stress/trouble.js';
import { unsettled } from '../stress/run.js';
import { Client, emptyClientTally, FUNCTION, mayTryAgain, READER, WHOLE_KINDS, type ClientTally } from './client.js';
import { KINDS } from './kinds.js';
import { troubleNetwork, troubleProcesses } from './misfortune.js';
import { Relay, type Trouble } from './relay.js';

export interface NemesisOptions {
  seed: number;
  seconds: number;
  /** 3 to 6. */
  nodes: number;
  /** `embedded`, `redis`, or `mixed`: one after the other. */
  store: string;
  sessionsOfEachKind?: number;
  clientsOfEachSession?: number;
  thinkMs?: number;
  keep?: boolean;
  say?: (line: string) => void;
  /** Told of the domain before it starts: whoever has to end the run early stops it. */
  onTree?: (tree: Tree) => void;
}

export interface NemesisReport {
  seed: number;
  nodes: string[];
  seconds: number;
  clients: ClientTally;
  done: Record<string, number>;
  /** Connections that met each trouble. */
  met: Partial<Record<Trouble, number>>;
  moves: TroubleTally;
  operations: number;
  open: number;
  configurations: number;
  mostRedirectsWhenQuiet: number;
  violations: string[];
  /** Set when there are violations: the history, and the state of the nodes. */
  evidence?: string;
}

const NEAR_REDIRECTS = 2;
/** Patience once all is healed: reservations and leases have run out after half a minute, and the machine may be slow. */
const QUIET_MS = 180_000;

interface Scene {
  options: NemesisOptions;
  tree: Tree;
  relays: Map<string, Relay>;
  sessions: { id: string; kind: string; home: string }[];
  http: Http;
  history: History<unknown, unknown>;
  sightings: Sighting[];
  report: NemesisReport;
}

export async function runNemesis(options: NemesisOptions): Promise<NemesisReport> {
  const { seed, nodes, store } = options;
  const random = new Random(seed);
  const plans = plansOf(nodes, store, random);
  const relays = new Map<string, Relay>();
  const functions = [[FUNCTION, 'function'], [READER, 'reader']].map(([name, folder]) => ({
    name: name!, folder: fileURLToPath(new URL(`../../../test/nemesis/${folder}`, import.meta.url)), annotations: { worker: 'process' },
  }));
  const tree = new Tree({
    plans, store: 'embedded', storeFsync: 'no', functions, env: { ALLOW_CRASH: 'yes', STEP_CLOCK: 'yes' },
    frontOf: async ({ name }) => {
      const { relay, ...front } = await Relay.beforeFreePort(new Random(seed * 7 + relays.size));
      relays.set(name, relay);
      return front;
    },
  });
  options.onTree?.(tree);
  const report: NemesisReport = {
    seed, nodes: plans.map(({ name, parent, store: kind }) => `${name}${parent ? `<${parent}` : ''}:${kind}`), seconds: 0, clients: emptyClientTally(),
    done: {}, met: {}, moves: emptyTroubleTally(), operations: 0, open: 0, configurations: 0, mostRedirectsWhenQuiet: 0, violations: [],
  };
  const scene: Scene = { options, tree, relays, sessions: sessionsOf(options, plans, random), http: new Http(), history: new History(() => performance.now()), sightings: [], report };
  const startedMs = performance.now();
  try {
    await tree.start();
    await bear(scene);
    await storm(scene, random);
    await quiet(scene);
    judge(scene);
    if (report.violations.length > 0) await keepEvidence(scene);
  } finally {
    scene.http.close();
    await tree.stop({ keep: options.keep === true && report.violations.length > 0 });
    for (const relay of relays.values()) await relay.close();
  }
  report.seconds = (performance.now() - startedMs) / 1_000;
  return report;
}

/** A random tree of at most three levels below a root. */
export function plansOf(count: number, store: string, random: Random): NodePlan[] {
  const plans: NodePlan[] = [];
  for (let at = 0; at < count; at += 1) {
    const kind = store === 'mixed' ? ['redis', 'embedded'][at % 2]! : store;
    if (at === 0) plans.push({ name: 'n0', level: 'cloud', store: kind });
    else {
      const above = plans.filter(({ level }) => level !== 'edge');
      const parent = at === 1 ? plans[0]! : random.pick(above);
      plans.push({ name: `n${at}`, level: parent.level === 'cloud' ? 'city' : 'edge', parent: parent.name, store: kind });
    }
  }
  return plans;
}

function sessionsOf({ seed, sessionsOfEachKind = 2 }: NemesisOptions, plans: NodePlan[], random: Random): Scene['sessions'] {
  const homes = plans.slice(1).map(({ name }) => name);
  return Object.keys(KINDS).flatMap((kind) => Array.from({ length: sessionsOfEachKind }, (_, at) => ({ id: `${kind}-${seed}-${at}`, kind, home: random.pick(homes) })));
}

/** Each session is created at its home before anything goes wrong: two that are born behind a cut path are a conflict. */
async function bear({ tree, sessions, http }: Scene): Promise<void> {
  for (const { id, kind, home } of sessions) {
    for (const untilMs = performance.now() + QUIET_MS; ; await sleep(200)) {
      const answer = await http.send({ method: 'POST', url: `${tree.node(home).url}/function/${FUNCTION}?kind=${kind}`, headers: { 'x-session': id }, timeoutMs: QUIET_MS });
      if (answer.status === 200) break;
      // On a busy machine a node may be too slow for itself, and says so.
      if (!mayTryAgain(answer) || performance.now() > untilMs) throw new Error(`${id} was not born: ${answer.status} ${answer.body.toString()}`);
    }
  }
}

async function storm(scene: Scene, random: Random): Promise<void> {
  const { options, tree, relays, sessions, report } = scene;
  const { seed, seconds, clientsOfEachSession = 3, thinkMs = 120, say = () => undefined } = options;
  const stop = new AbortController();
  const shared = { relays, signal: stop.signal, done: report.done, say };
  const troubles = [
    troubleNetwork({ ...shared, random: new Random(seed * 11) }), troubleNetwork({ ...shared, random: new Random(seed * 13) }),
    ...[0, 1].map((half) => troubleProcesses({ ...shared, random: new Random(seed * 17 + half) }, tree.all.filter((_, at) => at % 2 === half))),
  ];
  const moves = [0, 1].map((at) => moveAbout({ tree, sessions, random: new Random(seed * 31 + at), signal: stop.signal, tally: report.moves, everyMs: 60 }));
  for (const work of [...troubles, ...moves]) work.catch((error: Error) => report.violations.push(`trouble failed: ${error.message}`));
  const endMs = performance.now() + seconds * 1_000;
  let healedMs = Number.POSITIVE_INFINITY;
  const isGivenUp = () => performance.now() > healedMs + QUIET_MS;
  const said = setInterval(() => say(`${report.clients.acknowledged} answered, ${report.clients.tries} tries`), 10_000);
  const clients = sessions.flatMap(({ id, kind }) => Array.from({ length: clientsOfEachSession }, (_, at) => work(scene, { id, kind }, at, random.below(2 ** 31), endMs, isGivenUp, thinkMs)));
  const readers = sessions.filter(({ kind }) => WHOLE_KINDS.includes(kind)).map((session) => look(scene, session, random.below(2 ** 31), endMs, thinkMs));
  await sleep(seconds * 1_000);
  stop.abort();
  // Trouble ends what it has begun, however slowly: a node that is being started must not be started twice. A move may hang until all is healed.
  await Promise.all([Promise.allSettled(troubles), Promise.race([Promise.allSettled(moves), sleep(35_000)])]);
  await heal(scene);
  healedMs = performance.now();
  await Promise.all([...clients, ...readers]);
  clearInterval(said);
}

/** One client of a session: one operation after the other, each until it is answered. */
async function work(scene: Scene, { id, kind }: { id: string; kind: string }, at: number, seed: number, endMs: number, isGivenUp: () => boolean, thinkMs: number): Promise<void> {
  const { report } = scene;
  const random = new Random(seed);
  const client = clientOf(scene, { id, kind }, `${id}/${at}`, random);
  for (let nth = 0; performance.now() < endMs; nth += 1) {
    const isAnswered = await client.ask(KINDS[kind]!.input(random, `${at}.${nth}`), isGivenUp);
    if (!isAnswered) report.violations.push(`${id}: an operation was not answered within ${QUIET_MS} ms after all was healed`);
    await sleep(random.below(thinkMs));
  }
}

/** One that reads beside the writers, and never wants to see less than it has. */
async function look(scene: Scene, session: { id: string; kind: string }, seed: number, endMs: number, thinkMs: number): Promise<void> {
  const random = new Random(seed);
  const client = clientOf(scene, session, `${session.id}/reader`, random);
  while (performance.now() < endMs) {
    await client.look();
    await sleep(random.below(thinkMs));
  }
}

function clientOf({ history, sightings, http, tree, report }: Scene, { id, kind }: { id: string; kind: string }, name: string, random: Random): Client {
  return new Client({ name, session: id, kind, history, sightings, http, random, tally: report.clients, origins: () => tree.all.map(({ url }) => url) });
}

async function heal({ tree, relays }: Scene): Promise<void> {
  for (const relay of relays.values()) relay.set(undefined);
  for (const node of tree.all) {
    if (!node.isRunning) await node.start();
    node.stepClock(0);
  }
  await tree.healthy();
}

/** Every session from every node, near; no move and no lease left over. */
async function quiet(scene: Scene): Promise<void> {
  const { tree, sessions, report } = scene;
  report.violations.push(...await unsettled(tree, QUIET_MS));
  for (const { id, kind } of sessions) {
    const client = clientOf(scene, { id, kind }, `${id}/last`, new Random(1));
    const untilMs = performance.now() + QUIET_MS;
    if (!(await client.ask(kind === 'map' ? 'keys' : 'read', () => performance.now() > untilMs))) report.violations.push(`${id} is not served when all is quiet`);
    for (const node of tree.all) report.violations.push(...await far(scene, node.url, node.name, id, kind));
  }
  report.violations.push(...await stuck(scene));
}

/** Redirects are counted once what is owed has been paid: homes are told within seconds. */
async function far({ http, report }: Scene, origin: string, name: string, session: string, kind: string): Promise<string[]> {
  const untilMs = performance.now() + QUIET_MS;
  for (;;) {
    let url = `${origin}/function/${FUNCTION}?kind=${kind}${kind === 'map' ? '&keys=' : ''}`;
    const path: string[] = [];
    for (;;) {
      const answer = await http.send({ method: 'POST', url, headers: { 'x-session': session, 'x-session-version': '1' } }).catch((error: Error) => error);
      if (answer instanceof Error) {
        path.push(answer.message);
        break;
      }
      if (answer.status === 200 && path.length <= NEAR_REDIRECTS) {
        report.mostRedirectsWhenQuiet = Math.max(report.mostRedirectsWhenQuiet, path.length);
        return [];
      }
      path.push(`${answer.status} ${headerOf(answer, 'location') ?? answer.body.toString().slice(0, 200)}`);
      if (answer.status !== 307 || path.length > 8) break;
      url = new URL(headerOf(answer, 'location')!, url).href;
    }
    if (performance.now() > untilMs) return [`${session} is not near ${name}: ${path.join(' → ')}`];
    await sleep(200);
  }
}

async function stuck({ tree }: Scene): Promise<string[]> {
  const untilMs = performance.now() + QUIET_MS;
  for (;;) {
    const open: string[] = [];
    for (const node of tree.all) {
      const { json } = await tree.admin(node, 'GET', '/api/v1/sessions?limit=1000');
      for (const { session, leased, owed } of (json as { sessions: { session: string; leased: boolean; owed: object[] }[] }).sessions) {
        if (leased) open.push(`${session} is leased at ${node.name}`);
        if (owed.length > 0) open.push(`${session} at ${node.name} owes ${JSON.stringify(owed)}`);
      }
    }
    if (open.length === 0) return [];
    if (performance.now() > untilMs) return open.map((what) => `stuck: ${what}`);
    await sleep(300);
  }
}

function judge({ sessions, history, sightings, relays, report }: Scene): void {
  for (const kind of Object.keys(KINDS)) {
    const ids = new Set(sessions.filter((session) => session.kind === kind).map(({ id }) => id));
    const checked = checkHistory(KINDS[kind]!.model, history.tries.filter(({ session }) => ids.has(session)) as never[]);
    report.operations += checked.operations;
    report.open += checked.open;
    report.configurations += checked.configurations;
    report.violations.push(...checked.findings.map(({ text }) => text));
  }
  for (const relay of relays.values()) for (const [name, count] of Object.entries(relay.met)) report.met[name as Trouble] = (report.met[name as Trouble] ?? 0) + count;
  report.violations.push(...versionFaults(sightings), ...report.clients.violations);
}

async function keepEvidence({ history, report, tree, options }: Scene): Promise<void> {
  report.evidence = join(tmpdir(), `nemesis-${options.seed}.json`);
  const logs = Object.fromEntries(await Promise.all(tree.all.map(async (node) => [node.name, await tree.logOf(node, 2_000)] as const)));
  await writeFile(report.evidence, JSON.stringify({ report, tries: history.tries, logs }));
}

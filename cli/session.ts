/** `session`: find sessions and move them. */
import type { Command } from 'commander';
import { askAll } from './ask-all.js';
import { CliFailure, EXIT, wrongUsage } from './failure.js';
import { allInstances, physicalIds } from './oracle-books.js';
import { ago, clean, facts, print, table } from './print.js';
import { examples } from './product.js';
import type { KnownNode } from './state.js';
import { operatorCommands } from './session-operate.js';
import { findTarget, nodeNamed, type Target, type TargetOptions, withTarget } from './target.js';

interface SessionView {
  session: string;
  function: string;
  home: string;
  current: string;
  state: string;
  epoch: number;
  version: number;
  bytes: number;
  lastAccessAtMs: number;
}

type DataValue = string | { base64: string } | (string | { base64: string })[];

/** The same, as `session show` asks for it. */
interface Shown extends SessionView {
  node: string;
  functions: string[];
  leased: boolean;
  leavingTo?: string;
  arrivingFrom?: string;
  owed: { to: string; kind: string }[];
  keys?: string[];
  /** Of a small session. */
  data?: Record<string, DataValue>;
}

/** A record as a move answers it. */
interface Moved {
  session: string;
  currentLocation: string;
  proprietaryLocation: string;
  epoch: number;
}

type Found = SessionView & { node: string };
type Options = TargetOptions & { node?: string; to?: string; rehome?: boolean; choose?: string; function?: string; all?: boolean };

const PAGE = 1_000;
const PREVIEW_CHARS = 100;
const HERE = ['resident', 'leaving'];

export function sessionCommands(noun: Command): void {
  withTarget(noun.command('list').description('every session and the node that holds it'))
    .option('--node <name>', 'only what this node knows')
    .option('--function <name>', 'only sessions that this function has used')
    .option('--all', 'also stubs: what nodes remember of sessions that are elsewhere')
    .addHelpText('after', examples('session list', 'session list --node milan-001 --all'))
    .action(async (options: Options) => list(await findTarget(options), options));

  withTarget(noun.command('show').argument('<session>').description('what the node that holds it knows about a session'))
    .option('--node <name>', 'what this node knows instead')
    .addHelpText('after', examples('session show anna'))
    .action(async (session: string, options: Options) => {
      const target = await findTarget(options);
      const { node, view } = await find(target, session, options.node, '?data=true');
      print({ ...view, node: node.name }, options.json, described);
    });

  withTarget(noun.command('instances').description('every session as an instance of its functions: logical id, physical id of its residency, node; by the oracle\'s books'))
    .option('--node <name>', 'only those on this node')
    .option('--function <name>', 'only those of this function')
    .addHelpText('after', examples('session instances', 'session instances --function shopping-cart --json'))
    .action(async (options: Options) => instances(await findTarget(options), options));

  for (const verb of ['offload', 'onload'] as const) {
    const about = verb === 'offload' ? 'move a session to the nearest ancestor that takes it' : 'bring a session back down to a node';
    withTarget(noun.command(verb).argument('[session]', 'without one the node chooses').description(about))
      .option('--node <name>', verb === 'offload' ? 'node that gives it (default: the one that holds the session)' : 'node that takes it (default: the session\'s home)')
      .option('--choose <how>', 'how the node chooses: largest, idle or random')
      .addHelpText('after', examples(`session ${verb} anna`, `session ${verb} --node milan-001 --choose idle`))
      .action(async (session: string | undefined, options: Options) => force(await findTarget(options), verb, session, options));
  }

  withTarget(noun.command('migrate').argument('<session>').description('move a session to a node on the path from its home to the root'))
    .requiredOption('--to <node>', 'node that is to hold it')
    .option('--rehome', 'let any node be its home from now on')
    .option('--node <name>', 'node to ask (default: the one that holds the session)')
    .addHelpText('after', examples('session migrate anna --to cloud', 'session migrate anna --to turin-001 --rehome'))
    .action(async (session: string, options: Options) => {
      const target = await findTarget(options);
      const { node } = await find(target, session, options.node);
      const { to, rehome } = options;
      const path = `/api/v1/sessions/${encodeURIComponent(session)}/migrate`;
      print(await target.client.json<Moved>(node.url, 'POST', path, { body: { to, ...(rehome && { rehome }) } }), options.json, placeOf);
    });

  operatorCommands(noun);
}

async function list(target: Target, options: Options): Promise<void> {
  const nodes = options.node === undefined ? target.nodes : [nodeNamed(target, options.node)];
  const answers = await askAll(nodes, (node) => sessionsOf(target, node, options.function));
  const failures = answers.flatMap((answer) => answer.status === 'rejected' ? [answer.reason as unknown] : []);
  for (const failure of failures) if (!isUnreachable(failure)) throw failure;
  const found = answers.flatMap((answer) => answer.status === 'fulfilled' ? answer.value : []).filter(({ state }) => options.all || HERE.includes(state));
  print({ sessions: found }, options.json, () => table(
    ['SESSION', 'NODE', 'HOME', 'STATE', 'FUNCTION', 'EPOCH', 'VERSION', 'BYTES', 'USED'],
    found.map((each) => [each.session, each.node, each.home, each.state === 'remote' ? `at ${each.current}` : each.state, each.function, each.epoch, each.version, each.bytes, ago(each.lastAccessAtMs, Date.now())]),
  ));
  // A list with holes is no whole answer, and a script should know.
  for (const failure of failures) {
    console.error(`error: ${(failure as Error).message}`);
    process.exitCode = EXIT.unreachable;
  }
}

async function instances(target: Target, { node, function: functionName, json }: Options): Promise<void> {
  const [found, pidOf] = await Promise.all([allInstances(target, { node, functionName }), physicalIds(target)]);
  const rows = found.map((each) => ({ session: each.id, lid: each.lid, pid: pidOf(each), node: each.current, home: each.home, state: each.state, epoch: each.epoch, functions: each.functions }));
  print({ instances: rows }, json, () => table(['LID', 'PID', 'NODE', 'STATE', 'SESSION', 'FUNCTIONS'], rows.map((each) => [each.lid, each.pid, each.node, each.state, each.session, each.functions.join(', ')])));
}

async function sessionsOf({ client }: Target, node: KnownNode, functionName: string | undefined): Promise<Found[]> {
  const found: Found[] = [];
  let after: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(after !== undefined && { after }), ...(functionName !== undefined && { function: functionName }) });
    const page = await client.json<{ sessions: SessionView[]; next?: string }>(node.url, 'GET', `/api/v1/sessions?${query}`);
    found.push(...page.sessions.map((view) => ({ ...view, node: node.name })));
    after = page.next;
  } while (after !== undefined);
  return found;
}

/** Asks every node; the one that holds the session, or else the one with the newest word on it. */
async function find(target: Target, session: string, name: string | undefined, query = ''): Promise<{ node: KnownNode; view: Shown }> {
  const nodes = name === undefined ? target.nodes : [nodeNamed(target, name)];
  const path = `/api/v1/sessions/${encodeURIComponent(session)}${query}`;
  const answers = await askAll(nodes, async (node) => ({ node, view: await target.client.json<Shown>(node.url, 'GET', path) }));
  const views = answers.flatMap((answer) => answer.status === 'fulfilled' ? [answer.value] : []).filter(({ view }) => view.state !== 'tombstone');
  views.sort((left, right) => Number(HERE.includes(right.view.state)) - Number(HERE.includes(left.view.state)) || right.view.epoch - left.view.epoch);
  if (views[0]) return views[0];
  const failures = answers.flatMap((answer) => answer.status === 'rejected' ? [answer.reason as unknown] : []);
  const other = failures.find((failure) => !isUnknown(failure));
  if (other) throw other;
  throw new CliFailure(`no node${name === undefined ? '' : ` called ${name}`} knows the session ${clean(session)} (SESSION_UNKNOWN)`);
}

async function force(target: Target, verb: 'offload' | 'onload', session: string | undefined, options: Options): Promise<void> {
  if (session === undefined && options.node === undefined) throw wrongUsage(`say which session to ${verb}, or with --node which node is to choose one`);
  const node = options.node !== undefined ? nodeNamed(target, options.node) : await usualNode(target, verb, session!);
  const query = new URLSearchParams({ ...(session !== undefined && { session }), ...(options.choose !== undefined && { choose: options.choose }) });
  const moved = await target.client.json<Moved | Moved[]>(node.url, 'POST', `/function/force-${verb}?${query}`);
  print(moved, options.json, (records) => [records].flat().map(placeOf).join('\n'));
}

/** `anna is at milan now, home milan-001, epoch 1` */
function placeOf({ session, currentLocation, proprietaryLocation, epoch }: Moved): string {
  return clean(`${session} is at ${currentLocation} now, home ${proprietaryLocation}, epoch ${epoch}`);
}

/** What an operator asks first; everything else is in the JSON. */
function described(shown: Shown): string {
  const { session, node, functions, home, current, state, leased, leavingTo, arrivingFrom, epoch, version, bytes, lastAccessAtMs, owed, data, keys } = shown;
  const place = HERE.includes(state) ? `${node}${leased ? ', running a request' : ''}` : `${current}, as far as ${node} knows`;
  return facts({
    session, at: place, home, functions, epoch, version, bytes, used: ago(lastAccessAtMs, Date.now()),
    ...(leavingTo && { leaving: `for ${leavingTo}` }), ...(arrivingFrom && { arriving: `from ${arrivingFrom}` }),
    ...(owed?.length > 0 && { owed: owed.map(({ to, kind }) => `${kind} to ${to}`) }),
    ...(data ? { data: Object.fromEntries(Object.entries(data).map(([key, value]) => [clean(key), previewOf(value)])) } : keys && { keys }),
  });
}

function previewOf(value: DataValue): string {
  const whole = typeof value === 'string' || Array.isArray(value) ? JSON.stringify(value) : `bytes, in base64 ${value.base64}`;
  return whole.length > PREVIEW_CHARS ? `${whole.slice(0, PREVIEW_CHARS - 1)}…` : whole;
}

async function usualNode(target: Target, verb: 'offload' | 'onload', session: string): Promise<KnownNode> {
  const { node, view } = await find(target, session, undefined);
  return verb === 'offload' ? node : nodeNamed(target, view.home);
}

function isUnreachable(error: unknown): boolean {
  return error instanceof CliFailure && error.exitCode === EXIT.unreachable;
}

function isUnknown(error: unknown): boolean {
  return error instanceof CliFailure && (error.details as { code?: string } | undefined)?.code === 'SESSION_UNKNOWN';
}

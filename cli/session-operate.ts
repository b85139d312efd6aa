/** `session inspect | pause | resume | force-release | cancel-move`, `session conflicts`, `session dead-letters`: what an operator does to one session. */
import type { Command } from 'commander';
import { askAll } from './ask-all.js';
import { CliFailure, EXIT } from './failure.js';
import { ago, clean, facts, print, table } from './print.js';
import { examples } from './product.js';
import type { KnownNode } from './state.js';
import { findTarget, nodeNamed, type Target, type TargetOptions, withTarget } from './target.js';

/** What one node knows of a session. */
interface Inspected {
  node: string;
  state: string;
  incarnation?: string;
  home?: string;
  current?: string;
  epoch?: number;
  version?: number;
  paused?: boolean;
  lease?: { owner: string; untilMs: number };
  leaving?: { to: string };
  arriving?: { from: string };
  owed?: { to: string; kind: string }[];
  undelivered?: number;
  conflicts: unknown[];
  deadLetters: number;
  may: string[];
}

interface Conflict {
  node: string;
  session: string;
  mine: string;
  theirs: string;
  at: string;
  atMs: number;
  keeping?: boolean;
}

interface Letter {
  node: string;
  letter: string;
  session: string;
  target: string;
  reason: string;
  atMs: number;
  row: { kind: string; function: string };
}

type Options = TargetOptions & { node?: string; keep?: string };
type Seen = { node: KnownNode; view: Inspected };

const VERBS = {
  pause: 'let nobody write to a session until it is resumed',
  resume: 'let a paused session go on',
  'force-release': 'take a session from a request that does not give it back; what that request commits under its lease is refused',
  'cancel-move': 'give up a move that does not end; it is taken back only where that is safe',
} as const;

export function operatorCommands(noun: Command): void {
  withTarget(noun.command('inspect').argument('<session>').description('what every node knows about a session, and what may be done'))
    .option('--node <name>', 'only what this node knows')
    .addHelpText('after', examples('session inspect anna'))
    .action(async (session: string, options: Options) => {
      const { seen, failures } = await inspectAll(await findTarget(options), session, options.node);
      print(seen.map(({ view }) => view), options.json, (views) => views.map(described).join('\n\n') || clean(`no node knows ${session}`));
      report(failures);
    });

  for (const [verb, about] of Object.entries(VERBS)) {
    withTarget(noun.command(verb).argument('<session>').description(about))
      .option('--node <name>', 'node to ask (default: the one where it does something)')
      .addHelpText('after', examples(`session ${verb} anna`))
      .action(async (session: string, options: Options) => {
        const target = await findTarget(options);
        const node = options.node === undefined ? await nodeFor(target, session, verb) : nodeNamed(target, options.node);
        print(await post(target, node, session, verb), options.json, (done) => clean(`${session} at ${done.node}: ${done.result}`));
      });
  }

  conflictCommands(noun);
  letterCommands(noun);
}

function conflictCommands(noun: Command): void {
  const conflicts = withTarget(noun.command('conflicts').description('ids of which two sessions exist, as the nodes have found them'))
    .addHelpText('after', examples('session conflicts', 'session conflicts resolve anna --keep milan-001'))
    .action(async (options: Options) => {
      const { found, failures } = await gather<Conflict>(await findTarget(options), '/api/v1/conflicts');
      print(found, options.json, (rows) => table(['SESSION', 'FOUND BY', 'ITS LIFE', 'OTHER LIFE', 'AT', 'WHEN'], rows.map((each) => [
        each.session, each.node, each.mine, each.keeping ? 'kept; ancestors are being told' : each.theirs, each.at, ago(each.atMs, Date.now()),
      ])));
      report(failures);
    });
  withTarget(conflicts.command('resolve').argument('<session>').description('keep the life that one node holds; the others go into archive files of their nodes'))
    .requiredOption('--keep <node>', 'node that holds the life to be kept')
    .addHelpText('after', examples('session conflicts resolve anna --keep milan-001'))
    .action(async (session: string, _: Options, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      print(await resolve(await findTarget(options), session, options.keep!), options.json, (steps) => steps.map((step) => clean(`${step.node}: ${step.result}${step.archive ? `, ${step.archive}` : ''}`)).join('\n'));
    });
}

function letterCommands(noun: Command): void {
  const letters = withTarget(noun.command('dead-letters').description('effects on other sessions that their receivers did not take'))
    .addHelpText('after', examples('session dead-letters', 'session dead-letters retry LETTER', 'session dead-letters drop LETTER'))
    .action(async (options: Options) => {
      const { found, failures } = await gather<Letter>(await findTarget(options), '/api/v1/dead-letters');
      print(found, options.json, (rows) => table(['LETTER', 'NODE', 'SESSION', 'FUNCTION', 'TARGET', 'WHEN', 'REASON'], rows.map((each) => [
        each.letter, each.node, each.session, each.row.function, each.target, ago(each.atMs, Date.now()), each.reason,
      ])));
      report(failures);
    });
  for (const [verb, about] of [['retry', 'deliver it once more'], ['drop', 'give it up for good']] as const) {
    withTarget(letters.command(verb).argument('<letter>').description(about))
      .addHelpText('after', examples(`session dead-letters ${verb} 0c8e6d5e-7f0a-5b0e-9d0c-2f4b8d1a6c3e`))
      .action(async (letter: string, _: Options, command: Command) => {
        const options = command.optsWithGlobals<Options>();
        const target = await findTarget(options);
        const { found, failures } = await gather<Letter>(target, '/api/v1/dead-letters');
        const node = found.find((each) => each.letter === letter)?.node;
        if (node === undefined) throw failures[0] ?? new CliFailure(`no node has the dead letter ${clean(letter)}`);
        const done = await target.client.json<Done>(nodeNamed(target, node).url, 'POST', `/api/v1/dead-letters/${encodeURIComponent(letter)}/${verb}`, { body: {} });
        print(done, options.json, ({ result }) => `${letter}: ${result}`);
      });
  }
}

interface Done {
  node: string;
  result: string;
  archive?: string;
}

function post({ client }: Target, { url }: KnownNode, session: string, verb: string, body: object = {}): Promise<Done> {
  return client.json(url, 'POST', `/api/v1/sessions/${encodeURIComponent(session)}/${verb}`, { body });
}

async function inspectAll(target: Target, session: string, name?: string): Promise<{ seen: Seen[]; failures: Error[] }> {
  const nodes = name === undefined ? target.nodes : [nodeNamed(target, name)];
  const path = `/api/v1/sessions/${encodeURIComponent(session)}/inspect`;
  const answers = await askAll(nodes, async (node) => ({ node, view: await target.client.json<Inspected>(node.url, 'GET', path) }));
  const seen = answers.flatMap((answer) => answer.status === 'fulfilled' ? [answer.value] : []).filter(({ view }) => view.state !== 'absent' || view.conflicts.length > 0);
  return { seen, failures: failuresOf(answers) };
}

/** Where the verb does something; else where the session is, which then says why not. */
async function nodeFor(target: Target, session: string, verb: string): Promise<KnownNode> {
  const { seen, failures } = await inspectAll(target, session);
  const able = seen.filter(({ view }) => view.may.includes(verb));
  // Two lives of one id may both be able to: which is meant only the operator knows.
  if (able.length > 1 && verb !== 'cancel-move') throw new CliFailure(`say with --node which is meant: ${able.map(({ node }) => node.name).join(', ')}`);
  // The target's reservation first: once it is given up, the source can be told so.
  const arriving = able.find(({ view }) => view.arriving);
  const best = arriving ?? able[0] ?? seen.find(({ view }) => isHolder(view)) ?? seen[0];
  if (best) return best.node;
  throw failures[0] ?? new CliFailure(`no node knows the session ${clean(session)} (SESSION_UNKNOWN)`);
}

/** Every other life is archived and ended, then the kept one's ancestors are told. Each step may be done again. */
async function resolve(target: Target, session: string, keep: string): Promise<Done[]> {
  const chosen = nodeNamed(target, keep);
  const { seen, failures } = await inspectAll(target, session);
  if (failures[0]) throw new CliFailure(`every node has to answer, for each may hold a life of it: ${failures[0].message}`, EXIT.unreachable);
  const kept = seen.find(({ node, view }) => node === chosen && isHolder(view))?.view;
  if (!kept) {
    const holders = seen.filter(({ view }) => isHolder(view)).map(({ node }) => node.name);
    throw new CliFailure(`node ${keep} does not hold the session; it is held by ${holders.join(' and ') || 'no node'}`);
  }
  const others = seen.filter(({ view }) => isHolder(view) && view.incarnation !== kept.incarnation);
  const steps: Done[] = [];
  for (const { node, view } of others) steps.push(await post(target, node, session, 'discard', { incarnation: view.incarnation }));
  steps.push(await post(target, nodeNamed(target, kept.home), session, 'keep', { incarnation: kept.incarnation }));
  for (const { node, view } of seen) {
    if (view.conflicts.length > 0 && node.name !== kept.home) await post(target, node, session, 'settled');
  }
  return steps;
}

function isHolder({ state }: Inspected): boolean {
  return state === 'resident' || state === 'leaving';
}

async function gather<T extends object>(target: Target, path: string): Promise<{ found: (T & { node: string })[]; failures: Error[] }> {
  const answers = await askAll(target.nodes, async ({ name, url }) => (await target.client.json<T[]>(url, 'GET', path)).map((each) => ({ ...each, node: name })));
  return { found: answers.flatMap((answer) => answer.status === 'fulfilled' ? answer.value : []), failures: failuresOf(answers) };
}

function failuresOf(answers: PromiseSettledResult<unknown>[]): Error[] {
  return answers.flatMap((answer) => answer.status === 'rejected' ? [answer.reason as Error] : []);
}

/** A list with holes is no whole answer, and a script should know. */
function report(failures: Error[]): void {
  for (const { message } of failures) {
    console.error(`error: ${message}`);
    process.exitCode = EXIT.unreachable;
  }
}

function described(view: Inspected): string {
  const { node, state, home, current, epoch, version, incarnation, paused, lease, leaving, arriving, owed = [], undelivered, conflicts, deadLetters, may } = view;
  return facts({
    node, state: paused ? `${state}, paused` : state, home, current, epoch, version, incarnation,
    ...(lease && !paused && { held: `by ${lease.owner} until ${new Date(lease.untilMs).toISOString()}` }),
    ...(leaving && { leaving: `for ${leaving.to}` }), ...(arriving && { arriving: `from ${arriving.from}` }),
    ...(owed.length > 0 && { owed: owed.map(({ to, kind }) => `${kind} to ${to}`) }),
    ...(undelivered && { undelivered }), ...(conflicts.length > 0 && { conflicts: conflicts.length }), ...(deadLetters > 0 && { 'dead letters': deadLetters }),
    may: may.join(', ') || 'nothing here',
  });
}

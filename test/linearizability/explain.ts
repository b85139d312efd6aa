/** A refused history as somebody reads it who has to find the fault: the first answer that no order explains, and what was about. */
import { check, DEFAULT_BOUNDS, type Bounds, type Verdict } from './check.js';
import { bySession, isAnswered, type Operation } from './history.js';
import type { Model } from './models.js';

/** Operations shown of the order that was found; the last of them are what matters. */
const SHOWN = 6;
const SHOWN_CHARS = 160;

export interface Finding {
  session: string;
  kind: 'broken' | 'undecided' | 'contradiction';
  text: string;
}

export interface Checked {
  sessions: number;
  operations: number;
  /** Operations that were never answered. */
  open: number;
  configurations: number;
  /** Empty when every session is linearizable. Undecided is a finding. */
  findings: Finding[];
}

/** Checks every session by itself; each gets a model of its own. */
export function checkHistory<S, I, O>(modelOf: () => Model<S, I, O>, tries: readonly Operation<I, O>[], bounds: Bounds = DEFAULT_BOUNDS): Checked {
  const checked: Checked = { sessions: 0, operations: 0, open: 0, configurations: 0, findings: [] };
  for (const [session, { operations, contradictions }] of bySession(tries)) {
    checked.sessions += 1;
    checked.operations += operations.length;
    checked.open += operations.filter((one) => !isAnswered(one)).length;
    for (const text of contradictions) checked.findings.push({ session, kind: 'contradiction', text: `session ${session}: ${text}` });
    const verdict = check(modelOf(), operations, bounds);
    checked.configurations += verdict.configurations;
    if (verdict.kind === 'undecided') {
      const text = `session ${session}: undecided after ${verdict.configurations} configurations of ${operations.length} operations; give it more memory or a shorter history`;
      checked.findings.push({ session, kind: 'undecided', text });
    }
    if (verdict.kind === 'broken') checked.findings.push({ session, kind: 'broken', text: explain(modelOf, session, operations, bounds) });
  }
  return checked;
}

/** The history up to a moment: later answers have not come yet, later operations were not sent. */
export function until<I, O>(operations: readonly Operation<I, O>[], atMs: number): Operation<I, O>[] {
  return operations
    .filter(({ invokedAt }) => invokedAt <= atMs)
    .map((one) => (one.answeredAt <= atMs ? one : { ...one, answeredAt: Number.POSITIVE_INFINITY, output: undefined }));
}

/** The earliest moment at which the history is broken: a history that is broken stays so. */
export function firstBroken<S, I, O>(modelOf: () => Model<S, I, O>, operations: readonly Operation<I, O>[], bounds = DEFAULT_BOUNDS) {
  const moments = [...new Set(operations.filter(isAnswered).map(({ answeredAt }) => answeredAt))].sort((a, b) => a - b);
  let [low, high] = [0, moments.length - 1];
  const verdictAt = (at: number) => check(modelOf(), until(operations, moments[at]!), bounds);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (verdictAt(middle).kind === 'broken') high = middle;
    else low = middle + 1;
  }
  return { atMs: moments[high]!, verdict: verdictAt(high) };
}

export function explain<S, I, O>(modelOf: () => Model<S, I, O>, session: string, operations: readonly Operation<I, O>[], bounds = DEFAULT_BOUNDS): string {
  const { atMs, verdict } = firstBroken(modelOf, operations, bounds);
  if (verdict.kind !== 'broken') return `session ${session}: broken, but not within ${bounds.configurations} configurations once more`;
  const model = modelOf();
  const culprits = operations.filter(({ answeredAt }) => answeredAt === atMs);
  const shown = until(operations, atMs).length;
  return [
    `session ${session} (${model.name}) is not linearizable: the first ${shown} of ${operations.length} operations suffice.`,
    ...culprits.map((one) => `No order explains this answer: ${showOperation(one)}`),
    ...showFurthest(model, verdict.furthest),
  ].join('\n');
}

function showFurthest<S, I, O>(model: Model<S, I, O>, { order, state, next }: Extract<Verdict<S, I, O>, { kind: 'broken' }>['furthest']): string[] {
  const lines = [`The longest order that holds has ${order.length} operations${order.length > SHOWN ? `, these last` : ''}:`];
  lines.push(...order.slice(-SHOWN).map((one, at) => `  ${Math.max(0, order.length - SHOWN) + at + 1}. ${showOperation(one)}`));
  lines.push(`and leads to ${brief(replay(model, order) ?? model.show(state))}. Next could come:`);
  lines.push(...next.map(({ operation, expected }) => `  - ${showOperation(operation)}${isAnswered(operation) ? `, which would answer ${brief(JSON.stringify(expected))}` : ''}`));
  return lines;
}

/** The state again from the start: the verdict's own may belong to another instance of the model. */
function replay<S, I, O>(model: Model<S, I, O>, order: readonly Operation<I, O>[]): string {
  return model.show(order.reduce((state, { input }) => model.apply(state, input).state, model.initial()));
}

function showOperation({ client, input, output, invokedAt, answeredAt, isMute }: Operation): string {
  const when = answeredAt === Number.POSITIVE_INFINITY ? `${invokedAt}…` : `${invokedAt}–${answeredAt}`;
  const said = answeredAt === Number.POSITIVE_INFINITY ? 'no answer' : isMute ? 'acknowledged' : brief(JSON.stringify(output));
  return `[${when}] ${client}: ${JSON.stringify(input)} → ${said}`;
}

/** Long values by their ends: lists differ where they were last written. */
function brief(text = 'nothing'): string {
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS / 4)} … ${text.slice(-(SHOWN_CHARS * 3) / 4)}`;
}

/** Histories for the checker's own tests, and a second way to judge small ones: every order there is. */
import { isAnswered, type Operation } from './history.js';
import type { Model } from './models.js';

/** `[from, to, input, output]`; `to` null: no answer. */
export type Line<I, O> = [number, number | null, I, O?];

export function historyOf<I, O>(lines: readonly Line<I, O>[], session = 's'): Operation<I, O>[] {
  return lines.map(([invokedAt, answeredAt, input, output], at) => ({
    session, client: `c${at}`, input, output, invokedAt, answeredAt: answeredAt ?? Number.POSITIVE_INFINITY,
  }));
}

/** Whether any order does, tried one by one without any cleverness. */
export function isLinearizableByTrying<S, I, O>(model: Model<S, I, O>, operations: readonly Operation<I, O>[], state = model.initial()): boolean {
  const left = operations.filter(isAnswered);
  if (left.length === 0) return true;
  const first = Math.min(...left.map(({ answeredAt }) => answeredAt));
  return operations.some((one) => {
    if (one.invokedAt > first) return false;
    const { state: after, output } = model.apply(state, one.input);
    if (isAnswered(one) && !one.isMute && JSON.stringify(output) !== JSON.stringify(one.output)) return false;
    return isLinearizableByTrying(model, operations.filter((other) => other !== one), after);
  });
}

/** The answers of one run after the other. */
export function run<S, I, O>(model: Model<S, I, O>, inputs: readonly I[]): O[] {
  let state = model.initial();
  return inputs.map((input) => {
    const { state: after, output } = model.apply(state, input);
    state = after;
    return JSON.parse(JSON.stringify(output)) as O;
  });
}

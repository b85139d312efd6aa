/**
 * The best that staying put can do, exactly: every way to place the sessions on their paths home→root
 * is played, so it is for small traces. It knows the whole trace beforehand, which no policy does.
 */
import { none } from '../policy/none.js';
import { meanOf, play, type Outcome } from './run.js';
import type { Trace } from './trace.js';

const MOST_PLACEMENTS = 20_000;

export function bestPlacement(trace: Trace): Outcome {
  const choices = trace.sessions.map(({ home }) => pathOf(trace, home));
  const placements = choices.reduce((product, { length }) => product * length, 1);
  if (placements > MOST_PLACEMENTS) {
    throw new RangeError(`${placements} placements are too many to try them all (${MOST_PLACEMENTS}); use fewer sessions`);
  }
  let best: Outcome | undefined;
  for (let number = 0; number < placements; number += 1) {
    const outcome = play(placed(trace, choices, number), none());
    if (!best || costOf(outcome) < costOf(best)) best = outcome;
  }
  return { ...best!, policy: 'best placement', trace: trace.name };
}

/** A refused request costs as much as the longest wait. */
function costOf({ latenciesMs, rejected }: Outcome): number {
  return meanOf(latenciesMs) * latenciesMs.length + rejected * 5_000;
}

function pathOf({ nodes }: Trace, home: string): string[] {
  const node = nodes.find(({ name }) => name === home)!;
  return node.parent === null ? [home] : [home, ...pathOf({ nodes } as Trace, node.parent)];
}

/** The sessions' places are the digits of the number. Living there from the start costs no move. */
function placed(trace: Trace, choices: string[][], number: number): Trace {
  let left = number;
  const sessions = trace.sessions.map((session, at) => {
    const { length } = choices[at]!;
    const home = choices[at]![left % length]!;
    left = Math.floor(left / length);
    return { ...session, home };
  });
  return { ...trace, sessions };
}


/** Every cell of the protocol's table as one line each: what the step function answers, and a digest of all that it leaves behind. */
import { createHash } from 'node:crypto';
import { ALL_GUARDS, type Guards } from '../../runtime/model/guards.js';
import type { Slot } from '../../runtime/model/record.js';
import { createStep, sessionOf } from '../../runtime/model/step/step.js';
import type { Command, Seen } from '../../runtime/model/verbs.js';
import { STATES, VERBS } from '../store/states.js';
import { commandsFor, NODE, START_MS } from '../store/support.js';

/** What the store may know of the request id that a command carries. */
const KNOWN: Record<string, Seen | undefined> = {
  '': undefined, ' (id known)': { digest: 'd', kept: true }, ' (answer too large)': { digest: 'd', kept: false }, ' (other body)': { digest: 'x', kept: true },
};

/** The cells with every guard on, then a line a guard: how many cells are others without it, and a digest of those. */
export function tableLines(): string[] {
  const lines = cells(ALL_GUARDS);
  return [...lines, ...Object.keys(ALL_GUARDS).map((guard) => lineWithout(guard, lines))];
}

/** @param lines the cells with every guard on */
export function lineWithout(guard: string, lines: string[]): string {
  const others = cells({ ...ALL_GUARDS, [guard]: false }).filter((line, i) => line !== lines[i]);
  return `without ${guard}: ${others.length} cells differ ${digestOf(others)}`;
}

export function cells(guards: Guards): string[] {
  const step = createStep(guards);
  const commands = commandsFor('s');
  const lines: string[] = [];
  for (const [state, recipe] of Object.entries(STATES)) {
    // The way there is taken with every guard on.
    const slot = recipe(commands).reduce<Slot | undefined>((at, command) => createStep()(at, command, { node: NODE, nowMs: START_MS }).slot, undefined);
    const before = digestOf(slot);
    for (const [verb, variants] of Object.entries(VERBS)) {
      for (const [variant, command] of Object.entries(variants(commands))) {
        if (sessionOf(command) !== 's') throw new Error(`${verb} is about ${sessionOf(command)}`);
        for (const [known, seen] of Object.entries(seenBy(command))) {
          const after = step(slot, command, { node: NODE, nowMs: START_MS + 10 }, seen);
          lines.push(`${state} × ${verb} ${variant}${known}: ${wordsOf(after.reply)} ${digestOf(after)}`);
        }
      }
    }
    if (digestOf(slot) !== before) throw new Error(`a verb changes the slot that it was given: ${state}`);
  }
  return lines;
}

function seenBy(command: Command): Record<string, Seen | undefined> {
  const asks = command.verb === 'acquire' && command.request || command.verb === 'release' && command.basis;
  return asks ? KNOWN : { '': undefined };
}

function wordsOf(reply: object): string {
  const { kind, reason, repeat, changed, created } = reply as Record<string, unknown>;
  return [kind, reason, repeat && 'repeat', changed === false && 'ignored', created && 'created'].filter(Boolean).join(' ');
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sortedKeys) ?? '').digest('hex').slice(0, 8);
}

function sortedKeys(_: string, value: unknown): unknown {
  return value && typeof value === 'object' && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
}

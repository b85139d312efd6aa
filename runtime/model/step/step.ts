/**
 * The session protocol as one pure function: a node's slot of one session and a command give the
 * next slot, the reply and what happens to the data. Every store, the conformance suite, the
 * simulator and the model checker run this; network, clock and storage live outside it.
 */
import { ALL_GUARDS, type Guards } from '../guards.js';
import type { Slot } from '../record.js';
import type { Command, Here, Replies, Seen, Step, Verb } from '../verbs.js';
import { acquire } from './acquire.js';
import { ask } from './ask.js';
import { claim, paid } from './claim.js';
import { commit } from './commit.js';
import { abort, copy, depart } from './depart.js';
import { expire } from './expire.js';
import { gone, learn } from './learn.js';
import { abandon, release } from './release.js';
import { departing, drop, reserve } from './reserve.js';
import { wake } from './wake.js';

/** @param seen what the store keeps under the request id; only `acquire`, and `release` on a basis, ask. */
export type StepFunction = <C extends Command>(
  slot: Slot | undefined, command: C, here: Here, seen?: Seen,
) => Step<Replies[C['verb'] & Verb]>;

export function createStep(guards: Guards = ALL_GUARDS): StepFunction {
  const step = (slot: Slot | undefined, command: Command, here: Here, seen?: Seen): Step<unknown> => {
    switch (command.verb) {
      case 'acquire': return acquire(slot, command, seen, here, guards);
      case 'release': return release(slot, command, seen, here, guards);
      case 'abandon': return abandon(slot, command);
      case 'reserve': return reserve(slot, command, here, guards);
      case 'departing': return departing(slot, command);
      case 'copy': return copy(slot, command, here, guards);
      case 'depart': return depart(slot, command, here, guards);
      case 'commit': return commit(slot, command, here, guards);
      case 'learn': return learn(slot, command, here, guards);
      case 'ask': return ask(slot, command, here, guards);
      case 'abort': return abort(slot, command, here, guards);
      case 'drop': return drop(slot, command);
      case 'wake': return wake(slot, guards);
      case 'claim': return claim(slot, command, here, guards);
      case 'paid': return paid(slot, command);
      case 'expire': return expire(slot, command, here, guards);
      case 'gone': return gone(slot, command, here, guards);
    }
  };
  return step as StepFunction;
}

/** Name of the session that a command is about. */
export function sessionOf(command: Command): string {
  return command.verb === 'commit' ? command.passport.session : command.session;
}

/** Loaded into a node's process before the node: sends the milestones of its moves to the benchmark. */
import { subscribe } from 'node:diagnostics_channel';
import { MILESTONES, type Passed } from '../../runtime/base/milestones.js';

/** Long after the pause that they belong to: to tell them takes the node, and wakes the benchmark, on the cores that the move needs. */
const LATER_MS = 15;

subscribe(MILESTONES, (message) => {
  const { milestone, session, atNs } = message as Passed;
  setTimeout(() => process.send?.({ event: 'step', step: `${milestone} ${atNs}`, session }), LATER_MS).unref();
});

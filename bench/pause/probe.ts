/** Loaded into a node's process before the node: sends the milestones of its moves to the benchmark. */
import { subscribe } from 'node:diagnostics_channel';
import { MILESTONES, type Passed } from '../../runtime/base/milestones.js';

subscribe(MILESTONES, (message) => {
  const { milestone, session, atNs } = message as Passed;
  // Later, so that what is measured does not wait for it.
  setImmediate(() => process.send?.({ event: 'step', step: `${milestone} ${atNs}`, session }));
});

/** Every state × every verb: the store answers and stores what the step function says of the same slot. */
import { expect } from 'chai';
import { createStep } from '../../runtime/model/step/step.js';
import type { Bench } from './conformance.js';
import { STATES, VERBS } from './states.js';
import { commandsFor, dataOf, NODE, plain, replyOf, send, sizeOf, START_MS } from './support.js';

export function tableSuite(bench: Bench, states = Object.keys(STATES)): void {
  const step = createStep();
  for (const state of states) {
    const recipe = STATES[state]!;
    describe(`a session that is ${state}`, () => {
      for (const [verb, variants] of Object.entries(VERBS)) {
        for (const variant of Object.keys(variants(commandsFor('x')))) {
          it(`meets ${verb} ${variant}`, async () => {
            const { store, clock } = bench;
            const session = bench.fresh(state);
            for (const command of recipe(commandsFor(session))) await send(store, command);
            clock.nowMs = START_MS + 10;
            const former = await store.slot(session);
            const command = variants(commandsFor(session))[variant]!;
            const expected = step(former, command, { node: NODE, nowMs: clock.nowMs });
            const answer = await send(store, command);
            const slot = await store.slot(session);
            expect(replyOf(answer)).to.deep.equal(plain(expected.reply));
            expect(plain(slot)).to.deep.equal(plain(expected.slot));
            expect(slot?.bytes ?? 0).to.equal(sizeOf(await dataOf(store, session)));
          });
        }
      }
    });
  }
}

import { expect } from 'chai';
import { createStep } from '../../runtime/model/step/step.js';
import type { Slot } from '../../runtime/model/record.js';
import { commandsFor, NODE, START_MS } from '../store/support.js';

describe('A session that is ended for being idle', () => {
  const step = createStep();
  const commands = commandsFor('s');
  const at = (nowMs: number) => ({ node: NODE, nowMs });
  const resident = [commands.create(), commands.release()].reduce<Slot | undefined>((slot, command) => step(slot, command, at(START_MS)).slot, undefined);
  const ended = (afterMs: number, idleMs: number) => step(resident, commands.expire({ forced: false, idleMs }), at(START_MS + afterMs)).reply;

  it('has been idle for just as long as was asked, and not for less', () => {
    expect(ended(10, 10)).to.deep.equal({ kind: 'expired', epoch: 1 });
    expect(ended(9, 10)).to.deep.equal({ kind: 'refused', reason: 'alive' });
  });
});

import { expect } from 'chai';
import type { Slot } from '../../runtime/model/record.js';
import type { World } from '../domain/world.js';
import { Watch } from './invariants.js';

type Seen = Pick<Slot, 'state' | 'epoch' | 'incarnation' | 'version'>;
const resident = (epoch: number, version = 1, incarnation = 'a'): Seen => ({ state: 'resident', epoch, version, incarnation });
const stub = (epoch: number): Seen => ({ state: 'remote', epoch, version: 1, incarnation: 'a' });

/** What the watch says of records that change one after the other. */
async function said(...changes: [node: string, slot: Seen | undefined][]): Promise<string[]> {
  const disks = new Map<string, Seen | undefined>();
  const violations: string[] = [];
  const world = { slotAt: async (node: string) => disks.get(node) } as unknown as World;
  const watch = new Watch(world, (what) => void violations.push(what));
  for (const [node, slot] of changes) {
    disks.set(node, slot);
    await watch.changed(node, 's');
  }
  return violations;
}

describe('the watch over every command of every store', () => {
  it('finds nothing in a session that moves there and back', async () => {
    const leaving = (slot: Seen): Seen => ({ ...slot, state: 'leaving' });
    const there = [['n1', resident(0)], ['n1', resident(0, 2)], ['n1', leaving(resident(0, 2))], ['n2', resident(1, 2)], ['n1', stub(1)]] as const;
    const andBack = [['n2', resident(1, 3)], ['n2', leaving(resident(1, 3))], ['n1', resident(2, 3)]] as const;
    expect(await said(...[...there, ...andBack].map(([node, slot]): [string, Seen] => [node, slot]))).to.deep.equal([]);
  });

  it('finds two nodes that could both commit, whichever came first', async () => {
    expect(await said(['n1', resident(3)], ['n2', resident(4)])).to.deep.equal(['two holders: s is resident at n2 (epoch 4) and at n1 (epoch 3)']);
    expect(await said(['n1', stub(3)], ['n2', resident(4)], ['n1', resident(3)])).to.deep.equal(['two holders: s is resident at n1 (epoch 3) and at n2 (epoch 4)']);
  });

  it('takes two lives of one id for a conflict, not for two holders', async () => {
    expect(await said(['n1', resident(3)], ['n2', resident(0, 1, 'b')])).to.deep.equal([]);
  });

  it('finds an epoch that falls, whatever the state, and a version that falls at a holder', async () => {
    expect(await said(['n1', stub(4)], ['n1', stub(3)])).to.deep.equal(['epoch fell: s at n1 went from epoch 4 to 3']);
    expect(await said(['n1', resident(1, 5)], ['n1', resident(1, 4)])).to.deep.equal(['version fell: s at n1 went from version 5 to 4']);
  });

  it('begins anew with a record that was forgotten', async () => {
    expect(await said(['n1', stub(4)], ['n1', undefined], ['n1', stub(0)])).to.deep.equal([]);
  });
});

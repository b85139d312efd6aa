import { expect } from 'chai';
import { GroupedBackend, type Change, type Disk } from '../../runtime/store/grouped.js';
import { MachineStore } from '../../runtime/store/machine.js';
import { Overlay } from '../../runtime/store/overlay.js';
import { born, bytes, commandsFor, dataOf, ManualClock, NODE, set, shown } from './support.js';

/** Rows that count as written when the test says so. */
class SlowDisk extends Overlay implements Disk {
  readonly writes: { changes: Change[]; end: (error?: Error) => void }[] = [];

  constructor() {
    super({ get: () => undefined, names: () => [], range: () => [] });
  }

  write(changes: Iterable<Change>): Promise<void> {
    const group = [...changes];
    return new Promise((resolve, reject) => {
      const end = (error?: Error) => {
        if (error) return reject(error);
        for (const [bucket, name, value] of group) {
          if (value) this.put(bucket, name, value);
          else this.delete(bucket, name);
        }
        resolve();
      };
      this.writes.push({ changes: group, end });
    });
  }

  async close(): Promise<void> {}
}

const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('transactions over a slow disk', () => {
  let disk: SlowDisk;
  let store: MachineStore;
  beforeEach(() => {
    disk = new SlowDisk();
    store = new MachineStore(new GroupedBackend('slow', disk, { node: NODE, store: 'here' }), { node: NODE, clock: new ManualClock() });
  });
  /** Ends every write, as long as there are any. */
  const flush = async () => {
    await turn();
    for (let done = 0; done < disk.writes.length; done += 1) {
      disk.writes[done]!.end();
      await turn();
    }
  };

  it('grant a lease at once, and acknowledge a commit when it is on disk', async () => {
    const c = commandsFor('a');
    expect((await store.acquire(c.create())).kind).to.equal('granted');
    let isAcknowledged = false;
    const released = store.release(c.release(), { writes: [set('k', '1')] }).then((reply) => { isAcknowledged = true; return reply; });
    await turn();
    expect(disk.writes).to.have.length(1);
    expect(isAcknowledged).to.equal(false);
    expect((await store.slot('a'))!.version).to.equal(1);
    disk.writes[0]!.end();
    expect((await released).kind).to.equal('committed');
  });

  it('see each other before they are on disk, and go there one group at a time', async () => {
    const first = born(store, 'a', { writes: [set('k', '1')] });
    await turn();
    const second = born(store, 'a', { writes: [set('k', '2'), set('l', '3')] });
    await turn();
    expect(disk.writes).to.have.length(1);
    await flush();
    await Promise.all([first, second]);
    expect(disk.writes.length).to.be.at.least(2);
    expect(shown(await dataOf(store, 'a'))).to.deep.equal([['k', '2'], ['l', '3']]);
  });

  it('show no reader what a crash may still take back', async () => {
    const commit = born(store, 'a', { writes: [set('k', '1')] });
    await turn();
    let isRead = false;
    const read = store.read('a').then(() => { isRead = true; });
    await turn();
    expect(isRead).to.equal(false);
    await flush();
    await Promise.all([commit, read]);
  });

  it('are taken back with all that came after them when the disk refuses, and work again when it does not', async () => {
    const kept = born(store, 'a', { writes: [set('k', '1')] });
    await flush();
    await kept;
    const count = disk.writes.length;
    const codeOf = (work: Promise<unknown>) => work.then(() => 'done', (error: { code: string }) => error.code);
    const first = codeOf(born(store, 'a', { writes: [set('k', '2')] }));
    await turn();
    const second = codeOf(born(store, 'b', { writes: [set('k', '3')] }));
    await turn();
    disk.writes[count]!.end(new Error('disk full'));
    expect(await first).to.equal('STORE_UNAVAILABLE');
    expect(await second).to.equal('STORE_UNAVAILABLE');
    expect(shown(await dataOf(store, 'a'))).to.deep.equal([['k', '1']]);
    expect(await store.slot('b')).to.equal(undefined);
    const again = born(store, 'a', { writes: [set('k', '4')] });
    await turn();
    for (const { end } of disk.writes.slice(count + 1)) end();
    await flush();
    await again;
    expect(shown(await dataOf(store, 'a'))).to.deep.equal([['k', '4']]);
  });

  it('change nothing when they throw', async () => {
    const backend = new GroupedBackend('slow', disk, { node: NODE, store: 'here' });
    const error = await backend.transact((rows) => {
      rows.put('b', 'n', bytes('v'));
      throw new Error('half way');
    }).catch((thrown: Error) => thrown.message);
    expect(error).to.equal('half way');
    expect(backend.view((rows) => rows.names('b'))).to.deep.equal([]);
  });
});

describe('changes over rows', () => {
  it('are read as one with what they lie over, in order, with limits and places', () => {
    const base = new Overlay({ get: () => undefined, names: () => [], range: () => [] });
    for (const name of ['a', 'b', 'c', 'd', 'e']) base.put('x', name, bytes(`old ${name}`));
    const over = new Overlay(base);
    over.delete('x', 'a');
    over.delete('x', 'c');
    over.put('x', 'bb', bytes('new bb'));
    over.put('x', 'd', bytes('new d'));
    expect(over.names('x')).to.deep.equal(['b', 'bb', 'd', 'e']);
    expect(over.names('x', { limit: 2 })).to.deep.equal(['b', 'bb']);
    expect(over.names('x', { after: 'b', limit: 2 })).to.deep.equal(['bb', 'd']);
    expect(over.range('x', { after: 'bb' }).map(([, value]) => value.toString())).to.deep.equal(['new d', 'old e']);
    over.clear('x');
    expect(over.names('x')).to.deep.equal([]);
    expect(base.names('x')).to.have.length(5);
  });
});

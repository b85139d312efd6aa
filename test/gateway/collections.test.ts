import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { systemClock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';
import type { Bundles } from '../../runtime/gateway/bundles.js';
import { Deployments } from '../../runtime/gateway/deployments.js';
import { FakeWorker, respond } from './support.js';

describe('functions of a collection', () => {
  let stateDir: string;
  let deployments: Deployments;
  let workers: FakeWorker[];
  let loads: boolean;
  const place = { name: 'milan', level: 'city', labels: {}, collections: [] as string[] };
  const bundles = { has: async () => true, pathOf: () => 'bundle.js' } as unknown as Bundles;

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'collections-'));
    workers = [];
    loads = true;
    place.collections = [];
    deployments = new Deployments({
      place, stateDir, bundles, clock: systemClock, log: silentLog,
      workers: {
        async load() {
          if (!loads) throw new Error('it cannot be loaded now');
          workers.push(new FakeWorker('stateless', () => respond('')));
          return workers.at(-1)!;
        },
      },
    });
    await deployments.apply({ service: 'members', image: `bundle:${'a'.repeat(64)}`, constraints: ['collection=blue'], atMs: 1 } as never);
    await deployments.apply({ service: 'others', image: `bundle:${'b'.repeat(64)}`, constraints: ['collection!=blue'], atMs: 1 } as never);
    await deployments.apply({ service: 'everywhere', image: `bundle:${'c'.repeat(64)}`, atMs: 1 } as never);
  });

  afterEach(() => rm(stateDir, { recursive: true, force: true, maxRetries: 10 }));

  const become = (...collections: string[]) => {
    place.collections = collections;
    return deployments.reconsider();
  };

  it('begin to run when the node joins it and end when it leaves, while all others go on', async () => {
    expect(deployments.names()).to.deep.equal(['everywhere', 'others']);
    const [others, everywhere] = workers;
    let changes = 0;
    deployments.onChange(() => {
      changes += 1;
    });
    await become('blue', 'b');
    expect(deployments.names()).to.deep.equal(['everywhere', 'members']);
    expect([others!.closed, everywhere!.closed, changes]).to.deep.equal([true, false, 2]);
    await become('blue');
    expect([workers.length, changes]).to.deep.equal([3, 2]);
    await become();
    expect(deployments.names()).to.deep.equal(['everywhere', 'others']);
    expect([workers[2]!.closed, everywhere!.closed]).to.deep.equal([true, false]);
  });

  it('are tried again at the next change when they could not be loaded, and keep nobody else from following', async () => {
    loads = false;
    await become('blue');
    expect(deployments.names()).to.deep.equal(['everywhere']);
    loads = true;
    await become('blue', 'red');
    expect(deployments.names()).to.deep.equal(['everywhere', 'members']);
  });

  it('stay away when they were removed meanwhile', async () => {
    await deployments.apply({ service: 'members', removed: true, atMs: 2 } as never);
    await become('blue');
    expect(deployments.names()).to.deep.equal(['everywhere']);
  });
});

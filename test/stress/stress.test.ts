import { expect } from 'chai';
import type { CartClient } from './cart-client.js';
import { differences } from './counters.js';
import { faultsOf } from './cart-client.js';
import { runStress } from './run.js';

const LIMIT_MS = 600_000;

describe('stress', () => {
  describe('the comparison of a cart with what was acknowledged', () => {
    const clientThatSaw = (...carts: string[][]) => ({ acknowledged: carts.map((products) => ({ product: products.at(-1)!, products })) }) as CartClient;

    it('finds nothing in a cart that is exact', () => {
      expect(faultsOf('s', ['a', 'b', 'c'], [clientThatSaw(['a'], ['a', 'b', 'c']), clientThatSaw(['a', 'b'])])).to.deep.equal([]);
    });

    it('finds what was acknowledged and lost', () => {
      expect(faultsOf('s', ['a'], [clientThatSaw(['a'], ['a', 'b'])]).join()).to.contain('acknowledged and lost: b');
    });

    it('finds what was counted twice', () => {
      expect(faultsOf('s', ['a', 'b', 'b'], [clientThatSaw(['a'], ['a', 'b'])]).join()).to.contain('counted twice: b');
    });

    it('finds a product that nobody was told of', () => {
      expect(faultsOf('s', ['a', 'b'], [clientThatSaw(['a'])]).join()).to.contain('only 1 were acknowledged');
    });

    it('finds a cart whose order is not the order of the acknowledgements', () => {
      expect(faultsOf('s', ['b', 'a'], [clientThatSaw(['a'], ['a', 'b'])]).join()).to.contain('is not how the last one begins');
    });
  });

  describe('the comparison of the counters with what was acknowledged', () => {
    it('finds nothing when each product is counted as often as it was added', () => {
      expect(differences(new Map([['a', 2], ['b', 1]]), ['a', 'b', 'a'])).to.deep.equal([]);
    });

    it('finds what was counted twice, and what was not counted', () => {
      expect(differences(new Map([['a', 2]]), ['a', 'b'])).to.deep.equal([
        'the counters have 2 of a, 1 were acknowledged', 'the counters have 0 of b, 1 were acknowledged',
      ]);
    });
  });

  it('every cart and counter is exact after offloads, onloads and migrations under load', async function stressed() {
    this.timeout(LIMIT_MS);
    const kinds = ['offload', 'onload', 'migrate'];
    const { violations, tally, trouble } = await runStress({ sessions: 10, adds: 25, kill: false, seed: 1, store: 'embedded', thinkMs: 30, kinds });
    expect(violations).to.deep.equal([]);
    expect(tally.acknowledged).to.equal(10 * 25 + 2 * 25);
    expect(trouble.moved).to.include.keys(kinds);
  });

  for (const store of ['embedded', 'redis']) {
    it(`every cart and counter is exact on ${store} stores although nodes and stores are killed`, async function killed() {
      this.timeout(LIMIT_MS);
      const { violations, tally, trouble } = await runStress({
        sessions: 8, adds: 15, kill: true, seed: 2, store, thinkMs: 400, killEveryMs: 900,
      });
      expect(violations).to.deep.equal([]);
      expect(tally.acknowledged).to.equal(8 * 15 + 15);
      expect(trouble.nodesKilled + trouble.storesKilled).to.be.above(0);
    });
  }
});

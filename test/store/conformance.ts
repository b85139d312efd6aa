/**
 * The suite that every store passes. `makeStore` gives a fresh, empty store for node NODE that
 * tells the time by the clock it is given back with.
 */
import { expect } from 'chai';
import type { SessionStore } from '../../runtime/store/store.js';
import { dataSuite } from './data-suite.js';
import { markSuite } from './mark-suite.js';
import { moveSuite } from './move-suite.js';
import { randomSuite } from './random-suite.js';
import { requestSuite } from './request-suite.js';
import { sizeSuite } from './size-suite.js';
import { tableSuite } from './table-suite.js';
import { ManualClock, START_MS, type StoreUnderTest } from './support.js';

export { ManualClock, NODE, type StoreUnderTest } from './support.js';

/** The store that the tests of a suite share; each test uses session ids of its own. */
export interface Bench {
  readonly store: SessionStore;
  readonly clock: ManualClock;
  readonly make: () => Promise<StoreUnderTest>;
  /** Opens the store again where that is possible; says whether it was. */
  restart(): Promise<boolean>;
  /** An id that no other test uses. */
  fresh(name: string): string;
}

export type Suites = Readonly<Record<string, (bench: Bench) => void>>;

export const SUITES = {
  table: tableSuite, data: dataSuite, request: requestSuite, mark: markSuite, move: moveSuite, size: sizeSuite, random: randomSuite,
} satisfies Suites;

/** @param name of the kind of store. @param suites in the order in which they are to run. */
export function storeConformance(name: string, makeStore: () => Promise<StoreUnderTest>, suites: Suites = SUITES): void {
  describe(`store: ${name}`, () => {
    let made: StoreUnderTest;
    let count = 0;
    before(async () => { made = await makeStore(); });
    after(async () => { await made.cleanup(); });
    beforeEach(() => { made.clock.nowMs = START_MS; });
    const bench: Bench = {
      get store() { return made.store; },
      get clock() { return made.clock; },
      make: makeStore,
      async restart() {
        if (!made.restart) return false;
        made.store = await made.restart();
        return true;
      },
      fresh: (label) => `${label} ${count += 1}`,
    };
    it('says what it is', () => { expect(made.store.kind).to.equal(name); });
    for (const suite of Object.values(suites)) suite(bench);
  });
}

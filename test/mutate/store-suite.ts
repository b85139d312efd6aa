/**
 * The conformance suite on Redis with what looks at contents first, for that is what a mutant of the store's code is noticed by;
 * what takes long comes last, and is met by what the others did not notice. Without the 64 MB: each survivor would move them.
 */
import { storeConformance, SUITES } from '../store/conformance.js';
import { lifeSuite } from '../store/size-suite.js';
import { storesOfRun } from './kept.js';

const { table, random, size: _, ...contents } = SUITES;
const make = storesOfRun();
storeConformance('redis', make, { ...contents, life: lifeSuite });
describe('in the long run', function long() {
  this.timeout(240_000);
  storeConformance('redis', make, { table, random });
});

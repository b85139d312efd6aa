/**
 * The conformance suite on Redis, what is quick first: what looks at contents and at what a session consists of. Without the 64 MB and
 * the long random sequences, which each survivor would have to outlive: a mutant that they alone would notice counts as a survivor.
 */
import { storeConformance, SUITES } from '../store/conformance.js';
import { lifeSuite } from '../store/size-suite.js';
import { storesOfRun } from './kept.js';

const { mark, move, request, data } = SUITES;
storeConformance('redis', storesOfRun(), { mark, life: lifeSuite, move, request, data });

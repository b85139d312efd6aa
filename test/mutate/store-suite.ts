/** The conformance suite on Redis with what looks at contents first, for that is what a mutant of the store's code is noticed by. */
import { conformingRedis } from '../redis/conforming.js';
import { storeConformance, SUITES } from '../store/conformance.js';

const { table, random, ...contents } = SUITES;
storeConformance('redis', conformingRedis, { ...contents, table, random });

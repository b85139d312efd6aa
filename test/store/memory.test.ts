import { storeConformance, SUITES } from './conformance.js';
import { makeMemory } from './make-memory.js';

// What takes long is in memory-long.test.ts.
const { size: _size, random: _random, ...short } = SUITES;
storeConformance('memory', makeMemory, short);

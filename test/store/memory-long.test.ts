import { storeConformance, SUITES } from './conformance.js';
import { makeMemory } from './make-memory.js';

storeConformance('memory', makeMemory, { size: SUITES.size, random: SUITES.random });

/** Every cell of the table on Redis: what a mutant of the commands is noticed by, which is about no contents. */
import { storeConformance, SUITES } from '../store/conformance.js';
import { storesOfRun } from './kept.js';

describe('cell by cell', () => storeConformance('redis', storesOfRun(), { table: SUITES.table }));

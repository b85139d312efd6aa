/**
 * Cells of the table on Redis: what a mutant of the commands is noticed by, which is about no contents. In every state a verb is sent
 * in the same way: a few of them do.
 */
import { storeConformance } from '../store/conformance.js';
import { tableSuite } from '../store/table-suite.js';
import { storesOfRun } from './kept.js';

const STATES = ['absent', 'resident and idle beyond its time'];

describe('cell by cell', () => storeConformance('redis', storesOfRun(), { table: (bench) => tableSuite(bench, STATES) }));

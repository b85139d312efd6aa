/** Writes the table of states and verbs anew. */
import { writeFile } from 'node:fs/promises';
import { tableLines } from './table.js';

await writeFile(new URL('../../../test/model/table.txt', import.meta.url), `${tableLines().join('\n')}\n`);

/** `npm run docs`: writes the tables of docs/ that are made from the code. */
import { readFile, writeFile } from 'node:fs/promises';
import { TABLES, withTable } from './tables.js';

const limits = await readFile('runtime/model/limits.ts', 'utf8');
for (const table of TABLES) {
  await writeFile(table.file, withTable(await readFile(table.file, 'utf8'), table, table.rows({ limits })));
  console.log(`${table.file}: ${table.header}`);
}

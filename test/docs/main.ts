/** `npm run docs`: writes the tables of docs/ that are made from the code. */
import { readFile, writeFile } from 'node:fs/promises';
import { readSources, TABLES, withTable } from './tables.js';

const sources = await readSources();
for (const table of TABLES) {
  await writeFile(table.file, withTable(await readFile(table.file, 'utf8'), table, table.rows(sources)));
  console.log(`${table.file}: ${table.header}`);
}

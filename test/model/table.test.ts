import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { tableLines } from './table.js';

/** Written by `node dist/test/model/table-main.js` after a change that is meant; the difference is what a review has to look at. */
const FILE = new URL('../../../test/model/table.txt', import.meta.url);

describe('The table of states and verbs', () => {
  it('is, cell by cell, as it was last looked at', async () => {
    const written = (await readFile(FILE, 'utf8')).trimEnd().split('\n');
    const lines = tableLines();
    const changed = lines.filter((line, i) => line !== written[i]);
    expect(changed.slice(0, 10), `${changed.length} of ${lines.length} cells`).to.deep.equal([]);
    expect(lines.length).to.equal(written.length);
  });
});

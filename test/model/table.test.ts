import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { ALL_GUARDS } from '../../runtime/model/guards.js';
import { tableLines } from './table.js';

/** Written by `node dist/test/model/table-main.js` after a change that is meant; the difference is what a review has to look at. */
const FILE = new URL('../../../test/model/table.txt', import.meta.url);

describe('The table of states and verbs', function () {
  this.timeout(300_000);
  let lines: string[];
  before(() => { lines = tableLines(); });

  it('is, cell by cell, as it was last looked at', async () => {
    const written = (await readFile(FILE, 'utf8')).trimEnd().split('\n');
    const changed = lines.filter((line, i) => line !== written[i]);
    expect(changed.slice(0, 10), `${changed.length} of ${lines.length} cells`).to.deep.equal([]);
    expect(lines.length).to.equal(written.length);
  });

  it('has cells that are others without each guard of the step function', () => {
    const without = lines.filter((line) => line.startsWith('without '));
    expect(without).to.have.length(Object.keys(ALL_GUARDS).length);
    // The marks of senders are judged under the lease, by the session layer.
    expect(without.filter((line) => line.includes(': 0 cells differ')).map((line) => line.split(/[ :]/)[1])).to.deep.equal(['markCompare']);
  });
});

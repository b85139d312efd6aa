/** The table of states and verbs in parts, the quick one first: most mutants are noticed by the cells with every guard on. */
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { ALL_GUARDS } from '../../runtime/model/guards.js';
import { cells, lineWithout } from '../model/table.js';

const FILE = new URL('../../../test/model/table.txt', import.meta.url);

describe('The table in parts', () => {
  let written: string[];
  before(async () => { written = (await readFile(FILE, 'utf8')).trimEnd().split('\n'); });

  it('is as it was with every guard on', () => {
    const lines = cells(ALL_GUARDS);
    expect(lines.filter((line, i) => line !== written[i]).slice(0, 3)).to.deep.equal([]);
  });

  for (const guard of Object.keys(ALL_GUARDS)) {
    it(`is as it was without ${guard}`, () => {
      const count = Object.keys(ALL_GUARDS).length;
      const line = lineWithout(guard, written.slice(0, -count));
      expect(written.slice(-count)).to.include(line);
    });
  }
});

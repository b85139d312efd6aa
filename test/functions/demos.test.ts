/** The demos of the examples, on a domain with the default stack: each shows what its function's README says. */
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { readdir, readFile, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Shell } from '../cli/support.js';

const run = promisify(execFile);
const LINKED = ['package.json', 'node_modules', 'dist', 'functions', 'stack.yml', 'domain.yml'];

async function examples(): Promise<string[]> {
  const entries = await readdir('functions', { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && entry.name !== 'session-offloading-manager').map(({ name }) => name);
}

describe('the examples', function suite() {
  this.timeout(300_000);

  it('have a README, a test and a demo each', async () => {
    for (const name of await examples()) {
      const files = await readdir(join('functions', name));
      expect(files, name).to.include.members(['README.md', 'handler.ts', 'handler.test.ts', 'demo.mjs']);
      expect(await readFile(join('functions', name, 'README.md'), 'utf8')).to.include(`\`node functions/${name}/demo.mjs\``);
    }
  });

  describe('on a domain that runs', () => {
    let shell: Shell;

    before(async () => {
      shell = await Shell.open();
      for (const name of LINKED) await symlink(resolve(name), join(shell.folder, name));
      await shell.up('--store', 'embedded');
    });
    after(() => shell.close());

    const demo = (name: string) => run(process.execPath, [resolve('functions', name, 'demo.mjs'), join(shell.folder, '.state')]);

    for (const [name, shown] of [
      ['shopping-cart', /counted at milan, over 2 carts: 6\ncounted at turin, over 1 carts: 3\n$/], ['cdn-upload', /the same bytes: true\n$/],
      ['iot-data-reduction', /sent up: \[20,23,18\]\nknown at milan: 18\n$/], ['search-analytics', /known at milan: 4\n$/],
      ['speech-history', /the history at milan: \[.*\]\n$/], ['stateful-append', /at milan: \{"entries":11,"bytes":1000007\}\n$/],
      ['cpu-burn', /all answered: \[200,200\]\n$/], ['empty-function', /statuses: \[200\]\n$/],
    ] as const) {
      it(`${name} shows what it does`, async () => {
        expect((await demo(name)).stdout).to.match(shown);
      });
    }

    it('say what is missing when there is no domain', async () => {
      const failed = await run(process.execPath, [resolve('functions/shopping-cart/demo.mjs'), '/nowhere']).catch((error: unknown) => error);
      expect(failed).to.include({ code: 1, stderr: 'error: there is no /nowhere/domain.json: start a domain first (npm start), or name its state folder\n' });
    });
  });
});

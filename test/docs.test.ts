import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { FAULTS } from '../runtime/model/faults.js';

const read = (file: string) => readFile(file, 'utf8');

async function filesBelow(folders: string[]): Promise<string[]> {
  const lists = await Promise.all(folders.map(async (folder) => (await readdir(folder, { recursive: true })).map((name) => join(folder, name))));
  return lists.flat().filter((file) => file.endsWith('.ts'));
}

describe('docs/protocol.md', () => {
  it('lists every command that the node has, and no other', async () => {
    const documented = [...(await read('docs/protocol.md')).matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
    const built = [...(await read('runtime/offload/commands.ts')).matchAll(/^ {4}'([a-z-]+)': async/gm)].map(([, name]) => name);
    expect(documented).to.deep.equal(built);
  });

  it('names every route between peers', async () => {
    const text = await read('docs/protocol.md');
    const routes = (await read('runtime/offload/peer-routes.ts') + await read('runtime/agent.ts')).matchAll(/'(\/peer\/[a-z]+)'/g);
    for (const [, path] of routes) expect(text, path).to.include(`\`${path}\``);
  });

  it('numbers the fourteen rules, each with a test named after it', async () => {
    const rules = [...(await read('docs/protocol.md')).split('## The fourteen rules')[1]!.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));
    expect(rules).to.deep.equal(Array.from({ length: 14 }, (_, index) => index + 1));
  });
});

describe('docs/errors.md', () => {
  it('has exactly the rows of the table of faults', async () => {
    const rows = [...(await read('docs/errors.md')).matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (yes|no) \| (.+) \|$/gm)];
    const documented = rows.map(([, code, status, again, sentence]) => ({ code, status: Number(status), retryable: again === 'yes', sentence }));
    expect(documented).to.deep.equal(Object.entries(FAULTS).map(([code, fault]) => ({ code, ...fault })));
  });

  it('needs every row: each code is used somewhere', async () => {
    const sources = await filesBelow(['runtime', 'oracle', 'cli']);
    const text = (await Promise.all(sources.filter((file) => !file.endsWith('faults.ts')).map(read))).join('\n');
    expect(Object.keys(FAULTS).filter((code) => !text.includes(`'${code}'`))).to.deep.equal([]);
  });
});

import { readFile } from 'node:fs/promises';
import { expect } from 'chai';

const read = (file: string) => readFile(file, 'utf8');

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

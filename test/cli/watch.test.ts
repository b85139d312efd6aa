import { expect } from 'chai';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Shell } from './support.js';

const TREE = 'levels: [cloud, edge]\nstore: memory\nroot:\n  name: top\n  children:\n    - name: leaf\n';
const STACK = `provider: {name: openfaas}
functions:
  counter: {lang: node-offload-js, handler: ./counter}
  other: {lang: node-offload-js, handler: ./other}
`;
/** Whatever is saved is as long: it is put over what was there in one go, and no moment of an empty file is a change of its own. */
const LENGTH = 512;
const COUNTER = (word: string) => `
import { Offloadable } from 'xylem';
import { suffix } from '../shared/suffix.js';
export default class extends Offloadable {
  async handleOffload(request, { edgeDB }) {
    const count = Number(await edgeDB.get('count') ?? 0) + 1;
    await edgeDB.set('count', String(count));
    return '${word} ' + count + suffix;
  }
}`.padEnd(LENGTH);
const OTHER = 'const born = Math.random(); export default () => String(born);';

describe('a domain that watches its functions', function suite() {
  this.timeout(300_000);
  let shell: Shell;

  beforeEach(async () => { shell = await Shell.open(); });
  afterEach(() => shell.close());

  it('lets a function that is saved run anew on every node, with its sessions, and no other', async () => {
    const at = (...path: string[]) => join(shell.folder, ...path);
    await shell.write({
      'domain.yml': TREE, 'stack.yml': STACK, 'shared/suffix.js': 'export const suffix = "!";'.padEnd(LENGTH), 'counter/handler.js': COUNTER('one'), 'other/handler.js': OTHER,
    });
    const { lines, line } = await shell.start(/^watching/, 'domain', 'up', '--watch', '--base-port', '0', '--oracle-port', '0');
    const { nodes } = await shell.record();
    const ask = async (name: string, node = 'leaf') => (await fetch(`${nodes.find((one) => one.name === node)!.url}/function/${name}`, { headers: { 'x-session': 'anna' } })).text();
    const said = async (pattern: RegExp) => {
      const found = await line(pattern);
      lines.splice(lines.indexOf(found), 1);
      return found;
    };
    const save = (file: string, text: string) => writeFile(file, text.padEnd(LENGTH), { flag: 'r+' });
    const born = await ask('other');
    expect(await ask('counter')).to.equal('one 1!');

    await save(at('counter', 'handler.js'), COUNTER('two'));
    await said(/^function counter runs anew/);
    expect(await ask('counter')).to.equal('two 2!');

    // As editors do: written beside it, and put in its place.
    await writeFile(at('counter', 'handler.js.new'), COUNTER('three'));
    await rename(at('counter', 'handler.js.new'), at('counter', 'handler.js'));
    await said(/^function counter runs anew/);
    expect(await ask('counter')).to.equal('three 3!');

    await save(at('counter', 'handler.js'), 'export default class {');
    expect(await said(/^function counter runs on as it was/)).to.include('handler.js');
    expect(await ask('counter')).to.equal('three 4!');

    await save(at('counter', 'handler.js'), COUNTER('four'));
    await said(/^function counter runs anew/);
    await save(at('shared', 'suffix.js'), 'export const suffix = "?";');
    await said(/^function counter runs anew/);
    expect(await ask('counter')).to.equal('four 5?');

    // As a change of branches does: the folder goes, and another one comes in its place.
    await rm(at('counter'), { recursive: true });
    await said(/^function counter runs on as it was/);
    await mkdir(at('counter'));
    await writeFile(at('five.js'), COUNTER('five'));
    await rename(at('five.js'), at('counter', 'handler.js'));
    await said(/^function counter runs anew/);
    await save(at('counter', 'handler.js'), COUNTER('six'));
    await said(/^function counter runs anew/);
    expect(await ask('counter')).to.equal('six 6?');
    expect(await ask('other')).to.equal(born);
  });
});

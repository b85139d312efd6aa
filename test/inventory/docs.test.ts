import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Command } from 'commander';
import { inventoryCommands } from '../../cli/inventory.js';
import { FILTERS } from '../../oracle/inventory/state/query.js';
import { OBJECT_NAMES } from '../../runtime/model/inventory/objects.js';
import { startInventory, type TestInventory } from './support.js';

const run = promisify(execFile);
const CLI = 'dist/cli/main.js';

/** Rows below a header of docs/inventory.md, cell by cell. */
async function rowsBelow(header: string): Promise<string[][]> {
  const lines = (await readFile('docs/inventory.md', 'utf8')).split('\n');
  const start = lines.indexOf(header);
  expect(start, header).to.be.greaterThan(0);
  const rows = lines.slice(start + 2);
  return rows.slice(0, rows.findIndex((line) => !line.startsWith('|'))).map((row) => row.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));
}

describe('docs/inventory.md', () => {
  let inventory: TestInventory;

  before(async () => {
    inventory = await startInventory();
  });

  after(() => inventory.close());

  it('has every route, who may call it and what it does', async () => {
    const wanted = inventory.running.routes.map(({ method, path, need, atRoot, summary }) => [`\`${method} ${path}\``, `${need}${atRoot ? ', also at the root' : ''}`, summary]);
    expect(await rowsBelow('| route | who | what |')).to.deep.equal(wanted);
  });

  it('has every object, its filters, and every verb of the command line', async () => {
    const names = async (header: string) => (await rowsBelow(header)).map(([cell]) => cell!.replaceAll('`', ''));
    expect(await names('| object | found by | what is special |')).to.deep.equal(OBJECT_NAMES);
    expect(await rowsBelow('| object | filters |')).to.deep.equal(OBJECT_NAMES.map((name) => [`\`${name}\``, FILTERS[name].map((filter) => `\`${filter}\``).join(' ')]));
    const noun = new Command();
    inventoryCommands(noun);
    expect(await names('| verb | what it does |')).to.have.members(noun.commands.map((command) => command.name()));
  });

  it('has every setting', async () => {
    const source = await readFile('oracle/inventory/settings.ts', 'utf8');
    const documented = (await rowsBelow('| setting | default | what it is |')).map(([cell]) => cell!.replaceAll('`', '').split('.').at(-1)!);
    for (const name of documented) expect(source, name).to.match(new RegExp(`^ +${name}: Type`, 'm'));
    const leaves = [...source.split('const SETTINGS')[1]!.split('export type')[0]!.matchAll(/^ {2,4}(\w+): Type/gm)].map(([, name]) => name!);
    expect(documented).to.include.members(leaves.filter((name) => !['tokens', 'snapshots', 'name', 'kind', 'at'].includes(name)));
  });
});

describe('the inventory on the command line', () => {
  let inventory: TestInventory;
  let folder: string;

  before(async () => {
    inventory = await startInventory();
    folder = await mkdtemp(join(tmpdir(), 'inventory-cli-'));
    await writeFile(join(folder, 'password'), 'a-password-of-the-tests');
    await cli('schemas', '--dir', join(folder, 'schemas'));
  });

  after(async () => {
    await inventory.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  async function cli(...words: string[]): Promise<{ code: number; out: string; error: string }> {
    const target = words[0] === 'schemas' ? [] : ['--url', inventory.url, '--password-file', join(folder, 'password')];
    return run(process.execPath, [CLI, 'inventory', ...words, ...target]).then(({ stdout, stderr }) => ({ code: 0, out: stdout, error: stderr }), (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, out: error.stdout, error: error.stderr }));
  }

  it('checks objects with the schema files before any call, and names every offence', async () => {
    const before = (await inventory.call('GET', '/inventory')).body.seq;
    const { code, error } = await cli('create', 'ComputeNode', '--data', '[{"hostname":"a","architecture":"x"},{"hostname":1,"colour":"red"}]', '--schema-dir', join(folder, 'schemas'));
    expect(code).to.equal(2);
    for (const pointer of ['/1/architecture', '/1/hostname', '/1/colour']) expect(error).to.include(pointer);
    expect((await inventory.call('GET', '/inventory')).body.seq).to.equal(before);
  });

  it('creates lines of JSON in batches at once, lists them, exports and imports them', async () => {
    const lines = Array.from({ length: 25 }, (_, index) => JSON.stringify({ hostname: `h${index}`, architecture: 'x86_64', xname: `x1000c0s${index}b0n0`, network_interfaces: [{ interface_name: 'eth0', mac_address: `02:00:00:00:02:${String(index).padStart(2, '0')}` }] }));
    await writeFile(join(folder, 'nodes.ndjson'), `${lines.join('\n')}\n`);
    expect((await cli('create', 'computenode', '--file', join(folder, 'nodes.ndjson'), '--schema-dir', join(folder, 'schemas'), '--batch', '4')).out).to.equal('created 25 ComputeNodes\n');
    expect(JSON.parse((await cli('list', 'ComputeNode', '--limit', '7', '--sort', '-hostname', '--json')).out)).to.have.length(7);
    const file = join(folder, 'all.ndjson');
    expect((await cli('export', '--out', file)).code).to.equal(0);
    const other = await startInventory();
    const { stdout } = await run(process.execPath, [CLI, 'inventory', 'import', '--file', file, '--url', other.url, '--password-file', join(folder, 'password')]);
    expect(stdout).to.include('created 25');
    const shown = async (from: TestInventory) => (await from.call('GET', '/ComputeNode')).body.map(({ hostname, bmc, network_interfaces: cards }: any) => [hostname, bmc.xname, cards[0].mac_address]);
    expect(await shown(other)).to.deep.equal(await shown(inventory));
    await other.close();
  });

  it('ends with 1 when something is refused, 2 when it is used wrongly, 3 when nobody answers', async () => {
    expect((await cli('get', 'ComputeNode', 'nothing')).code).to.equal(1);
    expect((await cli('get', 'Toaster', 'nothing')).code).to.equal(2);
    expect((await cli('create', 'ComputeNode')).code).to.equal(2);
    expect((await cli('create', 'Component', '--data', '[{"ID": "a", "NID": 1}, {"ID": "b", "NID": 2}]')).code).to.equal(0);
    const taken = await cli('create', 'Component', '--data', '[{"ID": "c"}, {"ID": "a", "NID": 2}]');
    expect(taken.error).to.match(/0: others of its batch are wrong/).and.match(/1: \/ID: a is that of the Component \S+; \/NID: 2 is that of the Component/);
    expect((await cli('update', 'Component', 'a', '--data', '{"ID": "b", "NID": 2}')).error).to.match(/\/ID: b is that of/).and.match(/\/NID: 2 is that of/);
    expect((await run(process.execPath, [CLI, 'inventory', 'list', 'BMC', '--url', 'http://127.0.0.1:9']).catch((error: { code: number }) => error) as { code: number }).code).to.equal(3);
  });

  it('and the client in Python checks with the same files', async function () {
    const hasPython = await run('python3', ['--version']).then(() => true, () => false);
    if (!hasPython) this.skip();
    const schemas = join(folder, 'schemas');
    const check = async (object: string, value: object, ...more: string[]) => {
      await writeFile(join(folder, 'object.json'), JSON.stringify(value));
      return run('python3', ['docs/inventory/client.py', '--schema-dir', schemas, '--check', ...more, 'create', object, '--file', join(folder, 'object.json')]).then(() => 0, (error: { code: number }) => error.code);
    };
    for (const more of [[], ['--by-hand']]) {
      expect(await check('ComputeNode', { hostname: 'localhost', architecture: 'x86_64' }, ...more)).to.equal(0);
      expect(await check('ComputeNode', { hostname: 'localhost', architecture: 'x86_64', xname: 'rack 7' }, ...more)).to.equal(2);
      expect(await check('BMC', { username: 'root' }, ...more)).to.equal(2);
    }
  });

  it('writes schema files that say what they are', async () => {
    await cli('schemas', '--dir', join(folder, 'strict'), '--strict');
    const [usual, strict] = await Promise.all(['schemas', 'strict'].map(async (name) => JSON.parse(await readFile(join(folder, name, 'ComputeNode.json'), 'utf8'))));
    expect([usual.$schema, usual.title]).to.deep.equal(['https://json-schema.org/draft/2020-12/schema', 'ComputeNode']);
    expect(strict.properties.xname.pattern).to.not.equal(usual.properties.xname.pattern);
  });
});

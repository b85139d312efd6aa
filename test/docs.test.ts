import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { EXIT } from '../cli/failure.js';
import { parseDomainFile } from '../runtime/base/domain-file.js';
import { ANNOTATIONS } from '../runtime/model/config.js';
import { configFromEnvironment } from '../runtime/model/environment.js';
import { FAULTS } from '../runtime/model/faults.js';
import * as limits from '../runtime/model/limits.js';
import { FIELDS } from '../runtime/store/redis/fields.js';
import { readSources, TABLES, withTable } from './docs/tables.js';

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

/** First cells of the rows of the table that begins with this line. */
function cellsBelow(text: string, header: string): string[][] {
  const lines = text.split('\n');
  const start = lines.indexOf(header);
  if (start < 0) throw new Error(`no table ${header}`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end < 0 ? rows.length : end).map((row) => [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, cell]) => cell!));
}

/** Everything between `start` and the next line that ends the declaration. */
function declared(source: string, start: string): string {
  const from = source.indexOf(start);
  if (from < 0) throw new Error(`${start} is not declared`);
  return source.slice(from, source.indexOf('\n}', from));
}

describe('docs made from the code', () => {
  for (const table of TABLES) {
    it(`${table.file} has ${table.header} as the code has it (npm run docs writes it)`, async () => {
      const text = await read(table.file);
      expect(text).to.equal(withTable(text, table, table.rows(await readSources())));
    });
  }

  it('name every limit, each with a reason', async () => {
    const text = await read('docs/config.md');
    expect(cellsBelow(text, '| limit | value | reason |').flat()).to.have.members(Object.keys(limits));
    expect(text).to.not.match(/^\| `[A-Z_]+` \| [^|]* \| *\|$/m);
  });
});

describe('docs/config.md', () => {
  const KEYS = '| key | default | what it is |';

  it('has every key of domain.yml and of a node in it', async () => {
    const [before, after] = (await read('docs/config.md')).split('\nA node:\n') as [string, string];
    const source = await read('runtime/base/domain-read.ts');
    const keysOf = (name: string) => [...new RegExp(`const ${name} = \\[(.*)\\]`).exec(source)![1]!.matchAll(/'(\w+)'/g)].map(([, key]) => key);
    expect(cellsBelow(before, KEYS).flat()).to.deep.equal(keysOf('DOMAIN_KEYS'));
    expect(cellsBelow(after, KEYS).flat()).to.deep.equal(keysOf('NODE_KEYS'));
  });

  it('has the defaults that the parser has', async () => {
    const { domain } = parseDomainFile('root: {name: top}');
    const rows = (await read('docs/config.md')).split('\n').filter((line) => line.startsWith('| `'));
    const defaultOf = (key: string) => rows.find((row) => row.startsWith(`| \`${key}\` |`))!.split('|')[2]!.trim().replaceAll('`', '');
    expect(['domain', 'levels', 'store', 'basePort', 'oraclePort'].map(defaultOf)).to.deep.equal([
      domain!.domainId, `[${domain!.levels.join(', ')}]`, domain!.nodes[0]!.store, String(domain!.basePort), String(domain!.oraclePort),
    ]);
    expect(defaultOf(ANNOTATIONS.timeoutMs)).to.equal(String(limits.HANDLER_TIMEOUT_MS));
  });

  it('has every field of a node\'s configuration', async () => {
    const fields = [...declared(await read('runtime/model/config.ts'), 'export interface NodeConfig {').matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name);
    expect(cellsBelow(await read('docs/config.md'), '| field | what it is |').flat()).to.have.members(fields);
  });

  it('has every variable that a node reads, with its default', async () => {
    const source = await read('runtime/model/environment.ts');
    const names = [...new Set([...source.matchAll(/env\.([A-Z_]+)/g)].map(([, name]) => name))];
    const text = await read('docs/config.md');
    expect(cellsBelow(text, '| variable | default | what it is |').flat()).to.have.members(names);
    const config = configFromEnvironment({ NODE_NAME: 'a' });
    for (const value of [config.level, config.host, config.domainId, config.store]) expect(text).to.include(`\`${value}\``);
  });

  it('has every variable that functions by themselves and the command line read', async () => {
    const destructured = [...(await read('runtime/handler/standalone.ts')).matchAll(/const \{ (.*?) \} = environment;/g)];
    const standalone = destructured.flatMap(([, list]) => [...list!.matchAll(/([A-Z_]+)/g)]);
    const sources = (await Promise.all((await filesBelow(['cli', 'runtime', 'oracle'])).map(read))).join('\n');
    const spelledOut = sources.matchAll(/process\.env\.([A-Z_]+)|\{ ([A-Z_]+): \w+, ([A-Z_]+): \w+ \} = env/g);
    const names = [...standalone, ...spelledOut].flatMap((match) => match.slice(1)).filter((name) => name !== undefined && name !== 'PATH');
    const text = await read('docs/config.md');
    expect([...new Set(names)].filter((name) => !new RegExp(`\`${name}\\b`).test(text))).to.deep.equal([]);
  });

  it('has every annotation', async () => {
    expect(cellsBelow(await read('docs/config.md'), '| annotation | default | what it is |').flat()).to.have.members(Object.values(ANNOTATIONS));
  });

  it('has every header of ours, and no other', async () => {
    const sources = (await Promise.all((await filesBelow(['runtime'])).map(read))).join('\n');
    const used = [...sources.matchAll(/'(x-[a-z][a-z-]+)'/gi)].map(([, name]) => name!.toLowerCase()).filter((name) => name !== 'x-powered-by');
    const documented = cellsBelow(await read('docs/config.md'), '| header | in | what it is |').flat().map((name) => name.toLowerCase());
    expect(documented.filter((name) => name !== 'retry-after')).to.have.members([...new Set(used)]);
  });

  it('has the exit codes of the command line', async () => {
    const rows = [...(await read('docs/config.md')).matchAll(/^\| (\d) \| /gm)].map(([, code]) => Number(code));
    expect(rows).to.have.members(Object.values(EXIT));
  });
});

describe('docs/store.md', () => {
  const sourcesOf = async (folder: string, ending: string) => {
    const names = (await readdir(folder)).filter((name) => name.endsWith(ending));
    return (await Promise.all(names.map((name) => read(join(folder, name))))).join('\n');
  };

  it('has every kind of key in Redis, and no other', async () => {
    const sources = await sourcesOf('runtime/store/lua', '.lua') + await sourcesOf('runtime/store/redis', '.ts') + await read('runtime/store/redis.ts');
    const used = [...sources.matchAll(/P \.\. '([a-z]{2,})'|'([a-z]{1,2}:)'/g)].map(([, whole, prefix]) => whole ?? prefix!);
    const cells = cellsBelow(await read('docs/store.md'), '| key | type | content |').flat();
    expect(cells.map((cell) => cell.replace(/<.*/, ''))).to.have.members([...new Set(used)]);
  });

  it('has every field of a slot in Redis', async () => {
    expect(cellsBelow(await read('docs/store.md'), '| field | content |').flat()).to.have.members(Object.keys(FIELDS));
  });

  it('has every kind of row of the embedded store', async () => {
    const letters = [...(await read('runtime/store/rows.ts')).split('export const SLOTS')[1]!.matchAll(/['`]([A-Z])['`$]/g)].map(([, letter]) => letter!);
    const cells = cellsBelow(await read('docs/store.md'), '| key | value |').map(([letter]) => letter!);
    expect(cells).to.have.members(letters);
  });
});

describe('the words of the docs', () => {
  it('link to pages that exist', async () => {
    const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...(await readdir('docs', { recursive: true })).filter((name) => name.endsWith('.md')).map((name) => join('docs', name))];
    for (const page of pages) {
      const links = [...(await read(page)).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path]) => join(dirname(page), path!));
      for (const path of links) await access(path).catch(() => expect.fail(`${page} links to ${path}, which does not exist`));
    }
  });
});

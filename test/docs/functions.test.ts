/** The code in docs/functions.md is written to folders, tested and deployed as a reader would. */
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { testContext, testDomain, type TestHandler, testStreamingRequest } from 'xylem/testing';
import { bundleFunction } from '../../runtime/base/bundle.js';
import {
  MAX_EFFECT_BYTES, MAX_EFFECTS_PER_REQUEST, MAX_KEY_BYTES, MAX_SESSION_BYTES, MAX_SOCKET_MESSAGE_BYTES, MAX_SOCKET_WAITING, MAX_SOCKET_WAITING_BYTES,
  MAX_UNDELIVERED_EFFECTS, MAX_VALUE_BYTES, SOCKET_PING_MS,
} from '../../runtime/model/limits.js';

const run = promisify(execFile);

describe('docs/functions.md', function suite() {
  this.timeout(300_000);
  let text: string;
  let folder: string;

  before(async () => {
    text = await readFile('docs/functions.md', 'utf8');
    folder = await mkdtemp(join(tmpdir(), 'guide-'));
  });
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  const codeWith = (part: string) => [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!).find((code) => code.includes(part))!;

  async function handlerOf(part: string): Promise<TestHandler> {
    const place = join(folder, part);
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'handler.ts'), codeWith(`class ${part} `));
    const bundle = join(place, 'bundle.mjs');
    await writeFile(bundle, (await bundleFunction(place)).code);
    return (await import(bundle) as { default: TestHandler }).default;
  }

  it('has functions that do what the page says', async () => {
    const domain = testDomain({ visits: await handlerOf('Visits'), profile: await handlerOf('Profile'), order: await handlerOf('Order') });
    expect((await domain.call('visits', { session: 'a' })).json()).to.deep.equal({ session: 'a', visits: 1 });
    expect(await domain.call('profile', { session: 'a', method: 'PUT' })).to.include({ status: 400 });
    expect(await domain.call('profile', { session: 'a', method: 'PUT', query: { name: 'Anna' } })).to.include({ status: 201 });
    await domain.call('order', { session: 'b', method: 'POST', body: 'apple' });
    expect(domain.effects.map(({ kind, function: name }) => [kind, name])).to.deep.equal([['propagate', 'sales'], ['call', 'mailbox']]);
    domain.close();
  });

  it('has a function that takes messages, as the page says', async () => {
    const domain = testDomain({ diary: await handlerOf('Diary') });
    expect((await domain.call('diary', { session: 'a', method: 'MESSAGE', body: 'one' })).json()).to.deep.equal({ lines: 1 });
    expect((await domain.call('diary', { session: 'a' })).json()).to.deep.equal({ lines: ['one'] });
    domain.close();
  });

  it('has a function that streams, as the page says', async () => {
    const { default: Lines } = { default: await handlerOf('Lines') } as unknown as { default: new () => { handle(request: unknown, context: unknown): AsyncIterable<string> } };
    const request = testStreamingRequest({ body: ['one\ntw', 'o\nthree'] });
    const answered: string[] = [];
    for await (const line of new Lines().handle(request, testContext())) answered.push(line);
    expect(answered.map((line) => JSON.parse(line) as unknown)).to.deep.equal([{ characters: 3 }, { characters: 3 }, { characters: 5 }]);
  });

  it('has a unit test that passes', async () => {
    await handlerOf('Visits');
    await writeFile(join(folder, 'Visits', 'handler.test.ts'), codeWith('testDomain({ visits'));
    const { stdout } = await run(process.execPath, [resolve('dist/cli/main.js'), 'function', 'test', 'Visits'], { cwd: folder });
    expect(stdout).to.match(/pass 1\b/);
  });

  it('names options that the command line has', async () => {
    const { stdout } = await run(process.execPath, [resolve('dist/cli/main.js'), 'function', 'deploy', '--help']);
    const named = [...text.split('## Deploying')[1]!.matchAll(/`(?:[^`]* )?(--[a-z][a-z-]+)/g)].map(([, option]) => option!);
    expect(named.filter((option) => !stdout.includes(option))).to.deep.equal([]);
    expect(named.length).to.be.greaterThan(5);
  });

  it('gives the limits as they are', () => {
    expect([MAX_KEY_BYTES, MAX_VALUE_BYTES, MAX_SESSION_BYTES]).to.deep.equal([1_024, 8 * 2 ** 20, 256 * 2 ** 20]);
    expect([MAX_EFFECTS_PER_REQUEST, MAX_EFFECT_BYTES, MAX_UNDELIVERED_EFFECTS]).to.deep.equal([100, 256 * 2 ** 10, 1_000]);
    expect([MAX_SOCKET_MESSAGE_BYTES, MAX_SOCKET_WAITING, MAX_SOCKET_WAITING_BYTES, SOCKET_PING_MS]).to.deep.equal([2 ** 20, 16, 64 * 2 ** 10, 30_000]);
    for (const said of ['1 to 1,024 bytes', 'up to 8 MB', 'up to 256 MB', 'Up to 100 effects', '256 KiB each', '1,000 undelivered', 'more than 1 MiB', 'up to 16, or 64 KiB', 'for 30 s']) expect(text).to.include(said);
  });
});

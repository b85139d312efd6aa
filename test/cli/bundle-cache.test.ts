import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BundleCache } from '../../cli/up/bundle-cache.js';

describe('the bundles of the last start', () => {
  let folder: string;
  const kept = () => join(folder, 'kept');
  const bundle = async () => (await new BundleCache(kept()).bundle({ name: 'one', folder: join(folder, 'one') })).code.toString();
  const write = (name: string, text: string) => writeFile(join(folder, name), text);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bundles-'));
    await mkdir(join(folder, 'one'));
    await write('shared.js', 'export const word = "first";');
    await write('one/handler.js', 'import { word } from "../shared.js"; export default () => word;');
  });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  /** Puts a mark into what is kept, as nothing but the cache itself would answer it. */
  async function marked(): Promise<string> {
    const code = await bundle();
    const note = JSON.parse(await readFile(join(kept(), 'one.json'), 'utf8')) as { sha256: string };
    const mark = `${code}// kept`;
    await writeFile(join(kept(), 'one.mjs'), mark);
    await writeFile(join(kept(), 'one.json'), JSON.stringify({ ...note, sha256: createHash('sha256').update(mark).digest('hex') }));
    return mark;
  }

  it('are taken again while nothing has changed', async () => {
    const mark = await marked();
    expect(await bundle()).to.equal(mark);
  });

  it('are made afresh when the function changes, or a file is added to it', async () => {
    await marked();
    await write('one/handler.js', 'export default () => "second";');
    expect(await bundle()).to.include('second').and.not.include('// kept');
    await marked();
    await write('one/handler.ts', 'export default (): string => "typed";');
    expect(await bundle()).to.include('typed');
  });

  it('are made afresh when something changes that the function imports from elsewhere', async () => {
    await marked();
    await write('shared.js', 'export const word = "other";');
    expect(await bundle()).to.include('"other"').and.not.include('// kept');
  });

  it('are made afresh when what is kept is torn', async () => {
    await marked();
    for (const name of await readdir(kept())) await writeFile(join(kept(), name), '{');
    expect(await bundle()).to.include('"first"');
  });
});

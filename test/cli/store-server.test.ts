import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CliFailure } from '../../cli/failure.js';
import { findStoreServer } from '../../cli/up/store-server.js';

describe('the search for a store server before a start', () => {
  let folder: string;
  let said: string[];
  const { signal } = new AbortController();

  beforeEach(async () => {
    said = [];
    folder = await mkdtemp(join(tmpdir(), 'search-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  async function search(stores: string[], code: string) {
    const script = join(folder, 'search.mjs');
    await writeFile(script, code);
    return findStoreServer({ stores, script, signal, say: (line) => said.push(line) });
  }
  const answering = (found: object) => `console.log(${JSON.stringify(JSON.stringify(found))})`;

  it('is not begun when no node wants a server', async () => {
    expect(await search(['embedded', 'memory', 'redis://127.0.0.1'], 'throw new Error("began")')).to.equal(undefined);
    expect(said).to.deep.equal([]);
  });

  it('gives every node what it found', async () => {
    const found = { found: true, server: { binary: '/bin/x', env: {}, version: '7.2.0', flavour: 'redis', source: 'path' } };
    expect(await search(['auto', 'embedded'], answering(found))).to.deep.equal(found);
  });

  it('says once why stores are embedded', async () => {
    expect(await search(['auto', 'auto'], answering({ found: false, reason: 'There is none.' }))).to.include({ found: false });
    expect(said).to.deep.equal(['stores are embedded. There is none.']);
  });

  it('says when one has to be fetched', async () => {
    const found = { found: true, server: { binary: '/bin/x', env: {}, version: '7.2.0', flavour: 'redis', source: 'packages' } };
    expect(await search(['auto'], `console.log('fetching');${answering(found)}`)).to.deep.equal(found);
    expect(said).to.have.length(1);
    expect(said[0]).to.match(/^no store server is installed; fetching one/);
  });

  it('ends the start when a node must have one', async () => {
    const failure = await search(['auto', 'redis'], answering({ found: false, reason: 'There is none.' })).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(CliFailure).with.property('message', 'store: redis cannot be had. There is none.');
  });

  it('counts as none when it fails itself', async () => {
    expect(await search(['auto'], 'process.exit(1)')).to.include({ found: false });
    expect(said[0]).to.match(/^stores are embedded\. the search for a store server failed/);
  });
});

import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StatusFile } from '../../runtime/offload/status.js';

describe('the offload status of a node', () => {
  let folder: string;
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'status-')); });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  it('is what was asked for last, also when many ask at once, and survives a restart', async () => {
    const file = join(folder, 'status');
    const status = new StatusFile(file);
    expect(status.current).to.equal('accept');
    await Promise.all(Array.from({ length: 21 }, (_, at) => status.set(at % 2 === 0 ? 'reject' : 'accept')));
    expect([status.current, new StatusFile(file).current]).to.deep.equal(['reject', 'reject']);
  });

  it('may be set again after the disk has refused it', async () => {
    // A file where a folder is wanted: nothing can be written below it.
    await writeFile(join(folder, 'full'), '');
    const status = new StatusFile(join(folder, 'full', 'status'));
    expect(await status.set('reject').then(() => 'set', () => 'refused')).to.equal('refused');
    expect(status.current).to.equal('accept');
    await rm(join(folder, 'full'));
    await status.set('reject');
    expect(status.current).to.equal('reject');
  });
});

import { expect } from 'chai';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
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
    const status = new StatusFile(join(folder, 'status'));
    await rm(folder, { recursive: true });
    expect(await status.set('reject').then(() => 'set', (error: NodeJS.ErrnoException) => error.code)).to.equal('ENOENT');
    expect(status.current).to.equal('accept');
    await mkdir(folder);
    await status.set('reject');
    expect(status.current).to.equal('reject');
  });
});

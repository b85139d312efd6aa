import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../../cli/up/child.js';
import { processesWith } from '../../runtime/base/process.js';

describe('a supervised process', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'child-'));
    await writeFile(join(folder, 'main.mjs'), 'process.send({ event: "ready", url: "" }); process.on("disconnect", () => process.exit());');
  });

  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  const make = () => new Child({ title: 'it', script: join(folder, 'main.mjs'), configFile: join(folder, 'config.json'), say: () => undefined });
  const running = () => processesWith('--config', join(folder, 'config.json'));

  it('is not started any more when it is stopped while its start is under way', async () => {
    const child = make();
    try {
      const start = child.start().then(() => 'started', (error: Error) => error.message);
      await child.stop(1_000);
      expect(await start).to.equal('it is being stopped');
      expect(await running()).to.deep.equal([]);
    } finally {
      await child.stop(0);
    }
  });

  it('is not started any more when it was killed before its start', async () => {
    const child = make();
    child.kill();
    expect(await child.start().then(() => 'started', (error: Error) => error.message)).to.equal('it is being stopped');
    expect(await running()).to.deep.equal([]);
  });
});

import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { systemClock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';
import { createWorkers } from '../../runtime/handler/workers.js';
import { call, deployment, Functions, session, text } from './support.js';

const run = promisify(execFile);

for (const language of ['node-offload', 'node-offload-js']) {
  describe(`The template ${language}`, () => {
    const functions = new Functions();
    after(() => functions.close());

    it('is laid out as faas-cli wants it', async () => {
      const template = parse(await readFile(`template/${language}/template.yml`, 'utf8')) as Record<string, string>;
      expect(template).to.include({ language, fprocess: 'node index.mjs' });
    });

    it('makes a function that runs as it is', async () => {
      const workers = createWorkers({ clock: systemClock, log: silentLog });
      const worker = await workers.load(deployment('new'), await functions.bundleFolder(`template/${language}`));
      const answer = await worker.run(call({ session: session(new Map([['visits', text('1')]])) }));
      await workers.close();
      expect(JSON.parse(answer.response.body.toString())).to.deep.equal({ session: 'anna', visits: 2 });
      expect(answer.writes).to.deep.equal([{ op: 'set', key: 'visits', value: text('2') }]);
    });

    it('brings a test that passes, and fails when the function is wrong', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'template-'));
      try {
        await cp(`template/${language}/function`, folder, { recursive: true });
        await mkdir(join(folder, 'node_modules'));
        await symlink(resolve('.'), join(folder, 'node_modules', 'xylem'));
        const environment = { ...process.env, PATH: `${resolve('node_modules/.bin')}:${process.env['PATH']}` };
        const { stdout } = await run('npm', ['test'], { cwd: folder, env: environment });
        expect(stdout).to.match(/pass 2\b/);
        const broken = language === 'node-offload' ? 'handler.ts' : 'handler.js';
        await run('sed', ['-i', 's/ + 1;/ + 2;/', join(folder, broken)]);
        const failed = await run('npm', ['test'], { cwd: folder, env: environment }).then(() => false, () => true);
        expect(failed).to.equal(true);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  });
}

describe('The stack', () => {
  it('deploys every example function', async () => {
    const stack = parse(await readFile('stack.yml', 'utf8')) as { functions: Record<string, { handler: string; lang: string }> };
    expect(Object.keys(stack.functions)).to.include.members(['shopping-cart', 'products-counter', 'empty-function', 'cdn-upload', 'cdn-download', 'cpu-burn']);
    for (const [name, { handler }] of Object.entries(stack.functions)) expect(handler).to.equal(`./functions/${name}`);
  });
});

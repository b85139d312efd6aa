import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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

    it('has an image that is built in stages, run by nobody special, and looked after', async () => {
      const lines = (await readFile(`template/${language}/Dockerfile`, 'utf8')).split('\n');
      expect(lines.filter((line) => line.startsWith('FROM '))).to.have.length(2);
      expect(lines.lastIndexOf('USER node')).to.be.greaterThan(lines.findLastIndex((line) => line.startsWith('FROM ')));
      expect(lines.some((line) => line.startsWith('HEALTHCHECK '))).to.equal(true);
    });

    it('brings a test that passes in a folder of a stranger, and fails when the function is wrong', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'template-'));
      const mine = join(folder, 'mine', 'function');
      const [kind, handler] = language === 'node-offload' ? ['ts', 'handler.ts'] : ['js', 'handler.js'];
      try {
        await run(process.execPath, [resolve('dist/cli/main.js'), 'function', 'new', 'mine', '--language', kind], { cwd: folder });
        await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: mine });
        const { stdout } = await run('npm', ['test'], { cwd: mine });
        expect(stdout).to.match(/pass 2\b/);
        const text = await readFile(join(mine, handler), 'utf8');
        await writeFile(join(mine, handler), text.replace(' + 1;', ' + 2;'));
        const failed = await run('npm', ['test'], { cwd: mine }).then(() => false, () => true);
        expect(failed).to.equal(true);
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 10 });
      }
    });
  });
}

describe('The two templates', () => {
  it('have the same test and the same image', async () => {
    const [typed, plain] = ['node-offload', 'node-offload-js'] as const;
    for (const [left, right] of [['function/handler.test.ts', 'function/handler.test.js'], ['Dockerfile', 'Dockerfile'], ['index.mjs', 'index.mjs'], ['package.json', 'package.json']]) {
      expect(await readFile(`template/${typed}/${left}`, 'utf8')).to.equal(await readFile(`template/${plain}/${right}`, 'utf8'));
    }
  });
});

describe('The stack', () => {
  it('deploys every example function', async () => {
    const stack = parse(await readFile('stack.yml', 'utf8')) as { functions: Record<string, { handler: string; lang: string }> };
    const entries = await readdir('functions', { withFileTypes: true });
    const examples = entries.filter((entry) => entry.isDirectory() && entry.name !== 'session-offloading-manager').map(({ name }) => name);
    expect(Object.keys(stack.functions).sort()).to.deep.equal(examples.sort());
    for (const [name, { handler }] of Object.entries(stack.functions)) expect(handler).to.equal(`./functions/${name}`);
  });
});

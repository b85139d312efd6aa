import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { pack } from 'tar-stream';
import { systemClock } from '../../runtime/base/clock.js';
import { createWorkers } from '../../runtime/handler/workers.js';
import { call, deployment, Lines, request, textOf } from '../handler/support.js';
import { makeNodeImage } from './base-image.js';
import { type Registry, startRegistry } from './registry.js';
import { cannotRun, startEngine, type TestEngine } from './support.js';

const run = promisify(execFile);
const TITLE = 'Images of the templates (built from their Dockerfiles by an engine)';

/** Counts, and tells about the process it is in; `yaml` is a package that its own package.json names. */
const HANDLER = `
  import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';
  import { stringify } from 'yaml';
  export default class extends Offloadable {
    async handleOffload(request: HandlerRequest, { edgeDB, env }: HandlerContext) {
      if (request.path === '/never') return new Promise(() => undefined);
      if (request.path === '/until-told') {
        console.log('it is in hand');
        await new Promise((resolve) => process.once('SIGTERM', resolve));
        return 'finished';
      }
      const count = Number(await edgeDB.get('count') ?? 0) + 1;
      await edgeDB.set('count', String(count));
      return { count, uid: process.getuid!(), greeting: env.greeting, yaml: stringify({ a: 1 }) };
    }
  }`;

interface Inspected {
  State: { Running: boolean; ExitCode: number; Health?: { Status: string } };
  Config: { User: string };
  NetworkSettings: { IPAddress: string };
}

describe('The image of a template', function () {
  // Two images with all their packages, on whatever machine.
  this.timeout(1_800_000);
  let engine: TestEngine;
  let registry: Registry;
  let folder: string;

  before(async function () {
    const started = await startEngine();
    if (typeof started === 'string') {
      await cannotRun(TITLE, started);
      return this.skip();
    }
    engine = started;
    if (!engine.sharesLayers) {
      await cannotRun(TITLE, 'the engine copies every layer whole on this file system');
      return this.skip();
    }
    registry = await startRegistry('.');
    folder = await mkdtemp(join(tmpdir(), 'image-'));
    const [base] = await basesOf('template/node-offload');
    const problem = await makeNodeImage(engine, { name: base!, registry: registry.url });
    if (problem !== undefined) {
      await cannotRun(TITLE, problem);
      return this.skip();
    }
    const library = await packLibrary();
    const made = { 'function/handler.ts': HANDLER, 'function/package.json': JSON.stringify({ name: 'f', type: 'module', dependencies: { yaml: '*' } }) };
    await build('test/counter:1', 'template/node-offload', { ...made, 'library.tgz': library });
    await build('test/manager:1', 'functions/session-offloading-manager', { 'library.tgz': library });
  });
  after(async () => {
    await registry?.close();
    await engine?.close();
    if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  async function basesOf(template: string): Promise<string[]> {
    const text = await readFile(join(template, 'Dockerfile'), 'utf8');
    return [...text.matchAll(/^FROM (\S+)/gm)].map(([, name]) => name!);
  }

  /** As README and manifests say: what `npm pack` makes, without building anew what runs right now. */
  async function packLibrary(): Promise<Buffer> {
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder]);
    const archive = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
    return readFile(join(folder, archive!));
  }

  /** A context as faas-cli makes it: the template's files, the function's in function/. */
  async function build(image: string, template: string, files: Record<string, string | Buffer>): Promise<void> {
    const archive = pack();
    const entries = await readdir(template, { withFileTypes: true, recursive: true });
    for (const path of entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))) {
      const name = relative(template, path);
      if (!name.startsWith('function/')) archive.entry({ name }, await readFile(path));
    }
    for (const [name, content] of Object.entries(files)) archive.entry({ name }, content as string);
    archive.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of archive) chunks.push(chunk as Buffer);
    const { status, text } = await engine.api('POST', `/build?t=${image}&networkmode=host&rm=true&forcerm=true`, Buffer.concat(chunks));
    expect([status, /"error":\s*"[^"]*"/.exec(text)?.[0]], text.slice(-2_000)).to.deep.equal([200, undefined]);
  }

  async function start(Image: string, Env: string[] = [], HostConfig: object = {}): Promise<string> {
    const { text } = await engine.api('POST', '/containers/create', { Image, Env, HostConfig });
    const { Id } = JSON.parse(text) as { Id: string };
    expect((await engine.api('POST', `/containers/${Id}/start`)).status).to.equal(204);
    return Id;
  }

  const inspect = async (id: string) => JSON.parse((await engine.api('GET', `/containers/${id}/json`)).text) as Inspected;
  const addressOf = async (id: string) => `http://${(await inspect(id)).NetworkSettings.IPAddress}:8080`;
  const logsOf = async (id: string) => (await engine.api('GET', `/containers/${id}/logs?stdout=true&stderr=true`)).text;
  const until = async (is: () => Promise<boolean>) => {
    while (!await is()) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const remove = (id: string) => engine.api('DELETE', `/containers/${id}?force=true&v=true`);
  const answers = (url: string) => fetch(url).then(({ ok }) => ok, () => false);

  it('serves health, readiness, sessions and a call\'s id, as nobody special, and gets healthy', async () => {
    const id = await start('test/counter:1', ['greeting=hello']);
    const url = await addressOf(id);
    await until(() => answers(`${url}/_/ready`));
    expect(await (await fetch(`${url}/_/health`)).text()).to.equal('OK');
    for (const count of [1, 2]) {
      const answer = await fetch(url, { method: 'POST', headers: { 'x-session': 'anna', 'x-call-id': `call-${count}` } });
      expect(await answer.json()).to.deep.equal({ count, uid: 1000, greeting: 'hello', yaml: 'a: 1\n' });
      expect(answer.headers.get('x-call-id')).to.equal(`call-${count}`);
      expect(Number(answer.headers.get('x-duration-seconds'))).to.be.at.least(0);
    }
    // The engine hands a line on some time after the process wrote it.
    await until(async () => /"call":"call-2"[^\n]*"served"/.test(await logsOf(id)));
    expect((await inspect(id)).Config.User).to.equal('node');
    await until(async () => (await inspect(id)).State.Health?.Status === 'healthy');
    await remove(id);
  });

  it('answers the call in hand after SIGTERM, and ends with 0', async () => {
    const id = await start('test/counter:1');
    const url = await addressOf(id);
    await until(() => answers(`${url}/_/ready`));
    const answer = fetch(`${url}/until-told`, { method: 'POST', headers: { 'x-session': 'bea' } });
    await until(async () => (await logsOf(id)).includes('it is in hand'));
    await engine.api('POST', `/containers/${id}/kill?signal=SIGTERM`);
    expect(await (await answer).text()).to.equal('finished');
    const { text } = await engine.api('POST', `/containers/${id}/wait`);
    expect(JSON.parse(text)).to.include({ StatusCode: 0 });
    await remove(id);
  });

  it('keeps its deadline and its limit, with a root that cannot be written and no rights at all', async () => {
    const id = await start('test/counter:1', ['exec_timeout=300ms', 'max_inflight=1'], {
      ReadonlyRootfs: true, Tmpfs: { '/tmp': '' }, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'],
    });
    const url = await addressOf(id);
    await until(() => answers(`${url}/_/ready`));
    const slow = await fetch(`${url}/never`, { headers: { 'x-session': 'carl' } });
    expect([slow.status, (await slow.json() as { code: string }).code]).to.deep.equal([504, 'HANDLER_TIMEOUT']);
    expect(slow.headers.get('x-call-id')).to.match(/^[0-9a-f-]{36}$/);
    await remove(id);
  });

  it('runs as a container of a node, unchanged', async () => {
    const lines = new Lines();
    const workers = createWorkers({ clock: systemClock, log: lines.log, containers: { socket: engine.socket, owner: 'image' } });
    const worker = await workers.load(deployment('counter', { image: 'test/counter:1', envVars: { greeting: 'from a node' } }), undefined);
    const { response } = await worker.run(call({ request: request({ method: 'POST', headers: { 'x-session': 'dora' } }) }));
    expect(JSON.parse(await textOf(response))).to.include({ count: 1, greeting: 'from a node' });
    await workers.close();
  });

  it('of the manager serves, as nobody special, and ends when it is told to', async () => {
    const secrets = join(folder, 'secrets');
    await mkdir(secrets);
    await writeFile(join(secrets, 'peer-key'), 'k'.repeat(64));
    // Whatever the mask of who runs the tests: another user reads them.
    for (const [path, mode] of [[folder, 0o755], [secrets, 0o755], [join(secrets, 'peer-key'), 0o644]] as const) await chmod(path, mode);
    const settings = ['NODE_NAME=milan', 'NODE_LEVEL=edge', 'NODE_URL=http://127.0.0.1:8080', 'STORE_URL=memory'];
    const id = await start('test/manager:1', settings, { Binds: [`${secrets}:/var/openfaas/secrets:ro`] });
    const { Config: { User } } = await inspect(id);
    expect(User).to.equal('node');
    const url = await addressOf(id);
    await until(async () => await answers(`${url}/_/health`) || !(await inspect(id)).State.Running);
    expect((await inspect(id)).State.Running, await logsOf(id)).to.equal(true);
    await until(() => answers(`${url}/_/ready`));
    await engine.api('POST', `/containers/${id}/kill?signal=SIGTERM`);
    expect(JSON.parse((await engine.api('POST', `/containers/${id}/wait`)).text)).to.include({ StatusCode: 0 });
    await remove(id);
  });
});

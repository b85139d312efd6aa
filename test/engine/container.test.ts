import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../runtime/base/clock.js';
import { createWorkers, type Workers } from '../../runtime/handler/workers.js';
import type { Deployment } from '../../runtime/model/config.js';
import type { Worker } from '../../runtime/session/call.js';
import { call, deployment, faultOf, Lines, request, textOf } from '../handler/support.js';
import { cannotRun, startEngine, type TestEngine } from './support.js';

/** An HTTP server of busybox: its CGI scripts are the function. */
const SERVE = ['/bin/busybox', 'httpd', '-f', '-p', '8080', '-h', '/www'];
const SCRIPT = (body: string) => `#!/bin/busybox sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n${body}\n`;
const FILES = {
  'www/cgi-bin/who': SCRIPT('/bin/busybox hostname; echo "$greeting"; /bin/busybox cat'),
  'www/cgi-bin/secret': SCRIPT('/bin/busybox cat /var/openfaas/secrets/token; /bin/busybox touch /var/openfaas/secrets/x 2>&1'),
  'www/cgi-bin/write': SCRIPT('/bin/busybox touch /here 2>&1; /bin/busybox touch /tmp/there && echo written'),
  'www/cgi-bin/limits': SCRIPT('/bin/busybox cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null'),
  'www/cgi-bin/die': SCRIPT('/bin/busybox kill -9 -1; /bin/busybox kill -9 1'),
  'www/cgi-bin/wait': SCRIPT('while [ ! -e /tmp/go ]; do /bin/busybox sleep 0.05; done; /bin/busybox hostname'),
  'www/cgi-bin/busy': SCRIPT('i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo $i'),
  'www/cgi-bin/go': SCRIPT('/bin/busybox touch /tmp/go'),
};

describe('A container worker', function () {
  this.timeout(300_000);
  let engine: TestEngine;
  let lines: Lines;
  let workers: Workers;
  let folder: string;

  before(async function () {
    const started = await startEngine();
    if (typeof started === 'string') {
      await cannotRun('A container worker (functions in containers of an engine)', started);
      return this.skip();
    }
    engine = started;
    folder = await mkdtemp(join(tmpdir(), 'container-'));
    const files = { 'bin/busybox': engine.busybox, 'bin/sh': engine.busybox, ...FILES };
    await engine.image('test/who:1', files, { Cmd: SERVE });
    await engine.image('test/loud:1', files, { Cmd: ['/bin/busybox', 'sh', '-c', `echo hello; echo oops >&2; exec ${SERVE.join(' ')}`] });
    // As images of functions do: the port is the environment's, where that names one.
    await engine.image('test/port:1', files, { Cmd: ['/bin/busybox', 'sh', '-c', 'exec /bin/busybox httpd -f -p ${port:-8080} -h /www'] });
    await engine.image('test/ends:1', files, { Cmd: ['/bin/busybox', 'sh', '-c', 'echo no config >&2; exit 3'] });
  });
  after(async () => {
    await engine?.close();
    if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  beforeEach(() => {
    lines = new Lines();
    workers = make();
  });
  afterEach(() => workers?.close());

  const make = (owner = 'node', network?: string) => createWorkers({
    clock: systemClock, log: lines.log, containers: { socket: engine.socket, owner, ...(network !== undefined && { network }) },
  });
  const load = (options: Partial<Deployment> = {}, by = workers) => by.load(deployment('f', { image: 'test/who:1', ...options }), undefined);
  const ask = async (worker: Worker, script: string, body = ''): Promise<string> => {
    const made = call({ request: request({ method: 'POST', path: `/cgi-bin/${script}`, body: Buffer.from(body) }) });
    return textOf((await worker.run(made)).response);
  };
  const ours = async () => (await engine.containers()).filter(({ Labels }) => Labels['functions.name'] === 'f');

  it('runs an image with its environment, and leaves nothing of it when it is closed', async () => {
    const worker = await load({ envVars: { greeting: 'good day' } });
    expect(await ask(worker, 'who', 'and you')).to.match(/^[0-9a-f]{12}\ngood day\nand you$/);
    expect(await ours()).to.have.lengthOf(1);
    await worker.close();
    expect(await ours()).to.deep.equal([]);
  });

  it('is as many containers as somebody asks for, and none until a call comes', async () => {
    const worker = await load();
    await worker.scale!(3);
    expect(worker.replicas).to.deep.equal({ wanted: 3, available: 3 });
    const waiting = [1, 2, 3].map(() => ask(worker, 'wait'));
    // Each is in hand at another one: the next three calls, that let them go, get there too.
    const gone = [1, 2, 3].map(() => ask(worker, 'go'));
    expect(new Set(await Promise.all(waiting))).to.have.property('size', 3);
    await Promise.all(gone);
    await worker.scale!(0);
    expect(worker.replicas).to.deep.equal({ wanted: 0, available: 0 });
    expect(await ask(worker, 'who')).to.match(/^[0-9a-f]{12}\n/);
    await worker.close();
    expect(await ours()).to.deep.equal([]);
  });

  it('starts another one for a container that ends by itself', async () => {
    const worker = await load();
    const [first] = await ours();
    await engine.api('POST', `/containers/${first!.Id}/kill`);
    await lines.having('A container ended');
    expect(await ask(worker, 'who')).not.to.include(first!.Id.slice(0, 12));
    expect(worker.replicas).to.deep.equal({ wanted: 1, available: 1 });
  });

  it('shares the machine\'s own network where the node says so, each replica at a port of its own', async () => {
    const shared = make('node', 'host');
    const worker = await load({ image: 'test/port:1', envVars: { greeting: 'here' } }, shared);
    await worker.scale!(2);
    expect(worker.replicas).to.deep.equal({ wanted: 2, available: 2 });
    // The machine's own name, not one of the container's.
    expect(await ask(worker, 'who')).to.equal(`${hostname()}\nhere\n`);
    const waiting = [1, 2].map(() => ask(worker, 'wait'));
    const gone = [1, 2].map(() => ask(worker, 'go'));
    await Promise.all([...waiting, ...gone]);
    const details = await Promise.all((await ours()).map(async ({ Id }) => JSON.parse((await engine.api('GET', `/containers/${Id}/json`)).text) as { HostConfig: { NetworkMode: string }; Config: { Env: string[] } }));
    expect(details.map(({ HostConfig }) => HostConfig.NetworkMode)).to.deep.equal(['host', 'host']);
    const ports = details.map(({ Config }) => Config.Env.find((one) => one.startsWith('port=')));
    expect(new Set(ports)).to.have.property('size', 2);
    await shared.close();
    expect(await ours()).to.deep.equal([]);
  });

  it('knows what its containers take of the processor', async () => {
    const worker = await load();
    const before = (await worker.processorMs!())!;
    expect(await ask(worker, 'busy')).to.equal('100000\n');
    expect(await worker.processorMs!()).to.be.greaterThan(before);
  });

  it('puts what the container prints into the log of its function', async () => {
    await load({ image: 'test/loud:1' });
    expect(await lines.having('hello')).to.include({ level: 'info', function: 'f' });
    expect(await lines.having('oops')).to.include({ level: 'warn' });
  });

  it('gives it no more memory and processor than its limits, and a root that cannot be written', async () => {
    const worker = await load({ limits: { memory: '64Mi', cpu: '250m' }, readOnlyRootFilesystem: true });
    const { Id } = (await ours())[0]!;
    const { HostConfig } = JSON.parse((await engine.api('GET', `/containers/${Id}/json`)).text) as { HostConfig: Record<string, unknown> };
    expect(HostConfig).to.include({ Memory: 64 * 2 ** 20, MemorySwap: 64 * 2 ** 20, NanoCpus: 250_000_000, ReadonlyRootfs: true });
    expect(await ask(worker, 'write')).to.match(/Read-only file system[^]*written/);
    for (const limits of [{ memory: 'much' }, { cpu: '-1' }, { memory: '0' }]) expect(await faultOf(load({ limits }))).to.include({ code: 'DEPLOY_FAILED' });
  });

  it('finds its secrets where OpenFaaS puts them, and cannot change them', async () => {
    const secrets = await mkdtemp(join(folder, 'secrets-'));
    await writeFile(join(secrets, 'token'), 'the token\n');
    const worker = await load({ envVars: { secret_mount_path: secrets } });
    expect(await ask(worker, 'secret')).to.match(/^the token\n[^]*Read-only/);
  });

  it('is refused with the engine\'s own words for an image that is neither here nor to be had', async () => {
    const fault = await faultOf(load({ image: 'registry.invalid/nobody/nothing:1' }));
    expect(fault).to.include({ code: 'DEPLOY_FAILED' });
    expect(fault.message).to.match(/registry\.invalid\/nobody\/nothing:1 is not here and cannot be pulled: ./);
  });

  it('is refused for a container that ends at once, whose last words are in the log', async () => {
    const fault = await faultOf(load({ image: 'test/ends:1' }));
    expect(fault.message).to.include('it ended with code 3');
    await lines.having('no config');
    expect(await ours()).to.deep.equal([]);
  });

  it('ends its containers with the node; what a node that died has left is removed when it comes back, and nobody else\'s', async () => {
    const other = make('another node');
    await load({}, other);
    await load();
    const labelsOf = async () => (await ours()).map(({ Labels }) => Labels['functions.owner']!);
    const before = await labelsOf();
    expect(new Set(before)).to.have.property('size', 2);
    await workers.close();
    const [theirs] = await labelsOf();
    expect(await labelsOf()).to.have.lengthOf(1);
    const mine = before.find((label) => label !== theirs)!;
    const { text } = await engine.api('POST', '/containers/create', { Image: 'test/who:1', Labels: { 'functions.name': 'f', 'functions.owner': mine } });
    const { Id } = JSON.parse(text) as { Id: string };
    await engine.api('POST', `/containers/${Id}/start`);
    const again = make();
    await load({}, again);
    expect((await ours()).map((one) => one.Id)).not.to.include(Id);
    expect((await labelsOf()).sort()).to.deep.equal([mine, theirs].sort());
    await Promise.all([again.close(), other.close()]);
    expect(await ours()).to.deep.equal([]);
  });
});

describe('Without a container engine', () => {
  it('a container is refused, and says where an engine was looked for', async () => {
    const lines = new Lines();
    const workers = createWorkers({ clock: systemClock, log: lines.log, containers: { socket: '/nowhere/docker.sock', owner: 'n' } });
    const fault = await faultOf(workers.load(deployment('f', { image: 'x/y:1', annotations: { worker: 'container' } }), undefined));
    expect(fault).to.include({ code: 'DEPLOY_FAILED' });
    expect(fault.message).to.include('/nowhere/docker.sock');
    await workers.close();
  });
});

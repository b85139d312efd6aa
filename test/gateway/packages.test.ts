import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { basicHeader } from '../../runtime/base/credentials.js';
import { type Clock, systemClock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';
import { type BuildParts, buildRoutes } from '../../runtime/gateway/build/build-door.js';
import { installPackages } from '../../runtime/gateway/build/packages.js';
import { unpack } from '../../runtime/gateway/build/unpack.js';
import { MAX_BUILD_BYTES, MAX_WAITING_BUILDS } from '../../runtime/model/limits.js';
import { startNode, type RunningNode } from '../../runtime/node.js';
import { type Registry, startRegistry } from '../engine/registry.js';
import { faultOf } from '../handler/support.js';

const SECRET = 'the payload secret';
const ADMIN = basicHeader({ user: 'admin', password: 'sesame' });
const ENOUGH = { ms: 240_000, bytes: 10_000_000, files: 10_000 };
const signed = (body: Buffer) => `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;

async function tar(files: Record<string, string | Buffer>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content as string);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The archive of a package as npm has them; its scripts would leave a file named `ran`. */
const greetings = (at: string) => tar({
  'package/package.json': JSON.stringify({ name: 'greetings', version: '1.0.0', main: 'main.js', scripts: { preinstall: `touch ${at}/ran`, install: `touch ${at}/ran`, postinstall: `touch ${at}/ran` } }),
  'package/main.js': "module.exports = (name) => 'good day, ' + name;",
}).then((archive) => gzipSync(archive));

describe('The packages of a function that is built', () => {
  let folder: string;
  let registry: Registry;
  const environment = { ...process.env };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'packages-'));
    registry = await startRegistry('.');
    Object.assign(process.env, { npm_config_registry: registry.url, npm_config_cache: join(folder, 'cache'), npm_config_noproxy: '127.0.0.1' });
  });
  after(async () => {
    for (const name of ['npm_config_registry', 'npm_config_cache', 'npm_config_noproxy']) {
      if (environment[name] === undefined) delete process.env[name];
      else process.env[name] = environment[name];
    }
    await registry.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  /** A context whose function has these files. */
  async function context(files: Record<string, string | Buffer>): Promise<string> {
    const place = await mkdtemp(join(folder, 'context-'));
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(place, 'function', name, '..'), { recursive: true });
      await writeFile(join(place, 'function', name), content);
    }
    return place;
  }
  const manifest = (dependencies: Record<string, string>, more: object = {}) => ({ 'package.json': JSON.stringify({ name: 'f', dependencies, ...more }) });
  const refused = async (files: Record<string, string | Buffer>, limits = ENOUGH, clock: Clock = systemClock) => {
    const said: string[] = [];
    const fault = await faultOf(installPackages(await context(files), (line) => said.push(line), clock, limits));
    expect(fault, fault.message).to.include({ code: 'BUILD_INVALID' });
    return { reason: fault.message, said };
  };
  const exists = (path: string) => access(path).then(() => true, () => false);

  it('come from a registry, with those that they need', async () => {
    const place = await context(manifest({ 'p-queue': '*' }, { devDependencies: { 'never-heard-of': '1' } }));
    await installPackages(place, () => undefined, systemClock);
    expect(await readdir(join(place, 'function/node_modules'))).to.include.members(['p-queue', 'eventemitter3']);
  });

  it('come from an archive among the files, and nothing of theirs runs, whatever the function\'s settings for npm say', async () => {
    const marks = await mkdtemp(join(folder, 'marks-'));
    const place = await context({
      ...manifest({ greetings: 'file:./greetings.tgz' }, { scripts: { preinstall: `touch ${marks}/ran`, postinstall: `touch ${marks}/ran` } }), 'greetings.tgz': await greetings(marks),
      '.npmrc': `ignore-scripts=false\nglobal=true\nprefix=${marks}\ncache=${marks}/cache\nscript-shell=/bin/sh\n@mine:registry=http://127.0.0.1:1/\n`,
    });
    await installPackages(place, () => undefined, systemClock);
    expect(await exists(join(place, 'function/node_modules/greetings/main.js'))).to.equal(true);
    expect(await readdir(marks)).to.deep.equal([]);
    expect(await readFile(join(place, 'function/.npmrc'), 'utf8')).to.equal('@mine:registry=http://127.0.0.1:1/');
  });

  it('are not asked for again when they came along', async () => {
    const place = await context({ ...manifest({ here: '1' }), 'node_modules/here/package.json': '{"name": "here", "version": "1.0.0"}' });
    const said: string[] = [];
    await installPackages(place, (line) => said.push(line), systemClock);
    expect(said).to.deep.equal([]);
  });

  it('are refused from git, and from outside of the function\'s folder', async () => {
    for (const from of ['git+https://example.org/a.git', 'github:a/b', 'a/b', 'git@example.org:a/b.git', 'https://example.org/a.git#main', 'ssh://git@example.org/a']) {
      expect((await refused(manifest({ a: from }))).reason, from).to.match(/the package a is to come from git/);
    }
    for (const from of ['file:/etc', 'file:../../x', '../x', '/etc', 'link:../x', 'file:../x', 'file:a/../../b']) {
      expect((await refused(manifest({ a: from }))).reason, from).to.match(/leads out of the function's folder/);
    }
  });

  it('are refused from there by whatever part of package.json would bring them in', async () => {
    const here = await greetings(folder);
    for (const more of [{ optionalDependencies: { a: '../x' } }, { peerDependencies: { a: '../x' } }, { overrides: { a: '../x' } }, { overrides: { b: { '.': '1', a: 'file:/etc' } } }]) {
      const files = { ...manifest({ greetings: 'file:./greetings.tgz' }, more), 'greetings.tgz': here };
      expect((await refused(files)).reason, JSON.stringify(more)).to.match(/leads out of the function's folder/);
    }
  });

  it('are named with npm\'s reason when there is none of that name, and what is no JSON is said to be none', async () => {
    const { reason, said } = await refused(manifest({ 'never-heard-of': '1' }));
    expect(reason).to.match(/could not be installed: E404: .*never-heard-of/);
    expect(said).to.deep.equal(['npm install: never-heard-of@1']);
    expect((await refused({ 'package.json': '{' })).reason).to.match(/not JSON/);
    expect((await refused({ 'package.json': '[]' })).reason).to.match(/package.json is not an object/);
    expect((await refused({ 'package.json': '{"dependencies": "express"}' })).reason).to.match(/dependencies .* is not an object/);
  });

  /** A registry that takes connections and says nothing. */
  async function startSilent(): Promise<{ npmrc: string; asked: Promise<Socket>; close(): void }> {
    const sockets = new Set<Socket>();
    let ask: (socket: Socket) => void;
    const asked = new Promise<Socket>((resolve) => { ask = resolve; });
    const server = createServer((incoming) => ask(incoming.socket)).on('connection', (socket: Socket) => sockets.add(socket));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const close = () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    };
    return { npmrc: `@mine:registry=http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked, close };
  }

  it('take only so long, by the clock of the node', async () => {
    const silent = await startSilent();
    // Its hour is over as soon as npm has asked.
    const hour = 3_600_000;
    const clock: Clock = { ...systemClock, setTimeout: (task, ms) => ms === hour ? void silent.asked.then(task) : systemClock.setTimeout(task, ms) };
    const { reason } = await refused({ ...manifest({ '@mine/a': '1' }), '.npmrc': silent.npmrc }, { ...ENOUGH, ms: hour }, clock);
    expect(reason).to.match(/took longer than 3600000 ms/);
    silent.close();
  });

  it('are not fetched any further when the node has died', async () => {
    const silent = await startSilent();
    const place = await context({ ...manifest({ '@mine/a': '1' }), '.npmrc': silent.npmrc });
    const at = (file: string) => JSON.stringify(new URL(`../../runtime/${file}`, import.meta.url).href);
    const script = `const { installPackages } = await import(${at('gateway/build/packages.js')}); const { systemClock } = await import(${at('base/clock.js')});
      await installPackages(process.argv[1], () => undefined, systemClock);`;
    const node = spawn(process.execPath, ['--input-type=module', '-e', script, place], { stdio: 'ignore' });
    const gone = once(await silent.asked, 'close');
    node.kill('SIGKILL');
    await gone;
    silent.close();
  });

  it('take only so much room', async () => {
    const large = gzipSync(await tar({ 'package/package.json': '{"name": "large", "version": "1.0.0"}', 'package/data': Buffer.alloc(2_000_000) }));
    const files = { ...manifest({ large: 'file:large.tgz' }), 'large.tgz': large };
    expect((await refused(files, { ...ENOUGH, bytes: 1_000_000 })).reason).to.match(/larger than 1000000 bytes/);
    expect((await refused(files, { ...ENOUGH, files: 3 })).reason).to.match(/more than 3 files and folders/);
  });
});

describe('The builder, with packages and with guests it does not like', () => {
  let folder: string;
  let node: RunningNode;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'builder-'));
    for (const [name, secret] of [['password', 'sesame'], ['key', 'k'.repeat(64)], ['payload', SECRET]]) await writeFile(join(folder, name!), secret!);
    // A node that was killed has left a build half done.
    await mkdir(join(folder, 'node/builds/build-left/context'), { recursive: true });
    // Nobody has named two of its bundles for long, one of them half written.
    const [named, old, young] = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
    await mkdir(join(folder, 'node/bundles'));
    await writeFile(join(folder, 'node/built-images.json'), JSON.stringify({ 'kept:latest': named }));
    for (const name of [`${named}.mjs`, `${old}.mjs`, `.${old}.draft`, `${young}.mjs`]) {
      const file = join(folder, 'node/bundles', name);
      await writeFile(file, 'export default 1');
      if (!name.startsWith(young!)) await utimes(file, 1, 1);
    }
    node = await startNode({
      name: 'node', level: 'edge', host: '127.0.0.1', port: 0, domainId: 'd', labels: {}, store: 'memory', stateDir: join(folder, 'node'), adminUser: 'admin',
      adminPasswordFile: join(folder, 'password'), peerKeyFile: join(folder, 'key'), payloadSecretFile: join(folder, 'payload'), log: 'silent',
    });
  });
  after(async () => {
    await node.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const context = (image: string, language: string, files: Record<string, string | Buffer>) => tar({
    'context/template.yml': `language: ${language}\n`, ...Object.fromEntries(Object.entries(files).map(([name, content]) => [`context/function/${name}`, content])),
    'com.openfaas.docker.config': JSON.stringify({ image }),
  });
  const send = (body: Buffer) => request(node.url).post('/build').set({ 'Content-Type': 'application/octet-stream', 'X-Build-Signature': signed(body) }).send(body);
  const deploy = (service: string, image: string) => request(node.url).post('/system/functions').set('Authorization', ADMIN).send({ service, image, envVars: { exec_timeout: '3m' } });

  it('has only the bundles of its former life that something names, and young ones', async () => {
    expect((await readdir(join(folder, 'node/bundles'))).sort()).to.include.members([`${'a'.repeat(64)}.mjs`, `${'c'.repeat(64)}.mjs`]).and.not.include.members([`${'b'.repeat(64)}.mjs`]);
    expect((await readdir(join(folder, 'node/bundles'))).filter((name) => name.startsWith('.b'))).to.deep.equal([]);
  });

  it('builds a function with a package, which answers when it is deployed', async () => {
    const files = { 'package.json': '{"dependencies": {"greetings": "file:./greetings.tgz"}}', 'greetings.tgz': await greetings(folder) };
    const { body } = await send(await context('greeter:1', 'node20', { ...files, 'handler.js': "const greet = require('greetings'); module.exports = async () => greet('anna');" })).expect(200);
    expect(body.log).to.include('npm install: greetings@file:./greetings.tgz');
    await deploy('greeter', 'greeter:1').expect(202);
    await request(node.url).get('/function/greeter').expect(200, 'good day, anna');
    expect(await readdir(folder)).not.to.include('ran');
  });

  it('says which package could not be had, and keeps nothing', async () => {
    const { body } = await send(await context('none:1', 'node-offload-js', { 'package.json': '{"dependencies": {"a": "file:none.tgz"}}', 'handler.js': '' })).expect(400);
    expect(body.error).to.match(/packages could not be installed: ENOENT: .*none\.tgz/);
    await deploy('none', 'none:1').expect(400);
    expect(await readdir(join(folder, 'node/builds'))).to.deep.equal([]);
  });

  it('reads no file for the code that is not the code\'s', async () => {
    await writeFile(join(folder, 'secret.json'), '{"a": "secret"}');
    for (const from of [join(folder, 'secret.json'), '../../../../../secret.json', '/dev/zero', '/etc/hostname']) {
      const { body } = await send(await context('thief:1', 'node-offload-js', { 'handler.js': `import found from '${from}'; export default () => found;` })).expect(400);
      expect(body.error, from).to.match(/is outside of the function's folder/);
    }
  });

  it('takes one after the other of the same name, and the last is what the name means', async () => {
    const words = ['one', 'two', 'three'];
    await Promise.all(words.map(async (word) => send(await context('same:1', 'node-offload-js', { 'handler.js': `export default () => '${word}';` })).expect(200)));
    await deploy('same', 'same:1').expect(202);
    const { text } = await request(node.url).get('/function/same').expect(200);
    expect(words).to.include(text);
  });

  it('has room for so many archives that are still on their way, and takes the next when they are given up', async () => {
    const { hostname, port } = new URL(node.url);
    const head = `POST /build HTTP/1.1\r\nHost: x\r\nX-Build-Signature: sha256=${'0'.repeat(64)}\r\nContent-Length: 1000\r\n\r\nhalf`;
    const guests = Array.from({ length: MAX_WAITING_BUILDS + 1 }, () => connect({ host: hostname, port: Number(port) }).on('error', () => undefined));
    for (const guest of guests) guest.write(head);
    // Only the one too many is answered, and tells that all the others have their places.
    expect(String(await Promise.race(guests.map(async (guest) => (await once(guest, 'data') as Buffer[])[0])))).to.match(/^HTTP\/1\.1 503 /);
    const body = await context('next:1', 'node-offload-js', { 'handler.js': 'export default () => 1;' });
    let { status } = await send(body);
    expect(status).to.equal(503);
    for (const guest of guests) guest.destroy();
    while (status !== 200) ({ status } = await send(body));
  });

  const routeFor = (parts: Partial<BuildParts> = {}) => {
    const [route] = buildRoutes({ bundles: undefined as never, images: undefined as never, secret: SECRET, folder: join(folder, 'alone'), clock: systemClock, log: silentLog, ...parts });
    return (body: AsyncIterable<Buffer>) => route!.stream({ params: {}, query: new URLSearchParams(), body: undefined, accept: '', headers: { 'x-build-signature': signed(Buffer.alloc(0)) } }, body, undefined);
  };

  it('does not wait for ever for an archive', async () => {
    async function* stuck(): AsyncIterable<Buffer> {
      yield Buffer.from('half');
      await new Promise(() => undefined);
    }
    expect(await faultOf(routeFor({ receiveMs: 50 })(stuck()))).to.include({ code: 'REQUEST_TIMEOUT' });
    expect(await readdir(join(folder, 'alone'))).to.deep.equal([]);
  });

  it('stops reading where an archive gets too large that did not say how large it is', async () => {
    let taken = 0;
    async function* large(): AsyncIterable<Buffer> {
      for (const chunk = Buffer.alloc(4 * 2 ** 20); taken < 4 * MAX_BUILD_BYTES; taken += chunk.length) yield chunk;
    }
    expect(await faultOf(routeFor()(large()))).to.include({ code: 'BODY_TOO_LARGE' });
    expect(taken).to.be.below(2 * MAX_BUILD_BYTES);
    expect(await readdir(join(folder, 'alone'))).to.deep.equal([]);
  });

  it('counts the folders that names of files make', async () => {
    const deep = (at: number) => [`context/${at}/${'a/'.repeat(40)}file`, ''];
    await writeFile(join(folder, 'deep.tar'), await tar(Object.fromEntries([deep(1), deep(2), deep(3)])));
    const place = await mkdtemp(join(folder, 'deep-'));
    const fault = await faultOf(unpack(join(folder, 'deep.tar'), place, 100));
    expect(fault).to.include({ code: 'BUILD_INVALID' });
    expect(fault.message).to.match(/more than 100 files and folders/);
    expect(await readdir(join(place, 'context'))).to.deep.equal(['1', '2']);
  });
});

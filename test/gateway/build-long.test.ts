import { expect } from 'chai';
import { createHmac } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { pack } from 'tar-stream';
import { basicHeader } from '../../runtime/base/credentials.js';
import { openBuiltImages } from '../../runtime/gateway/build/built-images.js';
import { MAX_BUILD_BYTES, MAX_BUILD_UNPACKED_BYTES } from '../../runtime/model/limits.js';
import { startNode, type RunningNode } from '../../runtime/node.js';
import { sendRaw } from './support.js';

const SECRET = 'the payload secret';
const ADMIN = basicHeader({ user: 'admin', password: 'sesame' });

type Entry = { name: string; type?: 'file' | 'directory' | 'symlink' | 'link' | 'character-device'; content?: string; linkname?: string };

async function tar(entries: Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const { name, type = 'file', content = '', linkname } of entries) {
    const isFile = type === 'file';
    archive.entry({ name, type, ...(linkname && { linkname }), size: isFile ? Buffer.byteLength(content) : 0 }, isFile ? content : '');
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** What faas-cli sends: the template's files, the handler's in function/, and the configuration last. */
function context(language: string, files: Record<string, string>, image = 'registry.example/me/f:1.0', config: object = { image }): Promise<Buffer> {
  return tar([
    { name: 'context', type: 'directory' }, { name: 'context/template.yml', content: `language: ${language}\nfprocess: node index.js\n` },
    { name: 'context/Dockerfile', content: 'FROM scratch\n' }, { name: 'context/function', type: 'directory' },
    ...Object.entries(files).map(([name, content]) => ({ name: `context/${name}`, content })),
    { name: 'com.openfaas.docker.config', content: JSON.stringify(config) },
  ]);
}

const signed = (body: Buffer, secret = SECRET) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;

const TYPESCRIPT = `
  import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';
  export default class extends Offloadable {
    async handleOffload(request: HandlerRequest, context: HandlerContext) {
      const count = Number(await context.edgeDB.get('count') ?? 0) + 1;
      await context.edgeDB.set('count', String(count));
      return { count };
    }
  }`;
const EVENTS = `
  'use strict';
  const { basename } = require('path');
  module.exports = async (event, context) => {
    if (event.path === '/fail') return context.status(418).fail('no');
    if (event.path === '/throw') throw new Error('broken');
    return context.status(201).headers({ 'X-Seen': process.env.greeting }).succeed({
      body: event.body, method: event.method, path: basename(event.path), query: event.query, type: event.headers['content-type'],
    });
  };`;

describe('The builder', () => {
  let node: RunningNode;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'build-'));
    for (const [name, secret] of [['password', 'sesame'], ['key', 'k'.repeat(64)], ['payload', `${SECRET}\n`]]) await writeFile(join(folder, name!), secret!);
    node = await start('node');
  });
  after(async () => {
    await node.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const start = (name: string, options: { payload?: string; parentUrl?: string } = {}) => startNode({
    name, level: 'edge', host: '127.0.0.1', port: 0, domainId: 'd', labels: {}, store: 'memory', stateDir: join(folder, name), adminUser: 'admin',
    adminPasswordFile: join(folder, 'password'), peerKeyFile: join(folder, 'key'), payloadSecretFile: join(folder, options.payload ?? 'payload'), log: 'silent',
    ...(options.parentUrl && { parentUrl: options.parentUrl }),
  });
  const send = (body: Buffer, signature = signed(body), accept = 'application/json') => request(node.url).post('/build')
    .set({ 'Content-Type': 'application/octet-stream', 'X-Build-Signature': signature, Accept: accept }).send(body);
  // On a busy machine it takes long until the first process of a function is there.
  const deploy = (service: string, image: string, envVars: Record<string, string> = {}) => request(node.url).post('/system/functions').set('Authorization', ADMIN)
    .send({ service, image, envVars: { exec_timeout: '3m', ...envVars } });
  const refused = async (body: Buffer, code: string, status = 400, reason = /./) => {
    const { body: fault, status: actual } = await send(body);
    expect([actual, fault.code], JSON.stringify(fault)).to.deep.equal([status, code]);
    expect(fault.message).to.match(reason);
  };

  it('builds a function of our template, which runs when its image is deployed and keeps its sessions', async () => {
    const { body } = await send(await context('node-offload', { 'function/handler.ts': TYPESCRIPT }, 'me/counter:latest')).expect(200);
    expect(body).to.include({ image: 'me/counter:latest', status: 'success' });
    expect(body.log[0]).to.equal('template node-offload');
    await deploy('counter', 'docker.io/me/counter').expect(202);
    for (const count of [1, 2]) await request(node.url).post('/function/counter').set('X-session', 'anna').expect(200, { count });
  });

  it('tells each step on a line of its own where that is asked for', async () => {
    const { text, headers } = await send(await context('node-offload-js', { 'function/handler.js': 'export default () => "js";' }, 'js:1'), undefined, 'application/x-ndjson').expect(200);
    expect(headers['content-type']).to.equal('application/x-ndjson');
    const results = text.trim().split('\n').map((line) => JSON.parse(line) as { status: string; image: string; log: string[] });
    expect(results.slice(0, -1).every(({ status, log }) => status === 'in_progress' && log.length === 1)).to.equal(true);
    expect(results.at(-1)).to.deep.equal({ log: [], image: 'js:1', status: 'success' });
    await deploy('js', 'js:1').expect(202);
    await request(node.url).get('/function/js').expect(200, 'js');
  });

  for (const language of ['node20', 'node22']) it(`builds handlers of OpenFaaS's ${language}, with what they answer and how they fail`, async () => {
    const image = `events-${language}:1`;
    await send(await context(language, { 'function/handler.js': EVENTS, 'function/package.json': '{"name": "f", "main": "handler.js"}', 'index.js': 'throw 1' }, image)).expect(200);
    await deploy(language, image, { greeting: 'hello' }).expect(202);
    const at = (path: string) => `/function/${language}${path}`;
    const { text, headers } = await request(node.url).post(at('/a/b?q=1&q=2&p=3')).set('Content-Type', 'application/json').send('{"n": 1}').expect(201);
    expect(JSON.parse(text)).to.deep.equal({ body: { n: 1 }, method: 'POST', path: 'b', query: { q: ['1', '2'], p: '3' }, type: 'application/json' });
    expect(headers).to.include({ 'x-seen': 'hello', 'content-type': 'text/html; charset=utf-8' });
    await request(node.url).post(at('')).set('Content-Type', 'application/json').send('{').expect(400);
    await request(node.url).get(at('/fail')).expect(418, 'no');
    await request(node.url).get(at('/throw')).expect(500, 'Error: broken');
  });

  it('builds again under the same name, and the next deployment runs the new code', async () => {
    for (const word of ['one', 'two']) {
      await send(await context('node-offload-js', { 'function/handler.js': `export default () => "${word}";` }, 'again:latest')).expect(200);
      await deploy('again', 'again:latest').expect(202);
      await request(node.url).get('/function/again').expect(200, word);
    }
  });

  it('names the bundle to the nodes below, which never heard of the image', async () => {
    const below = await start('below', { parentUrl: node.url, payload: 'none' });
    await send(await context('node-offload-js', { 'function/handler.js': 'export default () => "far";' }, 'far:1')).expect(200);
    const { body } = await request(node.url).post('/system/functions?wait=subtree').set('Authorization', ADMIN).send({ service: 'far', image: 'far:1', envVars: { exec_timeout: '3m' } }).expect(202);
    expect(body).to.deep.equal({ nodes: ['node', 'below'], pending: [] });
    await request(below.url).get('/function/far').expect(200, 'far');
    await request(below.url).post('/build').send('x').expect(404);
    await below.close();
  });

  it('says what is wrong with the code, with file and line, and keeps nothing', async () => {
    const { body } = await send(await context('node-offload', { 'function/handler.ts': 'export default (' }, 'broken:1')).expect(400);
    expect(body).to.include({ status: 'failed', image: 'broken:1' });
    expect(body.error).to.match(/handler\.ts:1/);
    await deploy('broken', 'broken:1').expect(400);
  });

  it('refuses wrong and missing signatures before it looks at the archive', async () => {
    const body = await context('node-offload', {});
    for (const signature of [signed(body, 'another'), signed(Buffer.from('another body')), 'sha256=12', 'sha1=00', 'none']) {
      await send(body, signature).expect(401).expect(({ body: fault }) => expect(fault).to.include({ code: 'SIGNATURE_REFUSED' }));
    }
    await request(node.url).post('/build').send('x').expect(401);
  });

  it('refuses what leads out of its folder', async () => {
    const config = { name: 'com.openfaas.docker.config', content: '{"image": "x"}' };
    for (const name of ['../evil', 'context/../../evil', '/etc/evil', 'context/function/../../../evil', 'other/file', 'context\\..\\evil']) {
      await refused(await tar([config, { name, content: 'x' }]), 'BUILD_INVALID', 400, /leads out|not below/);
    }
    const builds = await readdir(join(folder, 'node'));
    expect(builds).not.to.include('evil');
  });

  it('refuses links and devices', async () => {
    for (const entry of [
      { name: 'context/a', type: 'symlink', linkname: '/etc/passwd' }, { name: 'context/a', type: 'link', linkname: '../../x' }, { name: 'context/null', type: 'character-device' },
    ] as const) await refused(await tar([entry]), 'BUILD_INVALID', 400, /only files and folders/);
  });

  it('refuses two entries of one name, and a file where a folder is', async () => {
    await refused(await tar([{ name: 'context/a', content: '1' }, { name: 'context/a', content: '2' }]), 'BUILD_INVALID', 400, /two entries/);
    await refused(await tar([{ name: 'context/a', content: '1' }, { name: 'context/a/b', content: '2' }]), 'BUILD_INVALID', 400, /two entries/);
  });

  it('refuses garbage, half an archive, and one without what it needs', async () => {
    await refused(Buffer.from('not a tar at all, but long enough to be taken for one'.repeat(40)), 'BUILD_INVALID');
    const body = await context('node-offload', { 'function/handler.ts': TYPESCRIPT });
    await refused(body.subarray(0, 1_800), 'BUILD_INVALID');
    await refused(Buffer.alloc(0), 'BUILD_INVALID', 400, /com\.openfaas\.docker\.config/);
    await refused(await tar([{ name: 'com.openfaas.docker.config', content: '{' }]), 'BUILD_INVALID', 400, /not JSON/);
    await refused(await context('node-offload', {}, '', {}), 'BUILD_INVALID', 400, /no image/);
    await refused(await context('node-offload', {}, '', { image: 'bundle:x' }), 'BUILD_INVALID', 400, /no image/);
  });

  it('refuses templates that it cannot build, and contexts of none', async () => {
    for (const language of ['python3-http', 'dockerfile', 'golang-middleware']) {
      const { body } = await send(await context(language, {})).expect(400);
      expect(body.error).to.match(/not built here/);
    }
    const { body } = await send(await tar([{ name: 'com.openfaas.docker.config', content: '{"image": "x"}' }])).expect(400);
    expect(body.error).to.match(/no template\.yml/);
    await send(await context('node22', {})).expect(400);
  });

  it('refuses what is too large, be it announced, packed or unpacked', async () => {
    const [head] = [await tar([{ name: 'context/a', content: 'x' }])];
    // The size of the entry, in octal digits, and the header's checksum anew.
    head.write(`${(MAX_BUILD_UNPACKED_BYTES + 1).toString(8).padStart(11, '0')}\0`, 124, 'latin1');
    head.fill(' ', 148, 156);
    const sum = head.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    await refused(head, 'BODY_TOO_LARGE', 413);
    const lines = ['POST /build HTTP/1.1', 'Host: x', `X-Build-Signature: ${signed(head)}`, `Content-Length: ${MAX_BUILD_BYTES + 1}`, '', ''];
    expect(await sendRaw(node.url, lines.join('\r\n'), (answer) => answer.includes('BODY_TOO_LARGE'))).to.match(/^HTTP\/1\.1 413 /);
  });

  it('leaves nothing of a build behind but its bundle', async () => {
    expect(await readdir(join(folder, 'node', 'builds'))).to.deep.equal([]);
  });
});

describe('The names of built images', () => {
  it('survive a restart, and a torn file counts as none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'images-'));
    const file = join(folder, 'built.json');
    await (await openBuiltImages(file)).put('docker.io/library/f', 'a'.repeat(64));
    expect((await openBuiltImages(file)).find('f:latest')).to.equal('a'.repeat(64));
    expect((await openBuiltImages(file)).find('f:other')).to.equal(undefined);
    await writeFile(file, (await readFile(file, 'utf8')).slice(0, 10));
    expect((await openBuiltImages(file)).find('f')).to.equal(undefined);
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });
});

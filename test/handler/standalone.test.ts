import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Log, silentLog } from '../../runtime/base/log.js';
import { startFunction, type Standalone } from '../../runtime/handler/standalone.js';
import { sendRaw } from '../gateway/support.js';
import { refused, Talk } from '../sockets/support.js';
import { faultOf, Functions, Lines } from './support.js';

describe('A function by itself', () => {
  const functions = new Functions();
  const started: Standalone[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map((one) => one.close()));
  });
  after(() => functions.close());

  async function start(source: string, options: { env?: Record<string, string>; log?: Log } = {}): Promise<string> {
    const standalone = await startFunction({ source, port: 0, host: '127.0.0.1', store: 'memory', node: 'alone', log: silentLog, ...options });
    started.push(standalone);
    return `http://127.0.0.1:${standalone.port}`;
  }

  it('keeps sessions, and says where and in which version', async () => {
    const url = await start('functions/shopping-cart');
    const anna = { headers: { 'x-session': 'anna' } };
    await fetch(`${url}/?product=apple`, { method: 'POST', ...anna });
    const answer = await fetch(`${url}/?product=pear`, { method: 'POST', ...anna });
    expect(await answer.json()).to.deep.equal({ products: ['apple', 'pear'] });
    const headers = Object.fromEntries(answer.headers);
    expect(headers).to.include({ 'x-session-location': 'alone', 'x-session-version': '2', 'x-session-epoch': '0' });
    expect(await (await fetch(url, { headers: { 'x-session': 'bea' } })).json()).to.deep.equal({ products: [] });
  });

  it('knows a session by the same name as the gateway of a node does, and says its own name as that does', async () => {
    const standalone = await startFunction({
      source: await functions.folder('whose', { 'handler.ts': `import { Offloadable } from 'xylem';
        export default class extends Offloadable { handleOffload(_: unknown, { session }: { session: { id: string } }) { return session.id } }` }),
      port: 0, host: '127.0.0.1', store: 'memory', node: 'münchen', log: silentLog,
    });
    started.push(standalone);
    const url = `http://127.0.0.1:${standalone.port}`;
    for (const encoding of ['utf8', 'latin1'] as const) {
      const answer = await fetch(url, { headers: { 'x-session': Buffer.from('grüße', encoding).toString('latin1') } });
      expect([await answer.text(), answer.headers.get('x-session-location')]).to.deep.equal(['grüße', 'm%C3%BCnchen']);
    }
  });

  it('lets a request id take effect once', async () => {
    const url = await start('functions/shopping-cart');
    const headers = { 'x-session': 'anna', 'x-session-request-id': '6a1e7a0e-52ad-4c5f-9d6d-3a7f0c4c1d11' };
    await fetch(`${url}/?product=apple`, { method: 'POST', headers });
    const again = await fetch(`${url}/?product=apple`, { method: 'POST', headers });
    expect(again.headers.get('x-session-replayed')).to.equal('true');
    expect(await again.json()).to.deep.equal({ products: ['apple'] });
  });

  it('takes messages of WebSockets, and closes them once the message in hand is answered', async () => {
    const source = await functions.folder('diary', { 'handler.ts': `import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';
      export default class extends Offloadable {
        handleOffload(request: HandlerRequest) { return 'by HTTP' + request.path; }
        async handleMessage(message: HandlerRequest, { edgeDB }: HandlerContext) {
          await edgeDB.addToList('lines', message.text());
          return (await edgeDB.getList('lines')).length + message.path;
        }
      }` });
    const url = await start(source);
    const talk = await Talk.open(`${url}/page?session=anna`);
    expect([await talk.ask('one'), await talk.ask('two')]).to.deep.equal(['1/page', '2/page']);
    expect((await refused(url)).status).to.equal(400);
    // What offers another protocol with an ordinary request gets an ordinary answer.
    const offer = 'GET /a HTTP/1.1\r\nHost: x\r\nX-Session: b\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';
    expect(await sendRaw(url, offer, (answer) => answer.includes('by HTTP/a'))).to.match(/^HTTP\/1\.1 200 /);
    const closing = started.pop()!.close();
    expect((await talk.closed).code).to.equal(1001);
    await closing;
  });

  it('streams bodies both ways, and breaks off an answer that fails in the middle', async () => {
    const source = await functions.folder('mirror', { 'handler.ts': `import { Streaming, type StreamingRequest } from 'xylem';
      export default class extends Streaming {
        async *handle(request: StreamingRequest) {
          for await (const piece of request.body) yield piece;
          if (request.path === '/fails') throw new Error('secret');
        }
      }` });
    const url = await start(source);
    const body = Buffer.alloc(20_000_000, 'every byte counts ');
    const answer = await fetch(url, { method: 'POST', body });
    expect(Buffer.from(await answer.arrayBuffer()).equals(body)).to.equal(true);
    const broken = await fetch(`${url}/fails`, { method: 'POST', body: 'half' }).then((half) => half.text()).catch(() => 'broken off');
    expect(broken).to.equal('broken off');
  });

  it('answers faults as a node does', async () => {
    const url = await start('functions/shopping-cart');
    const answer = await fetch(url);
    expect(answer.status).to.equal(400);
    expect(await answer.json()).to.include({ code: 'SESSION_MISSING' });
  });

  it('answers health and readiness', async () => {
    const url = await start('functions/empty-function');
    expect((await fetch(`${url}/_/health`)).status).to.equal(200);
    expect((await fetch(`${url}/_/ready`)).status).to.equal(200);
    expect((await fetch(`${url}/anything`)).status).to.equal(200);
  });

  it('keeps the time that its environment gives a request, its body and its answer', async () => {
    const source = await functions.folder('times', { 'handler.ts': `import { type HandlerRequest } from 'xylem';
      export default async (request: HandlerRequest) => request.path === '/slow' ? new Promise(() => undefined) : request.text().length;` });
    const url = await start(source, { env: { exec_timeout: '100ms', read_timeout: '200ms', write_timeout: '10s' } });
    const slow = await fetch(`${url}/slow`);
    expect([slow.status, (await slow.json() as { details: object }).details]).to.deep.equal([504, { limit: 100, setting: 'exec_timeout', layer: 'worker' }]);
    expect(slow.headers.get('x-call-id')).to.match(/^[0-9a-f-]{36}$/);
    expect(Number(slow.headers.get('x-duration-seconds'))).to.be.greaterThan(0);
    const late = await sendRaw(url, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf', (answer) => answer.includes('read_timeout'));
    expect(late).to.match(/^HTTP\/1\.1 408 /);
    expect(await faultOf(startFunction({ source, port: 0, store: 'memory', log: silentLog, env: { exec_timeout: 'soon' } }))).to.include({ code: 'PARAMETER_INVALID' });
  });

  it('takes no more requests at once than max_inflight says', async () => {
    const source = await functions.folder('busy', {
      'handler.js': "export default async function* () { yield 'begun'; await new Promise(() => undefined); }",
    });
    const url = await start(source, { env: { max_inflight: '1' } });
    const leave = new AbortController();
    const first = await fetch(url, { signal: leave.signal });
    await first.body!.getReader().read();
    const second = await fetch(url);
    expect([second.status, (await second.json() as { details: object }).details]).to.deep.equal([429, { function: 'busy', limit: 1 }]);
    expect((await fetch(`${url}/_/health`)).status).to.equal(200);
    leave.abort();
  });

  it('says the id of each call, the gateway\'s where it has given one, how long it took, and a line in its log', async () => {
    const lines = new Lines();
    const url = await start('functions/empty-function', { log: lines.log });
    const { headers } = await fetch(`${url}/a?secret=1`, { headers: { 'x-call-id': 'from-the-gateway' } });
    expect(headers.get('x-call-id')).to.equal('from-the-gateway');
    expect(Number(headers.get('x-duration-seconds'))).to.be.within(0, 60);
    expect(await lines.having('served')).to.deep.include({ call: 'from-the-gateway', method: 'GET', path: '/a' });
    expect((await fetch(url, { headers: { 'x-call-id': 'no id at all' } })).headers.get('x-call-id')).to.match(/^[0-9a-f-]{36}$/);
  });

  it('does not start without a function, or where others listen, and leaves nothing behind then', async () => {
    const folder = await functions.folder('none', { 'README.md': '' });
    const [temporary, before] = [await functions.folder('temporary', { 'README.md': '' }), process.env['TMPDIR']];
    const url = await start('functions/empty-function');
    process.env['TMPDIR'] = temporary;
    try {
      const options = { store: 'memory', log: silentLog };
      expect(await faultOf(startFunction({ source: folder, port: 0, ...options }))).to.include({ code: 'DEPLOY_FAILED' });
      const taken = startFunction({ source: 'functions/empty-function', host: '127.0.0.1', port: Number(new URL(url).port), ...options });
      expect(await taken.then(() => 'started', (error: Error) => error.message)).to.match(/EADDRINUSE|in use|taken/i);
      expect(await readdir(temporary)).to.deep.equal(['README.md']);
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });

  it('goes on after a call that threw what has no text', async () => {
    const folder = await functions.folder('silent', { 'handler.js': 'export default ({ path }) => { if (path === "/bad") throw Object.create(null); return "good"; };' });
    const url = await start(folder);
    expect((await fetch(`${url}/bad`)).status).to.equal(500);
    expect(await (await fetch(url)).text()).to.equal('good');
  });

  it('answers the request in hand when it is told to stop, and ends', async () => {
    const folder = await functions.folder('slow', {
      'handler.js': `export default async () => {
        console.log('begun');
        await new Promise((resolve) => setTimeout(resolve, 300));
        return 'done';
      }`,
    });
    const program = fileURLToPath(new URL('../../runtime/handler/serve.js', import.meta.url));
    const child = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PORT: '0', healthcheck_interval: '100ms' } });
    // From the first moment: it may have ended before its answer is read here.
    const exit = once(child, 'exit');
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const { url } = JSON.parse((await lines.next()).value as string) as { url: string };
    const answer = fetch(url);
    expect((await lines.next()).value).to.equal('begun');
    child.kill('SIGTERM');
    expect(await (await answer).text()).to.equal('done');
    expect(await exit).to.deep.equal([0, null]);
  });
});

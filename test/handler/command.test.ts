import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../runtime/base/clock.js';
import { hasEnded } from '../../runtime/base/process.js';
import { cgiResponse } from '../../runtime/handler/command/cgi.js';
import { CommandHouse, CommandWorker } from '../../runtime/handler/command/command.js';
import { DEFAULT_IMAGES, plainName, readImages } from '../../runtime/handler/command/images.js';
import { functionLogTo } from '../../runtime/handler/log.js';
import { createWorkers, type Workers } from '../../runtime/handler/workers.js';
import type { Deployment } from '../../runtime/model/config.js';
import { Fault } from '../../runtime/model/faults.js';
import type { FunctionRequest, Worker } from '../../runtime/session/call.js';
import { call, deployment, faultOf, HeldClock, Lines, request } from './support.js';

async function* pieces(...texts: string[]): AsyncIterable<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

/** Waits until a script has written it, with the end of its line. */
async function pidIn(file: string): Promise<number> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text.endsWith('\n')) return Number(text);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('A command worker', () => {
  let lines: Lines;
  let workers: Workers;
  const house = new CommandHouse();

  beforeEach(() => {
    lines = new Lines();
    workers = createWorkers({ clock: systemClock, log: lines.log });
  });
  afterEach(() => workers.close());
  after(() => house.close());

  const load = (options: Partial<Deployment> = {}) => workers.load(deployment('f', { image: 'functions/alpine:latest', ...options }), undefined);
  const answer = async (worker: Worker, options: Partial<FunctionRequest> = {}) => {
    const { response } = await worker.run(call({ request: request({ method: 'POST', ...options }) }));
    return { ...response, text: response.body.toString() };
  };
  const shell = (script: string, env: Record<string, string> = {}, home = house, clock: Clock = systemClock) => new CommandWorker({
    service: 'f', image: { command: ['sh', '-c', script], output: 'text' }, env, house: home, clock, log: functionLogTo(lines.log),
  });

  it('gives the body to the process of the deployment and answers what it prints, as the type that was asked', async () => {
    const worker = await load({ envProcess: 'wc -c' });
    const counted = await answer(worker, { body: Buffer.from('hello'), headers: { 'content-type': 'text/csv' } });
    expect(counted.text.trim()).to.equal('5');
    expect(counted.status).to.equal(200);
    expect(counted.headers).to.include({ 'content-type': 'text/csv' });
    expect(Number(counted.headers['x-duration-seconds'])).to.be.at.least(0);
    expect((await answer(worker, { stream: pieces('a', 'bc') })).text.trim()).to.equal('3');
    expect(lines.all.map(({ message }) => message)).to.include('Forking fprocess.');
    await lines.having('Wrote 2 Bytes - Duration: ');
  });

  it('takes fprocess from the environment too, and the image\'s own command without one', async () => {
    expect((await answer(await load({ envVars: { fprocess: 'echo hi' } }))).text).to.equal('hi\n');
    expect((await answer(await load(), { body: Buffer.from('in and out') })).text).to.equal('in and out');
  });

  it('finds its secrets where the command lines of containers have them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'secrets of f '));
    try {
      await writeFile(join(folder, 'api-key'), 'hush');
      const worker = await load({ envProcess: 'cat /var/openfaas/secrets/api-key', envVars: { secret_mount_path: folder } });
      expect((await answer(worker)).text).to.equal('hush');
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    }
  });

  it('puts method, path, query and headers into the environment, and what the deployment sets', async () => {
    const worker = await load({ envProcess: 'env', envVars: { greeting: 'good day' } });
    const { text } = await answer(worker, {
      method: 'PUT', path: '/a/b', query: 'q=1&p=2', body: Buffer.from('xyz'), headers: { 'x-forwarded-by': 'me', 'content-type': 'text/plain', host: 'edge' },
    });
    expect(text.split('\n')).to.include.members([
      'Http_Method=PUT', 'Http_Path=/a/b', 'Http_Query=q=1&p=2', 'Http_Content_Length=3', 'Http_ContentLength=3',
      'Http_X_Forwarded_By=me', 'Http_Content_Type=text/plain', 'Http_Host=edge', 'greeting=good day',
    ]);
  });

  it('keeps them out where cgi_headers is false, and nothing of the node\'s own environment gets in', async () => {
    process.env['SECRET_OF_THE_NODE'] = 'hidden';
    const { text } = await answer(await load({ envProcess: 'env', envVars: { cgi_headers: 'false' } }));
    delete process.env['SECRET_OF_THE_NODE'];
    expect(text).not.to.match(/Http_|SECRET_OF_THE_NODE/);
  });

  it('answers 500 with the exit code and the output of a process that fails', async () => {
    const { status, text } = await answer(shell('cat; echo no >&2; exit 3'), { body: Buffer.from('in ') });
    expect(status).to.equal(500);
    expect(text).to.match(/^exit status 3\n/).and.to.include('in ').and.to.include('no\n');
  });

  it('logs standard error instead where combine_output is false, and all output where write_debug is true', async () => {
    const quiet = await answer(shell('echo out; echo err >&2', { combine_output: 'false' }));
    expect(quiet.text).to.equal('out\n');
    await lines.having('stderr: err');
    await answer(shell('echo shown', { write_debug: 'true' }));
    await lines.having('shown');
  });

  it('answers with the type that content_type names', async () => {
    const { headers } = await answer(shell('echo "{}"', { content_type: 'application/json' }), { headers: { 'content-type': 'text/plain' } });
    expect(headers).to.include({ 'content-type': 'application/json' });
  });

  it('gives headers and body as JSON where marshal_request is true', async () => {
    const { text } = await answer(shell('cat', { marshal_request: 'true' }), { stream: pieces('bo', 'dy'), headers: { 'x-call-id': '7' } });
    expect(JSON.parse(text)).to.deep.equal({ header: { 'X-Call-Id': ['7'] }, body: { raw: Buffer.from('body').toString('base64') } });
  });

  it('takes no other methods than the watchdog does', async () => {
    expect(await answer(await load(), { method: 'OPTIONS' })).to.include({ status: 405 });
  });

  it('ends a process that takes too long, with everything that it has started', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'command-'));
    const clock = new HeldClock(77_777);
    const worker = shell(`sleep 1000 & echo $! > ${join(folder, 'pid')}; wait`, {}, house, clock);
    const fault = faultOf(worker.run(call({ timeoutMs: clock.deadlineMs, request: request({ method: 'POST' }) })));
    const pid = await pidIn(join(folder, 'pid'));
    await clock.pass();
    expect(await fault).to.deep.include({ code: 'HANDLER_TIMEOUT', details: { limit: clock.deadlineMs, setting: 'exec_timeout', layer: 'worker' } });
    await lines.having('Killing process: sh -c');
    expect(await hasEnded(pid, 30_000)).to.equal(true);
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('refuses what a process prints beyond the limit, and ends it', async () => {
    const small = new CommandHouse(4, 1000);
    const fault = await faultOf(shell('yes', {}, small).run(call({ request: request({ method: 'POST' }) })));
    expect(fault).to.include({ code: 'HANDLER_FAILED' });
    await lines.having('It printed more than 1000 bytes');
    expect(small.running).to.equal(0);
    small.close();
  });

  it('refuses what it prints on standard error beyond the limit, wherever that goes', async () => {
    const small = new CommandHouse(4, 100_000);
    const fault = await faultOf(shell('while :; do echo oops; done >&2', { combine_output: 'false' }, small).run(call({ request: request({ method: 'POST' }) })));
    expect(fault).to.include({ code: 'HANDLER_FAILED' });
    await lines.having('It printed more than 100000 bytes');
    small.close();
  });

  it('holds no more of what commands print, all together, than a node has room for, and lets go of it at their ends', async () => {
    const small = new CommandHouse(4, 10_000_000, 1_000);
    expect(await faultOf(shell('yes', {}, small).run(call({ request: request({ method: 'POST' }) })))).to.include({ code: 'HANDLER_FAILED' });
    const { response } = await shell('echo small', {}, small).run(call({ request: request({ method: 'POST' }) }));
    expect([response.body.toString(), small.heldBytes, small.running]).to.deep.equal(['small\n', 0, 0]);
    small.close();
  });

  it('does not mind a command that never reads what it is given, however much that is', async () => {
    async function* plenty(): AsyncIterable<Buffer> {
      for (let left = 64; left > 0; left -= 1) yield Buffer.alloc(1_000_000);
    }
    expect((await answer(shell('echo done'), { stream: plenty() })).text).to.equal('done\n');
    const stuck = shell('exec 0<&-; trap "" TERM; while :; do sleep 1; done').run(call({ timeoutMs: 100, request: request({ method: 'POST', stream: plenty() }) }));
    expect(await faultOf(stuck)).to.include({ code: 'HANDLER_TIMEOUT' });
  });

  it('waits no longer than its client for one that has left its group and keeps the output open', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'command-'));
    const file = join(folder, 'pid');
    const small = new CommandHouse(4);
    const stray = shell(`setsid sh -c 'echo $$ > ${file}; exec sleep 1000' & while [ ! -s ${file} ]; do sleep 0.01; done; echo out`, {}, small);
    const client = new AbortController();
    const running = stray.run(call({ signal: client.signal, request: request({ method: 'POST' }) }));
    const pid = await pidIn(file);
    client.abort();
    expect(await faultOf(running)).to.include({ code: 'CLIENT_GONE' });
    // Its place is free again, also while the stray lives on.
    while (small.running > 0) await new Promise((resolve) => setImmediate(resolve));
    process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    small.close();
  });

  it('knows what its processes take of the processor, also after their end', async () => {
    const house = new CommandHouse(4);
    const busy = new CommandWorker({
      service: 'f', image: { command: ['sh', '-c', 'read first; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; read second'], output: 'text' },
      env: {}, house, clock: systemClock, log: functionLogTo(lines.log), isMeasured: true,
    });
    let go = (): void => undefined;
    const told = new Promise<void>((resolve) => { go = resolve; });
    async function* words(): AsyncIterable<Buffer> {
      yield Buffer.from('first\n');
      await told;
      yield Buffer.from('second\n');
    }
    const running = busy.run(call({ request: request({ method: 'POST', stream: words() }) }));
    while ((await busy.processorMs()) === 0) await new Promise((resolve) => setImmediate(resolve));
    const before = (await busy.processorMs())!;
    go();
    await running;
    expect(await busy.processorMs()).to.be.at.least(before);
    expect(await shell('true').processorMs()).to.equal(undefined);
    house.close();
  });

  it('refuses a program that does not exist', async () => {
    const fault = await faultOf((await load({ envProcess: '/no/such/program' })).run(call({ request: request({ method: 'POST' }) })));
    expect(fault).to.include({ code: 'HANDLER_FAILED' });
    await lines.having('It could not be run');
  });

  it('refuses what the system cannot start, and lets go of the body', async () => {
    let isLeft = false;
    const stream: AsyncIterableIterator<Buffer> = {
      [Symbol.asyncIterator]: () => stream,
      next: () => new Promise(() => undefined),
      async return() {
        isLeft = true;
        return { done: true, value: undefined };
      },
    };
    for (const options of [{ envProcess: '/no/such/program' }, { envProcess: 'cat', envVars: { LARGE: 'x'.repeat(1_000_000) } }]) {
      isLeft = false;
      const made = call({ request: request({ method: 'POST', stream, headers: { 'transfer-encoding': 'chunked' } }) });
      expect(await faultOf((await load(options)).run(made))).to.include({ code: 'HANDLER_FAILED' });
      expect(isLeft).to.equal(true);
    }
    await lines.having('E2BIG');
  });

  it('ends the process of a body that breaks off, and says why', async () => {
    async function* broken(): AsyncIterable<Buffer> {
      yield Buffer.from('half');
      throw new Fault('CLIENT_GONE');
    }
    expect(await faultOf(shell('cat').run(call({ request: request({ method: 'POST', stream: broken() }) })))).to.include({ code: 'CLIENT_GONE' });
  });

  it('takes no more requests at once than max_inflight allows each replica, and than a node has room for', async () => {
    const worker = shell('read line; echo $line', { max_inflight: '1' });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => { release = resolve; });
    async function* slow(): AsyncIterable<Buffer> {
      await held;
      yield Buffer.from('late\n');
    }
    const one = () => worker.run(call({ request: request({ method: 'POST', stream: slow() }) }));
    const first = one();
    await lines.having('Forking fprocess.');
    expect(await faultOf(one())).to.deep.include({ code: 'TOO_MANY_CALLS', details: { function: 'f', limit: 1 } });
    await worker.scale(2);
    expect(worker.replicas).to.deep.equal({ wanted: 2, available: 2 });
    const second = one();
    release();
    expect((await first).response.body.toString()).to.equal('late\n');
    expect((await second).response.body.toString()).to.equal('late\n');
    const full = new CommandHouse(0);
    expect(await faultOf(shell('true', {}, full).run(call({ request: request({ method: 'POST' }) })))).to.include({ code: 'OVERLOADED' });
  });

  it('redirects with 302 to the environment\'s destination as image theaxer/redirector, whatever its tag', async () => {
    for (const image of ['theaxer/redirector', 'docker.io/theaxer/redirector:1.2']) {
      const worker = await load({ image, envVars: { destination: 'https://example.org/?a=%20b' } });
      const { status, headers } = await answer(worker, { method: 'GET' });
      expect([status, headers['location']]).to.deep.equal([302, 'https://example.org/?a=%20b']);
    }
  });

  it('is refused for an image that is in no list, and with a worker that wants a bundle', async () => {
    expect(await faultOf(load({ image: 'functions/other' }))).to.include({ code: 'DEPLOY_FAILED' });
    expect(await faultOf(load({ annotations: { worker: 'inline' } }))).to.include({ code: 'DEPLOY_FAILED' });
  });

  it('fails with what it has printed only where that is no answer', () => {
    expect(() => cgiResponse(Buffer.from('no headers'))).to.throw(TypeError);
    expect(() => cgiResponse(Buffer.from('Status: many\n\nx'))).to.throw(TypeError);
    expect(cgiResponse(Buffer.from('Content-Type: text/html\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n<p>')))
      .to.deep.include({ status: 200, headers: { 'content-type': 'text/html', 'set-cookie': ['a', 'b'] }, body: Buffer.from('<p>') });
  });
});

describe('The list of command images', () => {
  it('knows an image by its name alone', async () => {
    for (const image of ['functions/alpine', 'docker.io/functions/alpine:latest', `functions/alpine@sha256:${'0'.repeat(64)}`, 'localhost:5000/a/b:1', 'library/cat']) {
      expect(plainName(image)).not.to.match(/docker|latest|@|:1|library/);
    }
    expect((await readImages(DEFAULT_IMAGES)).find('docker.io/functions/alpine:3')).to.deep.equal({ command: ['cat'], output: 'text' });
  });

  it('says which file is wrong, and where', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'images-'));
    const file = join(folder, 'images.yml');
    for (const [text, reason] of [['a: [', /images\.yml/], ['other: 1', /key images/], ['images: {x: {command: 5}}', /image x/], ['images: {x: {command: a, output: b}}', /text or cgi/]] as const) {
      await writeFile(file, text);
      expect((await faultOf(readImages(file))).message).to.match(reason);
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });
});

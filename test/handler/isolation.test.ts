/** What only holds for workers in processes or threads of their own: whatever a handler does there stays there. */
import { expect } from 'chai';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { hasEnded } from '../../runtime/base/process.js';
import { createWorkers, type Workers } from '../../runtime/handler/workers.js';
import { ANNOTATIONS } from '../../runtime/model/config.js';
import type { Worker } from '../../runtime/session/call.js';
import { call, deployment, faultOf, Functions, HeldClock, Lines, request, session, text } from './support.js';

const LOOP = 'for (;;);';

for (const kind of ['process', 'thread']) describe(`A worker ${kind}`, () => {
  const only = (wanted: string) => kind === wanted ? it : () => undefined;
  const functions = new Functions();
  let lines: Lines;
  const clock = new HeldClock(77_777);
  let workers: Workers;

  beforeEach(() => {
    lines = new Lines();
    workers = createWorkers({ clock, log: lines.log, perFunction: 2, memoryLimitMb: 64 });
  });
  afterEach(() => workers.close());
  after(() => functions.close());

  let named = 0;
  async function load(body: string, envVars?: Record<string, string>): Promise<Worker> {
    const name = `p${named += 1}`;
    const file = await functions.bundle(name, `
      import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';
      import fs from 'node:fs';
      import { threadId } from 'node:worker_threads';
      export const unused = [fs];
      export default class extends Offloadable {
        async handleOffload(request: HandlerRequest, context: HandlerContext) {
          if (request.path === '/pid') return threadId === 0 ? String(process.pid) : "thread " + threadId;
          if (request.path === '/slow') await new Promise((resolve) => setTimeout(resolve, Number(request.text())));
          ${body}
        }
      }`);
    return workers.load(deployment(name, { envVars, annotations: { [ANNOTATIONS.worker]: kind } }), file);
  }
  const run = async (worker: Worker, path: string, options: { timeoutMs?: number; body?: string } = {}): Promise<string> => {
    const { body = '', ...rest } = options;
    const made = call({ session: session(new Map([['k', text('v')]])), request: request({ path, body: Buffer.from(body) }), ...rest });
    return (await worker.run(made)).response.body.toString();
  };

  it('is as many as somebody asks for, more or fewer, and none until a call comes', async () => {
    const worker = await load("return request.path;");
    await worker.scale!(3);
    expect(worker.replicas).to.deep.equal({ wanted: 3, available: 3 });
    const seen = await Promise.all(['/pid', '/pid', '/pid'].map((path) => run(worker, path)));
    expect(new Set(seen)).to.have.property('size', 3);
    const slow = run(worker, '/slow', { body: '50' });
    await worker.scale!(1);
    expect(worker.replicas).to.deep.equal({ wanted: 1, available: 1 });
    expect(await slow).to.equal('/slow');
    await worker.scale!(0);
    expect(worker.replicas).to.deep.equal({ wanted: 0, available: 0 });
    expect(await run(worker, '/x')).to.equal('/x');
  });

  it('that dies takes no other session\'s call with it: each runs once more, and only the culprit fails', async () => {
    const worker = await load("if (request.path === '/crash') process.exit(3); return request.path;");
    const pid = await run(worker, '/pid');
    const innocents = ['/slow', '/slow', '/slow'].map((path) => run(worker, path, { body: '50' }));
    const culprit = faultOf(run(worker, '/crash'));
    expect(await Promise.all(innocents)).to.deep.equal(['/slow', '/slow', '/slow']);
    expect(await culprit).to.include({ code: 'WORKER_LOST', status: 500 });
    expect(await run(worker, '/pid')).not.to.equal(pid);
  });

  only('process')('that was killed from outside costs nobody anything', async () => {
    const worker = await load('return request.path;');
    const pid = Number(await run(worker, '/pid'));
    const running = run(worker, '/slow', { body: '100' });
    process.kill(pid, 'SIGKILL');
    expect(await running).to.equal('/slow');
  });

  it('that throws outside any call ends, its reason in the log; its calls run again', async () => {
    const worker = await load(`if (request.path === '/late') setImmediate(() => { throw new Error('nobody caught me') });
      return request.path;`);
    await run(worker, '/late');
    expect(await run(worker, '/slow', { body: '20' })).to.equal('/slow');
    const line = await lines.having('nobody caught ended');
    expect(JSON.stringify(line.details)).to.contain('nobody caught me').and.to.contain('handler.ts');
  });

  it('outlives a rejected promise that nobody awaited', async () => {
    const worker = await load("if (request.path === '/left') void Promise.reject(new Error('left alone')); return 'fine';");
    const pid = await run(worker, '/pid');
    await run(worker, '/left');
    expect(JSON.stringify((await lines.having('nobody awaited')).details)).to.contain('left alone');
    expect(await run(worker, '/pid')).to.equal(pid);
  });

  it('that never gives the processor back is ended at its time-out; the calls behind it run elsewhere before', async () => {
    const worker = await load(`if (request.path === '/loop') ${LOOP} return request.path;`);
    await run(worker, '/pid');
    const culprit = faultOf(run(worker, '/loop', { timeoutMs: clock.deadlineMs }));
    const innocents = ['/a', '/b'].map((path) => run(worker, path, { timeoutMs: 60_000 }));
    let over = false;
    void culprit.then(() => over = true);
    expect(await Promise.all(innocents)).to.deep.equal(['/a', '/b']);
    expect(over).to.equal(false);
    await clock.pass();
    expect(await culprit).to.include({ code: 'HANDLER_TIMEOUT' });
    expect(await run(worker, '/again')).to.equal('/again');
  });

  it('of another function is not touched by one that loops', async () => {
    const [looping, other] = [await load(LOOP), await load('return request.path;')];
    const culprit = faultOf(run(looping, '', { timeoutMs: clock.deadlineMs }));
    expect(await run(other, '/fine')).to.equal('/fine');
    await clock.pass();
    expect(await culprit).to.include({ code: 'HANDLER_TIMEOUT' });
  });

  it('whose heap grows too large dies alone', async () => {
    const worker = await load(`if (request.path === '/leak') { const kept = []; for (;;) kept.push(new Array(1e5).fill(Math.random())); }
      return request.path;`);
    await run(worker, '/pid');
    expect(await faultOf(run(worker, '/leak'))).to.include({ code: 'WORKER_LOST' });
    expect(await run(worker, '/fine')).to.equal('/fine');
  });

  it('that holds too many bytes beside its heap is replaced between calls', async () => {
    const worker = await load("if (request.path === '/leak') globalThis.kept = Buffer.alloc(400e6, 1); return request.path;");
    const first = await run(worker, '/pid');
    // Where filling so much takes long, it is ended over it.
    await run(worker, '/leak').catch((error: unknown) => expect(error).to.include({ code: 'WORKER_LOST' }));
    while (await run(worker, '/pid') === first) await run(worker, '/slow', { body: '20' });
  });

  it('gets no environment but the deployment\'s and what node needs', async () => {
    process.env['ADMIN_PASSWORD'] = 'secret';
    process.env['NODE_AUTH_TOKEN'] = 'secret';
    const worker = await load('return JSON.stringify({ ...process.env });', { GREETING: 'ciao' });
    const environment = JSON.parse(await run(worker, '')) as Record<string, string>;
    delete process.env['ADMIN_PASSWORD'];
    delete process.env['NODE_AUTH_TOKEN'];
    expect(environment).to.include({ GREETING: 'ciao', PATH: process.env['PATH'] });
    expect(Object.keys(environment)).not.to.include.oneOf(['ADMIN_PASSWORD', 'NODE_AUTH_TOKEN', 'HOME']);
  });

  it('keeps one function\'s module apart from another\'s of the same code', async () => {
    const source = "let calls = 0; export default () => { calls += 1; return `${process.env.NAME} ${calls}` };";
    const file = await functions.bundle('counter', source);
    const [one, two] = await Promise.all(['one', 'two'].map((name) => workers.load(deployment(name, { envVars: { NAME: name }, annotations: { [ANNOTATIONS.worker]: kind } }), file)));
    expect([await run(one!, ''), await run(one!, ''), await run(two!, '')]).to.deep.equal(['one 1', 'one 2', 'two 1']);
  });

  it('prints into the node\'s log', async () => {
    const worker = await load("console.log('on the way out'); console.error('to the other one'); return '';");
    await run(worker, '');
    expect(await lines.having('on the way out')).to.include({ level: 'info' });
    expect(await lines.having('to the other one')).to.include({ level: 'warn' });
  });

  only('process')('that writes nonsense to its socket is ended, and the node goes on', async () => {
    const worker = await load("if (request.path === '/nonsense') fs.writeSync(3, Buffer.alloc(64, 255)); return request.path;");
    expect(await faultOf(run(worker, '/nonsense'))).to.include({ code: 'WORKER_LOST' });
    expect(await run(worker, '/fine')).to.equal('/fine');
  });

  it('refuses code that never finishes loading only for itself, and code that ends its process', async () => {
    const file = await functions.bundle('exits', 'process.exit(5); export default () => 1;');
    expect((await faultOf(workers.load(deployment('exits', { annotations: { [ANNOTATIONS.worker]: kind } }), file))).message).to.contain('code 5');
    expect(await run(await load('return 1;'), '/x')).to.equal('1');
  });

  it('fails the calls in hand when the node shuts down', async () => {
    const worker = await load('return request.path;');
    await run(worker, '/pid');
    const running = faultOf(run(worker, '/slow', { body: '60000' }));
    await workers.close();
    expect(await running).to.include({ code: 'WORKER_LOST' });
  });

  only('process')('leaves no process behind when the node shuts down', async () => {
    const worker = await load('return request.path;');
    const pid = Number(await run(worker, '/pid'));
    const running = faultOf(run(worker, '/slow', { body: '60000' }));
    await workers.close();
    expect(await running).to.include({ code: 'WORKER_LOST' });
    expect(() => process.kill(pid, 0)).to.throw('ESRCH');
  });

  only('process')('that loops is killed when its node dies without a word', async () => {
    const file = await functions.bundle('orphan', `export default () => { ${LOOP} }`);
    const modules = new URL('../../runtime/', import.meta.url).href;
    const node = spawn(process.execPath, ['--input-type=module', '-e', `
      import { createWorkers } from '${modules}handler/workers.js';
      import { systemClock } from '${modules}base/clock.js';
      import { silentLog } from '${modules}base/log.js';
      const workers = createWorkers({ clock: systemClock, log: silentLog, spare: 0 });
      const call = (path) => ({ function: 'f', callId: 'c', request: { method: 'GET', path, query: '', headers: {}, body: Buffer.alloc(0) },
        signal: new AbortController().signal, timeoutMs: 60000 });
      const pid = await workers.load({ service: 'p', image: '', atMs: 0 }, process.argv[1]);
      setInterval(() => undefined, 1000);
      void pid.run(call('')).catch(() => undefined);
      setTimeout(() => console.log('ready'), 500);
    `, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(createInterface(node.stdout), 'line');
    const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(node.pid)]);
    const children = stdout.trim().split(/\s+/).map(Number);
    expect(children.length).to.be.greaterThan(1);
    node.kill('SIGKILL');
    expect(await Promise.all(children.map((pid) => hasEnded(pid, 60_000)))).not.to.include(false);
  });

  only('thread')('that fills memory beside its heap without giving the processor back is ended, and the node goes on', async () => {
    // Not as fast as it can: it is looked at a second later, and the machine is to have room for what it has taken by then.
    const worker = await load(`if (request.path === '/leak') {
        const kept = [];
        for (let untilMs = 0; ;) if (performance.now() >= untilMs) {
          kept.push(Buffer.alloc(8e6, 1));
          untilMs = performance.now() + 20;
        }
      }
      return request.path;`);
    await run(worker, '/pid');
    expect(await faultOf(run(worker, '/leak'))).to.include({ code: 'WORKER_LOST' });
    expect(await run(worker, '/fine')).to.equal('/fine');
  });
});

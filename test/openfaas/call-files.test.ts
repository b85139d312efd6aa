import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';
import type { Call } from '../../runtime/gateway/calls/call.js';
import { type CallFiles, createCallFiles } from '../../runtime/gateway/calls/call-files.js';
import { CallQueue } from '../../runtime/gateway/calls/call-queue.js';
import { EndedCalls } from '../../runtime/gateway/calls/ended-calls.js';
import type { Sender } from '../../runtime/gateway/calls/sender.js';
import { CALL_FILES_WAIT_MS } from '../../runtime/model/limits.js';

const callOf = (id: string, more: Partial<Call> = {}): Call => ({
  id, callId: id, function: 'f', method: 'POST', path: '', query: '', headers: {}, bytes: 0, queuedAtMs: 1, state: 'waiting', attempts: 0,
  callbackAttempts: 0, dueAtMs: 0, ...more,
});

describe('Files of asynchronous calls', () => {
  let folder: string;
  let calls: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'call-files-'));
    calls = join(folder, 'calls');
    await mkdir(calls);
  });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  it('are read with fewer open files than there are calls', async () => {
    await Promise.all(Array.from({ length: 400 }, (_, count) => writeFile(join(calls, `c${count}.json`), JSON.stringify(callOf(`c${count}`)))));
    const module = JSON.stringify(new URL('../../runtime/gateway/calls/call-files.js', import.meta.url).href);
    const script = `const { createCallFiles } = await import(${module}); console.log((await createCallFiles(process.argv[1]).load()).length);`;
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', 'ulimit -n 100; exec "$0" --input-type=module -e "$1" "$2"', process.execPath, script, calls]);
    expect(stdout.trim()).to.equal('400');
  });

  it('that are no calls any more do not keep the others from being made, and stay for whoever wants to look', async () => {
    for (const [name, text] of [['good', JSON.stringify(callOf('good'))], ['torn', '{"id":"torn"'], ['other', '{"id":"another"}'], ['null', 'null']]) await writeFile(join(calls, `${name}.json`), text!);
    expect((await createCallFiles(calls).load()).map(({ id }) => id)).to.deep.equal(['good']);
    expect(await readdir(calls)).to.have.length(4);
  });

  it('are not joined by a new call before those of a former life are known: it would be taken for one of them', async () => {
    const files = createCallFiles(calls);
    const order: string[] = [];
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => { release = resolve; });
    const queue = new CallQueue({
      node: 'n', clock: { now: () => 1, setTimeout: () => undefined, clearTimeout: () => undefined }, log: silentLog, settingsOf: () => undefined,
      sender: { invoke: async () => ({ answer: { status: 200, durationSeconds: 0, headers: {} } }), callBack: async () => 200, close: async () => undefined },
      ended: new EndedCalls(join(folder, 'ended')),
      files: {
        ...files,
        async load() {
          await held;
          order.push('load');
          return files.load();
        },
        keep(call, parts) {
          order.push('keep');
          return files.keep(call, parts);
        },
      },
    });
    const opening = queue.open();
    const accepting = queue.accept(callOf('new'), Buffer.from('in'));
    await new Promise((resolve) => setImmediate(resolve));
    release();
    await Promise.all([opening, accepting]);
    expect(order.slice(0, 2)).to.deep.equal(['load', 'keep']);
    while (queue.get('new')!.state !== 'done') await new Promise((resolve) => setImmediate(resolve));
    expect(queue.metrics()).to.match(/^queue_worker_pending_messages\{.*\} 0$/m);
    await queue.close();
  });

  describe('that cannot be read or written for a while', () => {
    let failing: Set<keyof CallFiles>;
    let made: Call[];
    let told: string[];
    let queue: CallQueue;
    let dead: string[];
    let due: { task(): void; ms: number }[];
    let arm: (() => void) | undefined;

    beforeEach(async () => {
      [failing, made, told, dead, due] = [new Set(), [], [], [], []];
      const files = createCallFiles(calls);
      const failed = <T>(name: keyof CallFiles, work: () => Promise<T>) => failing.delete(name) ? Promise.reject(new Error('ENOSPC')) : work();
      const clock: Clock = {
        now: () => 1, clearTimeout: () => undefined,
        setTimeout: (task, ms) => {
          due.push({ task, ms });
          arm?.();
        },
      };
      const sender: Sender = {
        async invoke(call) {
          made.push({ ...call });
          return { answer: { status: 200, durationSeconds: 0, headers: {} }, body: Buffer.from(`answer ${made.length}`) };
        },
        async callBack(_, body) {
          told.push(body.toString());
          return 200;
        },
        close: async () => undefined,
      };
      queue = new CallQueue({
        node: 'n', clock, log: { ...silentLog, warn: (fields) => void dead.push(JSON.stringify(fields)) }, sender, settingsOf: () => undefined,
        ended: new EndedCalls(join(folder, 'ended')),
        files: {
          ...files, body: (id) => failed('body', () => files.body(id)),
          // Only what is written after the function has answered.
          keep: (call, parts) => made.length > 0 ? failed('keep', () => files.keep(call, parts)) : files.keep(call, parts),
        },
      });
      await queue.open();
    });
    afterEach(() => queue.close());

    const later = async () => {
      if (due.length === 0) await new Promise<void>((resolve) => { arm = resolve; });
      const { task, ms } = due.shift()!;
      expect(ms).to.equal(CALL_FILES_WAIT_MS);
      task();
    };
    const done = async (id: string) => {
      while (queue.get(id)!.state !== 'done') await new Promise((resolve) => setImmediate(resolve));
    };

    it('put off their call before it is made', async () => {
      failing.add('body');
      await queue.accept(callOf('a'), Buffer.from('in'));
      await later();
      await done('a');
      expect(made.map(({ attempts }) => attempts)).to.deep.equal([2]);
    });

    it('put off their call when its answer cannot be kept, and what is told in the end is an answer', async () => {
      failing.add('keep');
      await queue.accept(callOf('b', { callbackUrl: 'http://localhost/' }), Buffer.from('in'));
      await later();
      await done('b');
      expect(told).to.deep.equal(['answer 2']);
      expect(dead).to.deep.equal([]);
    });
  });
});

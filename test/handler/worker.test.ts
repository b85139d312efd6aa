/** What holds for every worker, whichever way it runs the function. */
import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ANNOTATIONS } from '../../runtime/model/config.js';
import { systemClock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';
import { createWorkers, type Workers } from '../../runtime/handler/workers.js';
import type { FunctionResponse, Worker } from '../../runtime/session/call.js';
import { decodeRow } from '../../runtime/session/effect.js';
import { Fault } from '../../runtime/model/faults.js';
import { call, deployment, faultOf, Functions, Lines, request, session, text } from './support.js';

for (const kind of ['inline', 'thread', 'process']) {
  describe(`A worker (${kind})`, () => {
    const functions = new Functions();
    const lines = new Lines();
    let workers: Workers;

    before(() => {
      workers = createWorkers({ clock: systemClock, log: lines.log });
    });
    after(async () => {
      await workers.close();
      await functions.close();
    });

    let named = 0;
    async function load(source: string, options: { extension?: 'ts' | 'js'; envVars?: Record<string, string> } = {}): Promise<Worker> {
      const name = `f${named += 1}`;
      const file = await functions.bundle(name, source, options.extension);
      return workers.load(deployment(name, { annotations: { [ANNOTATIONS.worker]: kind }, envVars: options.envVars }), file);
    }
    const WAITS_FOR_ABORT = `if (request.path === '/warm') return;
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      context.logger.info('it was told ' + request.path);
      await new Promise(() => undefined);`;
    const plain = (body: string): Promise<Worker> => load(`export default async function (request, context) { ${body} }`);
    const offloadable = (body: string): Promise<Worker> => load(`
      import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';
      export default class extends Offloadable {
        async handleOffload(request: HandlerRequest, context: HandlerContext) { const db = context.edgeDB; ${body} }
      }`);
    const answerOf = async (worker: Worker, options = {}): Promise<FunctionResponse> =>
      (await worker.run(call({ request: request(options) }))).response;

    it('tells of which kind a function is', async () => {
      expect((await plain('')).kind).to.equal('stateless');
      expect((await offloadable('')).kind).to.equal('offloadable');
      expect((await load(`import { ReadOnlyOffloadable } from 'xylem';
        export default class extends ReadOnlyOffloadable { handleOffload() {} }`)).kind).to.equal('read-only');
      expect((await load('export default class { handle() { return 1 } }')).kind).to.equal('stateless');
      expect((await load('export class Unused {}\nexport const handler = () => 1;')).kind).to.equal('stateless');
    });

    it('runs plain JavaScript, ES modules and CommonJS', async () => {
      const esm = await load(`import { Offloadable } from 'xylem';
        export default class extends Offloadable { handleOffload(request, context) { return context.session.id } }`, { extension: 'js' });
      expect((await esm.run(call({ session: session() }))).response.body.toString()).to.equal('anna');
      const cjs = await load("const os = require('node:os'); module.exports = () => typeof os.cpus;", { extension: 'js' });
      expect((await answerOf(cjs)).body.toString()).to.equal('function');
    });

    it('answers the effects that the handler asked for, in order, each with an id of its own', async () => {
      const worker = await offloadable(`context.propagate('è', 'city, cloud', 'receiver');
        context.propagate(new Uint8Array([0, 255]), '*', 'receiver');
        context.call('other', 'bruno', { path: '/a', query: { p: '1' }, body: { k: 1 } });`);
      const { effects } = await worker.run(call({ session: session() }));
      expect(effects.map(({ body }) => decodeRow(body))).to.deep.equal([
        { kind: 'propagate', function: 'receiver', levels: ['city', 'cloud'], home: 'milan-001', content: { value: 'è' } },
        { kind: 'propagate', function: 'receiver', levels: ['*'], home: 'milan-001', content: { base64: 'AP8=' } },
        {
          kind: 'call', function: 'other', session: 'bruno', home: 'milan-001',
          request: { method: 'POST', path: '/a', query: 'p=1', headers: {}, content: { value: { k: 1 } } },
        },
      ]);
      const again = await worker.run(call({ session: session() }));
      expect(new Set([...effects, ...again.effects].map(({ id }) => id)).size).to.equal(6);
    });

    it('bounds the effects of one request in number and size, and has none without a session', async () => {
      const many = await offloadable(`for (let n = 0; n < 101; n += 1) context.propagate('x', '*', 'r')`);
      expect(await faultOf(many.run(call({ session: session() })))).to.include({ code: 'EFFECTS_TOO_MANY' });
      const large = await offloadable(`context.propagate('x'.repeat(300_000), '*', 'r')`);
      expect(await faultOf(large.run(call({ session: session() })))).to.include({ code: 'EFFECT_TOO_LARGE' });
      expect(await faultOf((await plain(`context.propagate('x', '*', 'r')`)).run(call()))).to.include({ code: 'HANDLER_FAILED' });
    });

    it('hands over method, path, query, headers and body', async () => {
      const worker = await plain(`return { method: request.method, path: request.path, query: [...request.query],
        header: request.headers['x-one'], list: request.headers['x-two'], text: request.text(), json: request.json() }`);
      const { body } = await answerOf(worker, {
        method: 'PUT', path: '/a/b', query: 'p=1&p=%C3%A8', headers: { 'x-one': 'caffè', 'x-two': ['a', 'b'] },
        body: Buffer.from('{"k":[1]}'),
      });
      expect(JSON.parse(body.toString())).to.deep.equal({
        method: 'PUT', path: '/a/b', query: [['p', '1'], ['p', 'è']], header: 'caffè', list: ['a', 'b'],
        text: '{"k":[1]}', json: { k: [1] },
      });
    });

    it('answers with nothing, text, bytes, JSON or a whole response', async () => {
      const worker = await plain(`switch (request.path) {
        case 'nothing': return; case 'text': return 'è'; case 'bytes': return new Uint8Array([0, 255]);
        case 'json': return { status: 'fine' }; case 'list': return [1];
        default: return { status: 201, headers: { 'Content-Type': 'text/html', 'X-A': ['1', '2'], connection: 'close' }, body: '<p>' }; }`);
      const at = (path: string): Promise<FunctionResponse> => answerOf(worker, { path });
      expect(await at('nothing')).to.deep.equal({ status: 204, headers: {}, body: Buffer.alloc(0) });
      expect(await at('text')).to.deep.equal({
        status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: Buffer.from('è'),
      });
      expect(await at('bytes')).to.deep.equal({
        status: 200, headers: { 'content-type': 'application/octet-stream' }, body: Buffer.from([0, 255]),
      });
      expect(await at('json')).to.deep.equal({
        status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from('{"status":"fine"}'),
      });
      expect((await at('list')).body.toString()).to.equal('[1]');
      expect(await at('')).to.deep.equal({
        status: 201, headers: { 'content-type': 'text/html', 'x-a': ['1', '2'] }, body: Buffer.from('<p>'),
      });
    });

    it('carries megabytes of bytes both ways unchanged', async () => {
      const worker = await plain('return request.body;');
      const body = Buffer.alloc(5_000_000, 'every byte counts ');
      expect((await answerOf(worker, { body })).body.equals(body)).to.equal(true);
    });

    it('fails without a word to the client about why, and logs the stack with its file', async () => {
      for (const body of ["throw new Error('the secret')", "await null; throw new Error('the secret')", "throw 'the secret'"]) {
        const worker = await plain(body);
        const made = call();
        const fault = await faultOf(worker.run(made));
        expect(fault).to.include({ code: 'HANDLER_FAILED' });
        expect(fault.message).to.contain(made.callId).and.not.contain('secret');
        expect(JSON.stringify(lines.all.filter((line) => line.callId === made.callId))).to.contain('the secret');
      }
    });

    it('fails for what has no text of its own as for anything else that is thrown', async () => {
      for (const body of ['throw Object.create(null)', 'await null; throw Object.create(null)']) {
        const made = call();
        expect(await faultOf((await plain(body)).run(made))).to.include({ code: 'HANDLER_FAILED' });
        expect(JSON.stringify(lines.all.filter((line) => line.callId === made.callId))).to.contain('[object Object]');
      }
      expect(await faultOf(load('throw Object.create(null)'))).to.include({ code: 'DEPLOY_FAILED' });
    });

    it('fails for an answer that cannot be sent', async () => {
      const split = "return { status: 200, headers: { 'x-a': 'a\\r\\nx-b: c' } }";
      for (const body of ['return { status: 99 }', split, 'return () => 1', 'return 1n']) {
        expect(await faultOf((await plain(body)).run(call()))).to.include({ code: 'HANDLER_FAILED' });
      }
    });

    it('gives reads and writes of a small session', async () => {
      const worker = await offloadable(`
        await db.addToList('cart', request.text());
        await db.expire(60);
        return { cart: await db.getList('cart'), name: await db.get('name'), keys: await db.keys(), session: context.session };`);
      const data = new Map<string, Buffer | Buffer[]>([['cart', [text('apple')]], ['name', text('Anna')]]);
      const answer = await worker.run(call({ request: request({ body: Buffer.from('pear') }), session: session(data) }));
      expect(JSON.parse(answer.response.body.toString())).to.deep.equal({
        cart: ['apple', 'pear'], name: 'Anna', keys: ['cart', 'name'], session: session().info,
      });
      expect(answer.writes).to.deep.equal([{ op: 'append', key: 'cart', values: [text('pear')] }]);
      expect(answer.ttlMs).to.equal(60_000);
      expect(data.get('cart')).to.deep.equal([text('apple')]);
    });

    it('reads a large session key by key', async () => {
      const worker = await offloadable(`
        const [photo, names, none] = await Promise.all([db.get('photo'), db.getList('names'), db.get('none')]);
        await db.set('size', String(photo.length)); await db.delete('none'); await db.setList('l', ['a', photo.subarray(0, 1)]);
        return { size: photo.length, last: photo[photo.length - 1], names, none: none ?? 'absent', keys: await db.keys() };`);
      const photo = Buffer.alloc(3_000_000, 7);
      photo[0] = 0x62;
      const data = new Map<string, Buffer | Buffer[]>([['photo', photo], ['names', [text('a'), text('b')]]]);
      const answer = await worker.run(call({ session: session(data, { large: true }) }));
      expect(JSON.parse(answer.response.body.toString())).to.deep.equal({
        size: 2_999_999, last: 7, names: ['a', 'b'], none: 'absent', keys: ['l', 'names', 'photo', 'size'],
      });
      expect(answer.writes).to.deep.equal([
        { op: 'set', key: 'size', value: text('2999999') }, { op: 'delete', key: 'none' },
        { op: 'setList', key: 'l', values: [text('a'), Buffer.from([0x62, 7])] },
      ]);
    });

    it('passes on what reading the session failed with, even when the handler hides it', async () => {
      const worker = await offloadable("try { await db.get('k') } catch { return 'fine' } throw new Error('unreached')");
      const gone = new Fault('MOVING');
      const access = { ...session(new Map(), { large: true }), fetch: () => Promise.reject(gone) };
      expect(await faultOf(worker.run(call({ session: access })))).to.equal(gone);
    });

    it('answers a fault of the session as it is', async () => {
      const worker = await offloadable("await db.set('k'.repeat(2000), 'x')");
      expect(await faultOf(worker.run(call({ session: session() })))).to.include({ code: 'KEY_INVALID', status: 400 });
    });

    it('keeps calls in flight at once apart', async () => {
      const worker = await offloadable("await new Promise(setImmediate); await db.set('mine', request.text()); return request.text();");
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) =>
        worker.run(call({ request: request({ body: Buffer.from(`r${i}`) }), session: session() }))));
      answers.forEach(({ response, writes }, i) => {
        expect(response.body.toString()).to.equal(`r${i}`);
        expect(writes).to.deep.equal([{ op: 'set', key: 'mine', value: text(`r${i}`) }]);
      });
    });

    it('logs with the call, records telemetry, and knows its environment', async () => {
      const worker = await load(`export default function (request, { logger, telemetryLog, ...rest }) {}
        export const handler = 1;`).then(() => load(`export default function (request, context) {
          context.logger.warn('look', { at: 1 });
          context.telemetryLog('info', 'cart:size', 3);
          return context.env.GREETING;
        }`, { envVars: { GREETING: 'ciao' } }));
      const made = call();
      const answer = await worker.run(made);
      expect(answer.response.body.toString()).to.equal('ciao');
      expect(answer.telemetry).to.have.length(1);
      expect(answer.telemetry[0]).to.include({ level: 'info', target: 'cart:size', value: 3 });
      expect(await lines.having('look')).to.deep.include({ level: 'warn', callId: made.callId, details: { at: 1 } });
    });

    it('reads the secrets of its deployment, the newest value of each, and no other file', async () => {
      const folder = await functions.folder(`secrets-${kind}`, { 'api-key': 'hush', '.api-key.draft': 'half', raw: 'x' });
      await writeFile(join(folder, 'raw'), Buffer.from([0, 255]));
      await writeFile(join(folder, '..', 'outside'), 'not for it');
      const worker = await load(`export default (request, { secrets, env }) => {
        const errors = ['none', '../outside', '.api-key.draft', ''].map((name) => { try { return secrets.text(name); } catch (error) { return error.message.slice(0, 26); } });
        return [secrets.names(), secrets.text('api-key'), [...secrets.bytes('raw')], errors, JSON.stringify(env).includes('hush')];
      }`, { envVars: { secret_mount_path: folder } });
      const said = async () => JSON.parse((await worker.run(call())).response.body.toString()) as unknown[];
      const refused = Array<string>(4).fill('The function has no secret');
      expect(await said()).to.deep.equal([['api-key', 'raw'], 'hush', [0, 255], refused, false]);
      await writeFile(join(folder, 'api-key'), 'new');
      expect((await said())[1]).to.equal('new');
    });

    it('ends a call whose client has gone, and tells the handler', async () => {
      const worker = await plain(WAITS_FOR_ABORT);
      await answerOf(worker, { path: '/warm' });
      const client = new AbortController();
      const running = worker.run(call({ signal: client.signal, request: request({ path: '/gone' }) }));
      setImmediate(() => client.abort());
      expect(await faultOf(running)).to.include({ code: 'CLIENT_GONE' });
      await lines.having('it was told /gone');
    });

    it('ends a call that takes too long, and tells the handler', async () => {
      const worker = await plain(WAITS_FOR_ABORT);
      await answerOf(worker, { path: '/warm' });
      const fault = await faultOf(worker.run(call({ timeoutMs: 20, request: request({ path: '/late' }) })));
      expect(fault).to.deep.include({ code: 'HANDLER_TIMEOUT', details: { limit: 20, setting: 'exec_timeout', layer: 'worker' } });
      await lines.having('it was told /late');
      const gone = worker.run(call({ request: request({ path: '/x' }), signal: AbortSignal.abort() }));
      expect(await faultOf(gone)).to.include({ code: 'CLIENT_GONE' });
    });

    it('refuses code that cannot be loaded, saying why', async () => {
      for (const [source, reason] of [
        ["throw new Error('no luck today')", 'no luck today'], ['export const other = 1', 'exports no handler'],
        ['export default class { handleOffload() {} }', 'extends neither'],
        ["import 'nowhere-to-be-found'; export default 1", 'handler.ts:1'],
      ] as const) {
        const fault = await faultOf(load(source));
        expect(fault).to.include({ code: 'DEPLOY_FAILED' });
        expect(fault.message).to.contain(reason);
      }
    });
  });
}

describe('Workers', () => {
  it('refuse an annotation they do not know', async () => {
    const workers = createWorkers({ clock: systemClock, log: silentLog });
    const fault = await faultOf(workers.load(deployment('f', { annotations: { [ANNOTATIONS.worker]: 'fibre' } }), '/none.mjs'));
    expect(fault.message).to.contain('fibre');
    await workers.close();
  });
});

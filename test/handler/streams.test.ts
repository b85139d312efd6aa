/** Bodies that stream through a worker, whichever way it runs the function. */
import { expect } from 'chai';
import { createWorkers, type Workers } from '../../runtime/handler/workers.js';
import { ANNOTATIONS } from '../../runtime/model/config.js';
import { STREAM_PIECE_BYTES, STREAM_WINDOW_BYTES } from '../../runtime/model/limits.js';
import type { FunctionResponse, Worker, WorkerCall } from '../../runtime/session/call.js';
import { call, deployment, faultOf, Functions, HeldClock, Lines, request, session } from './support.js';

const MB = 1024 * 1024;

for (const kind of ['inline', 'thread', 'process']) {
  describe(`Streams through a worker (${kind})`, () => {
    const functions = new Functions();
    const lines = new Lines();
    const clock = new HeldClock(77_777);
    let workers: Workers;

    before(() => {
      workers = createWorkers({ clock, log: lines.log });
    });
    after(async () => {
      await workers.close();
      await functions.close();
    });

    let named = 0;
    async function load(source: string): Promise<Worker> {
      const name = `s${named += 1}`;
      const file = await functions.bundle(name, source);
      return workers.load(deployment(name, { annotations: { [ANNOTATIONS.worker]: kind } }), file);
    }
    const answering = (body: string) => load(`export default async function* (request, context) { ${body} }`);
    const taking = (body: string, star = '') => load(`
      import { Streaming, type StatelessContext, type StreamingRequest } from 'xylem';
      export default class extends Streaming {
        async ${star}handle(request: StreamingRequest, context: StatelessContext) { ${body} }
      }`);
    const run = async (worker: Worker, options: Partial<WorkerCall> = {}): Promise<FunctionResponse> => (await worker.run(call(options))).response;
    const iterate = (response: FunctionResponse) => response.stream![Symbol.asyncIterator]();
    async function textOf(response: FunctionResponse): Promise<string> {
      const pieces: Buffer[] = [];
      for await (const piece of response.stream!) pieces.push(piece);
      return Buffer.concat(pieces).toString();
    }
    async function* pieces(...texts: string[]): AsyncIterable<Buffer> {
      for (const text of texts) yield Buffer.from(text);
    }
    const streamed = (stream: AsyncIterable<Buffer>) => ({ request: request({ method: 'POST', stream }) });

    it('answers what an async generator, a generator, a Web stream or a node stream gives', async () => {
      expect(await textOf(await run(await answering("yield 'a'; yield new Uint8Array([98]); yield ''; yield 'è';")))).to.equal('abè');
      const worker = await load(`import { Readable } from 'node:stream';
        export default (request) => {
          const text = ['one ', 'two'];
          switch (request.path) {
            case 'web': return new ReadableStream({ start(c) { for (const t of text) c.enqueue(t); c.close(); } });
            case 'node': return Readable.from(text);
            case 'sync': return (function* () { yield* text; })();
            default: return { status: 201, headers: { 'content-type': 'text/event-stream' }, body: Readable.from(text) };
          }
        }`);
      for (const path of ['web', 'node', 'sync']) {
        const answer = await run(worker, { request: request({ path }) });
        expect([answer.status, answer.headers['content-type'], await textOf(answer)], path).to.deep.equal([200, 'application/octet-stream', 'one two']);
      }
      const whole = await run(worker);
      expect([whole.status, whole.headers['content-type'], await textOf(whole)]).to.deep.equal([201, 'text/event-stream', 'one two']);
    });

    it('gives the first piece before the second is there', async () => {
      const worker = await taking("yield 'first'; for await (const piece of request.body) yield piece;", '*');
      let go = (): void => undefined;
      const gate = new Promise<void>((resolve) => { go = resolve; });
      const body = (async function* () {
        await gate;
        yield Buffer.from('second');
      })();
      const stream = iterate(await run(worker, streamed(body)));
      expect(String((await stream.next()).value)).to.equal('first');
      go();
      expect(String((await stream.next()).value)).to.equal('second');
      expect((await stream.next()).done).to.equal(true);
    });

    it('takes a body as pieces, as a Web stream, or whole', async () => {
      const worker = await taking(`switch (request.path) {
        case 'web': { let text = ''; for await (const piece of request.stream) text += new TextDecoder().decode(piece); return text; }
        case 'json': return { got: await request.json() };
        default: { let text = ''; for await (const piece of request.body) text += '<' + piece + '>'; return text; } }`);
      expect(worker.streams).to.equal(true);
      const at = async (path: string) => (await run(worker, { request: request({ path, stream: pieces('[1,', '2]') }) })).body.toString();
      expect([await at('web'), await at('json'), await at('')]).to.deep.equal(['[1,2]', '{"got":[1,2]}', '<[1,><2]>']);
      expect((await run(worker, { request: request({ body: Buffer.from('whole') }) })).body.toString()).to.equal('<whole>');
    });

    it('carries many megabytes both ways unchanged', async () => {
      const worker = await taking('for await (const piece of request.body) yield piece;', '*');
      const source = (async function* () {
        for (let at = 0; at < 24; at += 1) yield Buffer.alloc(MB + 1, at);
      })();
      let bytes = 0;
      let sum = 0;
      for await (const piece of (await run(worker, streamed(source))).stream!) {
        bytes += piece.length;
        for (const byte of [piece[0]!, piece.at(-1)!]) sum += byte >= 0 ? 0 : 1;
      }
      expect([bytes, sum]).to.deep.equal([24 * (MB + 1), 0]);
    });

    it('takes no more of a body than the function has read and a window', async () => {
      const worker = await taking(`const body = request.body[Symbol.asyncIterator]();
        if (request.path === 'none') return 'unread';
        await body.next(); context.logger.info('one read'); await new Promise((resolve) => context.signal.addEventListener('abort', resolve));`);
      let given = 0;
      const source = (async function* () {
        for (;;) {
          given += STREAM_PIECE_BYTES;
          yield Buffer.alloc(STREAM_PIECE_BYTES);
        }
      })();
      expect((await run(worker, { request: request({ path: 'none', stream: source }) })).body.toString()).to.equal('unread');
      expect(given).to.equal(0);
      const client = new AbortController();
      const running = faultOf(run(worker, { ...streamed(source), signal: client.signal }));
      await lines.having('one read');
      for (let turns = 0; turns < 50; turns += 1) await new Promise((resolve) => setTimeout(resolve, 1));
      client.abort();
      expect(await running).to.include({ code: 'CLIENT_GONE' });
      expect(given).to.be.within(STREAM_PIECE_BYTES, STREAM_WINDOW_BYTES + 2 * STREAM_PIECE_BYTES);
    });

    it('lets a function run no further ahead of its reader than a window', async () => {
      const worker = await answering(`let given = 0;
        if (request.path === 'count') { yield String(globalThis.given); return; }
        for (;;) { globalThis.given = given += 65536; yield Buffer.alloc(65536); }`);
      const client = new AbortController();
      const stream = iterate(await run(worker, { signal: client.signal }));
      await stream.next();
      await textOf(await run(worker, { request: request({ path: 'count' }) }));
      const given = Number(await textOf(await run(worker, { request: request({ path: 'count' }) })));
      expect(given).to.be.within(65536, STREAM_WINDOW_BYTES + 3 * STREAM_PIECE_BYTES);
      await stream.return!();
    });

    it('tells the handler when its reader leaves, and lets its generator clean up', async () => {
      const worker = await answering(`context.signal.addEventListener('abort', () => context.logger.info('signal of ' + request.path));
        try { for (;;) { yield 'x'; await new Promise((resolve) => setTimeout(resolve, 1)); } }
        finally { context.logger.info('clean after ' + request.path); }`);
      const left = iterate(await run(worker, { request: request({ path: 'left' }) }));
      await left.next();
      await left.return!();
      await Promise.all([lines.having('signal of left'), lines.having('clean after left')]);
      const client = new AbortController();
      const gone = await run(worker, { request: request({ path: 'gone' }), signal: client.signal });
      const reading = faultOf(textOf(gone));
      client.abort();
      expect(await reading).to.include({ code: 'CLIENT_GONE' });
      await Promise.all([lines.having('signal of gone'), lines.having('clean after gone')]);
    });

    it('fails an answer that breaks off, with the reason in the log only', async () => {
      const worker = await answering("yield 'half'; if (request.path === 'odd') yield 5; throw new Error('the secret');");
      for (const path of ['', 'odd']) {
        const made = call({ request: request({ path }) });
        const { response } = await worker.run(made);
        const stream = iterate(response);
        expect(String((await stream.next()).value)).to.equal('half');
        const fault = await faultOf(stream.next());
        expect(fault).to.include({ code: 'HANDLER_FAILED' });
        expect(fault.message).not.to.contain('secret');
        const logged = JSON.stringify(lines.all.filter((line) => line.callId === made.callId));
        expect(logged).to.contain(path === 'odd' ? 'type number' : 'the secret');
      }
    });

    it('holds the deadline until the last piece', async () => {
      const worker = await answering("yield 'x'; if (request.path !== 'warm') await new Promise(() => undefined);");
      await textOf(await run(worker, { request: request({ path: 'warm' }) }));
      const response = await run(worker, { timeoutMs: clock.deadlineMs });
      const failing = faultOf(textOf(response));
      await clock.pass();
      expect(await failing).to.deep.include({ code: 'HANDLER_TIMEOUT', details: { limit: clock.deadlineMs, setting: 'exec_timeout', layer: 'worker' } });
    });

    it('has no deadline at 0', async () => {
      const worker = await answering("yield 'x'; await new Promise((resolve) => setTimeout(resolve, 30)); yield 'y';");
      expect(await textOf(await run(worker, { timeoutMs: 0 }))).to.equal('xy');
    });

    it('tells the handler that the body broke off', async () => {
      const worker = await taking(`try { for await (const piece of request.body); } catch (error) { context.logger.info('broken: ' + request.path); throw error; }`);
      const source = (async function* () {
        yield Buffer.from('half');
        throw new Error('gone');
      })();
      expect(await faultOf(run(worker, { request: request({ path: 'p', stream: source }) }))).to.include({ code: 'HANDLER_FAILED' });
      await lines.having('broken: p');
    });

    it('answers no stream for a session: what it answers is committed with what it wrote', async () => {
      const worker = await load(`import { Offloadable } from 'xylem';
        export default class extends Offloadable { async *handleOffload() { yield 'x'; } }`);
      expect(await faultOf(worker.run(call({ session: session() })))).to.include({ code: 'HANDLER_FAILED' });
    });

    if (kind !== 'inline') {
      it('breaks off when its worker ends, and is not run again once something has been read', async () => {
        const worker = await taking(`const body = request.body[Symbol.asyncIterator](); yield 'x';
          await body.next(); process.exit(3);`, '*');
        const stream = iterate(await run(worker, streamed(pieces('a'))));
        await stream.next();
        expect(await faultOf(stream.next())).to.include({ code: 'WORKER_LOST' });
      });
    }
  });
}

import { expect } from 'chai';
import { request as send } from 'undici';
import type { Fault } from '../../runtime/model/faults.js';
import type { Invocation, Served } from '../../runtime/session/invoke.js';
import { respond, sendRaw, signal, startNode, type NodeOptions, type TestNode } from './support.js';

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, index) => (index * 7) % 256));

describe('The gateway in front of functions', () => {
  let node: TestNode;
  const start = async (options: NodeOptions = {}) => {
    node = await startNode(options);
    return node;
  };
  afterEach(() => node.close());
  const codeOf = async (answer: { body: { json(): Promise<unknown> } }) => (await answer.body.json() as { code: string }).code;

  describe('stateless', () => {
    it('gives method, path, query, headers and body to the function, and its answer to the client', async () => {
      await start();
      await node.serve('echo', ({ request: { method, path, query, headers, body } }) => respond(
        JSON.stringify([method, path, query, headers['x-a'], body.toString()]), { status: 201, headers: { 'x-b': ['1', '2'] } },
      ));
      const answer = await send(`${node.url}/function/echo/p%20q?r=s`, { method: 'PUT', body: 'text', headers: { 'x-a': 'b' } });
      expect(answer.statusCode).to.equal(201);
      expect(answer.headers['x-b']).to.deep.equal(['1', '2']);
      expect(await answer.body.json()).to.deep.equal(['PUT', '/p%20q', 'r=s', 'b', 'text']);
    });

    it('keeps every byte of small and large bodies', async () => {
      await start();
      await node.serve('mirror', ({ request }) => respond(request.body));
      for (const size of [1, 255, 16 * 1024, 16 * 1024 + 1, 1_000_000]) {
        const bytes = Buffer.alloc(size, EVERY_BYTE);
        const { body } = await send(`${node.url}/function/mirror`, { method: 'POST', body: bytes });
        expect(Buffer.from(await body.arrayBuffer()).equals(bytes), String(size)).to.equal(true);
      }
    });

    it('answers HEAD without a body, with the length that GET would have', async () => {
      await start();
      await node.serve('f', () => respond('hello'));
      const { headers, body } = await send(`${node.url}/function/f`, { method: 'HEAD' });
      expect(headers['content-length']).to.equal('5');
      expect(await body.text()).to.equal('');
    });

    it('names the deployed functions to who asks for another', async () => {
      await start();
      await node.serve('cart', () => respond());
      for (const path of ['other', '', '/x', '..', '../system/functions', '%2e%2e', '%', '?', 'x'.repeat(8000)]) {
        const answer = await sendRaw(node.url, `GET /function/${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
        expect(answer, path).to.match(/^HTTP\/1.1 404 /);
        const { code, details } = JSON.parse(answer.split('\r\n\r\n')[1]!) as { code: string; details: object };
        expect([code, details], path).to.deep.include.members(['FUNCTION_UNKNOWN']).and.to.have.deep.nested.property('[1].deployed', ['cart']);
      }
    });

    it('answers a handler that fails, and one whose headers cannot be sent, with a fault and no detail of the cause', async () => {
      await start();
      await node.serve('throws', () => { throw new Error('secret'); });
      await node.serve('silent', () => { throw Object.create(null); });
      await node.serve('odd', () => respond('x', { headers: { 'x-a': 'line\nbreak' } }));
      await node.serve('early', () => respond('x', { status: 100 }));
      for (const [name, code] of [['throws', 'INTERNAL'], ['silent', 'INTERNAL'], ['odd', 'HANDLER_FAILED'], ['early', 'HANDLER_FAILED']]) {
        const answer = await send(`${node.url}/function/${name}`);
        const text = await answer.body.text();
        expect(answer.statusCode).to.equal(500);
        expect(JSON.parse(text)).to.include({ code });
        expect(text).not.to.contain('secret');
      }
    });

    it('tells the handler that its client has gone', async () => {
      await start();
      const [entered, aborted] = [signal<void>(), signal<string>()];
      await node.serve('slow', (call) => new Promise(() => {
        call.signal.addEventListener('abort', () => aborted.give((call.signal.reason as Fault).code));
        entered.give();
      }));
      const control = new AbortController();
      const answer = send(`${node.url}/function/slow`, { signal: control.signal }).catch(() => 'gone');
      await entered.come;
      control.abort();
      expect(await aborted.come).to.equal('CLIENT_GONE');
      expect(await answer).to.equal('gone');
    });

    it('stops a handler that outlives its time', async () => {
      await start();
      let reason: unknown;
      await node.serve('stuck', (call) => new Promise(() => {
        call.signal.addEventListener('abort', () => { reason = (call.signal.reason as Fault).code; });
      }), 'stateless', { annotations: { 'timeout-ms': '1' } });
      const answer = await send(`${node.url}/function/stuck`);
      expect([answer.statusCode, await codeOf(answer), reason]).to.deep.equal([504, 'HANDLER_TIMEOUT', 'HANDLER_TIMEOUT']);
    });

    it('refuses more requests in hand than allowed, with 503 and Retry-After', async () => {
      await start({ limits: { inHand: 1 } });
      const [entered, finish] = [signal<void>(), signal<void>()];
      await node.serve('f', async () => {
        entered.give();
        await finish.come;
        return respond('late');
      });
      const first = send(`${node.url}/function/f`);
      await entered.come;
      const second = await send(`${node.url}/function/f`);
      expect([second.statusCode, second.headers['retry-after'], await codeOf(second)]).to.deep.equal([503, '1', 'OVERLOADED']);
      finish.give();
      expect(await (await first).body.text()).to.equal('late');
    });

    it('answers pipelined requests in their order', async () => {
      await start();
      await node.serve('f', ({ request }) => respond(`<${request.query}>`));
      const ask = (query: string, last = '') => `GET /function/f?${query} HTTP/1.1\r\nHost: x\r\n${last}\r\n`;
      const answer = await sendRaw(node.url, ask('1') + ask('2') + ask('3', 'Connection: close\r\n'));
      expect(answer.match(/<\d>/g)).to.deep.equal(['<1>', '<2>', '<3>']);
    });
  });

  describe('stateful', () => {
    const SESSION = 'anna';
    const answering = (calls: Invocation[], served?: Partial<Served>): NodeOptions['invoke'] => async (call) => {
      calls.push(call);
      return { kind: 'answer', response: respond('ok'), node: 'milan', epoch: 2, version: 7, replayed: false, ...served } as Served;
    };

    it('hands everything the headers say to the session layer and tells where the answer is from', async () => {
      const calls: Invocation[] = [];
      await start({ invoke: answering(calls, { replayed: true } as Partial<Served>) });
      await node.serve('cart', () => respond(), 'offloadable', { annotations: { 'timeout-ms': '90000', 'session-ttl': '60' } });
      const id = '6F9619FF-8B86-4D01-B42D-00CF4FC964FF';
      const answer = await send(`${node.url}/function/cart/x?session-home=turin&session-hops=2&p=1`, {
        method: 'POST', body: 'b',
        headers: { 'X-session': SESSION, 'X-session-request-id': id, 'X-session-version': '5', 'X-session-redirect': 'forward' },
      });
      expect(answer.headers).to.deep.include({
        'x-session-location': 'milan', 'x-session-epoch': '2', 'x-session-version': '7', 'x-session-replayed': 'true',
      });
      expect(calls[0]).to.deep.include({
        function: 'cart', session: SESSION, requestId: id.toLowerCase(), minVersion: 5, redirectedHome: 'turin', hops: 2, forward: true,
        timeoutMs: 90_000, ttlMs: 60_000,
      });
      expect(calls[0]!.request).to.deep.include({ method: 'POST', path: '/x', query: 'p=1', body: Buffer.from('b') });
    });

    it('redirects to the same path and query at the node that holds the session', async () => {
      const invoke = async (): Promise<Served> => ({ kind: 'moved', to: 'cloud', url: 'http://cloud:8080/', home: 'milan 001', hops: 1, epoch: 3 });
      await start({ invoke });
      await node.serve('cart', () => respond(), 'offloadable');
      const answer = await send(`${node.url}/function/cart/a%20b?p=1`, { method: 'POST', body: 'b', headers: { 'X-session': SESSION } });
      expect(answer.statusCode).to.equal(307);
      expect(answer.headers).to.deep.include({
        location: 'http://cloud:8080/function/cart/a%20b?p=1&session-home=milan%20001&session-hops=1',
        'x-session-location': 'cloud', 'x-session-epoch': '3',
      });
    });

    it('refuses what it cannot serve before it asks the session layer', async () => {
      const calls: Invocation[] = [];
      await start({ invoke: answering(calls) });
      await node.serve('cart', () => respond(), 'offloadable');
      const cases: [Record<string, string>, string][] = [
        [{}, 'SESSION_MISSING'], [{ 'X-session': '' }, 'SESSION_ID_INVALID'], [{ 'X-session': 'x'.repeat(257) }, 'SESSION_ID_INVALID'],
        [{ 'X-session': 'a', 'X-session-request-id': 'no uuid' }, 'REQUEST_ID_INVALID'],
        [{ 'X-session': 'a', 'X-session-version': '-1' }, 'PARAMETER_INVALID'],
      ];
      for (const [headers, code] of cases) {
        const answer = await send(`${node.url}/function/cart`, { headers });
        expect([answer.statusCode, await codeOf(answer)], JSON.stringify(headers)).to.deep.equal([400, code]);
      }
      expect(calls).to.have.length(0);
      const longest = await send(`${node.url}/function/cart`, { headers: { 'X-session': 'x'.repeat(256) } });
      expect(longest.statusCode).to.equal(200);
    });

    it('refuses a body that is too large: by its announced length, and while it comes', async () => {
      await start({ limits: { statefulBodyBytes: 10 }, invoke: answering([]) });
      await node.serve('cart', () => respond(), 'offloadable');
      const head = 'POST /function/cart HTTP/1.1\r\nHost: x\r\nX-session: a\r\n';
      const has413 = (answer: string) => answer.includes('BODY_TOO_LARGE');
      expect(await sendRaw(node.url, `${head}Content-Length: 11\r\n\r\n`, has413), 'announced').to.match(/^HTTP\/1.1 413 /);
      expect(await sendRaw(node.url, `${head}Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n`, has413), 'chunked').to.match(/^HTTP\/1.1 413 /);
      const within = await send(`${node.url}/function/cart`, { method: 'POST', body: '1234567890', headers: { 'X-session': 'a' } });
      expect(within.statusCode).to.equal(200);
    });

    it('asks for an expected body only when it will take it', async () => {
      await start({ limits: { statefulBodyBytes: 10 }, invoke: answering([]) });
      await node.serve('cart', () => respond(), 'offloadable');
      const ask = (bytes: number) => `POST /function/cart HTTP/1.1\r\nHost: x\r\nX-session: a\r\nContent-Length: ${bytes}\r\nExpect: 100-continue\r\n\r\n`;
      expect(await sendRaw(node.url, ask(10), (answer) => answer.includes('\r\n\r\n'))).to.match(/^HTTP\/1.1 100 /);
      expect(await sendRaw(node.url, ask(11))).to.match(/^HTTP\/1.1 413 /);
    });
  });

  it('answers what is no HTTP, and headers beyond their limit, without falling over', async () => {
    await start();
    await node.serve('f', () => respond('fine'));
    expect(await sendRaw(node.url, 'hello\r\n\r\n')).to.match(/^HTTP\/1.1 400 /);
    expect(await sendRaw(node.url, `GET /function/f HTTP/1.1\r\nHost: x\r\nX-a: ${'x'.repeat(40_000)}\r\n\r\n`)).to.match(/^HTTP\/1.1 431 /);
    expect(await sendRaw(node.url, 'GET http://proxied/function/f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).to.match(/fine$/);
    expect((await send(`${node.url}/function/f`)).statusCode).to.equal(200);
  });

  it('ends requests in hand at its close and takes no new ones', async () => {
    await start();
    const [entered, finish] = [signal<void>(), signal<void>()];
    await node.serve('f', async () => {
      entered.give();
      await finish.come;
      return respond('to the end');
    });
    const answer = send(`${node.url}/function/f`);
    await entered.come;
    const closed = node.gateway.close(60_000);
    const refused = await send(`${node.url}/function/f`).then(() => 'answered', () => 'refused');
    finish.give();
    expect(await (await answer).body.text()).to.equal('to the end');
    await closed;
    expect(refused).to.equal('refused');
  });
});

import { expect } from 'chai';
import { request as httpRequest } from 'node:http';
import request from 'supertest';
import type { FunctionRequest } from '../../runtime/session/call.js';
import { respond, sendRaw, startNode, type NodeOptions, type TestNode } from '../gateway/support.js';

const MB = 1024 * 1024;

describe('OpenFaaS: calls of functions', () => {
  let node: TestNode;
  const start = async (options: NodeOptions = {}) => { node = await startNode(options); };
  afterEach(() => node.close());
  const echo = ({ method, path, query, body, headers }: FunctionRequest) => respond(JSON.stringify({ method, path, query, body: body.toString(), headers }));

  it('come with every method, any path and any query, as they were sent', async () => {
    await start();
    await node.serve('echo', ({ request: given }) => echo(given));
    for (const method of ['get', 'post', 'put', 'patch', 'delete', 'options'] as const) {
      const { text } = await request(node.url)[method]('/function/echo/a%20b/c?x=1&x=2&y=%26').expect(200);
      expect(JSON.parse(text)).to.include({ method: method.toUpperCase(), path: '/a%20b/c', query: 'x=1&x=2&y=%26' });
    }
    for (const [asked, path] of [['', ''], ['/', '/'], ['//', '//'], ['/..', '/..']] as const) {
      const answer = await sendRaw(node.url, `GET /function/echo${asked} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(JSON.parse(answer.split('\r\n\r\n')[1]!), asked).to.include({ path });
    }
  });

  it('give back status, headers and body as the function says, redirects included', async () => {
    await start();
    await node.serve('redirector', () => respond('', { status: 302, headers: { location: 'http://example.com' } }));
    await node.serve('teapot', () => respond('short', { status: 418, headers: { 'x-a': ['1', '2'], 'content-type': 'text/tea' } }));
    await request(node.url).get('/function/redirector').redirects(0).expect(302).expect('Location', 'http://example.com');
    await request(node.url).get('/function/teapot').expect(418, 'short').expect('X-A', '1, 2').expect('Content-Type', 'text/tea');
  });

  it('have an id: the client\'s, or one of their own that the function sees as well', async () => {
    await start();
    await node.serve('echo', ({ request: given }) => echo(given));
    const given = await request(node.url).get('/function/echo').set('X-Call-Id', 'trace-1').expect(200).expect('X-Call-Id', 'trace-1');
    expect((JSON.parse(given.text) as FunctionRequest).headers['x-call-id']).to.equal('trace-1');
    const own = await request(node.url).get('/function/echo').expect(200);
    expect(own.headers['x-call-id']).to.be.a('string').and.not.equal('');
    expect((JSON.parse(own.text) as FunctionRequest).headers['x-call-id']).to.equal(own.headers['x-call-id']);
    const next = await request(node.url).get('/function/echo').expect(200);
    expect(next.headers['x-call-id']).not.to.equal(own.headers['x-call-id']);
  });

  it('tell the function where they come from, or what a proxy in front says of that', async () => {
    const seen: FunctionRequest['headers'][] = [];
    await start({
      invoke: async ({ request: { headers } }) => {
        seen.push(headers);
        return { kind: 'answer', response: respond(), node: 'milan', epoch: 0, version: 1, replayed: false };
      },
    });
    await node.serve('plain', ({ request: { headers } }) => {
      seen.push(headers);
      return respond();
    });
    await node.serve('cart', () => respond(), 'offloadable');
    for (const name of ['plain', 'cart']) {
      await request(node.url).get(`/function/${name}`).set('X-Session', 'anna').expect(200);
      await request(node.url).get(`/function/${name}`).set('X-Session', 'anna').set('X-Forwarded-For', '203.0.113.9').expect(200);
    }
    expect(seen.map((headers) => headers['x-forwarded-for'])).to.deep.equal(['127.0.0.1', '203.0.113.9', '127.0.0.1', '203.0.113.9']);
    for (const headers of seen) expect(headers['x-call-id']).to.be.a('string');
  });

  it('end a connection whose body does not come although it was answered', async () => {
    await start({ cors: { origins: ['https://shop.example'] } });
    const dribble = (head: string) => sendRaw(node.url, `${head} HTTP/1.1\r\nHost: x\r\nOrigin: https://shop.example\r\nAccess-Control-Request-Method: POST\r\nContent-Length: 100\r\n\r\nx`);
    const answers = await Promise.all(['GET /healthz', 'OPTIONS /function/f', 'OPTIONS /async-function/f'].map(dribble));
    expect(answers.map((answer) => answer.slice(0, 'HTTP/1.1 200'.length))).to.deep.equal(['HTTP/1.1 200', 'HTTP/1.1 204', 'HTTP/1.1 204']);
  });

  it('take a body of 100 MB when the function streams it, and refuse it unread when the function takes it whole', async () => {
    await start();
    await node.serve('count', async ({ request: { stream } }) => {
      let bytes = 0;
      for await (const chunk of stream!) bytes += chunk.length;
      return respond(String(bytes));
    }, 'streaming');
    await node.serve('whole', ({ request: { body } }) => respond(String(body.length)));
    const send = (path: string, announced: boolean) => new Promise<[number, string]>((resolve, reject) => {
      const call = httpRequest(`${node.url}${path}`, { method: 'POST', headers: announced ? { 'content-length': 100 * MB } : {} }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => { text += chunk.toString(); });
        response.on('end', () => {
          resolve([response.statusCode!, text]);
          call.destroy();
        });
      });
      call.on('error', (error) => (call.destroyed ? undefined : reject(error)));
      let left = 100;
      const more = () => {
        while (left > 0 && !call.destroyed) {
          left -= 1;
          if (!call.write(Buffer.alloc(MB))) return void call.once('drain', more);
        }
        call.end();
      };
      more();
    });
    expect(await send('/function/count', true)).to.deep.equal([200, String(100 * MB)]);
    expect(await send('/function/count', false)).to.deep.equal([200, String(100 * MB)]);
    const [status, text] = await send('/function/whole', true);
    expect(status).to.equal(413);
    expect(text).to.include('BODY_TOO_LARGE');
  });

  it('do not need credentials, and those that come are the function\'s', async () => {
    await start();
    await node.serve('echo', ({ request: given }) => echo(given));
    for (const authorization of ['Bearer ', 'Bearer abc', 'Basic d3Jvbmc6']) {
      const { text } = await request(node.url).get('/function/echo').set('Authorization', authorization).expect(200);
      expect((JSON.parse(text) as FunctionRequest).headers['authorization']).to.equal(authorization.trim());
    }
  });

  it('do not wait for a head that comes one header at a time', async () => {
    await start({ headers: { timeoutMs: 50, checkMs: 10 } });
    await node.serve('echo', () => respond());
    const answer = await sendRaw(node.url, 'GET /function/echo HTTP/1.1\r\nHost: x\r\nX-Slow: 1\r\n');
    expect(answer).to.match(/^HTTP\/1\.1 408 /);
  });

  it('send each piece of a stream when the function writes it', async () => {
    await start();
    let go = (): void => undefined;
    await node.serve('ticks', () => respond('', {
      headers: { 'content-type': 'text/event-stream' },
      stream: (async function* ticks() {
        yield Buffer.from('data: 1\n\n');
        await new Promise<void>((resolve) => { go = resolve; });
        yield Buffer.from('data: 2\n\n');
      })(),
    }));
    const text = await new Promise<string>((resolve, reject) => {
      httpRequest(`${node.url}/function/ticks`, (response) => {
        let all = '';
        response.on('data', (chunk: Buffer) => {
          all += chunk.toString();
          // The second comes only because the first has arrived.
          if (all === 'data: 1\n\n') go();
        });
        response.on('end', () => resolve(all));
      }).on('error', reject).end();
    });
    expect(text).to.equal('data: 1\n\ndata: 2\n\n');
  });
});

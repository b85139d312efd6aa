import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPeerClient, type PeerClient } from '../../runtime/base/http-client.js';
import { Fault } from '../../runtime/model/faults.js';
import { MAX_PEER_REPLY_BYTES } from '../../runtime/model/limits.js';

const STREAM = 'application/x-test';

describe('a call to a peer', () => {
  let server: Server;
  let peers: PeerClient;
  let url: string;
  let answer: RequestListener;

  beforeEach(async () => {
    server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    peers = createPeerClient({ signer: { sign: () => 'signed' } });
  });

  afterEach(async () => {
    await peers.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const faultOf = (call: Promise<unknown>): Promise<Fault> => call.then(() => expect.fail('it was answered'), (error: Fault) => error);

  it('carries method, path, query and body there, and its JSON back', async () => {
    answer = (request, response) => {
      request.setEncoding('utf8').once('data', (body: string) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ method: request.method, url: request.url, body, signature: request.headers['x-peer-signature'] }));
      });
    };
    const { status, body } = await peers.call(`${url}/`, 'POST', '/peer/x?a=b%20c', { n: 1 });
    expect(status).to.equal(200);
    expect(body).to.deep.equal({ method: 'POST', url: '/peer/x?a=b%20c', body: '{"n":1}', signature: 'signed' });
  });

  it('answers another type in one piece when the whole is asked for, in however many it comes, and as a stream otherwise', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': STREAM });
      response.write('first,', () => response.end('second'));
    };
    const { bytes } = await peers.call(url, 'POST', '/', {}, STREAM, { whole: true });
    expect(String(bytes)).to.equal('first,second');
    const { stream } = await peers.call(url, 'POST', '/', {}, STREAM);
    const parts: Buffer[] = [];
    for await (const part of stream!) parts.push(part);
    expect(String(Buffer.concat(parts))).to.equal('first,second');
  });

  for (const options of [{ accept: undefined }, { accept: STREAM }, { accept: STREAM, whole: true }]) {
    it(`rejects with the peer's fault, ${JSON.stringify(options)}`, async () => {
      answer = (_, response) => {
        response.writeHead(409, { 'content-type': 'application/json' });
        response.end(JSON.stringify(new Fault('MOVE_REFUSED', { reason: 'busy' })));
      };
      const { accept, ...more } = options;
      expect(await faultOf(peers.call(url, 'POST', '/', {}, accept, more))).to.include({ code: 'MOVE_REFUSED' });
    });
  }

  it('rejects when the connection breaks in the middle of an answer', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': STREAM, 'content-length': '100' });
      response.write('half', () => response.destroy());
    };
    expect(await faultOf(peers.call(url, 'POST', '/', {}, STREAM, { whole: true }))).to.include({ code: 'PEER_UNREACHABLE' });
  });

  it('rejects when its deadline passes, or its caller gives up, before all of the answer is here', async () => {
    const given = new AbortController();
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': STREAM, 'content-length': '100' });
      response.write('half', () => given.abort(new Error('given up')));
    };
    const late = await faultOf(peers.call(url, 'POST', '/', {}, STREAM, { whole: true, timeoutMs: 1 }));
    expect(late).to.include({ code: 'PEER_UNREACHABLE' });
    expect(late.message).to.include('no answer within 1 ms');
    const left = await faultOf(peers.call(url, 'POST', '/', {}, STREAM, { whole: true, signal: given.signal }));
    expect(left.message).to.include('given up');
  });

  it('rejects a JSON answer that is larger than any may be: before it comes where it says so, and while it comes', async () => {
    answer = (_, response) => response.writeHead(200, { 'content-length': MAX_PEER_REPLY_BYTES + 1 }).flushHeaders();
    expect((await faultOf(peers.call(url, 'GET', '/'))).message).to.include(`larger than ${MAX_PEER_REPLY_BYTES} bytes`);
    const bounded = createPeerClient({ signer: { sign: () => 'signed' }, mostBytes: 1_000 });
    const answering = (bytes: number): RequestListener => (_, response) => {
      response.write(`"${'x'.repeat(bytes - 2)}`);
      response.end('"');
    };
    answer = answering(1_001);
    expect((await faultOf(bounded.call(url, 'GET', '/'))).message).to.include('larger than 1000 bytes');
    answer = answering(1_000);
    expect((await bounded.call(url, 'GET', '/')).body).to.equal('x'.repeat(998));
    await bounded.close();
  });

  it('rejects when nobody listens', async () => {
    server.close();
    await once(server, 'close');
    expect(await faultOf(peers.call(url, 'GET', '/'))).to.include({ code: 'PEER_UNREACHABLE' });
    server.listen(0);
    await once(server, 'listening');
  });
});

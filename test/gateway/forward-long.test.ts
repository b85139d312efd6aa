/** `X-session-redirect: forward`: a node carries a request on for a client that cannot follow; real nodes, real sockets. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { request as send } from 'undici';
import { Tree } from '../../bench/harness/tree.js';
import { systemClock } from '../../runtime/base/clock.js';
import { KeptBody } from '../../runtime/gateway/kept-body.js';
import { Fault } from '../../runtime/model/faults.js';
import { MAX_FORWARD_REDIRECTS } from '../../runtime/model/limits.js';
import { createForward, type ForwardedAnswer } from '../../runtime/offload/forward.js';
import type { Invocation } from '../../runtime/session/invoke.js';
import { respond } from './support.js';

const MB = 1024 * 1024;
const ECHO = `import { createHash } from 'node:crypto';
  import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';
  export default class extends Offloadable {
    async handleOffload(request: HandlerRequest, { edgeDB, signal }: HandlerContext) {
      const calls = Number(await edgeDB.get('calls') ?? 0) + 1;
      await edgeDB.set('calls', String(calls));
      if (request.path === '/large') return Buffer.alloc(Number(request.query.get('bytes')), 7);
      return { calls, bytes: request.body.length, sha: createHash('sha256').update(request.body).digest('hex'), asked: request.headers['x-session-redirect'] ?? null };
    }
  }`;

describe('A node that carries a request on', function () {
  this.timeout(300_000);
  let folder: string;
  let tree: Tree;
  const headers = { 'X-session': 'anna', 'X-session-redirect': 'forward' };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'forward-'));
    await mkdir(join(folder, 'echo'));
    await writeFile(join(folder, 'echo', 'handler.ts'), ECHO);
    tree = new Tree({
      plans: [{ name: 'cloud', level: 'cloud', statefulBodyMb: 32 }, { name: 'milan', level: 'city', parent: 'cloud' }], store: 'memory',
      functions: [{ name: 'echo', folder: join(folder, 'echo'), annotations: { worker: 'thread' }, envVars: { exec_timeout: '3m' } }],
    });
    await tree.start();
    await send(url(), { method: 'POST', headers }).then(({ body }) => body.dump());
    await tree.admin(tree.node('milan'), 'POST', '/function/force-offload?session=anna');
  });
  after(async () => {
    await tree?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const url = (path = '') => `${tree.node('milan').url}/function/echo${path}`;
  const inHand = async (node: string) => ((await tree.admin(tree.node(node), 'GET', '/api/v1/node')).json as { requestsInHand: number }).requestsInHand;
  const until = async (node: string, count: number) => {
    while (await inHand(node) !== count) await new Promise(setImmediate);
  };
  const head = (length: number, session = 'anna') => `POST /function/echo HTTP/1.1\r\nHost: x\r\nX-session: ${session}\r\nX-session-redirect: forward\r\nContent-Length: ${length}\r\n\r\n`;
  const open = () => {
    const { hostname, port } = new URL(url());
    return connect(Number(port), hostname).on('error', () => undefined);
  };

  /** What has come by the time it has that, or by the end of the connection. */
  const answerOf = (client: Socket, enough: string) => new Promise<string>((resolve) => {
    let text = '';
    client.on('data', (data) => {
      text += String(data);
      if (text.includes(enough)) resolve(text);
    }).once('close', () => resolve(text));
  });

  it('carries bodies of megabytes there and back, once in effect', async () => {
    const sent = await send(url(), { method: 'POST', headers, body: Buffer.alloc(5 * MB, 'every byte counts ') });
    expect([sent.statusCode, sent.headers['x-session-location']]).to.deep.equal([200, 'cloud']);
    expect(await sent.body.json()).to.include({ calls: 2, bytes: 5 * MB, asked: null });
    const large = await send(url(`/large?bytes=${5 * MB}`), { headers });
    expect(Buffer.from(await large.body.arrayBuffer()).equals(Buffer.alloc(5 * MB, 7))).to.equal(true);
  });

  it('begins before the body is there, and gives up everywhere when the client goes away', async () => {
    const client = open();
    client.write(head(1000));
    client.write('half of it');
    await until('cloud', 1);
    client.destroy();
    await Promise.all([until('cloud', 0), until('milan', 0)]);
  });

  for (const { where, session, bytes } of [{ where: 'its own session', session: 'own', bytes: 17 * MB }, { where: 'a session elsewhere', session: 'anna', bytes: 33 * MB }]) {
    it(`refuses a body that is too large for ${where} before it is read`, async () => {
      const client = open();
      client.write(head(bytes, session));
      client.write('the first of many bytes');
      const answer = await answerOf(client, 'BODY_TOO_LARGE');
      client.destroy();
      expect(answer).to.match(/^HTTP\/1.1 413 /).and.contain('BODY_TOO_LARGE');
      await until('cloud', 0);
    });
  }

  for (const [how, body] of [['of a known length', () => Buffer.alloc(20 * MB, 'large')], ['in chunks', () => Readable.from(inPieces(20 * MB, 'large'))]] as const) {
    it(`finds a session that it does not know first, and streams a body larger than it would read itself, ${how}`, async () => {
      const session = `born above ${how}`;
      await send(`${tree.node('cloud').url}/function/echo`, { method: 'POST', headers: { 'X-session': session } }).then(({ body: answer }) => answer.dump());
      const answer = await send(url(), { method: 'POST', headers: { ...headers, 'X-session': session }, body: body() });
      expect([answer.statusCode, answer.headers['x-session-location']]).to.deep.equal([200, 'cloud']);
      const sha = createHash('sha256').update(Buffer.alloc(20 * MB, 'large')).digest('hex');
      expect(await answer.body.json()).to.include({ calls: 2, bytes: 20 * MB, sha });
    });
  }

  it('gives up everywhere when the client goes away in the middle of a body for a session that it does not know', async () => {
    await send(`${tree.node('cloud').url}/function/echo`, { method: 'POST', headers: { 'X-session': 'dora' } }).then(({ body }) => body.dump());
    const client = open();
    client.write(head(20 * MB, 'dora'));
    client.write(Buffer.alloc(MB));
    await until('cloud', 1);
    client.destroy();
    await Promise.all([until('cloud', 0), until('milan', 0)]);
    const answer = await send(url(), { method: 'POST', headers: { ...headers, 'X-session': 'dora' }, body: 'whole' });
    expect(await answer.body.json(), 'nothing of it took effect').to.include({ calls: 2, bytes: 5 });
  });

  it('sends a client that follows elsewhere before its large body comes', async () => {
    const client = open();
    client.write('POST /function/echo HTTP/1.1\r\nHost: x\r\nX-session: anna\r\nContent-Length: 20000000\r\nExpect: 100-continue\r\n\r\n');
    const answer = await answerOf(client, '\r\n\r\n');
    client.destroy();
    expect(answer).to.match(/^HTTP\/1.1 307 /).and.match(/location: .*\/function\/echo/i);
  });

  it('serves a session that is its own with the same request', async () => {
    const answer = await send(url(), { method: 'POST', headers: { ...headers, 'X-session': 'bruno' }, body: 'here' });
    expect(answer.headers['x-session-location']).to.equal('milan');
    expect(await answer.body.json()).to.include({ calls: 1, bytes: 4 });
  });
});

async function* inPieces(bytes: number, text: string): AsyncGenerator<Buffer> {
  const all = Buffer.alloc(bytes, text);
  for (let at = 0; at < bytes; at += 100_000) yield all.subarray(at, at + 100_000);
}

describe('Carrying on', () => {
  const call = { signal: new AbortController().signal } as Invocation;
  const moved = (to: string, epoch: number): ForwardedAnswer =>
    ({ response: respond('', { status: 307 }), node: '', epoch, version: 0, replayed: false, moved: { to, home: 'h' } });
  const clock = { ...systemClock, setTimeout: (task: () => void) => setImmediate(task) };

  it('refuses a circle, and says the first hop to every peer', async () => {
    const asked: [string, number][] = [];
    const forward = createForward({ clock, sendOn: async (_call, to, _home, hops) => {
      asked.push([to, hops]);
      return moved(to === 'a' ? 'b' : 'a', 3);
    } });
    const fault = await Promise.resolve(forward(call, 'a', 'h')).catch((error: unknown) => error as Fault);
    expect(fault).to.include({ code: 'REDIRECT_LOOP', status: 508 });
    expect(asked).to.have.length(MAX_FORWARD_REDIRECTS + 1);
    expect(new Set(asked.map(([, hops]) => hops))).to.deep.equal(new Set([1]));
  });

  it('follows a session as long as each redirect is news', async () => {
    let epoch = 0;
    const last = { ...moved('', 0), moved: undefined, response: respond('there') };
    const forward = createForward({ clock, sendOn: async () => (epoch += 1) > 3 * MAX_FORWARD_REDIRECTS ? last : moved(`n${epoch}`, epoch) });
    const served = await forward(call, 'a', 'h');
    expect(served).to.include({ kind: 'answer' });
  });

  it('sends a body again from its start when its first receiver had to send it elsewhere', async () => {
    const source = (async function* () { for (const text of ['one', 'two', 'three']) yield Buffer.from(text); })();
    const body = new KeptBody(source, 100);
    for await (const piece of body) {
      expect(String(piece)).to.equal('one');
      break;
    }
    let text = '';
    for await (const piece of body) text += String(piece);
    expect([text, String(await body.whole())]).to.deep.equal(['onetwothree', 'onetwothree']);
    const long = new KeptBody((async function* () { for (let at = 0; at < 5; at += 1) yield Buffer.alloc(60, at); })(), 100);
    let bytes = 0;
    for await (const piece of long) bytes += piece.length;
    expect(bytes, 'beyond what is kept it goes on').to.equal(300);
    const again = await long[Symbol.asyncIterator]().next().catch((error: unknown) => (error as Fault).code);
    expect(again, 'but not from its start').to.equal('MOVING');
    const tooLarge = new KeptBody((async function* () { for (;;) yield Buffer.alloc(60); })(), 100);
    expect(await tooLarge.whole().catch((error: unknown) => (error as Fault).code)).to.equal('BODY_TOO_LARGE');
  });
});

import { expect } from 'chai';
import { get, type IncomingMessage } from 'node:http';
import request from 'supertest';
import { silentLog } from '../../runtime/base/log.js';
import { ADMIN, respond, signal, startNode, type TestNode } from '../gateway/support.js';

describe('OpenFaaS: logs', () => {
  let node: TestNode;
  beforeEach(async () => {
    node = await startNode();
    await node.serve('f', () => respond());
  });
  afterEach(() => node.close());
  const logs = (query: string) => request(node.url).get(`/system/logs?${query}`).set('Authorization', ADMIN).buffer(true)
    .parse((response, done) => {
      let text = '';
      response.on('data', (chunk: Buffer) => { text += chunk.toString(); });
      response.on('end', () => done(null, text));
    });
  const linesOf = (body: unknown) => String(body).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, string>);
  const textsOf = (body: unknown) => linesOf(body).map(({ text }) => text);

  it('are one JSON document a line, with the fields that clients read', async () => {
    node.logs.append('f', 'hello');
    const { body } = await logs('name=f&follow=false').expect(200).expect('Content-Type', 'application/x-ndjson');
    const [line] = linesOf(body);
    expect(line).to.include({ name: 'f', namespace: 'openfaas-fn', instance: 'milan', text: 'hello' });
    expect(new Date(line!.timestamp!).toISOString()).to.equal(line!.timestamp);
  });

  it('begin where `tail` and `since` say, and keep to the instance that is asked for', async () => {
    for (const text of ['1', '2', '3']) node.logs.append('f', text);
    expect(textsOf((await logs('name=f&tail=2').expect(200)).body)).to.deep.equal(['2', '3']);
    expect(textsOf((await logs('name=f&tail=-1').expect(200)).body)).to.deep.equal(['1', '2', '3']);
    expect(textsOf((await logs('name=f&tail=0').expect(200)).body)).to.deep.equal([]);
    expect(textsOf((await logs('name=f&since=2020-01-01T00:00:00Z').expect(200)).body)).to.have.length(3);
    expect(textsOf((await logs('name=f&since=2999-01-01T00:00:00%2B01:00').expect(200)).body)).to.deep.equal([]);
    expect(textsOf((await logs('name=f&instance=turin').expect(200)).body)).to.deep.equal([]);
    expect(textsOf((await logs('name=f&instance=milan').expect(200)).body)).to.have.length(3);
  });

  it('are refused as a provider refuses them', async () => {
    await logs('').expect(400);
    await logs('name=nothing').expect(404);
    await logs('name=f&namespace=dev').expect(404);
    await logs('name=f&tail=many').expect(422);
    await logs('name=f&since=yesterday').expect(422);
  });

  const follow = (query: string) => new Promise<IncomingMessage>((resolve, reject) => {
    get(`${node.url}/system/logs?${query}`, { headers: { authorization: ADMIN } }, resolve).on('error', reject);
  });

  it('follow the function, each line as it comes, until the client leaves', async () => {
    node.logs.append('f', 'old');
    const response = await follow('name=f&follow=true&tail=1');
    let text = '';
    let enough = signal<void>();
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      enough.give();
    });
    await enough.come;
    expect(textsOf(text)).to.deep.equal(['old']);
    enough = signal();
    node.logs.append('g', 'of another function');
    node.logs.append('f', 'new');
    await enough.come;
    expect(textsOf(text)).to.deep.equal(['old', 'new']);
    response.destroy();
  });

  it('end for those who follow when the node stops', async () => {
    const response = await follow('name=f&follow=1');
    const ended = new Promise((resolve) => response.on('end', resolve).resume());
    node.logs.close();
    await ended;
  });

  it('are bounded for each function, the oldest lines going first', () => {
    for (let index = 0; index < 1_200; index += 1) node.logs.append('f', `line ${index}`);
    expect(node.logs.last('f')).to.have.length(1_000);
    expect(node.logs.last('f')[0]!.text).to.equal('line 200');
    for (let index = 0; index < 20; index += 1) node.logs.append('g', 'x'.repeat(64 * 1024));
    expect(node.logs.last('g')).to.have.length(8);
  });

  it('end with their function', () => {
    node.logs.append('f', 'kept');
    node.logs.append('gone', 'lost');
    node.logs.keepOnly(['f']);
    expect([node.logs.last('f').length, node.logs.last('gone').length]).to.deep.equal([1, 0]);
  });

  it('take what functions say from the node\'s log, and nothing else', () => {
    const log = node.logs.beside(silentLog);
    log.info({ function: 'f', callId: '1' }, 'printed');
    log.error({ function: 'f', details: { reason: 'why' } }, 'failed');
    log.info({ url: 'x' }, 'the node is ready');
    expect(node.logs.last('f').map(({ text }) => text)).to.deep.equal(['printed', 'failed {"reason":"why"}']);
  });
});

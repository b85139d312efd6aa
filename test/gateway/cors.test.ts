/** What the gateway tells browsers about pages of other origins. */
import { expect } from 'chai';
import { request as send } from 'undici';
import { systemClock } from '../../runtime/base/clock.js';
import { createCors } from '../../runtime/gateway/cors.js';
import { parseFunctionPath } from '../../runtime/base/function-path.js';
import { configFromEnvironment } from '../../runtime/model/environment.js';
import { corsProblem, isOriginPattern, LOOPBACK_ORIGINS } from '../../runtime/model/cors.js';
import type { Served } from '../../runtime/session/invoke.js';
import { KEY, respond, startNode, type NodeOptions, type TestNode } from './support.js';

const SHOP = 'https://shop.example';
const moved: Served = { kind: 'moved', to: 'cloud', url: 'http://cloud:8080', home: 'milan', hops: 1, epoch: 1 };

describe('CORS', () => {
  let node: TestNode;
  const start = async (options: NodeOptions = { cors: { origins: [SHOP] } }) => {
    node = await startNode({ invoke: async () => moved, ...options });
    await node.serve('f', () => respond('fine', { headers: { 'access-control-allow-origin': 'https://evil.example', vary: 'Accept' } }));
    await node.serve('cart', () => respond(), 'offloadable');
  };
  afterEach(() => node.close());

  const ask = (path: string, headers: Record<string, string>, method = 'GET') => send(`${node.url}/function/${path}`, { method: method as 'GET', headers })
    .then(async (answer) => {
      await answer.body.dump();
      return answer;
    });
  const allowed = async (path: string, origin: string, headers: Record<string, string> = {}) =>
    (await ask(path, { origin, ...headers })).headers['access-control-allow-origin'];

  it('speaks on answers, redirects and faults alike, and only to origins that are let in', async () => {
    await start();
    for (const [path, status, headers] of [['f', 200, {}], ['cart', 307, { 'x-session': 'a' }], ['cart', 400, {}], ['none', 404, {}], ['force-offload', 401, {}]] as const) {
      const answer = await ask(path, { origin: SHOP, ...headers });
      expect(answer.statusCode, path).to.equal(status);
      expect(answer.headers, path).to.include({ 'access-control-allow-origin': SHOP });
      expect(answer.headers['access-control-expose-headers'], path).to.contain('X-session-location').and.contain('Location');
      expect(String(answer.headers['vary']), path).to.contain('Origin');
      expect(await allowed(path, 'https://evil.example', headers), path).to.equal(undefined);
      expect(await allowed(path, 'null', headers), path).to.equal(undefined);
    }
    expect((await ask('f', { origin: SHOP })).headers['vary']).to.equal('Accept, Origin');
  });

  it('answers preflights itself', async () => {
    await start({ cors: { origins: [SHOP], credentials: true, headers: ['X-mine'], maxAgeS: 5 } });
    const preflight = { origin: SHOP, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-session' };
    const answer = await ask('cart', preflight, 'OPTIONS');
    expect(answer.statusCode).to.equal(204);
    expect(answer.headers).to.include({ 'access-control-allow-origin': SHOP, 'access-control-allow-credentials': 'true', 'access-control-max-age': '5', vary: 'Origin' });
    for (const name of ['X-session', 'X-session-request-id', 'X-session-version', 'X-session-redirect', 'Content-Type', 'X-mine']) {
      expect(answer.headers['access-control-allow-headers']).to.contain(name);
    }
    expect((await ask('cart', { ...preflight, origin: 'https://evil.example' }, 'OPTIONS')).headers).to.not.have.property('access-control-allow-origin');
    // A plain OPTIONS is a request like any other.
    expect((await ask('cart', {}, 'OPTIONS')).headers).to.have.property('allow');
  });

  it('lets a redirected request in as `null` only with the mark of the node that redirected it', async () => {
    await start();
    const { location } = (await ask('cart', { origin: SHOP, 'x-session': 'a' })).headers as { location: string };
    const path = location.split('/function/')[1]!;
    expect(path).to.contain('session-origin=');
    expect(await allowed(path, 'null', { 'x-session': 'a' })).to.equal('null');
    const preflight = await ask(path, { origin: 'null', 'access-control-request-method': 'POST' }, 'OPTIONS');
    expect(preflight.headers).to.include({ 'access-control-allow-origin': 'null' });
    const again = (await ask(path, { origin: 'null', 'x-session': 'a' })).headers as { location: string };
    expect(await allowed(again.location.split('/function/')[1]!, 'null', { 'x-session': 'a' })).to.equal('null');
    for (const forged of [path.replace('cart', 'f'), path.replace(/(session-origin=\d+)(\d)/, (_whole, before: string, last: string) => `${before}${(Number(last) + 1) % 10}`), path.slice(0, -1), path.replace(/\.[\w-]+$/, '.x')]) {
      expect(await allowed(forged, 'null', { 'x-session': 'a' }), forged).to.equal(undefined);
    }
    const { location: plain } = (await ask('cart', { origin: 'https://evil.example', 'x-session': 'a' })).headers as { location: string };
    expect(plain).to.not.contain('session-origin');
  });

  it('forgets a mark after its time, and takes none whose origin is not its own', async () => {
    await start();
    let nowMs = 1_000_000;
    const at = parseFunctionPath('/function/cart');
    const corsOf = (origins: string[]) => createCors({ settings: { origins }, key: KEY, clock: { ...systemClock, now: () => nowMs } });
    const asked = { rawHeaders: ['Origin', SHOP] } as never;
    const mark = corsOf([SHOP]).markOf(asked, at)!;
    const told = (origins: string[]) => {
      const headers: Record<string, unknown> = {};
      corsOf(origins).admit({ rawHeaders: ['Origin', 'null'] } as never, { setHeader: (name: string, value: unknown) => { headers[name] = value; } } as never, { ...at, origin: mark });
      return headers['access-control-allow-origin'];
    };
    expect([told([SHOP]), told(['https://other.example'])]).to.deep.equal(['null', undefined]);
    nowMs += 61_000;
    expect(told([SHOP])).to.equal(undefined);
  });

  it('lets everybody in, or nobody, as it is told', async () => {
    await start({ cors: { origins: ['*'] } });
    expect([await allowed('f', 'https://any.example'), await allowed('f', 'null')]).to.deep.equal(['*', '*']);
    await node.close();
    await start({});
    expect(await allowed('f', SHOP)).to.equal('https://evil.example');
  });

  it('knows ports and subdomains by a star', async () => {
    await start({ cors: { origins: [...LOOPBACK_ORIGINS, 'https://*.example.org'] } });
    for (const origin of ['http://localhost', 'http://localhost:5173', 'http://127.0.0.1:80', 'http://[::1]:3000', 'https://a.b.example.org']) expect(await allowed('f', origin)).to.equal(origin);
    for (const origin of ['https://localhost:1', 'http://localhost.evil.example', 'http://localhost:1.evil.example', 'https://example.org', 'https://evilexample.org', 'http://x']) {
      expect(await allowed('f', origin), origin).to.equal(undefined);
    }
    expect(['*', 'null', 'https://a.example', 'http://[::1]:*', 'https://*.a.example'].every(isOriginPattern)).to.equal(true);
    expect(['a.example', 'https://a.example/', 'ftp://a', 'https://a.*', ''].some(isOriginPattern)).to.equal(false);
    expect(corsProblem({ origins: ['*'], credentials: true })).to.contain('credentials');
  });

  it('is read from the environment', async () => {
    await start();
    const config = configFromEnvironment({ NODE_NAME: 'a', CORS_ORIGINS: `${SHOP}, http://localhost:*`, CORS_CREDENTIALS: 'true', CORS_MAX_AGE: '7', CORS_HEADERS: 'X-a,X-b' });
    expect(config.cors).to.deep.equal({ origins: [SHOP, 'http://localhost:*'], credentials: true, headers: ['X-a', 'X-b'], maxAgeS: 7 });
    expect(() => configFromEnvironment({ NODE_NAME: 'a', CORS_ORIGINS: 'shop' })).to.throw('no origin');
    expect(configFromEnvironment({ NODE_NAME: 'a' }).cors).to.equal(undefined);
  });
});

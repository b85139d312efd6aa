import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Machine, PASSWORD } from './faas.js';

const AUTHORIZATION = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`;
const SLOW = `import { writeFile } from 'node:fs/promises';
import { Offloadable } from 'xylem';
export default class Slow extends Offloadable {
  async handleOffload(request, { edgeDB }) {
    const ms = Number(request.query.get('ms') ?? 0);
    if (ms > 0) {
      await writeFile(request.query.get('started'), 'yes');
      await new Promise((done) => setTimeout(done, ms));
    }
    await edgeDB.addToList('calls', String(ms));
    return edgeDB.getList('calls');
  }
}
`;

describe('session-offloading-manager', function suite() {
  this.timeout(300_000);
  let city: Machine;
  let edge: Machine;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slow-'));
    await writeFile(join(folder, 'handler.js'), SLOW);
    [city, edge] = await Promise.all([Machine.start('city-1', 'city'), Machine.start('edge-1', 'edge')]);
    await city.manager();
    await edge.manager(city);
    for (const machine of [city, edge]) {
      await machine.deploy('shopping-cart', 'functions/shopping-cart', { COUNTER_LEVEL: 'city' });
      await machine.deploy('slow', folder);
    }
    await city.deploy('products-counter', 'functions/products-counter', { RECEIVES: 'true' });
  });
  after(async () => {
    await Promise.all([city?.close(), edge?.close()]);
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const call = (machine: Machine, name: string, session: string, options: RequestInit & { query?: string; requestId?: string } = {}) =>
    fetch(`${machine.url}/function/${name}${options.query ?? ''}`, {
      ...options, headers: { 'x-session': session, ...(options.requestId !== undefined && { 'x-session-request-id': options.requestId }) },
    });
  const add = (machine: Machine, session: string, product: string, requestId: string = randomUUID()) =>
    call(machine, 'shopping-cart', session, { method: 'POST', query: `?product=${product}`, requestId });
  const command = async (machine: Machine, query: string, headers: Record<string, string> = { authorization: AUTHORIZATION }) => {
    const answer = await fetch(`${machine.url}/function/session-offloading-manager?command=${query}`, { method: 'POST', headers });
    return { status: answer.status, body: await answer.text() };
  };
  const done = async (machine: Machine, query: string) => {
    const { status, body } = await command(machine, query);
    expect(status, body).to.equal(200);
    return JSON.parse(body) as Record<string, unknown>;
  };
  const where = async (machine: Machine, session: string) => (await command(machine, `test-function&session=${session}`, { authorization: AUTHORIZATION, accept: 'text/plain' })).body;

  it('moves a session up and down between the stores of two machines, and its functions follow', async () => {
    await add(edge, 'anna', 'apple');
    expect(await where(edge, 'anna')).to.equal('offloaded: no');
    expect(await done(edge, 'force-offload&session=anna')).to.include({ session: 'anna', currentLocation: 'city-1', proprietaryLocation: 'edge-1', epoch: 1 });
    expect(await where(edge, 'anna')).to.equal('offloaded: yes (city-1)');
    const redirect = await call(edge, 'shopping-cart', 'anna', { redirect: 'manual', query: '?a=b' });
    expect([redirect.status, redirect.headers.get('location')]).to.deep.equal([307, `${city.url}/function/shopping-cart?a=b&session-home=edge-1&session-hops=1`]);
    const answer = await add(edge, 'anna', 'pear');
    expect(await answer.json()).to.deep.equal({ products: ['apple', 'pear'] });
    expect(Object.fromEntries(answer.headers)).to.include({ 'x-session-location': 'city-1', 'x-session-epoch': '1', 'x-session-version': '2' });
    await done(edge, 'force-onload&session=anna');
    expect(await (await add(edge, 'anna', 'fig')).json()).to.deep.equal({ products: ['apple', 'pear', 'fig'] });
    const roaming = await call(city, 'shopping-cart', 'anna');
    expect([await roaming.json(), roaming.headers.get('x-session-location')]).to.deep.equal([{ products: ['apple', 'pear', 'fig'] }, 'edge-1']);
  });

  it('lets a request id take effect once on both machines', async () => {
    const requestId = randomUUID();
    await add(edge, 'ben', 'apple', requestId);
    await done(edge, 'force-offload&session=ben');
    const again = await add(edge, 'ben', 'apple', requestId);
    expect(again.headers.get('x-session-replayed')).to.equal('true');
    expect(await again.json()).to.deep.equal({ products: ['apple'] });
  });

  it('waits for a request in a container before it lets the session go', async () => {
    await call(edge, 'slow', 'carl');
    const started = join(folder, 'started');
    const slow = call(edge, 'slow', 'carl', { method: 'POST', query: `?ms=700&started=${encodeURIComponent(started)}` });
    while (!await access(started).then(() => true, () => false)) await new Promise((next) => setTimeout(next, 10));
    await done(edge, 'force-offload&session=carl');
    expect([(await slow).status, (await slow).headers.get('x-session-location')]).to.deep.equal([200, 'edge-1']);
    expect(await (await call(edge, 'slow', 'carl')).json()).to.deep.equal(['0', '700', '0']);
  });

  it('delivers what functions propagate, once, also while the receiver was away', async () => {
    const counted = async () => {
      const answer = await call(city, 'products-counter', 'propagate:products-counter@city-1');
      return answer.ok ? (await answer.json() as { products: Record<string, number> }).products['grape'] ?? 0 : 0;
    };
    const until = async (count: number) => {
      while (await counted() < count) await new Promise((next) => setTimeout(next, 50));
      expect(await counted()).to.equal(count);
    };
    await add(edge, 'dora', 'grape');
    await until(1);
    await city.kill('products-counter');
    await add(edge, 'dora', 'grape');
    await done(edge, 'force-offload&session=dora');
    await city.deploy('products-counter', 'functions/products-counter', { RECEIVES: 'true' });
    await until(2);
  });

  it('tells a container how far a sender has got: what is delivered again after its id was forgotten is taken once', async () => {
    const counted = async () => (await (await call(city, 'products-counter', 'propagate:products-counter@city-1')).json() as { products: Record<string, number> }).products['plum'];
    const deliver = async (number: number) => {
      const body = { function: 'products-counter', value: 'plum', id: randomUUID(), place: { lane: 'a life/propagate/products-counter', number, atMs: number } };
      const answer = await fetch(`${city.url}/function/session-offloading-manager?command=receive-propagate`, {
        method: 'POST', headers: { authorization: AUTHORIZATION, 'content-type': 'application/json' }, body: JSON.stringify(body),
      });
      return answer.json() as Promise<{ kind: string }>;
    };
    for (const number of [7, 7, 6]) expect(await deliver(number)).to.include({ kind: 'done' });
    expect(await counted()).to.equal(1);
    // Nobody else can say so.
    const place = Buffer.from(JSON.stringify({ lane: 'a life/propagate/products-counter', number: 9, atMs: 9 })).toString('base64url');
    await fetch(`${city.url}/function/products-counter`, {
      method: 'POST', body: 'plum', headers: { 'content-type': 'text/plain', 'x-session': 'propagate:products-counter@city-1', 'x-session-request-id': randomUUID(), 'x-session-place': `${place}.${'A'.repeat(43)}` },
    });
    expect(await counted()).to.equal(2);
    await deliver(8);
    expect(await counted()).to.equal(3);
  });

  it('sends a new session on when its node rejects', async () => {
    await done(edge, 'set-offload-status&status=reject');
    const answer = await add(edge, 'emil', 'apple');
    await done(edge, 'set-offload-status&status=accept');
    expect([await answer.json(), answer.headers.get('x-session-location')]).to.deep.equal([{ products: ['apple'] }, 'city-1']);
  });

  it('refuses who has no credentials, what is no command, and moves that cannot be', async () => {
    expect(await command(edge, 'force-offload', {})).to.include({ status: 401 });
    expect(JSON.parse((await command(edge, 'dance')).body)).to.include({ code: 'COMMAND_UNKNOWN' });
    expect(JSON.parse((await command(city, 'force-offload&session=anna')).body)).to.include({ code: 'NO_PARENT' });
    expect(JSON.parse((await command(edge, 'force-offload&session=nobody')).body)).to.include({ code: 'SESSION_UNKNOWN' });
    const stranger = await fetch(`${edge.url}/function/session-offloading-manager/peer/beside/shed`, { method: 'POST', body: '{}', headers: { authorization: AUTHORIZATION } });
    expect(await stranger.json()).to.include({ code: 'FORBIDDEN' });
  });

  it('finds its sessions again after it was killed', async () => {
    await add(edge, 'fritz', 'apple');
    await done(edge, 'force-offload&session=fritz');
    await edge.kill('session-offloading-manager');
    expect(await (await add(city, 'fritz', 'pear')).json()).to.deep.equal({ products: ['apple', 'pear'] });
    await edge.manager(city);
    expect(await (await add(edge, 'fritz', 'fig')).json()).to.deep.equal({ products: ['apple', 'pear', 'fig'] });
    // The containers say again that they are here; a session goes only to where its functions are.
    while ((await command(edge, 'force-onload&session=fritz')).status !== 200) await new Promise((next) => setTimeout(next, 100));
    expect((await call(city, 'shopping-cart', 'fritz')).headers.get('x-session-location')).to.equal('edge-1');
  });
});

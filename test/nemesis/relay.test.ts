import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Http } from '../../bench/harness/http.js';
import { Random } from '../../bench/harness/random.js';
import { Relay } from './relay.js';
import { plansOf } from './run.js';

describe('the relay in front of a node', () => {
  let arrived: string[];
  let server: Server;
  let relay: Relay;
  let url: string;
  let http: Http;

  beforeEach(async () => {
    arrived = [];
    server = createServer((request: IncomingMessage, response: ServerResponse) => {
      arrived.push(request.url!);
      response.end('well');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    relay = new Relay((server.address() as { port: number }).port, new Random(1));
    url = await relay.listen();
    http = new Http();
  });

  afterEach(async () => {
    http.close();
    await relay.close();
    server.closeAllConnections();
    server.close();
  });

  const ask = (path: string) => http.send({ method: 'GET', url: `${url}${path}`, timeoutMs: 60_000 });
  const failure = (path: string) => ask(path).then(() => 'answered', (error: Error) => error.message);
  const arrivals = async (count: number) => {
    while (arrived.length < count) await once(server, 'request');
    return arrived;
  };

  it('passes everything while nothing is wrong, several requests over one connection', async () => {
    expect((await ask('/a')).body.toString()).to.equal('well');
    expect((await ask('/b')).status).to.equal(200);
    expect(arrived).to.deep.equal(['/a', '/b']);
  });

  it('cut: breaks what is there, lets nobody in, and is whole again afterwards', async () => {
    await ask('/a');
    relay.set('cut');
    expect(await failure('/b')).not.to.equal('answered');
    expect(arrived).to.deep.equal(['/a']);
    relay.set(undefined);
    expect((await ask('/c')).status).to.equal(200);
  });

  it('drop-answers: what is asked arrives, and the answer does not', async () => {
    relay.set('drop-answers');
    expect(await failure('/a')).not.to.equal('answered');
    expect(arrived).to.deep.equal(['/a']);
  });

  it('duplicate: what is asked arrives twice, and is answered once', async () => {
    relay.set('duplicate');
    expect((await ask('/a')).status).to.equal(200);
    expect(await arrivals(2)).to.deep.equal(['/a', '/a']);
  });

  it('stall: nothing passes until it is over, and then everything does', async () => {
    relay.set('stall');
    const asked = ask('/a');
    while (relay.met.stall === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(arrived).to.deep.equal([]);
    relay.set(undefined);
    expect((await asked).status).to.equal(200);
  });

  it('delay: everything passes, late', async () => {
    relay.set('delay');
    expect((await ask('/a')).status).to.equal(200);
    expect(relay.met.delay).to.be.above(1);
  });

  it('half-close: the caller is told that nothing more comes, and what it said arrives all the same', async () => {
    relay.set('half-close');
    const { hostname, port } = new URL(url);
    const caller = connect(Number(port), hostname);
    const ended = once(caller.resume(), 'end');
    caller.write('GET /a HTTP/1.1\r\nhost: x\r\n\r\n');
    await ended;
    expect(await arrivals(1)).to.deep.equal(['/a']);
    caller.destroy();
  });
});

describe('the trees of the nemesis', () => {
  it('have so many nodes, each below one that is there, in at most three levels, on the stores asked for', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const plans = plansOf(3 + (seed % 4), 'mixed', new Random(seed));
      expect(plans).to.have.length(3 + (seed % 4));
      expect(new Set(plans.map(({ store }) => store))).to.deep.equal(new Set(['redis', 'embedded']));
      for (const [at, { parent }] of plans.entries()) {
        const above = plans.slice(0, at).find(({ name }) => name === parent);
        if (at > 0) expect(above?.level).to.be.oneOf(['cloud', 'city']);
      }
    }
  });
});

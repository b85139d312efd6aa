import { expect } from 'chai';
import request from 'supertest';
import { createPeerSigner } from '../../runtime/base/peer-signature.js';
import { systemClock } from '../../runtime/base/clock.js';
import { systemIds } from '../../runtime/base/ids.js';
import type { CommandMeta } from '../../runtime/base/reply.js';
import { Fault } from '../../runtime/model/faults.js';
import { ADMIN, chunksOf, KEY, respond, sha256, startNode, type NodeOptions, type TestNode } from './support.js';

describe('The administration of a node', () => {
  let node: TestNode;
  const start = async (options: NodeOptions = {}) => {
    node = await startNode(options);
  };
  afterEach(() => node.close());
  const peer = createPeerSigner({ node: 'turin', key: KEY, clock: systemClock, ids: systemIds });

  describe('commands', () => {
    const noting = (calls: unknown[]): NodeOptions['command'] => async (name, params, body, meta: CommandMeta) => {
      calls.push({ name, params: params.toString(), body, meta });
      return { status: 200, json: { done: name } };
    };

    it('come in both spellings, by GET and POST, from the admin', async () => {
      const calls: { name: string; params: string; body: unknown; meta: CommandMeta }[] = [];
      await start({ command: noting(calls) });
      const spellings = ['/function/force-offload?session=a', '/function/session-offloading-manager?command=force-offload&session=a'];
      for (const path of spellings) {
        await request(node.url).get(path).set('Authorization', ADMIN).expect(200, { done: 'force-offload' });
        await request(node.url).post(path).set('Authorization', ADMIN).set('X-forced-session', 'b').send({ x: 1 }).expect(200);
      }
      expect(calls.map(({ name, params, body }) => [name, params, body])).to.deep.equal([
        ['force-offload', 'session=a', undefined], ['force-offload', 'session=a', { x: 1 }],
        ['force-offload', 'session=a', undefined], ['force-offload', 'session=a', { x: 1 }],
      ]);
      expect(calls[1]!.meta).to.include({ method: 'POST', caller: 'admin', forcedSession: 'b' });
    });

    it('come from peers by their signature, once, and with the body that was signed', async () => {
      const calls: { meta: CommandMeta }[] = [];
      await start({ command: noting(calls) });
      const path = '/function/force-offload';
      const signature = peer.sign({ method: 'POST', path, body: Buffer.from('{"a":1}') });
      const send = (body: string, header = signature) => request(node.url).post(path).set('X-peer-signature', header).send(body);
      await send('{"a":1}').expect(200);
      await send('{"a":1}').expect(401).expect(({ body }) => expect(body).to.include({ code: 'REPLAYED_CALL' }));
      await send('{"a":2}', peer.sign({ method: 'POST', path, body: Buffer.from('{"a":1}') })).expect(401);
      expect(calls.map(({ meta }) => meta.caller)).to.deep.equal([{ peer: 'turin' }]);
    });

    it('need credentials, a known name and well-formed JSON', async () => {
      await start();
      const url = node.url;
      await request(url).post('/function/force-offload').expect(401).expect('WWW-Authenticate', /^Basic /);
      await request(url).post('/function/force-offload').auth('admin', 'wrong').expect(401);
      await request(url).post('/function/session-offloading-manager?command=x').set('Authorization', ADMIN).expect(404)
        .expect(({ body }) => expect(body).to.deep.include({ code: 'COMMAND_UNKNOWN' }).and.have.deep.nested.property('details.commands', ['force-offload', 'migrate-session']));
      await request(url).post('/function/force-offload').set('Authorization', ADMIN).type('json').send('{').expect(400)
        .expect(({ body }) => expect(body).to.include({ code: 'JSON_INVALID' }));
      await request(url).delete('/function/force-offload').set('Authorization', ADMIN).expect(405).expect('Allow', 'POST, GET');
    });

    it('answer with streams and with faults', async () => {
      await start({
        command: async (name) => {
          if (name === 'force-offload') throw new Fault('MOVING');
          return { status: 200, stream: chunksOf('frames') };
        },
      });
      await request(node.url).get('/function/force-offload').set('Authorization', ADMIN).expect(503).expect('Retry-After', '1');
      await request(node.url).get('/function/migrate-session').set('Authorization', ADMIN).expect(200)
        .expect('Content-Type', 'application/octet-stream').expect(({ body }) => expect(String(body)).to.equal('frames'));
    });
  });

  describe('health', () => {
    it('is 200 only when the store answers, awaited functions are deployed and the oracle knows the node', async () => {
      let [storeAnswers, isRegistered] = [false, false];
      await start({
        awaitFunctions: ['cart'], registered: () => isRegistered,
        ping: async () => { if (!storeAnswers) throw new Fault('STORE_UNAVAILABLE', { node: 'milan', store: 'redis' }); },
      });
      const reason = async () => {
        const { status, body, headers } = await request(node.url).get('/healthz');
        if (status === 503) expect(headers['retry-after']).to.equal('1');
        return status === 200 ? 'ok' : (body as { reason: string }).reason;
      };
      expect(await reason()).to.match(/^The store of node milan/);
      storeAnswers = true;
      expect(await reason()).to.equal('functions not deployed yet: cart');
      await node.serve('cart', () => respond());
      expect(await reason()).to.equal('not registered with the oracle yet');
      isRegistered = true;
      expect(await reason()).to.equal('ok');
    });
  });

  describe('functions', () => {
    const CODE = 'export default () => 1';
    const image = `bundle:${sha256(CODE)}`;
    const upload = (code = CODE, hash = sha256(code)) =>
      request(node.url).put(`/system/bundles/${hash}`).set('Authorization', ADMIN).type('text/javascript').send(code);
    const deploy = (body: object) => request(node.url).post('/system/functions').set('Authorization', ADMIN).send(body);

    it('are deployed, listed, called and removed as OpenFaaS has it', async () => {
      await start();
      await upload().expect(201);
      await deploy({ service: 'cart', image, labels: { a: 'b' } }).expect(202);
      await request(node.url).get('/function/cart').expect(200, image);
      await request(node.url).get('/system/functions').set('Authorization', ADMIN).expect(200)
        .expect(({ body }) => expect((body as object[])[0]).to.deep.include({ name: 'cart', image, invocationCount: 1, labels: { a: 'b' } }));
      await request(node.url).get('/system/function/cart').set('Authorization', ADMIN).expect(200);
      await request(node.url).delete('/system/functions').set('Authorization', ADMIN).send({ functionName: 'cart' }).expect(202);
      await request(node.url).get('/function/cart').expect(404);
      await request(node.url).delete('/system/functions').set('Authorization', ADMIN).send({ functionName: 'cart' }).expect(404)
        .expect('Content-Type', /^text\/plain/).expect(/There is no function cart/);
      expect(node.workers[0]!.closed).to.equal(true);
    });

    it('are refused with a bad name, image or constraint, without a bundle, and when they do not load', async () => {
      await start();
      await upload().expect(201);
      await upload('broken').expect(201);
      const bad = ['', 'Cart', '-a', 'a-', 'a.b', 'x'.repeat(64), '../etc'].map((service) => ({ service, image }));
      for (const body of [...bad, { service: 'a', image: 'a b' }, { service: 'a', image: 'bundle:12' }, { service: 'a', image, constraints: ['level'] }, { service: 'a', image, labels: [] }]) {
        await deploy(body).set('Accept', 'application/json').expect(400).expect(({ body: fault }) => expect(fault).to.include({ code: 'PARAMETER_INVALID' }));
      }
      for (const code of ['broken', 'never uploaded']) await deploy({ service: 'a', image: `bundle:${sha256(code)}` }).expect(400);
      expect(node.deployments.entries()).to.deep.equal([]);
    });

    it('go on being served by the old code until the new one is loaded, and their calls end where they began', async () => {
      await start();
      let finish = () => {};
      await node.serve('f', () => new Promise((done) => { finish = () => done(respond('old')); }));
      const [first, second] = [node.deployments.find('f')!, () => request(node.url).get('/function/f')];
      const old = second().then(({ text }) => text);
      while (first.inHand === 0) await new Promise((resolve) => setImmediate(resolve));
      await node.serve('f', () => respond('new'));
      await second().expect(200, 'new');
      expect(node.workers[0]!.closed).to.equal(false);
      finish();
      expect(await old).to.equal('old');
      while (!node.workers[0]!.closed) await new Promise((resolve) => setImmediate(resolve));
    });

    it('take bundles only with the right content, up to their limit, and give them back whole', async () => {
      await start();
      await upload(CODE, sha256('other')).expect(400);
      await upload('x'.repeat(5000)).expect(413);
      await upload(CODE, 'nohash').expect(400);
      await request(node.url).put(`/system/bundles/${sha256(CODE)}`).send(CODE).expect(401);
      expect(await node.bundles.has(sha256(CODE))).to.equal(false);
      await upload().expect(201);
      const at = `/system/bundles/${sha256(CODE)}`;
      await request(node.url).get(at).set('Authorization', ADMIN).expect(200, CODE);
      await request(node.url).head(at).set('Authorization', ADMIN).expect(200).expect('Content-Length', String(CODE.length));
      await request(node.url).head(`/system/bundles/${sha256('other')}`).set('Authorization', ADMIN).expect(404);
    });
  });

  describe('facts', () => {
    it('about the node, its sessions and its counters are there for the admin, counters for everyone', async () => {
      await start();
      await node.serve('f', () => respond());
      await request(node.url).get('/function/f').expect(200);
      await request(node.url).get('/api/v1/node').expect(401);
      await request(node.url).get('/api/v1/node').set('Authorization', ADMIN).expect(200)
        .expect(({ body }) => expect(body).to.deep.include({ name: 'milan', level: 'city', url: node.url, store: 'memory', functions: ['f'] }));
      await request(node.url).get('/api/v1/sessions').set('Authorization', ADMIN).expect(200, { sessions: [] });
      await request(node.url).get('/api/v1/sessions?limit=0').set('Authorization', ADMIN).expect(400);
      await request(node.url).get('/api/v1/sessions/a%2Fb').set('Authorization', ADMIN).expect(404)
        .expect(({ body }) => expect(body).to.deep.nested.include({ code: 'SESSION_UNKNOWN', 'details.session': 'a/b' }));
      await request(node.url).get('/metrics').expect(200).expect(/gateway_function_invocation_total\{function_name="f",code="200"\} 1\n/);
    });

    it('are shown as pictures by the oracle, to whom /ui/ leads', async () => {
      await start({ oracleUrl: 'http://127.0.0.1:7000' });
      for (const path of ['/ui', '/ui/']) await request(node.url).get(path).expect(302).expect('Location', 'http://127.0.0.1:7000/');
    });

    it('have no page without an oracle', async () => {
      await start();
      await request(node.url).get('/ui/').expect(404);
    });

    it('are refused politely where there are none', async () => {
      await start();
      await request(node.url).get('/nowhere').expect(404).expect(({ body }) => expect(body).to.include({ code: 'NOT_FOUND' }));
      await request(node.url).get('/api/v1/sessions/%zz').set('Authorization', ADMIN).expect(400);
      await request(node.url).patch('/system/functions').set('Authorization', ADMIN).expect(405).expect('Allow', 'GET, POST, PUT, DELETE');
    });
  });
});

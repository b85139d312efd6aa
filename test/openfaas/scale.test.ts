import { expect } from 'chai';
import request from 'supertest';
import { silentLog } from '../../runtime/base/log.js';
import { Deployed } from '../../runtime/gateway/deployed.js';
import { Autoscaler } from '../../runtime/gateway/faas/autoscaler.js';
import { replicasAfterAlert, replicasFor, scaleRulesOf } from '../../runtime/gateway/faas/scale-rules.js';
import { FunctionMetrics } from '../../runtime/gateway/function-metrics.js';
import { ADMIN, FakeWorker, respond, signal, startNode, type TestNode } from '../gateway/support.js';

const PREFIX = 'com.openfaas.scale.';
const labelled = (labels: Record<string, string>) => Object.fromEntries(Object.entries(labels).map(([name, value]) => [PREFIX + name, value]));
const rulesOf = (labels: Record<string, string>) => scaleRulesOf({ labels: labelled(labels) });

/** A worker with replicas that are there as soon as they are asked for. */
class ScalableWorker extends FakeWorker {
  readonly asked: number[] = [];
  /** What its processes have taken; undefined while nobody knows. */
  tookMs: number | undefined;

  async processorMs() {
    return this.tookMs;
  }

  constructor() {
    super('stateless', () => respond('done'));
  }

  get replicas() {
    const wanted = this.asked.at(-1) ?? 1;
    return { wanted, available: wanted };
  }

  async scale(replicas: number): Promise<void> {
    this.asked.push(replicas);
  }
}

describe('OpenFaaS: the labels of scaling', () => {
  it('have OpenFaaS\'s defaults, also where a value is none', () => {
    const defaults = { min: 1, max: 20, factor: 20, zero: false, zeroAfterMs: 900_000, type: 'rps', target: 45 };
    expect(rulesOf({})).to.deep.include({ ...defaults, isScaled: false, isAutomatic: false });
    expect(rulesOf({ min: 'x', max: '-1', factor: '', zero: 'yes', 'zero-duration': 'long', target: '0', 'target-proportion': 'all' })).to.deep.include(defaults);
  });

  it('say bounds, targets and times', () => {
    const rules = rulesOf({ min: '2', max: '4', zero: 'true', 'zero-duration': '5m', type: 'capacity', target: '10', 'target-proportion': '0.5', 'down.window': '10s' });
    expect(rules).to.deep.include({ min: 2, max: 4, zero: true, zeroAfterMs: 300_000, type: 'capacity', target: 5, downWindowMs: 10_000, isAutomatic: true });
    expect(rulesOf({ min: '7', max: '3' })).to.include({ min: 7, max: 7 });
    expect(rulesOf({ max: '1000000' })).to.include({ max: 100 });
    expect(rulesOf({ type: 'cpu', target: '500', 'target-proportion': '1' })).to.include({ type: 'cpu', target: 500 });
    expect(rulesOf({ type: 'latency' })).to.include({ type: undefined });
    expect(rulesOf({ factor: '50' })).to.include({ isAutomatic: false, isScaled: true });
  });

  it('follow the formula: as many as the load needs, within the bounds, and never none', () => {
    const rules = rulesOf({ max: '10', type: 'capacity', target: '5', 'target-proportion': '1' });
    expect([0, 1, 5, 6, 15, 25, 1_000].map((load) => replicasFor(rules, load))).to.deep.equal([1, 1, 1, 2, 3, 5, 10]);
    expect(replicasFor(rulesOf({ type: 'capacity', target: '100', 'target-proportion': '0.7' }), 90)).to.equal(2);
    expect(replicasFor(rulesOf({ min: '0' }), 0)).to.equal(1);
  });

  it('let alerts add a share of the most, and their end give the least again', () => {
    const rules = rulesOf({ min: '1', max: '10', factor: '30' });
    expect(replicasAfterAlert(rules, 1, true)).to.equal(4);
    expect(replicasAfterAlert(rules, 9, true)).to.equal(10);
    expect(replicasAfterAlert(rules, 10, false)).to.equal(1);
    expect(replicasAfterAlert(rulesOf({ factor: '0' }), 3, true)).to.equal(3);
    expect(replicasAfterAlert(rulesOf({ min: '2', max: '2' }), 2, true)).to.equal(2);
  });
});

describe('OpenFaaS: autoscaling without Prometheus', () => {
  const start = (labels: Record<string, string>) => {
    let [nowMs, queued] = [1_000_000, 0];
    const worker = new ScalableWorker();
    const deployed = new Deployed({ service: 'f', image: '', labels: labelled(labels), atMs: 1 }, worker, new FunctionMetrics());
    const clock = { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined };
    const autoscaler = new Autoscaler({ deployments: { list: () => [deployed] }, queued: () => queued, clock, log: silentLog });
    return {
      worker, deployed,
      /** Looks every two seconds for so long. @param each done before every look */
      async pass(seconds: number, each: () => void = () => undefined) {
        for (let at = 0; at < seconds; at += 2) {
          nowMs += 2_000;
          each();
          await autoscaler.look();
        }
        return deployed.replicas.wanted;
      },
      queue(calls: number) { queued = calls; },
    };
  };
  const calls = (deployed: Deployed, count: number) => () => {
    for (let each = 0; each < count; each += 1) {
      deployed.inHand += 1;
      deployed.leave();
    }
  };

  it('follows the calls a second, up at once and down when the window is over', async () => {
    const { deployed, pass } = start({ max: '8', target: '10', 'target-proportion': '1', type: 'rps', 'down.window': '30s' });
    expect(await pass(20, calls(deployed, 80))).to.equal(4);
    expect(await pass(20, calls(deployed, 1_000))).to.equal(8);
    expect(await pass(20)).to.equal(8);
    expect(await pass(40)).to.equal(1);
  });

  it('follows the calls in hand', async () => {
    const { deployed, pass } = start({ max: '10', target: '5', 'target-proportion': '1', type: 'capacity', 'down.window': '0s' });
    deployed.inHand = 15;
    expect(await pass(2)).to.equal(3);
    deployed.inHand = 25;
    expect(await pass(2)).to.equal(5);
    deployed.inHand = 0;
    expect(await pass(4)).to.equal(1);
  });

  it('ends no replica of a function that has a call in hand, however short its time without one', async () => {
    const { deployed, pass } = start({ zero: 'true', 'zero-duration': '0s' });
    deployed.inHand = 1;
    expect(await pass(10)).to.equal(1);
    deployed.leave();
    expect(await pass(4)).to.equal(0);
  });

  it('follows the calls that wait in the queue', async () => {
    const { pass, queue } = start({ target: '10', 'target-proportion': '1', type: 'queue', 'down.window': '0s' });
    queue(35);
    expect(await pass(2)).to.equal(4);
  });

  it('follows the time that its processes take of the processors, in thousandths of one', async () => {
    const { pass, worker } = start({ max: '10', target: '500', 'target-proportion': '1', type: 'cpu', 'down.window': '0s' });
    // Nobody knows: as it is.
    expect(await pass(4)).to.equal(1);
    worker.tookMs = 100_000;
    expect(await pass(2)).to.equal(1);
    const busy = (milli: number) => () => { worker.tookMs! += 2 * milli; };
    expect(await pass(20, busy(1_800))).to.equal(4);
    expect(await pass(20, busy(400))).to.equal(1);
    expect(await pass(20, busy(100_000))).to.equal(10);
  });

  it('leaves alone what has no labels, what alerts scale, what has one size, and what it cannot measure', async () => {
    for (const labels of [{}, { factor: '50', max: '5' }, { min: '3', max: '3' }, { type: 'latency', target: '100' }, { type: 'cpu', target: '100' }]) {
      const { deployed, pass, worker } = start(labels as Record<string, string>);
      deployed.inHand = 1_000;
      await pass(60, calls(deployed, 1_000));
      expect(worker.asked).to.deep.equal([]);
    }
  });

  it('ends what nobody calls, after the time that its label says, and not before', async () => {
    const { deployed, pass, queue } = start({ zero: 'true', 'zero-duration': '1m' });
    expect(await pass(50)).to.equal(1);
    calls(deployed, 1)();
    expect(await pass(58)).to.equal(1);
    deployed.inHand = 1;
    expect(await pass(120)).to.equal(1);
    deployed.inHand = 0;
    queue(1);
    expect(await pass(120)).to.equal(1);
    queue(0);
    expect(await pass(62)).to.equal(0);
    expect(deployed.isAsleep).to.equal(true);
    expect(await pass(60)).to.equal(0);
  });

  it('does not end what may not end', async () => {
    const { pass } = start({ min: '1', max: '5', zero: 'false' });
    expect(await pass(3_600)).to.equal(1);
  });

  it('goes on when a worker cannot be scaled', async () => {
    const { deployed, pass, worker } = start({ max: '10', target: '5', type: 'capacity' });
    worker.scale = async () => { throw new Error('no room'); };
    deployed.inHand = 50;
    await pass(4);
  });
});

describe('OpenFaaS: scaling by command', () => {
  let node: TestNode;
  beforeEach(async () => { node = await startNode(); });
  afterEach(() => node.close());
  const as = (method: 'get' | 'post', path: string) => request(node.url)[method](path).set('Authorization', ADMIN);
  const serve = async (labels: Record<string, string> = {}) => {
    const worker = new ScalableWorker();
    node.provide('f', worker);
    await node.serve('f', () => respond(), 'stateless', { labels: labelled(labels) });
    return worker;
  };
  const replicas = async () => {
    const { body } = await as('get', '/system/function/f').expect(200);
    return [body.replicas, body.availableReplicas] as [number, number];
  };

  it('starts with as many replicas as the labels ask for', async () => {
    await serve({ min: '2' });
    expect(await replicas()).to.deep.equal([2, 2]);
  });

  it('gives as many as are asked for, within what the function allows', async () => {
    const worker = await serve({ max: '5' });
    await as('post', '/system/scale-function/f').send({ serviceName: 'f', replicas: 3 }).expect(202);
    expect(await replicas()).to.deep.equal([3, 3]);
    await as('post', '/system/scale-function/f').send({ serviceName: 'f', replicas: 30, namespace: '' }).expect(202);
    expect(worker.asked).to.deep.equal([1, 3, 5]);
  });

  it('takes all replicas away, and the next call brings them back', async () => {
    const worker = await serve();
    await as('post', '/system/scale-function/f').send({ serviceName: 'f', replicas: 0 }).expect(202);
    expect(await replicas()).to.deep.equal([0, 0]);
    await request(node.url).get('/function/f').expect(200, 'done');
    expect(worker.asked).to.deep.equal([0, 1]);
    expect(await replicas()).to.deep.equal([1, 1]);
  });

  it('is refused for what is not there, and for what is no number of replicas', async () => {
    await serve();
    await as('post', '/system/scale-function/g').send({ serviceName: 'g', replicas: 1 }).expect(404);
    await as('post', '/system/scale-function/f').send({ serviceName: 'f', replicas: 1, namespace: 'dev' }).expect(404);
    for (const wrong of [-1, 1.5, '2', null, undefined, 1e30]) await as('post', '/system/scale-function/f').send({ serviceName: 'f', replicas: wrong }).expect(400);
    await request(node.url).post('/system/scale-function/f').send({ replicas: 1 }).expect(401);
    await as('get', '/system/scale-function/f').expect(405);
  });

  it('keeps replicas over a new deployment', async () => {
    await serve({ max: '5' });
    await as('post', '/system/scale-function/f').send({ serviceName: 'f', replicas: 4 }).expect(202);
    const next = await serve({ max: '3' });
    expect(next.asked).to.deep.equal([3]);
  });

  it('heeds alerts as Alertmanager sends them', async () => {
    const worker = await serve({ max: '10', factor: '20' });
    const alert = (status: string, name = 'f') => ({ status, labels: { alertname: 'APIHighInvocationRate', function_name: name } });
    const body = (...alerts: object[]) => ({ receiver: 'scale-up', status: 'firing', alerts, groupLabels: {}, version: '4' });
    await as('post', '/system/alert').send(body(alert('firing'), alert('firing', 'elsewhere'), { status: 'firing' })).expect(200);
    await as('post', '/system/alert').send(body(alert('firing', 'f.openfaas-fn'))).expect(200);
    await as('post', '/system/alert').send(body(alert('resolved'))).expect(200);
    expect(worker.asked).to.deep.equal([1, 3, 5, 1]);
    for (const wrong of [{}, { alerts: {} }, { alerts: [1] }, []]) await as('post', '/system/alert').send(wrong).expect(400);
    await request(node.url).post('/system/alert').send(body()).expect(401);
  });

  it('lets no more calls in than max_inflight for each replica', async () => {
    const [hold, entered] = [signal<void>(), signal<void>()];
    await node.serve('busy', async () => {
      entered.give();
      await hold.come;
      return respond('late');
    }, 'stateless', { envVars: { max_inflight: '1' } });
    const first = request(node.url).get('/function/busy').then(({ text }) => text);
    await entered.come;
    await request(node.url).get('/function/busy').expect(429).expect(({ body }) => expect(body).to.include({ code: 'TOO_MANY_CALLS' }));
    hold.give();
    expect(await first).to.equal('late');
    await request(node.url).get('/function/busy').expect(200);
  });
});

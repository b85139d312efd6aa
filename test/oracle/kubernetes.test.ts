import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Machines } from '../../oracle/kubernetes/machines.js';
import { kubernetesSettings } from '../../oracle/kubernetes/settings.js';
import { quantityOf, STALE_USAGE_MS, usageOf } from '../../oracle/kubernetes/usage.js';
import { oracleSettings } from '../../oracle/settings.js';
import { createLog } from '../../runtime/base/log.js';
import { reportOf } from './reports.js';

const AT = '2026-01-01T00:00:00Z';
const metricsOf = (...machines: [string, string, string][]) => ({ kind: 'NodeMetricsList', items: machines.map(([name, cpu, memory]) => ({ metadata: { name }, timestamp: AT, window: '20s', usage: { cpu, memory } })) });
const nodesOf = (...machines: [string, string, string][]) => ({ kind: 'NodeList', items: machines.map(([name, cpu, memory]) => ({ metadata: { name }, status: { allocatable: { cpu, memory } } })) });
const LOAD = { capacity: 10, busy: 1, waiting: 3, latencyMs: 5, memoryUsedBytes: 7, memoryLimitBytes: 100 };

describe('a quantity of Kubernetes', () => {
  it('is a number of cores or bytes, in any of its spellings', () => {
    const given = ['2', '250m', '1500000000n', '3u', '0.5', '1e3', '16Gi', '512Ki', '1M', '128974848', '1k'];
    expect(given.map(quantityOf)).to.deep.equal([2, 0.25, 1.5, 3e-6, 0.5, 1000, 16 * 2 ** 30, 512 * 1024, 1e6, 128_974_848, 1000]);
    for (const text of ['', 'much', '1X', '1 Gi Gi', undefined, null]) expect(Number.isNaN(quantityOf(text)), String(text)).to.equal(true);
  });
});

describe('the usage of machines', () => {
  it('is a share of what pods may have', () => {
    const usage = usageOf(metricsOf(['a', '500m', '1Gi'], ['b', '8', '1Ki']), nodesOf(['a', '2', '4Gi'], ['b', '4', '2Ki']));
    expect(Object.fromEntries(usage)).to.deep.equal({
      a: { cpuShare: 0.25, memoryUsedBytes: 2 ** 30, memoryBytes: 2 ** 32, atMs: Date.parse(AT) }, b: { cpuShare: 2, memoryUsedBytes: 1024, memoryBytes: 2048, atMs: Date.parse(AT) },
    });
  });

  it('leaves out what makes no sense', () => {
    expect(usageOf(metricsOf(['a', '1', '1Gi'], ['b', '1', '1Gi'], ['c', 'x', '1']), nodesOf(['a', '0', '1'], ['c', '1', '1'])).size).to.equal(0);
    for (const odd of [undefined, 'x', [], { items: 3 }, { items: [null, {}] }]) expect(usageOf(odd, odd).size).to.equal(0);
  });
});

describe('the load of nodes in Kubernetes', () => {
  let folder: string;
  let server: Server;
  let answers: Record<string, { status: number; body: string }>;
  let asked: string[];
  let nowMs: number;
  let machines: Machines;
  const clock = { now: () => nowMs, setTimeout: () => undefined as never, clearTimeout: () => undefined };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubernetes-'));
    await writeFile(join(folder, 'token'), 'the-token\n');
    nowMs = Date.parse(AT) + 1000;
    asked = [];
    answers = {
      '/apis/metrics.k8s.io/v1beta1/nodes': { status: 200, body: JSON.stringify(metricsOf(['worker-a', '1500m', '3Gi'], ['edge', '1', '1Gi'])) },
      '/api/v1/nodes': { status: 200, body: JSON.stringify(nodesOf(['worker-a', '2', '4Gi'], ['edge', '4', '2Gi'])) },
    };
    // Stands in for the API server.
    server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`);
      const { status, body } = answers[request.url!] ?? { status: 404, body: '' };
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    machines = new Machines({ settings: kubernetesSettings({ url, tokenFile: join(folder, 'token'), nodes: { milan: 'worker-a' } })!, clock, log: createLog('silent') });
    await machines.start();
  });
  afterEach(async () => {
    await machines.close();
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const busyOf = (name: string, labels = {}) => machines.applied({ name, labels }, reportOf(1, [], { load: LOAD })).load.busy;

  it('is the share of the machine\'s processor in use, where it is more than the node has counted', () => {
    expect(asked).to.have.members(['/apis/metrics.k8s.io/v1beta1/nodes Bearer the-token', '/api/v1/nodes Bearer the-token']);
    const { load, health } = machines.applied({ name: 'milan', labels: {} }, reportOf(1, [], { load: LOAD }));
    expect(load).to.deep.equal({ ...LOAD, busy: 7.5 });
    expect([health.mem_used, health.mem_free, health.mem_available]).to.deep.equal([3 * 2 ** 20, 2 ** 20, 2 ** 20]);
    expect(machines.applied({ name: 'milan', labels: {} }, reportOf(1, [], { load: { ...LOAD, busy: 9 } })).load.busy).to.equal(9);
  });

  it('finds the machine by the settings, by the label, or by the node\'s own name', () => {
    expect(busyOf('milan')).to.equal(7.5);
    expect(busyOf('turin', { 'kubernetes.io/hostname': 'worker-a' })).to.equal(7.5);
    expect(busyOf('edge')).to.equal(2.5);
    expect(busyOf('nobody')).to.equal(1);
    expect(busyOf('constructor')).to.equal(1);
  });

  it('is the node\'s own word again when what is known has become old', () => {
    nowMs += STALE_USAGE_MS;
    expect(busyOf('milan')).to.equal(1);
  });

  it('stays as it was while the server refuses, stammers or is away', async () => {
    for (const answer of [{ status: 403, body: '{}' }, { status: 200, body: '{' }]) {
      answers['/api/v1/nodes'] = answer;
      await machines.look();
      expect(busyOf('milan')).to.equal(7.5);
    }
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    await machines.look();
    expect(busyOf('milan')).to.equal(7.5);
  });
});

describe('the settings of Kubernetes', () => {
  it('are left out, or right, or refused by name', () => {
    expect(oracleSettings({}).kubernetes).to.equal(undefined);
    expect(oracleSettings({ kubernetes: { url: 'https://k8s/' } }).kubernetes).to.deep.equal({ url: 'https://k8s', everySeconds: 15, nodes: {} });
    const wrong: [object | string, string][] = [
      ['x', 'kubernetes is a table'], [{}, 'kubernetes.url'], [{ url: 'ftp://k8s' }, 'kubernetes.url'], [{ url: 'http://k', tokenFile: 3 }, 'kubernetes.tokenFile'],
      [{ url: 'http://k', everySeconds: 0 }, 'kubernetes.everySeconds'], [{ url: 'http://k', nodes: ['a'] }, 'kubernetes.nodes'], [{ url: 'http://k', nodes: { a: 1 } }, 'kubernetes.nodes'],
      [{ url: 'http://k', colour: 1 }, 'kubernetes.colour is no setting'],
    ];
    for (const [given, reason] of wrong) expect(() => kubernetesSettings(given), reason).to.throw(reason);
  });
});

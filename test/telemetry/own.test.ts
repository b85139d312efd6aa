/** What a node says of itself and its functions, and nodes that find each other by DISCOVERY: two real nodes without an oracle. */
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { endChild, killChild, spawnModule } from '../../bench/harness/children.js';
import { bundleFunction } from '../../runtime/base/bundle.js';
import { basicHeader } from '../../runtime/base/credentials.js';
import type { NodeConfig } from '../../runtime/model/config.js';

const NODE = fileURLToPath(new URL('../../runtime/node.js', import.meta.url));
const ADMIN = { authorization: basicHeader({ user: 'admin', password: 'sesame' }) };
const PATIENCE_MS = 120_000;
const HANDLER = `
  import { Offloadable } from 'xylem';
  export default class Saying extends Offloadable {
    async handleOffload(request, context) {
      context.telemetryLog('info', 'cart:size', 3);
      if (request.query.get('fail')) throw new Error('it was asked to');
      return 'said';
    }
  }
`;

describe('telemetry of a node itself', function own() {
  this.timeout(300_000);
  let folder: string;
  const nodes: Record<string, { url: string; child: ChildProcess }> = {};

  const start = async (name: string, environment: Record<string, string>) => {
    const config: NodeConfig = {
      name, level: 'any', host: '127.0.0.1', port: 0, domainId: 'test', labels: {}, store: 'memory', stateDir: join(folder, name), adminUser: 'admin',
      adminPasswordFile: join(folder, 'admin-password'), peerKeyFile: join(folder, 'peer-key'), telemetry: { ownSamplesSeconds: 1 },
    };
    await writeFile(join(folder, `${name}.json`), JSON.stringify(config));
    const { child, ready } = await spawnModule<{ url: string }>(NODE, ['--config', join(folder, `${name}.json`)], { env: environment });
    nodes[name] = { url: ready.url, child };
  };
  const post = async (name: string, path: string, body: unknown) => (await fetch(nodes[name]!.url + path, { method: 'POST', body: JSON.stringify(body) })).json() as any;
  const eventually = async <T>(look: () => Promise<T | undefined | false>, what: string): Promise<T> => {
    for (const untilMs = Date.now() + PATIENCE_MS; Date.now() < untilMs; await sleep(100)) {
      const found = await look().catch(() => undefined);
      if (found) return found;
    }
    throw new Error(`${what} did not come`);
  };
  const latest = async (entityID: string) => new Map<string, any>((await post('saying', '/get', { entityID: [entityID] })).monitoring[0].data.map((each: any) => [each.metricID, each]));

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'telemetry-own-'));
    await writeFile(join(folder, 'peer-key'), 'a key');
    await writeFile(join(folder, 'admin-password'), 'sesame');
    await mkdir(join(folder, 'function'));
    await writeFile(join(folder, 'function', 'handler.js'), HANDLER);
    await start('saying', { CLUSTER_HEAD: 'true' });
    await start('other', { CLUSTER_HEAD: 'false', DISCOVERY: `${new URL(nodes['saying']!.url).host},127.0.0.1:1` });
    const { sha256, code } = await bundleFunction(join(folder), 'saying');
    const admin = async (method: string, path: string, body: Buffer | string) => {
      const answer = await fetch(nodes['saying']!.url + path, { method, body: body as string, headers: { ...ADMIN, ...(typeof body === 'string' && { 'content-type': 'application/json' }) } });
      expect(answer.ok, await answer.text()).to.equal(true);
    };
    await admin('PUT', `/system/bundles/${sha256}`, code);
    await admin('POST', '/system/functions?wait=subtree', JSON.stringify({ service: 'saying', image: `bundle:${sha256}` }));
  });

  after(async () => {
    await Promise.all(Object.values(nodes).map(({ child }) => endChild(child)));
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('has its health, and nothing that the machine does not tell', async () => {
    const found = await eventually(async () => {
      const metrics = await latest('saying');
      return metrics.has('requests_in_hand') && metrics;
    }, 'a sample');
    expect([...found.keys()]).to.include.members(['proc_cpu_usage', 'proc_memory', 'mem_available', 'load_avg_1', 'disk_free_space']);
    expect(found.get('proc_memory')).to.deep.include({ entityType: 'node', group: 'health', units: 'KiB', higherIsBetter: false });
    expect(found.get('proc_memory').values[0].val).to.be.greaterThan(10_000);
    for (const { values } of found.values()) expect(values[0].val).not.to.equal(-1);
  });

  it('has what functions took and what they say, of calls that succeeded', async () => {
    const call = (query: string) => fetch(`${nodes['saying']!.url}/function/saying${query}`, { method: 'POST', headers: { 'x-session': 's', 'x-start-time': String(Date.now() - 1_000) } });
    expect((await call('?fail=1')).status).to.equal(500);
    expect((await latest('saying/saying')).has('cart:size'), 'a call that failed has said nothing').to.equal(false);
    expect(await (await call('')).text()).to.equal('said');
    const said = await eventually(async () => (await latest('saying/saying')).get('cart:size'), 'what the function says');
    expect(said).to.deep.include({ entityType: 'function', group: 'telemetry_log/info' });
    expect(said.values[0].val).to.equal(3);
    const times = await eventually(async () => {
      const metrics = await latest('saying/saying');
      return metrics.has('transfer_time') && metrics.has('execution_time') && metrics;
    }, 'times of the function');
    expect(times.get('invocations').values[0].val).to.be.within(1, 2);
    expect(times.get('execution_time').values[0].val).to.be.greaterThan(0);
    expect(times.get('transfer_time').values[0].val, 'from the sender\'s stamp').to.be.at.least(1_000);
  });

  it('is told to nodes that DISCOVERY has led to it, which know the head by CLUSTER_HEAD and who is not there', async () => {
    const hosts = await eventually(async () => {
      const { nodes: found } = await post('other', '/nodes', {});
      return found.length === 2 && found;
    }, 'the other node');
    expect(hosts).to.have.deep.members([{ hostname: 'saying', cluster_head: true }, { hostname: 'other', cluster_head: false }]);
    await eventually(async () => {
      const { monitoring } = await post('other', '/get', { metricID: ['proc_memory'], nodes: [] });
      return monitoring.map(({ node }: any) => node).sort().join() === 'other,saying';
    }, 'what both say');
    await killChild(nodes['saying']!.child);
    await eventually(async () => (await post('other', '/nodes', {})).nodes.length === 1, 'the word that it is down');
    expect((await post('other', '/get', { nodes: ['saying'] })).unavailable).to.deep.equal(['saying']);
  });
});

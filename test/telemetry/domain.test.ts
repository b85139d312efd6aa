/** A domain of four real nodes and an oracle: an owner is killed, and its data is told by its replica in its name. */
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'chai';
import { endChild, killChild, spawnModule } from '../../bench/harness/children.js';
import { systemClock } from '../../runtime/base/clock.js';
import { basicHeader } from '../../runtime/base/credentials.js';
import { createPeerClient } from '../../runtime/base/http-client.js';
import { systemIds } from '../../runtime/base/ids.js';
import { createPeerSigner } from '../../runtime/base/peer-signature.js';
import type { NodeConfig } from '../../runtime/model/config.js';

const NODE = fileURLToPath(new URL('../../runtime/node.js', import.meta.url));
const ORACLE = fileURLToPath(new URL('../../oracle/oracle.js', import.meta.url));
const ADMIN = basicHeader({ user: 'admin', password: 'sesame' });
const PATIENCE_MS = 120_000;

interface Running {
  name: string;
  url: string;
  aliasUrl: string;
  child: ChildProcess;
  start(): Promise<void>;
}

describe('telemetry of four nodes', function domain() {
  this.timeout(300_000);
  let folder: string;
  let oracle: { child: ChildProcess; url: string };
  const nodes: Record<string, Running> = {};

  const send = async (url: string, path: string, body: unknown, method = 'POST', headers: Record<string, string> = {}) => {
    const answer = await fetch(url + path, { method, body: JSON.stringify(body), headers });
    return { status: answer.status, json: await answer.json() as any };
  };
  const eventually = async <T>(look: () => Promise<T | undefined | false>, what: string): Promise<T> => {
    for (const untilMs = Date.now() + PATIENCE_MS; Date.now() < untilMs; await sleep(100)) {
      const found = await look().catch(() => undefined);
      if (found) return found;
    }
    throw new Error(`${what} did not come`);
  };
  /** Whoever asks many nodes names those that are silent for a moment: on a machine that has no time for them that may be any. */
  const comes = async (look: () => Promise<unknown>, wanted: unknown, what: string) => {
    let last: unknown;
    await eventually(async () => isDeepStrictEqual(last = await look(), wanted), what).catch(() => expect(last, what).to.deep.equal(wanted));
  };
  const peers = createPeerClient({ signer: createPeerSigner({ node: 'turin', key: 'a key', clock: systemClock, ids: systemIds }) });
  const told = async () => await (await fetch(`${oracle.url}/api/v1/telemetry`)).json() as any;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'telemetry-domain-'));
    const [peerKeyFile, adminPasswordFile] = [join(folder, 'peer-key'), join(folder, 'admin-password')];
    await writeFile(peerKeyFile, 'a key');
    await writeFile(adminPasswordFile, 'sesame');
    const oracleFile = join(folder, 'oracle.json');
    await mkdir(join(folder, 'oracle'));
    await writeFile(oracleFile, JSON.stringify({
      host: '127.0.0.1', port: 0, domainId: 'test', peerKeyFile, adminPasswordFile, stateDir: join(folder, 'oracle'), proxy: { enabled: false },
    }));
    const spawned = await spawnModule<{ url: string }>(ORACLE, ['--config', oracleFile], { env: { PLACEMENT_INTERVAL: '1' } });
    oracle = { child: spawned.child, url: spawned.ready.url };
    for (const [name, parent] of [['cloud'], ['milan', 'cloud'], ['turin', 'cloud'], ['milan-001', 'milan']] as [string, string?][]) {
      const node = { name } as Running;
      let port = 0;
      node.start = async () => {
        const config: NodeConfig = {
          name, level: 'any', host: '127.0.0.1', port, ...(parent && { parentUrl: nodes[parent]!.url }), oracleUrl: oracle.url, domainId: 'test', labels: {},
          store: 'memory', stateDir: join(folder, name), adminUser: 'admin', adminPasswordFile, peerKeyFile,
          telemetry: { aliasPort: 0, durability: 'flush', ownSamplesSeconds: 0 },
        };
        const file = join(folder, `${name}.json`);
        await writeFile(file, JSON.stringify(config));
        const { child, ready } = await spawnModule<{ url: string; aliasUrl: string }>(NODE, ['--config', file], { env: { HOSTNAME: 'a-container' } });
        Object.assign(node, { child, url: ready.url, aliasUrl: ready.aliasUrl });
        port = Number(new URL(ready.url).port);
      };
      nodes[name] = node;
      await node.start();
    }
    await eventually(async () => (await told()).nodes.length === 4, 'the fourth node');
    await eventually(async () => (await Promise.all(Object.values(nodes).map(({ aliasUrl }) => send(aliasUrl, '/nodes', {})))).every(({ json }) => json.nodes.length === 4), 'every node\'s word of four nodes');
  });

  after(async () => {
    await Promise.all(Object.values(nodes).map(({ child }) => endChild(child)));
    if (oracle) await endChild(oracle.child);
    await peers.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('is told by any node for all, on both ports, with the names of the domain file', async () => {
    for (const [index, { name, url, aliasUrl }] of Object.values(nodes).entries()) {
      const monitoring = [{ entityID: name, metricID: 'load', val: index + 1, timestamp: 1_000 }, { entityID: name, metricID: 'load', val: 10 * (index + 1), timestamp: 2_000 }];
      expect((await send(index % 2 ? url : aliasUrl, '/put', { monitoring })).json).to.deep.equal({ result: 'OK', message: 'Ingestion successful!' });
    }
    for (const { aliasUrl } of Object.values(nodes)) {
      await comes(async () => {
        const { json } = await send(aliasUrl, '/get', { metricID: ['load'], nodes: [] });
        return Object.fromEntries(json.monitoring.map(({ node, data }: any) => [node, data[0].values[0].val]));
      }, { cloud: 10, milan: 20, turin: 30, 'milan-001': 40 }, 'the latest of all');
      await comes(async () => (await send(aliasUrl, '/query', { metricID: ['load'], nodes: [], from: 0, agg: 'avg' })).json, { value: 110 / 8 }, 'the mean of all');
      await comes(async () => (await send(aliasUrl, '/nodes', {})).json.nodes.filter((each: any) => each.cluster_head), [{ hostname: 'cloud', cluster_head: true }], 'the head');
    }
  });

  it('of all nodes comes as one file, as CSV and as Parquet', async () => {
    const file = (format: string) => eventually(async () => {
      const answer = await fetch(`${nodes['turin']!.aliasUrl}/export?format=${format}`, { method: 'POST', body: JSON.stringify({ metricID: ['load'], from: 0, nodes: [] }) });
      const content = Buffer.from(await answer.arrayBuffer());
      return answer.status === 200 && answer.headers.get('x-unavailable') === null && content;
    }, `all of it as ${format}`);
    const wanted = Object.keys(nodes).flatMap((name, index) => [`load,${name},${name},1000,${index + 1}`, `load,${name},${name},2000,${10 * (index + 1)}`]).sort();
    const [head, ...lines] = String(await file('csv')).trim().split('\n');
    expect([head, lines.sort()]).to.deep.equal(['metricID,entityID,node,timestamp,val', wanted]);
    const path = join(folder, 'export.parquet');
    await writeFile(path, await file('parquet'));
    const database = await DuckDBInstance.create(':memory:');
    const connection = await database.connect();
    try {
      const rows = await (await connection.runAndReadAll(`SELECT "metricID", "entityID", node, "timestamp"::DOUBLE, val FROM '${path}'`)).getRows();
      expect(rows.map((row) => row.join(',')).sort()).to.deep.equal(wanted);
    } finally {
      connection.closeSync();
      database.closeSync();
    }
  });

  it('of an owner that falls goes to a replica, and is told by it in the owner\'s name when the owner is down', async () => {
    const owner = nodes['milan-001']!;
    const asker = nodes['turin']!;
    await killChild(owner.child);
    await comes(async () => {
      const { json } = await send(asker.aliasUrl, '/get', { metricID: ['load'], nodes: ['milan-001', 'cloud'] });
      return [json.monitoring.map(({ node }: any) => node), json.unavailable];
    }, [['cloud'], ['milan-001']], 'who is there');
    await owner.start();
    const { replica } = await eventually(async () => (await told()).replicas.find((each: any) => each.owner === 'milan-001' && each.state === 'live'), 'a live replica');
    expect((await told()).restarts.some(({ node, kind }: any) => node === 'milan-001' && kind === 'restarted')).to.equal(true);
    // What comes now goes over at once, late points and deletions too.
    await send(owner.aliasUrl, '/put', { monitoring: [{ entityID: 'milan-001', metricID: 'load', val: 50, timestamp: 3_000 }, { entityID: 'milan-001', metricID: 'load', val: 5, timestamp: 1_500 }] });
    await send(owner.aliasUrl, '/put', { monitoring: [{ entityID: 'doomed', metricID: 'load', val: 1, timestamp: 3_000 }] });
    await send(owner.aliasUrl, '/monitoring', { entityID: ['doomed'] }, 'DELETE');
    const whole = (await send(owner.aliasUrl, '/get', { metricID: ['load'], from: 0, nodes: ['milan-001'] })).json;
    expect(whole.monitoring[0].data[0].values.map(({ val }: any) => val)).to.deep.equal([4, 5, 40, 50]);
    await send(owner.aliasUrl, '/analytics/put', { analytics: [{ key: 'k', val: 'text', timestamp: 5 }, { key: 'k', val: 6, timestamp: 6 }, { key: 'gone', val: 1, timestamp: 1 }] });
    await send(owner.aliasUrl, '/analytics', { key: ['gone'] }, 'DELETE');
    await send(owner.aliasUrl, '/put', { monitoring: [{ entityID: 'last', metricID: 'mark', val: 1, timestamp: 1 }] });
    const signed = nodes[replica]!;
    // What is sent is sent in order: with the last of it there, everything is.
    const has = async (path: string, body: object) => JSON.stringify((await peers.call(signed.url, 'POST', path, { owner: 'milan-001', ...body })).body);
    await eventually(async () => (await has('/peer/telemetry/get', { entityID: ['last'] })).includes('"mark"'), 'the last point at the replica');
    await eventually(async () => {
      const keys = await has('/peer/telemetry/analytics', { from: 0 });
      return keys.includes('text') && !keys.includes('gone');
    }, 'the analytics at the replica');
    await killChild(owner.child);
    for (const { aliasUrl } of [asker, signed]) {
      await comes(async () => (await send(aliasUrl, '/get', { metricID: ['load'], from: 0, nodes: ['milan-001'] })).json, whole, 'the whole of it from the replica');
      await comes(async () => (await send(aliasUrl, '/query', { metricID: ['load'], from: 0, nodes: [], agg: 'count' })).json, { value: 10 }, 'the count of all');
    }
    await comes(async () => (await send(asker.aliasUrl, '/analytics/get', { key: ['*'], from: 0, nodes: ['milan-001'] })).json,
      { analytics: [{ node: 'milan-001', key: 'k', values: [{ timestamp: 5, val: 'text' }, { timestamp: 6, val: 6 }] }] }, 'the analytics from the replica');
    expect((await send(signed.aliasUrl, '/analytics/get', {})).json, 'not among its own').to.deep.equal({ analytics: [] });
    expect((await send(signed.aliasUrl, '/get', { metricID: ['load'] })).json.monitoring[0].data.map(({ entityID }: any) => entityID), 'not among its own').to.deep.equal([replica]);
    await owner.start();
  });

  it('is known by its metadata to every node when its node is down and has no replica, and so are replicas and restarts', async () => {
    const [owner, asker] = [nodes['turin']!, nodes['milan']!];
    await send(owner.aliasUrl, '/put', { monitoring: [{ entityID: 'meta', metricID: 'known', val: 1, timestamp: 1, desc: 'what it is' }, { entityID: 'meta', metricID: 'gone', val: 1, timestamp: 1 }] });
    await send(owner.aliasUrl, '/monitoring', { metricID: ['gone'] }, 'DELETE');
    const listed = async () => (await send(asker.aliasUrl, '/list', { entityID: ['meta'], nodes: ['turin'], fields: ['desc'] })).json;
    const copy = join(folder, 'milan', 'telemetry-copies', 'turin.jsonl');
    await eventually(async () => {
      const text = await readFile(copy, 'utf8');
      return text.includes('what it is') && (!text.includes('"gone","entityID"') || text.includes('{"gone":true'));
    }, 'the copy of its metadata');
    await killChild(owner.child);
    const answer = { metric: [{ node: 'turin', metricID: 'known', entityID: 'meta', desc: 'what it is' }], unavailable: ['turin'] };
    await comes(listed, answer, 'what is remembered of it');
    await killChild(asker.child);
    await asker.start();
    // Whoever is back hears of the other nodes in its own time.
    await comes(listed, answer, 'the same after a restart of whoever is asked');
    await owner.start();
    for (const { name, aliasUrl } of Object.values(nodes)) {
      await eventually(async () => {
        const { replicas, restarts } = await (await fetch(`${aliasUrl}/telemetry/domain`)).json() as any;
        return replicas.some((each: any) => each.owner === 'milan-001' && each.state === 'live') && restarts.some((each: any) => each.node === 'turin' && each.kind === 'restarted');
      }, `what ${name} knows`);
    }
  });

  it('is replicated where an operator says', async () => {
    expect((await send(oracle.url, '/api/v1/telemetry/replicas', { owner: 'cloud', replica: 'turin' })).status).to.equal(401);
    expect((await send(oracle.url, '/api/v1/telemetry/replicas', { owner: 'cloud', replica: 'turin' }, 'POST', { authorization: ADMIN })).status).to.equal(200);
    await eventually(async () => (await told()).replicas.some((each: any) => each.owner === 'cloud' && each.replica === 'turin' && each.state === 'live'), 'a live replica');
  });

  it('lost nothing that was acknowledged in durable mode when the node is killed in the middle of it', async () => {
    const node = nodes['milan']!;
    const acknowledged: number[] = [];
    let isOver = false;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let batch = 0; !isOver; batch += 1) {
        const timestamps = Array.from({ length: 100 }, (__, index) => 10_000_000 + writer * 10_000_000 + batch * 100 + index);
        const answer = await send(node.aliasUrl, '/put', { monitoring: timestamps.map((timestamp) => ({ entityID: 'crash', metricID: 'm', val: timestamp, timestamp })) }).catch(() => undefined);
        if (answer?.status !== 200) return;
        acknowledged.push(...timestamps);
      }
    });
    await eventually(async () => acknowledged.length > 5_000, 'enough points');
    await killChild(node.child);
    isOver = true;
    await Promise.all(writers);
    await node.start();
    const { json } = await send(node.aliasUrl, '/get', { entityID: ['crash'], from: 0 });
    const kept = new Set(json.monitoring[0].data[0].values.map(({ timestamp }: any) => timestamp));
    expect(acknowledged.filter((timestamp) => !kept.has(timestamp))).to.deep.equal([]);
  });
});

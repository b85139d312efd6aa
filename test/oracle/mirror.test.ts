import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type RedisClientType } from 'redis';
import { Dataset } from '../../oracle/dataset.js';
import { Domain } from '../../oracle/domain.js';
import { assertOwnDatabase } from '../../oracle/mirror/database.js';
import { type IncomingIntent, parseIntent } from '../../oracle/mirror/keys.js';
import { Mirror, type MirrorParts } from '../../oracle/mirror/mirror.js';
import { proxySettings } from '../../oracle/mirror/settings.js';
import { csvToParquet } from '../../oracle/parquet.js';
import { oracleSettings } from '../../oracle/settings.js';
import { recordedTrace } from '../../oracle/simulate/recorded.js';
import { createLog } from '../../runtime/base/log.js';
import { domainNamespace, lidOf, nodeId, pidOf } from '../../runtime/base/ids.js';
import { HEALTH_FIELDS, type NodeCapabilities } from '../../runtime/model/report.js';
import { startServer, type TestServer } from '../redis/server.js';
import { registered, reportOf, told } from './reports.js';

const NAMESPACE = domainNamespace('d');
const CLOUD = registered('cloud', null, nodeId('cloud', NAMESPACE));
const EDGE = registered('edge', 'cloud', nodeId('edge', NAMESPACE));
const CAPABILITIES: NodeCapabilities = {
  num_cpus: 2, model_name_cpu: 'a, "b"', clock_freq_cpu: 1, num_cores: 2, mem_size: 3, labels: ['x=y'], is_tee_running: false, has_tpm: false, runtimes: ['NODE'],
  disk_tot_space: 4, num_gpus: 0, model_name_gpu: '', mem_size_gpu: 0,
};
const lid = lidOf('anna', NAMESPACE);
const log = createLog('silent');

describe('the mirror', () => {
  let redis: TestServer;
  let client: RedisClientType;
  let domain: Domain;
  let mirror: Mirror;
  let nowMs: number;
  let taken: IncomingIntent[];
  let bad: string[];
  let mayTake: boolean;
  let isKept: boolean;
  let nodes: typeof CLOUD[];

  const make = (settings: object = {}, more: Partial<MirrorParts> = {}) => new Mirror({
    settings: proxySettings({ proxy_type: 'Redis', redis_url: redis.server.url, proxy_gc_period_seconds: 10, ...settings }), domainId: 'd', namespace: NAMESPACE, domain,
    nodes: () => nodes, mayTakeIntents: () => mayTake, onIntent: (intent) => taken.push(intent), onBadIntent: (key, reason) => bad.push(`${key}: ${reason}`),
    kept: async () => isKept, log, ...more,
    // Nothing by itself: the tests call what the timers would.
    clock: { now: () => nowMs, setTimeout: () => undefined as never, clearTimeout: () => undefined },
  });

  before(async () => {
    redis = await startServer();
  });

  after(() => redis.end());

  beforeEach(async () => {
    nowMs = 1_700_000_000_000;
    taken = [];
    bad = [];
    mayTake = true;
    nodes = [CLOUD, EDGE];
    domain = new Domain({ namespace: NAMESPACE, now: () => nowMs, onChange: (change) => mirror.note(change) });
    isKept = true;
    mirror = make();
    client = createClient({ url: redis.server.url }) as RedisClientType;
    await client.connect();
  });

  afterEach(async () => {
    await mirror.close();
    await client.configSet({ maxmemory: '0', 'min-replicas-to-write': '0' });
    client.destroy();
  });

  const report = (number: number, given: Parameters<typeof reportOf>[2] = {}, epoch = 0) => {
    const made = reportOf(number, [told('anna', { epoch })], { capabilities: CAPABILITIES, ...given });
    domain.report('edge', made);
    mirror.noteReport(EDGE, made);
    return mirror.refresh();
  };

  it('has the keys of both spellings, with the types that tools expect', async () => {
    await mirror.start();
    await report(1, { isFull: true });
    expect(await client.get('domain_info:domain_id')).to.equal('d');
    for (const prefix of ['node', 'nodes']) {
      expect(JSON.parse((await client.get(`${prefix}:capabilities:${EDGE.id}`))!)).to.deep.equal(CAPABILITIES);
      expect(Number(await client.get(`${prefix}:capabilities:last_update`))).to.equal(nowMs / 1000);
    }
    const [health] = await client.zRangeWithScores(`node:health:${EDGE.id}`, 0, -1);
    expect(Object.keys(JSON.parse(health!.value) as object)).to.deep.equal([...HEALTH_FIELDS]);
    expect(health!.score).to.equal(nowMs / 1000);
    expect(JSON.parse((await client.get('provider:edge-gateway'))!)).to.deep.equal({ class_type: 'http-ingress', node_id: EDGE.id, outputs: ['new_request'] });
  });

  it('has a session as an instance of its function, with the pid of its residency, and follows its moves', async () => {
    await mirror.start();
    await report(1, { isFull: true });
    const { Function: [specification, ids] } = JSON.parse((await client.get(`instance:${lid}`))!) as { Function: [{ code: object; spec: object }, string[]] };
    expect(specification.code).to.include({ function_class_id: 'cart' });
    expect(specification.spec).to.include({ id: 'cart' });
    expect(ids).to.deep.equal([`InstanceId(node_id: ${EDGE.id}, function_id: ${pidOf(lid, EDGE.id, 0, NAMESPACE)})`]);
    domain.report('cloud', reportOf(1, [told('anna', { epoch: 1 })]));
    await mirror.refresh();
    expect(await client.get(`instance:${lid}`)).to.include(pidOf(lid, CLOUD.id, 1, NAMESPACE));
    domain.report('cloud', reportOf(2, [], { gone: [{ id: 'anna', epoch: 1 }] }));
    await mirror.refresh();
    expect(await client.get(`instance:${lid}`)).to.equal(null);
  });

  it('writes differences only', async () => {
    await mirror.start();
    await report(1, { isFull: true });
    await client.set(`instance:${lid}`, 'untouched');
    await report(2);
    expect(await client.get(`instance:${lid}`)).to.equal('untouched');
  });

  it('has samples under both layouts of keys, and takes old ones out', async () => {
    await mirror.start();
    const sample = { session: 'anna', epoch: 0, metric: 'function_execution_time', value: 0.25, atMs: nowMs };
    await report(1, { isFull: true, samples: [sample] });
    const pid = pidOf(lid, EDGE.id, 0, NAMESPACE);
    for (const key of [`performance:function_execution_time:${pid}`, `performance:${pid}:function_execution_time`]) {
      expect(await client.zRangeWithScores(key, 0, -1)).to.deep.equal([{ value: `${(nowMs / 1000).toFixed(9)}:0.25`, score: nowMs / 1000 }]);
    }
    nowMs += 11_000;
    await report(2);
    expect(await client.exists(`performance:function_execution_time:${pid}`)).to.equal(0);
  });

  it('has who a session calls', async () => {
    await mirror.start();
    await report(1, { isFull: true, dependencies: [{ id: 'anna', outputs: { 'propagate:products-counter': 'counter' } }] });
    expect(JSON.parse((await client.get(`dependency:${lid}`))!)).to.deep.equal({ 'propagate:products-counter': lidOf('counter', NAMESPACE) });
  });

  it('takes what tools push, in either form of a list of nodes, and removes what says nothing', async () => {
    await mirror.start();
    await client.set(`intent:migrate:${lid}`, `${EDGE.id},${CLOUD.id}`);
    await client.rPush('intents', [`intent:migrate:${lid}`, 'intent:dance:x', 'rubbish']);
    await mirror.takeIntents();
    expect(taken).to.deep.equal([{ kind: 'migrate', lid, nodes: [EDGE.id, CLOUD.id] }]);
    expect(bad).to.have.length(2);
    expect(await client.lLen('intents')).to.equal(0);
  });

  it('is not stuck by intents of a wrong kind: they are reported and removed, and the next is taken', async () => {
    await mirror.start();
    await client.set('intents', 'no list');
    await mirror.takeIntents();
    expect(bad).to.deep.equal(['intents: it is no list; intents are keys, pushed onto one']);
    await client.rPush(`intent:migrate:${lid}`, 'a list');
    await client.rPush('intents', [`intent:migrate:${lid}`, '', 'intent:migrate:', `intent:cordon:${EDGE.id}`]);
    await mirror.takeIntents();
    expect(bad).to.have.length(4);
    expect(taken).to.deep.equal([{ kind: 'cordon', node: EDGE.id }]);
    expect(await client.exists(['intents', `intent:migrate:${lid}`])).to.equal(0);
  });

  it('takes a flood of intents a bounded number at a time', async () => {
    await mirror.start();
    for (let from = 0; from < 100_000; from += 10_000) await client.rPush('intents', Array.from({ length: 10_000 }, (_, at) => `rubbish ${from + at}`));
    await mirror.takeIntents();
    expect(bad).to.have.length(1_000);
    expect(await client.lLen('intents')).to.equal(99_000);
    await client.del('intents');
  });

  it('leaves intents where they are until the oracle knows where sessions are', async () => {
    mayTake = false;
    await mirror.start();
    await client.set(`intent:migrate:${lid}`, EDGE.id);
    await client.rPush('intents', `intent:migrate:${lid}`);
    await mirror.takeIntents();
    expect(taken).to.deep.equal([]);
    mayTake = true;
    await mirror.takeIntents();
    expect(taken).to.have.length(1);
  });

  it('writes more sessions than it puts into words at a time', async () => {
    await mirror.start();
    await report(1, { isFull: true, sessions: Array.from({ length: 5_000 }, (_, at) => told(`s${at}`)) });
    expect(await client.exists([0, 1_999, 2_000, 4_999].map((at) => `instance:${lidOf(`s${at}`, NAMESPACE)}`))).to.equal(4);
  });

  it('keeps intents that were pushed before it started', async () => {
    await client.flushDb();
    await client.set('left', 'over');
    await client.set(`intent:migrate:${lid}`, CLOUD.id);
    await client.rPush('intents', `intent:migrate:${lid}`);
    await mirror.start();
    expect(await client.get('left')).to.equal(null);
    await mirror.takeIntents();
    expect(taken).to.deep.equal([{ kind: 'migrate', lid, nodes: [CLOUD.id] }]);
  });

  it('does not take its own keys for intents: what is pushed by a wrong name neither survives a start nor takes anything away', async () => {
    await client.flushDb();
    await client.set('domain_info:domain_id', 'of a former domain');
    await client.set(`instance:${lid}`, 'of a former domain');
    await client.rPush('intents', ['domain_info:domain_id', `instance:${lid}`, `intent:cordon:${EDGE.id}`]);
    await mirror.start();
    expect(await client.get('domain_info:domain_id')).to.equal('d');
    expect(await client.get(`instance:${lid}`)).to.equal(null);
    await report(1, { isFull: true });
    await mirror.takeIntents();
    expect(bad).to.have.length(2);
    expect(taken).to.deep.equal([{ kind: 'cordon', node: EDGE.id }]);
    expect(await client.exists(['domain_info:domain_id', `instance:${lid}`, 'intents'])).to.equal(2);
  });

  it('keeps an intent that is pushed in the very moment in which it begins', async () => {
    await client.flushDb();
    const socket = join(redis.stateDir, 'relay.sock');
    const relay = createServer((from) => {
      const to = connect(redis.server.socket).on('error', () => undefined);
      from.on('error', () => undefined);
      from.on('data', (data) => {
        const pushed = data.includes('FLUSHDB') ? client.multi().set(`intent:migrate:${lid}`, CLOUD.id).rPush('intents', `intent:migrate:${lid}`).exec() : Promise.resolve([]);
        void pushed.then(() => to.write(data));
      });
      to.on('data', (data) => from.write(data));
      from.on('close', () => to.destroy());
      to.on('close', () => from.destroy());
    }).listen(socket);
    await once(relay, 'listening');
    mirror = make({ redis_url: `unix://${socket}` });
    await mirror.start();
    await mirror.takeIntents();
    expect(taken).to.deep.equal([{ kind: 'migrate', lid, nodes: [CLOUD.id] }]);
    await mirror.close();
    relay.close();
    mirror = make();
  });

  it('begins as soon as a server that refuses at the start does so no more', async () => {
    await client.flushDb();
    await client.configSet('min-replicas-to-write', '1');
    expect(await mirror.start().then(() => 'begun', (error: Error) => error.message)).to.match(/NOREPLICAS/);
    await client.configSet('min-replicas-to-write', '0');
    await report(1, { isFull: true });
    expect(await client.get('domain_info:domain_id')).to.equal('d');
    expect(await client.exists(`instance:${lid}`)).to.equal(1);
  });

  it('leaves the data of a stranger alone that has taken the port of its own server', async () => {
    await client.flushDb();
    await client.set('a stranger\'s', 'data');
    let ownPid = 0;
    mirror = make({}, { isOwnServer: (pid: number) => pid === ownPid });
    expect(await mirror.start().then(() => 'begun', (error: Error) => error.message)).to.match(/another server/);
    expect(await client.get('a stranger\'s')).to.equal('data');
    ownPid = redis.server.pid;
    await mirror.refresh();
    expect(await client.get('domain_info:domain_id')).to.equal('d');
  });

  it('writes again, once in a period, what a full server has refused', async () => {
    await mirror.start();
    await client.configSet('maxmemory', '1');
    expect(await report(1, { isFull: true }).then(() => 'written', (error: Error) => error.message)).to.match(/OOM|failed/);
    await client.configSet('maxmemory', '0');
    await mirror.refresh();
    expect(await client.exists(`node:capabilities:${EDGE.id}`)).to.equal(0);
    nowMs += 10_000;
    await mirror.refresh();
    expect(await client.exists(`node:capabilities:${EDGE.id}`)).to.equal(1);
  });

  it('takes an intent in once, and out of the mirror only when the oracle\'s own disk has it', async () => {
    await mirror.start();
    isKept = false;
    await client.rPush('intents', `intent:cordon:${EDGE.id}`);
    await mirror.takeIntents();
    await mirror.takeIntents();
    expect([taken.length, await client.lLen('intents')]).to.deep.equal([1, 1]);
    isKept = true;
    await mirror.takeIntents();
    await mirror.takeIntents();
    expect([taken.length, await client.lLen('intents')]).to.deep.equal([1, 0]);
  });

  it('leaves the value of an intent that was pushed again meanwhile', async () => {
    await mirror.start();
    isKept = false;
    const push = (node: string) => client.multi().set(`intent:migrate:${lid}`, node).rPush('intents', `intent:migrate:${lid}`).exec();
    await push(CLOUD.id);
    await mirror.takeIntents();
    isKept = true;
    await push(EDGE.id);
    await mirror.takeIntents();
    await mirror.takeIntents();
    expect(taken.map((intent) => intent.kind === 'migrate' && intent.nodes)).to.deep.equal([[CLOUD.id], [EDGE.id]]);
    expect(await client.exists(`intent:migrate:${lid}`)).to.equal(0);
  });

  it('forgets the capabilities of a node that failed', async () => {
    await mirror.start();
    await report(1, { isFull: true });
    nodes = [CLOUD, { ...EDGE, state: 'failed' }];
    mirror.note({ kind: 'node', node: 'edge' });
    await mirror.refresh();
    expect(await client.get(`node:capabilities:${EDGE.id}`)).to.equal(null);
    expect(await client.exists(`node:health:${EDGE.id}`)).to.equal(0);
  });
});

describe('an intent in the mirror', () => {
  it('is refused with what is wrong', () => {
    expect(() => parseIntent(`intent:migrate:${lid}`, null)).to.throw('names no node');
    expect(() => parseIntent(`intent:migrate:${lid}`, 'milan')).to.throw('UUIDs');
    expect(() => parseIntent('intent:migrate:anna', CLOUD.id)).to.throw('UUID');
    expect(parseIntent(`intent:cordon:${CLOUD.id}`, '')).to.deep.equal({ kind: 'cordon', node: CLOUD.id });
  });
});

describe('the mirror\'s settings', () => {
  it('are read by the names of EDGELESS, and refused by name', () => {
    expect(oracleSettings({ proxy: { proxy_type: 'Redis', redis_url: 'redis://127.0.0.1:1', dataset_settings: { dataset_path: 'd/', append: false } } }).proxy)
      .to.deep.include({ proxy_type: 'Redis', dataset_settings: { dataset_path: 'd/', append: false, additional_fields: '', additional_header: '' } });
    expect(() => oracleSettings({ proxy: { proxy_type: 'Mongo' } })).to.throw('proxy_type');
    expect(() => oracleSettings({ policy: 'nothing' })).to.throw('balanced');
    expect(() => oracleSettings({ settings: { high: 'very' } })).to.throw('settings.high');
  });

  it('refuse the database of a session store, however it is spelled', () => {
    expect(() => assertOwnDatabase('redis://127.0.0.1:6379', ['redis://user:secret@localhost/0'])).to.throw('session store').and.not.to.match(/secret/);
    expect(() => assertOwnDatabase('redis://127.0.0.1:6379/1', ['redis://localhost'])).not.to.throw();
    expect(() => assertOwnDatabase('redis://127.0.0.1:7379', ['auto', 'embedded'])).not.to.throw();
  });
});

describe('the dataset', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dataset-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  const open = async (given: object = {}) => {
    const settings = proxySettings({ dataset_path: folder, additional_fields: 'first', additional_header: 'experiment', ...given }).dataset_settings!;
    const dataset = new Dataset({ settings, namespace: NAMESPACE, now: () => 1_500, log, toParquet: csvToParquet, rotateBytes: 2_000 });
    await dataset.open();
    return dataset;
  };
  const lines = async (name: string) => (await readFile(join(folder, name), 'utf8')).trim().split('\n');
  const anna = { id: 'anna', lid, home: 'edge', current: 'edge', epoch: 0 } as never;

  it('has the files, columns and additional fields of EDGELESS, and the same as Parquet', async () => {
    const dataset = await open();
    const sample = { session: 'anna', epoch: 0, metric: 'function_execution_time', value: 0.5, atMs: 2_000 };
    dataset.noteSession(anna, EDGE.id);
    dataset.noteReport(EDGE, reportOf(1, [], { capabilities: CAPABILITIES, samples: [sample] }), () => 'pid');
    await dataset.close();
    expect((await lines('capabilities.csv'))[0]).to.match(/^experiment,timestamp,node_id,num_cpus,/);
    expect((await lines('capabilities.csv'))[1]).to.include('"a, ""b"""');
    expect(await lines('performance_samples.csv')).to.deep.equal(['experiment,metric,identifier,value,timestamp', 'first,function_execution_time,pid,0.5,2.000000000']);
    expect((await lines('mapping_to_instance_id.csv'))[0]).to.equal('experiment,timestamp,logical_id,node_id,physical_id');
    expect((await readFile(join(folder, 'health_status.parquet'))).subarray(0, 4).toString()).to.equal('PAR1');
  });

  it('appends without a second header, and turns a large file away', async () => {
    for (let time = 0; time < 2; time += 1) {
      const dataset = await open();
      for (let number = 0; number < 20; number += 1) dataset.noteReport(EDGE, reportOf(number), () => 'pid');
      await dataset.close();
    }
    const first = await lines('health_status.1.csv');
    expect(first.filter((line) => line.startsWith('experiment'))).to.have.length(1);
  });

  it('can be played again by the simulator', async () => {
    const dataset = await open({ additional_fields: '', additional_header: '' });
    dataset.noteSession(anna, EDGE.id);
    const sample = { session: 'anna', epoch: 0, metric: 'function_execution_time', value: 0.5, atMs: 2_000 };
    dataset.noteReport(EDGE, reportOf(1, [], { capabilities: CAPABILITIES, samples: [sample] }), () => pidOf(lid, EDGE.id, 0, NAMESPACE));
    await dataset.close();
    const trace = await recordedTrace(folder);
    expect(trace.requests).to.deep.equal([{ atMs: 0, session: 0, at: 0, serviceMs: 500 }]);
  });
});

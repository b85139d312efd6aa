import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { basicHeader } from '../../runtime/base/credentials.js';
import { MAX_FUTURE_MS, MAX_TELEMETRY_BODY_BYTES } from '../../runtime/model/limits.js';
import { CREDENTIALS, NOW_MS, startTelemetry, type TestTelemetry } from './support.js';

const GOOD = { entityID: 'e', metricID: 'm', val: 1, timestamp: 1_000 };

describe('telemetry\'s input', () => {
  let node: TestTelemetry;

  beforeEach(async () => { node = await startTelemetry(); });
  afterEach(() => node.close());

  const post = (path: string, body?: unknown) => node.send('POST', path, body);

  const WRONG: [what: string, item: unknown, pointer: string][] = [
    ['no entity', { ...GOOD, entityID: undefined }, '/entityID'], ['an empty metric', { ...GOOD, metricID: '' }, '/metricID'],
    ['a number as a name', { ...GOOD, metricID: 5 }, '/metricID'], ['a text as a value', { ...GOOD, val: '6' }, '/val'], ['null as a value', { ...GOOD, val: null }, '/val'],
    ['a negative time', { ...GOOD, timestamp: -1 }, '/timestamp'], ['half a millisecond', { ...GOOD, timestamp: 1.5 }, '/timestamp'],
    ['a time far ahead', { ...GOOD, timestamp: NOW_MS + MAX_FUTURE_MS + 1 }, '/timestamp'], ['a pod that is a text', { ...GOOD, pod: 'kube' }, '/pod'],
    ['a pod\'s name that is a number', { ...GOOD, pod: { name: 1 } }, '/pod/name'], ['yes instead of true', { ...GOOD, higherIsBetter: 'yes' }, '/higherIsBetter'],
    ['a text as a bound', { ...GOOD, minVal: '5' }, '/minVal'], ['a name of 2,000 characters', { ...GOOD, entityID: 'x'.repeat(2_000) }, '/entityID'], ['no object', 7, ''], ['a list', [], ''],
    ['a stay of no session', { ...GOOD, residency: 'anna' }, '/residency/session'], ['a stay at half an epoch', { ...GOOD, residency: { session: 'anna', epoch: 0.5 } }, '/residency/epoch'],
  ];
  for (const [what, item, pointer] of WRONG) {
    it(`${what} is refused by its pointer, and nothing of the batch is stored`, async () => {
      const { status, json } = await post('/put', { monitoring: [GOOD, item] });
      expect([status, json.result, json.message, json.pointer]).to.deep.equal([400, 'ERROR', 'Error on json schema!', `/monitoring/1${pointer}`]);
      expect(json.reason).to.be.a('string');
      expect((await post('/list', {})).json.metric).to.deep.equal([]);
    });
  }

  it('NaN is no JSON, and 1e999 no finite number', async () => {
    for (const val of ['NaN', 'Infinity', '-Infinity', '1e999']) {
      const { status, json } = await post('/put', `{"monitoring":[{"entityID":"e","metricID":"m","timestamp":1,"val":${val}}]}`);
      expect([status, json.result], val).to.deep.equal([400, 'ERROR']);
    }
  });

  it('?partial=true stores the good items and lists the bad ones', async () => {
    const { status, json } = await post('/put?partial=true', { monitoring: [{ ...GOOD, val: 'x' }, GOOD, { ...GOOD, timestamp: -5 }] });
    expect([status, json.stored, json.refused]).to.deep.equal([200, 1, 2]);
    expect(json.errors.map(({ pointer }: any) => pointer)).to.deep.equal(['/monitoring/0/val', '/monitoring/2/timestamp']);
    expect((await post('/get', {})).json.monitoring[0].data[0].values).to.deep.equal([{ timestamp: 1_000, val: 1 }]);
  });

  it('questions are refused by the pointer of what is wrong with them', async () => {
    const cases: [path: string, body: unknown, pointer: string][] = [
      ['/get', { metricID: [] }, '/metricID'], ['/get', { metricID: 'm' }, '/metricID'], ['/get', { entityID: [1] }, '/entityID/0'], ['/get', { from: -1 }, '/from'],
      ['/get', { from: 5, to: 4 }, '/to'], ['/get', { from: '5' }, '/from'], ['/get', { nodes: 'ip1' }, '/nodes'], ['/get', [], ''],
      ['/query', {}, '/agg'], ['/query', { agg: 'median of all' }, '/agg'], ['/query', { agg: 'sum', groupBy: ['colour'] }, '/groupBy/0'],
      ['/query', { agg: 'sum', from: 0, groupBy: ['time'] }, '/bucket'], ['/analytics/get', { key: [] }, '/key'],
    ];
    for (const [path, body, pointer] of cases) {
      const { status, json } = await post(path, body);
      expect([status, json.result, json.pointer], `${path} ${JSON.stringify(body)}`).to.deep.equal([400, 'ERROR', pointer]);
    }
    expect((await post('/query', { agg: 'mode' })).json.message).to.equal('Wrong aggregation!');
  });

  it('names may have the characters of SQL, of patterns and of any script, and a star in a filter stands for any run', async () => {
    const names = ['\'; DROP TABLE points; --', '%', '_', '*', 'a*b', 'ab', 'aXb', '日本', '"', '\\', '__proto__', 'a\u0000b'];
    await post('/put', { monitoring: names.map((entityID) => ({ ...GOOD, entityID })) });
    const found = async (entityID: string) => (await post('/get', { entityID: [entityID] })).json.monitoring[0].data.map((each: any) => each.entityID);
    for (const name of names.filter((each) => !each.includes('*'))) expect(await found(name), name).to.deep.equal([name]);
    expect(await found('a*b')).to.have.members(['a*b', 'ab', 'aXb', 'a\u0000b']);
    expect(await found('a\\*b')).to.deep.equal(['a*b']);
    expect(await found('*')).to.have.members(names);
  });

  it('a body that is too large is refused before it is read', async () => {
    const { status, json } = await node.send('POST', '/put', Buffer.alloc(MAX_TELEMETRY_BODY_BYTES + 1, 32));
    expect([status, json.code]).to.deep.equal([413, 'BODY_TOO_LARGE']);
  });

  it('more series than there is room for are refused whole, and say how to get room', async function series() {
    this.timeout(300_000);
    await node.close();
    node = await startTelemetry({ environment: { SIZE: '200' } });
    let refused: any;
    for (let first = 0; first < 200_000 && !refused; first += 20_000) {
      const answer = await post('/put', { monitoring: Array.from({ length: 20_000 }, (_, at) => ({ ...GOOD, entityID: `entity ${first + at}` })) });
      if (answer.status !== 200) refused = answer;
    }
    expect([refused.status, refused.json.code]).to.deep.equal([507, 'TELEMETRY_FULL']);
    expect((await post('/get', { entityID: ['entity 7'] })).json.monitoring[0].data).to.have.length(1);
  });

  it('is open to this machine, but not to proxies and pages of other sites on it, unless they have credentials', async () => {
    for (const [name, value] of [['x-forwarded-for', '10.0.0.1'], ['forwarded', 'for=10.0.0.1'], ['origin', 'https://example.org']] as const) {
      const status = async (more: Record<string, string>) => (await node.send('POST', '/get', {}, { [name]: value, ...more })).status;
      expect(await status({})).to.equal(401);
      expect(await status({ authorization: basicHeader(CREDENTIALS) })).to.equal(200);
    }
    expect((await node.send('POST', '/get', {}, { origin: 'http://localhost:3000' })).status).to.equal(200);
    expect((await node.send('POST', '/peer/telemetry/get', {})).status, 'nodes alone').to.equal(401);
    expect((await node.send('POST', '/peer/telemetry/get', {}, { authorization: basicHeader(CREDENTIALS) })).status).to.equal(403);
  });

  it('a path and a method that are not there say so in RAINBOW\'s form', async () => {
    expect((await node.send('GET', '/put')).status).to.equal(405);
    const { status, json } = await node.send('POST', '/nothing');
    expect([status, json.result]).to.deep.equal([404, 'ERROR']);
  });
});

describe('telemetry\'s other doors', () => {
  let node: TestTelemetry;

  beforeEach(async () => { node = await startTelemetry({ config: { history: true } }); });
  afterEach(() => node.close());

  const latest = async () => (await node.send('POST', '/get', {})).json.monitoring[0].data;

  it('take Prometheus remote-write', async () => {
    const text = (field: number, value: string | Buffer) => Buffer.concat([Buffer.from([field * 8 + 2, value.length]), Buffer.from(value as string)]);
    const label = (name: string, value: string) => text(1, Buffer.concat([text(1, name), text(2, value)]));
    const value = Buffer.alloc(9);
    value[0] = 9;
    value.writeDoubleLE(1.5, 1);
    const sample = text(2, Buffer.concat([value, Buffer.from([16, 0xe8, 0x07])]));
    const series = (...parts: Buffer[]) => text(1, Buffer.concat(parts));
    const packed = (...parts: Buffer[]) => {
      const message = Buffer.concat(parts);
      return Buffer.concat([Buffer.from([message.length % 128 + 128, message.length >> 7, 61 << 2, (message.length - 1) % 256, (message.length - 1) >> 8]), message]);
    };
    const up = series(label('__name__', 'up'), label('instance', 'host:9100'), label('job', 'node'), label('mode', 'idle'), sample);
    // What a node tells Prometheus in its own words is the series that it was when it comes back.
    const ours = series(label('__name__', 'cpu_load'), label('entityID', 'e'), label('metricID', 'cpu load'), label('instance', 'x'), sample);
    expect((await node.send('POST', '/api/v1/write', packed(up, ours))).status).to.equal(204);
    expect(await latest()).to.deep.equal([
      { metricID: 'up{mode="idle"}', entityID: 'host:9100', values: [{ timestamp: 1_000, val: 1.5 }], entityType: 'node', name: 'up' },
      { metricID: 'cpu load', entityID: 'e', values: [{ timestamp: 1_000, val: 1.5 }] },
    ]);
    const { status, json } = await node.send('POST', '/api/v1/write', packed(series(label('instance', 'x'), sample), series(label('__name__', 'good'), sample)));
    expect([status, json.stored, json.refused, json.pointer]).to.deep.equal([400, 1, 1, '/points/0/metricID']);
    expect((await latest()).map(({ metricID }: any) => metricID), 'it is not sent again: the good is kept').to.include('good');
    expect((await node.send('POST', '/api/v1/write', Buffer.from('nonsense'))).status).to.equal(400);
  });

  it('take OTLP as JSON', async () => {
    const body = {
      resourceMetrics: [{
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
        scopeMetrics: [{ metrics: [{ name: 'queue', unit: '1', gauge: { dataPoints: [{ timeUnixNano: '1000000000', asInt: '7', attributes: [{ key: 'q', value: { stringValue: 'a' } }] }] } }] }],
      }],
    };
    expect((await node.send('POST', '/v1/metrics', body)).json).to.deep.equal({ partialSuccess: {} });
    expect(await latest()).to.deep.equal([{ metricID: 'queue{q="a"}', entityID: 'shop', values: [{ timestamp: 1_000, val: 7 }], entityType: 'shop', name: 'queue', units: '1' }]);
  });

  it('take OTLP as protobuf, packed or not, and answer in its form', async () => {
    const varint = (value: number): number[] => value < 128 ? [value] : [value % 128 + 128, ...varint(Math.floor(value / 128))];
    const part = (field: number, value: string | Buffer) => Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(Buffer.byteLength(value))]), Buffer.from(value as string)]);
    const eight = (field: number, write: (bytes: Buffer) => void) => {
      const bytes = Buffer.alloc(8);
      write(bytes);
      return Buffer.concat([Buffer.from([field * 8 + 1]), bytes]);
    };
    const time = eight(3, (bytes) => bytes.writeBigUInt64LE(1_611_318_068_003_000_000n));
    const pair = (key: string, value: string) => Buffer.concat([part(1, key), part(2, part(1, value))]);
    const metric = (name: string, field: number, point: Buffer) => part(2, Buffer.concat([part(1, name), part(3, 'ms'), part(field, part(1, point))]));
    const message = part(1, Buffer.concat([
      part(1, part(1, pair('service.name', 'shop'))),
      part(2, Buffer.concat([
        metric('gauge', 5, Buffer.concat([part(7, pair('q', 'a')), time, eight(4, (bytes) => bytes.writeDoubleLE(1.5))])),
        metric('sum', 7, Buffer.concat([time, eight(6, (bytes) => bytes.writeBigInt64LE(-7n))])),
        metric('histogram', 9, Buffer.concat([time, eight(4, (bytes) => bytes.writeBigUInt64LE(3n)), eight(5, (bytes) => bytes.writeDoubleLE(12))])),
      ])),
    ]));
    const expected = [['gauge{q="a"}', 1.5], ['histogram_count', 3], ['histogram_sum', 12], ['sum', -7]];
    for (const [body, headers] of [[message, {}], [gzipSync(message), { 'content-encoding': 'gzip' }]] as const) {
      const answer = await fetch(`${node.url}/v1/metrics`, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf', ...headers } });
      expect([answer.status, answer.headers.get('content-type'), (await answer.arrayBuffer()).byteLength]).to.deep.equal([200, 'application/x-protobuf', 0]);
      const found = await latest();
      expect(found.map(({ metricID, values }: any) => [metricID, values[0].val]).sort()).to.deep.equal(expected);
      expect(found[0]).to.deep.include({ entityID: 'shop', units: 'ms', values: [{ timestamp: 1_611_318_068_003, val: 1.5 }] });
      await node.send('DELETE', '/monitoring', { metricID: ['*'] });
    }
    for (const [body, headers] of [['torn', {}], [message.subarray(0, 40), {}], ['not packed', { 'content-encoding': 'gzip' }]] as const) {
      const { status, json } = await node.send('POST', '/v1/metrics', body as Buffer, { 'content-type': 'application/x-protobuf', ...headers });
      expect([status, json?.result]).to.deep.equal([400, 'ERROR']);
    }
    const bomb = gzipSync(Buffer.alloc(MAX_TELEMETRY_BODY_BYTES + 1, 32));
    expect((await node.send('POST', '/put', bomb, { 'content-encoding': 'gzip' })).status).to.equal(413);
  });

  it('take the good points of others\' batches with ?partial=true, and none without', async () => {
    const at = (timeUnixNano: string) => ({ timeUnixNano, asInt: '7' });
    const body = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [at('1000000000'), at('9000000000000000000')] } }] }] }] };
    expect((await node.send('POST', '/v1/metrics', body)).json).to.deep.include({ result: 'ERROR', pointer: '/points/1/timestamp' });
    expect(await latest()).to.deep.equal([]);
    expect((await node.send('POST', '/v1/metrics?partial=true', body)).json.partialSuccess.rejectedDataPoints).to.equal(1);
    expect(await latest()).to.have.length(1);
  });

  it('give what /query makes of points as a file, and thin the points of a graph', async () => {
    await node.send('POST', '/put', { monitoring: Array.from({ length: 100 }, (_, at) => ({ ...GOOD, timestamp: at, val: at })) });
    const question = { agg: 'sum', from: 0, groupBy: ['time', 'node'], bucket: 50, nodes: [] };
    expect((await node.send('POST', '/export?format=csv', question)).text).to.equal('node,timestamp,value,count\nip1,0,1225,50\nip1,50,3725,50\n');
    expect((await node.send('POST', '/export?format=csv', { agg: 'max', from: 0 })).text).to.equal('value\n99\n');
    expect((await node.send('POST', '/export?format=parquet', question)).text.slice(0, 4)).to.equal('PAR1');
    const { status, json } = await node.send('POST', '/export?format=xlsx', {});
    expect([status, json.code]).to.deep.equal([400, 'PARAMETER_INVALID']);
    const range = { from: '1970-01-01T00:00:00.000Z', to: '1970-01-01T00:00:00.099Z' };
    const graph = { range, maxDataPoints: 4, targets: [{ target: 'm', payload: { nodes: [] } }] };
    expect((await node.send('POST', '/grafana/query', graph)).json).to.deep.equal([{ target: 'ip1 m e', datapoints: [[12, 0], [37, 25], [62, 50], [87, 75]] }]);
    expect((await node.send('POST', '/grafana/search', {})).json).to.deep.equal(['m']);
    expect((await node.send('POST', '/grafana/metrics', { nodes: [] })).json).to.deep.equal([{ label: 'm', value: 'm' }]);
  });

  it('give the latest values to Prometheus, and any question as CSV and as Parquet, and points to Grafana', async () => {
    await node.send('POST', '/put', { monitoring: [{ ...GOOD, entityID: 'e "1"', metricID: 'cpu load' }, { ...GOOD, entityID: 'e "1"', metricID: 'cpu load', timestamp: 2_000, val: 2 }] });
    expect((await node.send('GET', '/telemetry/metrics')).text).to.equal('# TYPE cpu_load gauge\ncpu_load{metricID="cpu load",entityID="e \\"1\\""} 2 2000\n');
    expect((await node.send('POST', '/export?format=csv', { from: 0 })).text).to.equal('metricID,entityID,node,timestamp,val\ncpu load,"e ""1""",ip1,1000,1\ncpu load,"e ""1""",ip1,2000,2\n');
    const { status, text } = await node.send('POST', '/export?format=parquet', { from: 0 });
    expect([status, text.slice(0, 4), text.slice(-4)]).to.deep.equal([200, 'PAR1', 'PAR1']);
    const range = { from: '1970-01-01T00:00:00Z', to: '1970-01-02T00:00:00Z' };
    expect((await node.send('POST', '/grafana/query', { range, targets: [{ target: 'cpu load' }] })).json).to.deep.equal([{ target: 'cpu load e "1"', datapoints: [[1, 1_000], [2, 2_000]] }]);
  });
});

/** Bodies that nobody means well with: whatever comes, the answer is one of RAINBOW's or a tool's, never a failure of the node's own. */
import { expect } from 'chai';
import { Random } from '../../bench/harness/random.js';
import { NOW_MS, startTelemetry, type TestTelemetry } from './support.js';

const PATHS = ['/nodes', '/put', '/put?partial=true', '/get', '/query', '/list', '/analytics/put', '/analytics/get', '/app/put', '/app/get', '/api/v1/write', '/v1/metrics', '/export', '/export?format=parquet', '/grafana/search', '/grafana/metrics', '/grafana/query'];
const DELETED = ['/monitoring', '/analytics', '/app'];
const NAMES = ['monitoring', 'analytics', 'application', 'entityID', 'metricID', 'val', 'timestamp', 'pod', 'container', 'name', 'key', 'from', 'to', 'nodes', 'agg', 'groupBy', 'bucket', 'fields', 'podName',
  'range', 'targets', 'target', 'payload', 'maxDataPoints', 'resourceMetrics', 'scopeMetrics', 'metrics', 'gauge', 'dataPoints', 'attributes', 'timeUnixNano', 'asDouble', '__proto__', 'constructor'];
const VALUES = [null, true, false, 0, -1, 1.5, 1e308, -1e308, 9_007_199_254_740_992, NOW_MS, '', '*', '\\*', '**', 'sum', 'p99.9', 'p101', 'series', 'time', 'ip1', 'nobody', '1970-01-01T00:00:00Z', '__proto__', '\u0000', '\ud800', 'x'.repeat(2_000), '\'; DROP TABLE points; --'];

describe('telemetry among hostile bodies', function hostile() {
  this.timeout(300_000);
  let node: TestTelemetry;

  beforeEach(async () => { node = await startTelemetry({ config: { history: true }, environment: { APP_CACHE: 'true' } }); });
  afterEach(() => node.close());

  const deep = (dice: Random, depth: number): unknown => {
    const kind = dice.below(depth > 0 ? 4 : 2);
    if (kind < 2) return VALUES[dice.below(VALUES.length)];
    if (kind === 2) return Array.from({ length: dice.below(4) }, () => deep(dice, depth - 1));
    return Object.fromEntries(Array.from({ length: dice.below(6) }, () => [NAMES[dice.below(NAMES.length)]!, deep(dice, depth - 1)]));
  };

  it('answers what is wrong, and goes on', async () => {
    const dice = new Random(11);
    for (let count = 0; count < 400; count += 1) {
      const isDeletion = dice.below(8) === 0;
      const path = isDeletion ? DELETED[dice.below(DELETED.length)]! : PATHS[dice.below(PATHS.length)]!;
      const json = JSON.stringify(deep(dice, 5));
      const body = dice.below(10) === 0 ? Buffer.from(Array.from({ length: dice.below(60) }, () => dice.below(256))) : dice.below(10) === 0 ? json.slice(0, dice.below(json.length)) : json;
      const type: Record<string, string> = path === '/v1/metrics' && dice.below(2) === 0 ? { 'content-type': 'application/x-protobuf' } : {};
      const { status, text } = await node.send(isDeletion ? 'DELETE' : 'POST', path, body, type);
      expect(status, `${path} ${body.toString()} ${text}`).to.be.oneOf([200, 204, 400, 413]);
      if (status >= 400) expect(JSON.parse(text), `${path} ${body.toString()}`).to.include({ result: 'ERROR' }).and.to.include.keys('message', 'reason', 'code');
    }
    expect((await node.send('POST', '/put', { monitoring: [{ entityID: 'e', metricID: 'm', val: 1, timestamp: 1 }] })).status).to.equal(200);
    expect((await node.send('POST', '/get', { entityID: ['e'] })).json.monitoring[0].data).to.have.length(1);
  });

  it('tells a sum that no number can hold as null, from one node as from many', async () => {
    await node.send('POST', '/put', { monitoring: [1, 2].map((timestamp) => ({ entityID: 'e', metricID: 'm', val: 1e308, timestamp })) });
    for (const more of [{}, { nodes: [] }]) expect((await node.send('POST', '/query', { agg: 'sum', from: 0, ...more })).json).to.deep.equal({ value: null });
    expect((await node.send('POST', '/query', { agg: 'max', from: 0 })).json).to.deep.equal({ value: 1e308 });
  });

  it('counts what texts of series take, and refuses them before there is no memory left', async () => {
    await node.close();
    node = await startTelemetry({ environment: { SIZE: '200', APP_CACHE: 'true' } });
    const desc = 'x'.repeat(60_000);
    let refused: { status: number; json: any } | undefined;
    for (let batch = 0; batch < 20 && !refused; batch += 1) {
      const answer = await node.send('POST', '/put', { monitoring: Array.from({ length: 50 }, (_, at) => ({ entityID: `e${batch}-${at}`, metricID: 'm', val: 1, timestamp: 1, desc })) });
      if (answer.status !== 200) refused = answer;
    }
    expect([refused?.status, refused?.json.code]).to.deep.equal([507, 'TELEMETRY_FULL']);
    const known = await node.send('POST', '/put', { monitoring: [{ entityID: 'e0-0', metricID: 'm', val: 2, timestamp: 2 }] });
    expect(known.status, 'what is known goes on').to.equal(200);
  });

  it('a point a day ahead keeps nobody from those of today, over a start and in the database', async () => {
    const put = (timestamp: number, val: number) => node.send('POST', '/put', { monitoring: [{ entityID: 'e', metricID: 'm', val, timestamp }] });
    await put(NOW_MS + 86_000_000, 1);
    await node.telemetry.settle();
    await node.restart();
    for (let at = 0; at < 5; at += 1) {
      expect((await put(NOW_MS + at, at)).status).to.equal(200);
      expect((await node.send('POST', '/query', { agg: 'count', from: NOW_MS, to: NOW_MS + 100 })).json).to.deep.equal({ value: at + 1 });
    }
    expect((await node.send('POST', '/get', {})).json.monitoring[0].data[0].values, 'the latest is that of the greatest time').to.deep.equal([{ timestamp: NOW_MS + 86_000_000, val: 1 }]);
  });

  it('deletions and puts of one series at once leave what one order of them leaves, over a start', async () => {
    const dice = new Random(5);
    await Promise.all(Array.from({ length: 200 }, (_, at) => dice.below(4) === 0
      ? node.send('DELETE', '/monitoring', { entityID: ['e'], ...(dice.below(2) === 0 && { from: 0, to: at }) })
      : node.send('POST', '/put', { monitoring: [{ entityID: 'e', metricID: 'm', val: at, timestamp: at }] })));
    const content = async () => [(await node.send('POST', '/get', { from: 0 })).json, (await node.send('POST', '/get', {})).json];
    const before = await content();
    await node.restart();
    expect(await content()).to.deep.equal(before);
    await node.telemetry.settle();
    await node.restart();
    expect(await content()).to.deep.equal(before);
  });
});

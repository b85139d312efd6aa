/** What a node says of itself has one way: into the store, and from there to whoever is told of it. */
import { expect } from 'chai';
import { HEALTH_FIELDS } from '../../runtime/model/report.js';
import { healthIn, samplesIn } from '../../runtime/gateway/own-samples.js';
import type { Point } from '../../runtime/telemetry/read-put.js';
import { startTelemetry, type TestTelemetry } from './support.js';

describe('the stream of a node\'s points', () => {
  let node: TestTelemetry;
  let seen: Point[];

  beforeEach(async () => {
    seen = [];
    node = await startTelemetry({ onPoints: (points) => seen.push(...points) });
  });
  afterEach(() => node.close());

  const residency = { session: 'anna', epoch: 2 };

  it('has what was stored, by the node itself or over HTTP, and of it samples of sessions are made', async () => {
    node.telemetry.record([{ entityID: 'ip1/cart', metricID: 'function_execution_time', val: 0.25, timestamp: 1_000, residency }]);
    await node.send('POST', '/put', { monitoring: [{ entityID: 'elsewhere', metricID: 'cart:size', val: 3, timestamp: 2_000, residency }, { entityID: 'e', metricID: 'm', val: 1, timestamp: 1 }] });
    expect(seen).to.have.length(3);
    expect(samplesIn(seen)).to.deep.equal([
      { session: 'anna', epoch: 2, metric: 'function_execution_time', value: 0.25, atMs: 1_000 }, { session: 'anna', epoch: 2, metric: 'cart:size', value: 3, atMs: 2_000 },
    ]);
    expect((await node.send('POST', '/get', { metricID: ['cart:size'] })).json.monitoring[0].data[0], 'as it is told').to.deep.equal({ metricID: 'cart:size', entityID: 'elsewhere', values: [{ timestamp: 2_000, val: 3 }] });
  });

  it('has nothing of a batch that was refused', async () => {
    expect((await node.send('POST', '/put', { monitoring: [{ entityID: 'e', metricID: 'm', val: 1, timestamp: 1, residency }, {}] })).status).to.equal(400);
    expect(seen).to.deep.equal([]);
  });

  it('has the node\'s health as its latest points say it, and what no point says is unknown', () => {
    node.telemetry.record([{ entityID: 'ip1', metricID: 'mem_free', val: 7, timestamp: 1 }, { entityID: 'ip1', metricID: 'mem_free', val: 8, timestamp: 2 }]);
    const health = healthIn((metricID) => node.telemetry.latest('ip1', metricID));
    expect(Object.keys(health)).to.deep.equal([...HEALTH_FIELDS]);
    expect(health).to.include({ mem_free: 8, mem_used: -1, gpu_temp_cels: -1_000 });
  });
});

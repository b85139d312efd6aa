import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Random } from '../../bench/harness/random.js';
import { NOW_MS, startTelemetry, type TestTelemetry } from './support.js';

const DAY_MS = 86_400_000;
const point = (entityID: string, timestamp: number, val: number) => ({ entityID, metricID: 'm', timestamp, val });

describe('history on disk', () => {
  let node: TestTelemetry;

  beforeEach(async () => { node = await startTelemetry({ config: { history: true, compactAfterPoints: 1 } }); });
  afterEach(() => node.close());

  const put = async (points: object[]) => expect((await node.send('POST', '/put', { monitoring: points })).status).to.equal(200);
  const ask = async (path: string, body: object = {}) => (await node.send('POST', path, body)).json;
  const valuesOf = async (body: object) => (await ask('/get', body)).monitoring[0].data.flatMap(({ values }: any) => values.map(({ timestamp, val }: any) => [timestamp, val]));

  it('keeps points, metadata, latest values and analytics over a restart', async () => {
    await put([{ ...point('a', 1_000, 1), units: 'ms', pod: { name: 'p' } }, point('a', 3_000, 3), point('a', 2_000, 2)]);
    await node.send('POST', '/analytics/put', { analytics: [{ key: 'k', val: 'text', timestamp: 5 }, { key: 'gone', val: 1, timestamp: 5 }] });
    await node.send('DELETE', '/analytics', { key: ['gone'] });
    await node.restart();
    expect(await valuesOf({ from: 0 })).to.deep.equal([[1_000, 1], [2_000, 2], [3_000, 3]]);
    expect(await valuesOf({})).to.deep.equal([[3_000, 3]]);
    expect((await ask('/list')).metric[0]).to.deep.include({ units: 'ms', pod: { podName: 'p' } });
    expect((await ask('/analytics/get')).analytics).to.deep.equal([{ key: 'k', values: [{ timestamp: 5, val: 'text' }] }]);
  });

  it('does not open the database for a few points', async () => {
    await put([point('a', 1_000, 1)]);
    await node.restart();
    expect(await valuesOf({ from: 0 })).to.deep.equal([[1_000, 1]]);
    expect(await access(join(node.folder, 'telemetry/history.duckdb')).then(() => true, () => false)).to.equal(false);
  });

  it('tells the last written of several points of one time, wherever they lie: database, log, memory', async () => {
    await put([point('a', 1_000, 1), point('a', 2_000, 2)]);
    await node.telemetry.settle();
    await put([point('a', 1_000, 10)]);
    expect(await valuesOf({ from: 0 })).to.deep.equal([[1_000, 10], [2_000, 2]]);
    await node.restart();
    await put([point('a', 2_000, 20), point('a', 3_000, 30)]);
    expect(await valuesOf({ from: 0 })).to.deep.equal([[1_000, 10], [2_000, 20], [3_000, 30]]);
    expect(await ask('/query', { from: 0, agg: 'sum' })).to.deep.equal({ value: 60 });
    await node.telemetry.settle();
    await node.restart();
    expect(await valuesOf({ from: 0 })).to.deep.equal([[1_000, 10], [2_000, 20], [3_000, 30]]);
    expect(await ask('/query', { from: 0, agg: 'count' })).to.deep.equal({ value: 3 });
    expect(await ask('/query', { from: 0, agg: 'p50' })).to.deep.equal({ value: 20 });
  });

  it('deletes in the database, in the log and in memory, and what is put afterwards stays', async () => {
    await put([point('a', 1_000, 1), point('a', 2_000, 2), point('b', 1_000, 5)]);
    await node.telemetry.settle();
    await put([point('a', 3_000, 3)]);
    await node.send('DELETE', '/monitoring', { entityID: ['a'], from: 1_500, to: 3_500 });
    expect(await valuesOf({ entityID: ['a'], from: 0 })).to.deep.equal([[1_000, 1]]);
    await put([point('a', 2_000, 22)]);
    await node.restart();
    expect(await valuesOf({ entityID: ['a'], from: 0 })).to.deep.equal([[1_000, 1], [2_000, 22]]);
    await node.send('DELETE', '/monitoring', { entityID: ['a'] });
    await node.restart();
    expect(await valuesOf({ from: 0 })).to.deep.equal([[1_000, 5]]);
  });

  it('turns days that are over into Parquet files, and reads, overwrites and deletes there', async () => {
    await put([point('a', DAY_MS, 1), point('a', 2 * DAY_MS, 2), point('a', 3 * DAY_MS, 3)]);
    await node.telemetry.settle();
    await node.telemetry.tidy();
    expect(await readdir(join(node.folder, 'telemetry/days'))).to.deep.equal(['1970-01-02.parquet', '1970-01-03.parquet']);
    await put([point('a', DAY_MS, 11)]);
    await node.restart();
    expect(await valuesOf({ from: 0 })).to.deep.equal([[DAY_MS, 11], [2 * DAY_MS, 2], [3 * DAY_MS, 3]]);
    await node.telemetry.tidy();
    await node.send('DELETE', '/monitoring', { metricID: ['m'], from: 2 * DAY_MS, to: 2 * DAY_MS });
    await node.restart();
    expect(await valuesOf({ from: 0 })).to.deep.equal([[DAY_MS, 11], [3 * DAY_MS, 3]]);
  });

  it('deletes what was stored longer ago than the retention, whatever time it is about', async () => {
    await put([point('a', 1_000, 1)]);
    await node.telemetry.settle();
    node.nowMs += 91 * DAY_MS;
    await put([point('a', 900, 2)]);
    await node.telemetry.settle();
    await node.telemetry.tidy();
    expect(await valuesOf({ from: 0 })).to.deep.equal([[900, 2]]);
  });

  it('says the same as a plain map, whatever is put, deleted and restarted in whatever order', async function random() {
    this.timeout(240_000);
    const dice = new Random(7);
    const model = new Map<string, number>();
    for (let step = 0; step < 60; step += 1) {
      const kind = dice.below(10);
      if (kind < 6) {
        const points = Array.from({ length: 1 + dice.below(40) }, () => point(`e${dice.below(3)}`, dice.below(50), dice.below(1_000)));
        await put(points);
        for (const { entityID, timestamp, val } of points) model.set(`${entityID}/${timestamp}`, val);
      } else if (kind === 6) {
        const from = dice.below(50);
        const to = from + dice.below(10);
        const entity = `e${dice.below(3)}`;
        await node.send('DELETE', '/monitoring', { entityID: [entity], from, to });
        for (let at = from; at <= to; at += 1) model.delete(`${entity}/${at}`);
      } else if (kind === 7) await node.telemetry.settle();
      else if (kind === 8) await node.restart();
      const from = dice.below(50);
      const to = from + dice.below(50);
      const wanted = [...model].filter(([key]) => Number(key.split('/')[1]) >= from && Number(key.split('/')[1]) <= to);
      const sum = wanted.length === 0 ? null : wanted.reduce((total, [, val]) => total + val, 0);
      expect(await ask('/query', { from, to, agg: 'sum' }), `step ${step}`).to.deep.equal({ value: sum });
      const found = (await ask('/get', { from, to })).monitoring[0].data
        .flatMap(({ entityID, values }: any) => values.map(({ timestamp, val }: any) => [`${entityID}/${timestamp}`, val]));
      expect(Object.fromEntries(found), `step ${step}`).to.deep.equal(Object.fromEntries(wanted));
    }
  });

  it('groups by series, node and time, from disk and memory alike', async () => {
    await put([point('a', 100, 1), point('a', 900, 3), point('b', 1_100, 5)]);
    await node.telemetry.settle();
    await node.restart();
    await put([point('b', 1_900, 7), point('b', 2_100, 9)]);
    const body = { agg: 'avg', from: 0, to: NOW_MS };
    expect((await ask('/query', { ...body, groupBy: ['series'] })).groups.map(({ entityID, value, count }: any) => [entityID, value, count])).to.have.deep.members([['a', 2, 2], ['b', 7, 3]]);
    expect((await ask('/query', { ...body, groupBy: ['time'], bucket: 1_000 })).groups).to.deep.equal([
      { timestamp: 0, value: 2, count: 2 }, { timestamp: 1_000, value: 6, count: 2 }, { timestamp: 2_000, value: 9, count: 1 },
    ]);
    expect((await ask('/query', { ...body, groupBy: ['node'] })).groups).to.deep.equal([{ node: 'ip1', value: 5, count: 5 }]);
  });
});

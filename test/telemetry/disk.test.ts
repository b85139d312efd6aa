/** What becomes of telemetry's files when a crash cuts them off, when the disk takes nothing, and when memory is too small for everything. */
import { access, appendFile, readdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type AppendFile, Committer } from '../../runtime/telemetry/append-file.js';
import { startTelemetry, type TestTelemetry } from './support.js';

const point = (entityID: string, timestamp: number, val: number, metricID = 'm') => ({ entityID, metricID, timestamp, val });

describe('telemetry\'s files', () => {
  let node: TestTelemetry;

  const start = async (options: Parameters<typeof startTelemetry>[0] = {}) => { node = await startTelemetry({ ...options, config: { history: true, ...options.config } }); };
  afterEach(() => node.close());

  const put = async (points: object[]) => expect((await node.send('POST', '/put', { monitoring: points })).status).to.equal(200);
  const ask = async (path: string, body: object = {}) => (await node.send('POST', path, body)).json;
  const valuesOf = async (body: object) => (await ask('/get', body)).monitoring[0].data.flatMap(({ values }: any) => values.map(({ timestamp, val }: any) => [timestamp, val]));
  const file = (name: string) => join(node.folder, 'telemetry', name);
  const hasDatabase = () => access(file('history.duckdb')).then(() => true, () => false);

  it('go on behind their last whole record when a crash has cut them off', async () => {
    await start();
    await put([point('a', 1, 1)]);
    await node.send('POST', '/analytics/put', { analytics: [{ key: 'a', val: 1, timestamp: 1 }] });
    await node.restart();
    await appendFile(file('series.jsonl'), '{"id":7,"owner":"","enti');
    await appendFile(file('points-1.log'), Buffer.from([44, 0, 0, 0, 1, 2, 3, 4, 5]));
    await appendFile(file('analytics-1.log'), '{"put":[{"key":"b"');
    for (const name of ['b', 'c']) {
      await node.restart();
      await put([point(name, 1, 2)]);
      await node.send('POST', '/analytics/put', { analytics: [{ key: name, val: 2, timestamp: 1 }] });
    }
    await node.restart();
    expect((await ask('/get', { from: 0 })).monitoring[0].data.map(({ entityID, values }: any) => [entityID, values[0].val])).to.deep.equal([['a', 1], ['b', 2], ['c', 2]]);
    expect((await ask('/analytics/get')).analytics.map(({ key }: any) => key)).to.deep.equal(['a', 'b', 'c']);
    expect((await readdir(join(node.folder, 'telemetry'))).filter((name) => name.endsWith('.torn'))).to.have.members(['points-1.log.torn', 'analytics-1.log.torn']);
  });

  it('stay few, and without a database, however often a node that stores little is started', async () => {
    await start();
    for (let life = 0; life < 8; life += 1) {
      await put([point('a', life, life)]);
      await node.restart();
    }
    expect(await valuesOf({ from: 0 })).to.have.length(8);
    expect(await hasDatabase()).to.equal(false);
    expect((await readdir(join(node.folder, 'telemetry'))).filter((name) => name.startsWith('points-'))).to.deep.equal(['points-1.log']);
  });

  it('are taken up from the database when the note of how far it is has gone', async () => {
    await start();
    await put([point('a', 1, 1), point('a', 2, 2)]);
    await node.send('POST', '/analytics/put', { analytics: [{ key: 'k', val: 'x', timestamp: 1 }] });
    await node.telemetry.settle();
    await put([point('a', 2, 22)]);
    await node.telemetry.close();
    await rm(file('applied.json'));
    await rm(file('analytics-keys.jsonl'));
    await node.open();
    await put([point('a', 3, 3)]);
    await node.telemetry.settle();
    await node.restart();
    expect(await valuesOf({ from: 0 })).to.deep.equal([[1, 1], [2, 22], [3, 3]]);
    expect((await ask('/analytics/get', { from: 0 })).analytics).to.deep.equal([{ key: 'k', values: [{ timestamp: 1, val: 'x' }] }]);
  });

  it('give the greatest time that is left as the latest value when the latest was deleted, wherever it lies', async () => {
    await start();
    const remove = (from: number, to: number) => node.send('DELETE', '/monitoring', { metricID: ['m'], from, to });
    await put([point('a', 1, 1), point('a', 2, 2), point('a', 3, 3), point('a', 4, 4), point('a', 5, 5), point('b', 9, 9)]);
    await remove(5, 5);
    expect(await valuesOf({ entityID: ['a'] }), 'in memory').to.deep.equal([[4, 4]]);
    await node.telemetry.settle();
    await node.restart();
    expect(await valuesOf({ entityID: ['a'] }), 'after a start').to.deep.equal([[4, 4]]);
    await remove(4, 8);
    expect(await valuesOf({ entityID: ['a'] }), 'in the database').to.deep.equal([[3, 3]]);
    await node.restart();
    expect(await valuesOf({ entityID: ['a'] }), 'deleted in the log alone').to.deep.equal([[3, 3]]);
    await remove(2, 3);
    await put([point('a', 0, 7)]);
    expect(await valuesOf({ entityID: ['a'] }), 'an older point that came late is not the latest').to.deep.equal([[1, 1]]);
    await remove(0, 20);
    expect(await valuesOf({}), 'nothing is left').to.deep.equal([]);
    await node.restart();
    expect(await valuesOf({})).to.deep.equal([]);
    expect((await ask('/list')).metric, 'the series stay').to.have.length(2);
  });

  it('are not acknowledged while the disk takes nothing, when an acknowledgement means the disk', async () => {
    await start({ config: { durability: 'flush' } });
    await put([point('first', 1, 1)]);
    await node.telemetry.settle();
    await symlink('/dev/full', file('points-2.log'));
    for (const entity of ['a', 'b']) {
      const { status, json } = await node.send('POST', '/put', { monitoring: [point(entity, 1, 1)] });
      expect([status, json.result, json.code]).to.deep.equal([503, 'ERROR', 'HISTORY_UNAVAILABLE']);
      expect(json.reason).not.to.contain(node.folder);
    }
    expect((await ask('/list')).metric.map(({ entityID }: any) => entityID), 'while it is known that the disk takes nothing, nothing is stored').to.deep.equal(['first', 'a']);
  });

  it('keep analytics that memory has no room for, and find the latest of each key', async function analytics() {
    this.timeout(300_000);
    await start({ environment: { SIZE: '200' } });
    const text = 'x'.repeat(2_000);
    for (let batch = 0; batch < 10; batch += 1) {
      const rows = Array.from({ length: 1_000 }, (_, at) => ({ key: `key ${at % 10}`, val: `${text}${batch * 1_000 + at}`, timestamp: batch * 1_000 + at }));
      expect((await node.send('POST', '/analytics/put', { analytics: rows })).status).to.equal(200);
    }
    const valueAt = async (timestamp: number) => (await ask('/analytics/get', { from: timestamp, to: timestamp })).analytics[0].values[0].val.slice(2_000);
    const check = async (what: string) => {
      expect(await valueAt(3), what).to.equal('3');
      expect(await valueAt(9_998), what).to.equal('9998');
      const [{ values }] = (await ask('/analytics/get', { key: ['key 7'], from: 0 })).analytics;
      expect(values.map(({ timestamp }: any) => timestamp), what).to.deep.equal(Array.from({ length: 1_000 }, (_, at) => at * 10 + 7));
    };
    await check('at once');
    await node.restart();
    await check('after a start');
    await node.send('POST', '/analytics/put', { analytics: [{ key: 'key 3', val: `${text}again`, timestamp: 3 }] });
    expect(await valueAt(3), 'the last write wins').to.equal('again');
    await node.send('DELETE', '/analytics', { key: ['key 1'], from: 500, to: 20_000 });
    expect((await ask('/analytics/get', { key: ['key 1'] })).analytics[0].values[0].timestamp).to.equal(491);
    await node.send('DELETE', '/analytics', { key: ['key 2', 'key 4'] });
    await node.restart();
    expect((await ask('/analytics/get', { key: ['key 1'] })).analytics[0].values[0].timestamp).to.equal(491);
    expect((await ask('/analytics/get')).analytics.map(({ key }: any) => key)).to.have.members([0, 1, 3, 5, 6, 7, 8, 9].map((at) => `key ${at}`));
    node.nowMs += 91 * 86_400_000;
    await node.telemetry.tidy();
    expect((await ask('/analytics/get', { from: 0 })).analytics, 'what is older than the retention goes').to.deep.equal([]);
  });

  it('have room again for new series when old ones have nothing left', async () => {
    await start();
    await put([point('old', 1, 1), point('kept', 1, 1)]);
    await node.telemetry.settle();
    node.nowMs += 91 * 86_400_000;
    await put([point('kept', 2, 2)]);
    await node.telemetry.settle();
    node.telemetry.evict();
    await node.telemetry.tidy();
    expect((await ask('/list')).metric.map(({ entityID }: any) => entityID)).to.deep.equal(['kept']);
    await node.restart();
    await put([point('new', 1, 5)]);
    await node.restart();
    expect((await ask('/get', { from: 0 })).monitoring[0].data.map(({ entityID, values }: any) => [entityID, values[0].val])).to.deep.equal([['kept', 2], ['new', 5]]);
  });

  it('are written anew when most of what they say of series is of no use', async () => {
    await start();
    for (let round = 0; round < 30; round += 1) await put(Array.from({ length: 50 }, (_, at) => ({ ...point(`e${at}`, 1, 1), desc: `${round}` })));
    await node.telemetry.settle();
    const { size } = await stat(file('series.jsonl'));
    await node.telemetry.tidy();
    await put([{ ...point('late', 1, 1), desc: 'later' }]);
    await node.restart();
    expect((await stat(file('series.jsonl'))).size).to.be.lessThan(size / 10);
    expect((await ask('/list', { fields: ['desc'] })).metric.map(({ desc }: any) => desc)).to.deep.equal([...Array.from({ length: 50 }, () => '29'), 'later']);
  });
});

describe('a committer', () => {
  it('tries again what could not be written, in its place, and says once that it could not', async () => {
    const timers: (() => void)[] = [];
    const said: string[] = [];
    const written: string[] = [];
    let isBroken = false;
    const of = (name: string) => ({
      pending: [] as Buffer[],
      async write(bytes: Buffer) {
        if (isBroken && name === 'points') throw new Error('no room');
        written.push(`${name} ${bytes.toString()}`);
      },
    });
    const [series, points] = [of('series'), of('points')];
    const committer = new Committer({
      files: () => [series, points] as unknown as AppendFile[], durable: true, onError: () => said.push('broken'), onRecovered: () => said.push('well'),
      clock: { now: () => 0, setTimeout: (task) => timers.push(task), clearTimeout: () => undefined },
    });
    isBroken = true;
    for (const text of ['1', '2']) {
      series.pending.push(Buffer.from(text));
      points.pending.push(Buffer.from(text));
      expect(await committer.commit().then(() => 'written', (error: Error) => error.message)).to.equal('no room');
    }
    expect(committer.failure).to.be.an('error');
    isBroken = false;
    timers.shift()!();
    await committer.commit();
    expect(written).to.deep.equal(['series 1', 'series 2', 'points 12']);
    expect(said).to.deep.equal(['broken', 'well']);
    expect(committer.failure).to.equal(undefined);
  });
});

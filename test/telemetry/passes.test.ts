import { expect } from 'chai';
import { Random } from '../../bench/harness/random.js';
import { SERIES_A_PASS } from '../../runtime/model/limits.js';
import { type PlainAgg, valueOf } from '../../runtime/telemetry/aggregate.js';
import { readAggregate } from '../../runtime/telemetry/read-query.js';
import { telemetrySettings } from '../../runtime/telemetry/settings.js';
import { Storage } from '../../runtime/telemetry/storage.js';

const AGGREGATES: readonly PlainAgg[] = ['sum', 'max', 'min', 'avg', 'count'];

describe('questions that wait together', () => {
  let storage: Storage;

  beforeEach(() => {
    const clock = { now: () => 1, setTimeout: () => undefined, clearTimeout: () => undefined };
    storage = new Storage({ node: 'n', clock, settings: telemetrySettings({ history: false }, {}, true) });
  });

  const ask = async (body: object, owner = '') => (await storage.aggregate(readAggregate({ agg: 'sum', ...body }), owner))[0]?.aggregate;

  it('each get what they would have got alone, whatever they are about', async () => {
    const dice = new Random(3);
    const all: { entityID: string; metricID: string; val: number; timestamp: number; owner: string }[] = [];
    const taken = new Set<string>();
    while (all.length < 12_000) {
      // One series has so many points that some of its chunks are full.
      const isDeep = dice.below(2) === 0;
      const point = { entityID: isDeep ? 'e0' : `e${dice.below(7)}`, metricID: isDeep ? 'm0' : `m${dice.below(3)}`, val: dice.below(1_000), timestamp: dice.below(8_000), owner: !isDeep && dice.below(4) === 0 ? 'other' : '' };
      const key = JSON.stringify([point.entityID, point.metricID, point.timestamp, point.owner]);
      if (taken.has(key)) continue;
      taken.add(key);
      all.push(point);
      await storage.put([point], point.owner);
    }
    const asked = Array.from({ length: 300 }, () => {
      const from = dice.below(8_000);
      return { agg: AGGREGATES[dice.below(5)]!, metricID: [`m${dice.below(3)}`], ...(dice.below(2) && { entityID: [`e${dice.below(7)}`] }), from, to: from + dice.below(5_000), owner: dice.below(3) === 0 ? 'other' : '' };
    });
    const answers = await Promise.all(asked.map(({ owner, ...body }) => ask(body, owner)));
    answers.forEach((answer, at) => {
      const { agg, metricID, entityID, from, to, owner } = asked[at]!;
      const values = all.filter((point) => point.owner === owner && metricID.includes(point.metricID) && (entityID ? entityID.includes(point.entityID) : true) && point.timestamp >= from && point.timestamp <= to)
        .map(({ val }) => val);
      const whole = { count: values.length, sum: values.reduce((sum, value) => sum + value, 0), min: Math.min(...values), max: Math.max(...values) };
      expect(answer && valueOf(answer, agg), agg).to.equal(values.length === 0 ? undefined : valueOf(whole, agg));
    });
  });

  it('are answered in several passes when they are too many for one, and see what was put in between', async () => {
    const series = 1_000;
    await storage.put(Array.from({ length: series }, (_, at) => ({ entityID: `e${at}`, metricID: 'm', val: 1, timestamp: 1 })));
    const questions = 2 * SERIES_A_PASS / series + 1;
    let answered = 0;
    const counts = await Promise.all(Array.from({ length: questions }, async (_, at) => {
      const { count } = (await ask({ metricID: ['m'], from: 0 }))!;
      if ((answered += 1) === 1) await storage.put([{ entityID: 'late', metricID: 'm', val: 1, timestamp: 1 }]);
      return at === 0 ? series : count;
    }));
    expect(counts[0]).to.equal(series);
    expect(counts.at(-1), 'asked of a later moment').to.equal(series + 1);
  });

  it('are refused one by one', async () => {
    const [good, bad] = await Promise.allSettled([ask({ from: 0, to: 5 }), ask({ from: 5, to: 1 })]);
    expect([good!.status, bad!.status]).to.deep.equal(['fulfilled', 'rejected']);
  });
});

import { expect } from 'chai';
import { testDomain, type TestDomain } from 'xylem/testing';
import Search from '../search/handler.js';
import SearchAnalytics from './handler.js';

const MINUTE_MS = 60_000;
const REGION = 'propagate:search-analytics@city';

describe('search-analytics', () => {
  let nowMs: number;
  let domain: TestDomain;
  beforeEach(() => {
    nowMs = 1_000 * MINUTE_MS;
    const now = () => nowMs;
    domain = testDomain({ search: new Search(now), 'search-analytics': new SearchAnalytics(now) }, { env: { ANALYTICS_LEVEL: 'city' } });
  });
  afterEach(() => domain.close());

  const search = async (session: string, q: string) => {
    await domain.call('search', { session, method: 'POST', query: { q } });
    await domain.settle();
  };
  const told = async (query: string | Record<string, string> = {}) => (await domain.call('search-analytics', { session: REGION, at: 'city', query })).json();

  it('gathers what all users of a region search for, whichever node has their sessions', async () => {
    await search('anna', 'bicycle');
    await domain.move('anna', 'cloud');
    await search('anna', 'pump');
    await search('ben', 'bicycle');
    expect(await told()).to.deep.equal({ minutes: 10, searches: 3, terms: [{ term: 'bicycle', count: 2 }, { term: 'pump', count: 1 }] });
    expect(await told({ top: '1' })).to.deep.include({ terms: [{ term: 'bicycle', count: 2 }] });
  });

  it('tells of the last minutes only, and goes on when its own session moves', async () => {
    await search('anna', 'old');
    await domain.move(REGION, 'cloud');
    nowMs += 5 * MINUTE_MS;
    await search('anna', 'new');
    expect(await told({ minutes: '5' })).to.deep.equal({ minutes: 5, searches: 1, terms: [{ term: 'new', count: 1 }] });
    expect(await told({ minutes: '6' })).to.deep.include({ searches: 2 });
  });

  it('drops what is older than an hour, also when it arrives that late', async () => {
    await search('anna', 'old');
    nowMs += 60 * MINUTE_MS;
    await search('anna', 'new');
    await domain.call('search-analytics', { session: REGION, at: 'city', method: 'POST', body: { term: 'late', atMs: nowMs - 61 * MINUTE_MS } });
    expect(Object.keys(await domain.dataOf(REGION))).to.deep.equal(['minute/1060']);
  });

  it('refuses what it does not understand', async () => {
    for (const query of ['minutes=0', 'minutes=61', 'top=x']) expect(await told(query)).to.have.property('message');
    for (const body of ['', 'bicycle', '{"term":""}']) expect(await domain.call('search-analytics', { session: 'x', method: 'POST', body })).to.include({ status: 400 });
  });
});

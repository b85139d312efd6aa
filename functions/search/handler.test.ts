import { expect } from 'chai';
import { testDomain } from 'xylem/testing';
import Search from './handler.js';

describe('search', () => {
  const start = () => testDomain({ search: new Search(() => 5_000) }, { env: { ANALYTICS_LEVEL: 'city' } });

  it('remembers what was searched for, across a move, and tells the analytics when it was', async () => {
    const domain = start();
    await domain.call('search', { session: 'anna', method: 'POST', query: { q: ' Bicycle ' } });
    await domain.move('anna', 'cloud');
    await domain.call('search', { session: 'anna', method: 'POST', query: { q: 'pump' } });
    expect((await domain.call('search', { session: 'anna' })).json()).to.deep.equal({ history: ['bicycle', 'pump'] });
    expect(domain.effects[1]).to.deep.include({ function: 'search-analytics', levels: ['city'], value: { term: 'pump', atMs: 5_000 } });
    domain.close();
  });

  it('keeps the last hundred terms, and forgets them after an hour', async () => {
    const domain = start();
    for (let index = 0; index < 102; index += 1) await domain.call('search', { session: 'a', method: 'POST', query: { q: `term ${index}` } });
    const { history } = (await domain.call('search', { session: 'a' })).json<{ history: string[] }>();
    expect([history.length, history[0], history.at(-1)]).to.deep.equal([100, 'term 2', 'term 101']);
    // What has effects under way does not end yet.
    await domain.settle();
    domain.advance(3_601);
    expect((await domain.call('search', { session: 'a' })).json()).to.deep.equal({ history: [] });
    domain.close();
  });

  it('refuses to search for nothing', async () => {
    const domain = start();
    expect(await domain.call('search', { session: 'a', method: 'POST', query: { q: ' ' } })).to.include({ status: 400 });
    domain.close();
  });
});

import { expect } from 'chai';
import { testDomain } from 'xylem/testing';
import StatefulAppend from './handler.js';

describe('stateful-append', () => {
  it('grows by what is sent, in order, across moves', async () => {
    const domain = testDomain({ append: StatefulAppend });
    const append = (body: string, query = {}) => domain.call('append', { session: 's', method: 'POST', body, query });
    await append('one');
    await domain.move('s', 'city');
    await append('zwölf');
    await domain.move('s', 'edge');
    expect((await append('', { bytes: '2000' })).json()).to.deep.equal({ appended: 2_000 });
    expect((await domain.call('append', { session: 's' })).json()).to.deep.equal({ entries: 3, bytes: 2_009 });
    expect((await domain.call('append', { session: 's', query: { content: 'true' } })).text()).to.match(/^one\nzwölf\nx{2000}$/);
    domain.close();
  });

  it('refuses to grow by what is no size', async () => {
    const domain = testDomain({ append: StatefulAppend });
    for (const bytes of ['-1', '1.5', 'x', '1000001']) expect(await domain.call('append', { session: 's', method: 'POST', query: { bytes } })).to.include({ status: 400 });
    domain.close();
  });
});

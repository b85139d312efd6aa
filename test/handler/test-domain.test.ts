import { expect } from 'chai';
import { Offloadable, ReadOnlyOffloadable, type HandlerContext, type HandlerRequest, type ReadOnlyContext } from 'xylem';
import { testDomain, type TestDomain } from 'xylem/testing';

class Notes extends Offloadable {
  calls = 0;

  async handleOffload(request: HandlerRequest, { edgeDB, propagate, call }: HandlerContext): Promise<unknown> {
    this.calls += 1;
    const note = request.text();
    if (note === 'throw') throw new RangeError('no such note');
    if (note === 'short') await edgeDB.expire(60);
    if (note) await edgeDB.addToList('notes', note);
    return { notes: await edgeDB.getList('notes'), calls: this.calls, told: [propagate, call].length };
  }
}

class Telling extends Offloadable {
  handleOffload(request: HandlerRequest, context: HandlerContext): unknown {
    context.propagate(request.text(), 'city', 'ledger');
    context.call('notes', 'other', { body: request.text() });
    return 'told';
  }
}

class Reader extends ReadOnlyOffloadable {
  handleOffload(_request: HandlerRequest, { edgeDB }: ReadOnlyContext): Promise<unknown> {
    return edgeDB.getList('notes');
  }
}

describe('a domain for tests of functions', () => {
  let domain: TestDomain;
  beforeEach(() => {
    domain = testDomain({ notes: Notes, telling: Telling, reader: Reader, ledger: Notes, plain: () => 'plain' });
  });
  afterEach(() => domain.close());

  const note = (body: string, more = {}) => domain.call('notes', { session: 'anna', method: 'POST', body, ...more });

  it('keeps a session over a move, and follows it', async () => {
    await note('one');
    await domain.move('anna', 'cloud');
    const answer = await note('two');
    expect(answer).to.include({ status: 200, node: 'cloud', epoch: 1, version: 2, redirects: 1 });
    expect(answer.json()).to.deep.include({ notes: ['one', 'two'] });
    expect(await domain.whereIs('anna')).to.equal('cloud');
    expect(await domain.dataOf('anna')).to.deep.equal({ notes: ['one', 'two'] });
    expect((await domain.call('reader', { session: 'anna' })).json()).to.deep.equal(['one', 'two']);
    await domain.move('anna', 'edge');
    expect((await note('three')).json()).to.deep.include({ notes: ['one', 'two', 'three'] });
  });

  it('has a handler of its own on every node: what is kept in its fields stays behind', async () => {
    expect((await note('one')).json()).to.include({ calls: 1 });
    expect((await note('two')).json()).to.include({ calls: 2 });
    await domain.move('anna', 'city');
    expect((await note('three')).json()).to.include({ calls: 1 });
  });

  it('lets a request id take effect once, on both sides of a move', async () => {
    const requestId = '6a1e7a0e-52ad-4c5f-9d6d-3a7f0c4c1d11';
    await note('one', { requestId });
    await domain.move('anna', 'city');
    const again = await note('one', { requestId });
    expect(again.replayed).to.equal(true);
    expect(await domain.dataOf('anna')).to.deep.equal({ notes: ['one'] });
  });

  it('records effects and delivers them to the functions that it has', async () => {
    await domain.call('telling', { session: 'ben', method: 'POST', body: 'hello' });
    expect(domain.effects).to.deep.equal([
      { kind: 'propagate', from: 'ben', function: 'ledger', levels: ['city'], value: 'hello' },
      { kind: 'call', from: 'ben', function: 'notes', session: 'other', method: 'POST', path: '', query: '', body: 'hello' },
    ]);
    await domain.settle();
    expect(await domain.dataOf('other')).to.deep.equal({ notes: ['hello'] });
    expect(await domain.dataOf('propagate:ledger@city')).to.deep.equal({ notes: ['hello'] });
  });

  it('rejects with what the handler threw, and has committed nothing of it', async () => {
    await note('one');
    const error = await note('throw').catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(RangeError);
    expect(await domain.dataOf('anna')).to.deep.equal({ notes: ['one'] });
  });

  it('forgets what has expired', async () => {
    await note('short');
    domain.advance(61);
    expect((await note('later')).json()).to.deep.include({ notes: ['later'] });
  });

  it('calls what keeps no session, and refuses what it does not have', async () => {
    expect((await domain.call('plain')).text()).to.equal('plain');
    for (const wrong of [domain.call('nothing'), domain.call('notes'), domain.move('nobody', 'city'), note('x', { at: 'moon' })]) {
      expect(await wrong.catch((error: Error) => error)).to.be.instanceOf(Error);
    }
  });
});

import { expect } from 'chai';
import { Batch } from '../../runtime/store/redis/batch.js';
import type { Argument } from '../../runtime/store/redis/connection.js';

const MOST_CALLS = 16;
const MOST_BYTES = 64 * 1024;

const turn = () => new Promise((resolve) => setImmediate(resolve));
const reasonOf = (call: Promise<unknown>) => call.then(() => 'none', (error: Error) => error.message);

/** A batch behind which every call of one argument is answered with it, and what it sent. */
function makeBatch(answer: (calls: Argument[]) => Promise<unknown> = async (calls) => calls) {
  const sent: Argument[][] = [];
  let heads = 0;
  const batch = new Batch(() => [`head ${heads += 1}`], (args) => {
    sent.push(args);
    return answer(args.slice(1));
  });
  const call = (arg: Argument) => batch.call((args) => args.push(arg), (one: Argument) => one);
  return { batch, sent, call };
}

const many = (count: number) => Array.from({ length: count }, (_, index) => `call ${index}`);

describe('a batch of calls', () => {
  it('is what one turn of the event loop asks for, behind one head, each with its own answer', async () => {
    const { sent, call } = makeBatch();
    expect(await Promise.all(['a', 'b', 'c'].map(call))).to.deep.equal(['a', 'b', 'c']);
    expect(await call('d')).to.equal('d');
    expect(await call('e')).to.equal('e');
    expect(sent).to.deep.equal([['head 1', 'a', 'b', 'c'], ['head 2', 'd'], ['head 3', 'e']]);
  });

  it('is sent at once when it is full, and nothing of it again', async () => {
    const { sent, call } = makeBatch();
    const calls = many(MOST_CALLS - 1).map(call);
    expect(sent).to.have.length(0);
    calls.push(call('the last'));
    expect(sent).to.deep.equal([['head 1', ...many(MOST_CALLS - 1), 'the last']]);
    expect(await Promise.all(calls)).to.deep.equal([...many(MOST_CALLS - 1), 'the last']);
    await turn();
    await turn();
    expect(sent).to.have.length(1);
  });

  it('leaves to the next what is too many', async () => {
    const { sent, call } = makeBatch();
    expect(await Promise.all(many(MOST_CALLS + 2).map(call))).to.deep.equal(many(MOST_CALLS + 2));
    expect(sent.map((args) => args.length - 1)).to.deep.equal([MOST_CALLS, 2]);
  });

  it('is sent at once when it is long, and begins to count anew', async () => {
    const { sent, call } = makeBatch();
    const calls = [call(Buffer.alloc(MOST_BYTES - 1))];
    expect(sent).to.have.length(0);
    calls.push(call('x'));
    expect(sent).to.have.length(1);
    calls.push(call('y'));
    expect(sent).to.have.length(1);
    calls.push(call(Buffer.alloc(MOST_BYTES)));
    expect(sent).to.have.length(2);
    await Promise.all(calls);
    await turn();
    expect(sent).to.have.length(2);
  });

  it('fails with all its calls when it cannot be sent, and the next does not', async () => {
    const failing = [true, false];
    const { call } = makeBatch(async (calls) => {
      if (failing.shift()) throw new Error('cut');
      return calls;
    });
    expect(await Promise.all([reasonOf(call('a')), reasonOf(call('b'))])).to.deep.equal(['cut', 'cut']);
    expect(await call('c')).to.equal('c');
  });

  it('fails only with the call whose answer cannot be read', async () => {
    const { batch, call } = makeBatch();
    const unreadable = batch.call((args) => args.push('b'), () => { throw new Error('unreadable'); });
    expect(await Promise.all([call('a'), reasonOf(unreadable), call('c')])).to.deep.equal(['a', 'unreadable', 'c']);
  });
});

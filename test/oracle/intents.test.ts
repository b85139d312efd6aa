import { expect } from 'chai';
import { Intents } from '../../oracle/intents.js';
import type { Intent } from '../../runtime/model/oracle-answers.js';
import { systemIds } from '../../runtime/base/ids.js';
import { MAX_ENDED_INTENTS, MAX_OPEN_INTENTS } from '../../runtime/model/limits.js';

describe('the queue of intents', () => {
  const make = () => {
    let number = 0;
    return new Intents({ ids: { uuid: () => `i${number += 1}` }, now: () => 1 });
  };
  const move = (session: string, to: string) => ({ kind: 'migrate', session, to }) as const;
  const drain = (intents: Intents) => {
    const order: string[] = [];
    for (let next = intents.next(); next; next = intents.next()) {
      order.push(next.id);
      intents.end(next, 'done', 'there');
    }
    return order;
  };

  it('carries out what comes first, first', () => {
    const intents = make();
    for (const session of ['a', 'b', 'c']) intents.submit(move(session, 'cloud'), 'operator', '');
    expect(drain(intents)).to.deep.equal(['i1', 'i2', 'i3']);
  });

  it('has one intent of a session under way at a time, in order', () => {
    const intents = make();
    intents.submit(move('a', 'cloud'), 'operator', '');
    intents.submit(move('a', 'milan'), 'operator', '');
    const first = intents.next()!;
    expect(intents.next()).to.equal(undefined);
    intents.end(first, 'done', 'there');
    expect(intents.next()!.wish).to.deep.equal(move('a', 'milan'));
  });

  it('lets one that may not begin yet wait, and begins with the next', () => {
    const intents = make();
    for (const session of ['a', 'b']) intents.submit(move(session, 'cloud'), 'policy', '');
    expect(intents.isAsked('a')).to.equal(true);
    expect(intents.next(({ wish }) => wish.kind === 'migrate' && wish.session !== 'a')!.id).to.equal('i2');
    expect(intents.next()!.id).to.equal('i1');
  });

  it('takes the same wish twice as one', () => {
    const intents = make();
    expect(intents.submit(move('a', 'cloud'), 'operator', '')).to.equal(intents.submit(move('a', 'cloud'), 'mirror', ''));
  });

  it('puts an operator before the policy, and tells the policy so', () => {
    const intents = make();
    const policy = intents.submit(move('a', 'cloud'), 'policy', '');
    intents.submit(move('a', 'milan'), 'operator', '');
    expect(policy).to.include({ state: 'refused', answer: 'the operator asked for something else' });
    expect(intents.submit(move('a', 'turin'), 'policy', '').state).to.equal('refused');
  });

  it('refuses what is too much, and remembers a bounded number of the ended', () => {
    const intents = make();
    for (let number = 0; number < MAX_OPEN_INTENTS; number += 1) intents.submit(move(`s${number}`, 'cloud'), 'operator', '');
    expect(intents.submit(move('one more', 'cloud'), 'operator', '')).to.have.property('state', 'refused');
    drain(intents);
    expect(intents.list()).to.have.length(MAX_ENDED_INTENTS);
  });

  it('remembers after a restart what became of the last ones', () => {
    const before = new Intents({ ids: systemIds, now: () => 1 });
    const done = before.submit({ kind: 'cordon', node: 'a' }, 'operator', 'r');
    before.next();
    before.end(done, 'done', 'its status is reject');
    const after = new Intents({ ids: systemIds, now: () => 2 });
    after.restore([], JSON.parse(JSON.stringify(before.lastEnded())) as Intent[]);
    expect(after.find(done.id)).to.include({ state: 'done', answer: 'its status is reject' });
  });

  it('goes on after a restart with what had not ended, running or not', () => {
    const before = make();
    before.submit(move('a', 'cloud'), 'operator', 'because');
    before.submit(move('b', 'cloud'), 'mirror', '');
    before.next();
    const after = make();
    after.restore(JSON.parse(JSON.stringify(before.snapshot())) as Intent[]);
    expect(after.next()!.wish).to.deep.equal(move('a', 'cloud'));
    expect(after.next()!.wish).to.deep.equal(move('b', 'cloud'));
  });

  it('can be read back', () => {
    const intents = make();
    const { id } = intents.refuse(move('a', 'nowhere'), 'mirror', '', 'no node has this id');
    expect(intents.find(id)).to.include({ state: 'refused', answer: 'no node has this id' });
  });
});

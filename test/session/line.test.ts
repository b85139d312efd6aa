import { expect } from 'chai';
import type { Clock, Timer } from '../../runtime/base/clock.js';
import { Fault } from '../../runtime/model/faults.js';
import { WaitingLine, type Leave } from '../../runtime/session/line.js';

/** A clock whose timers run only when the test says so. */
function handClock() {
  const timers = new Map<number, () => void>();
  let next = 0;
  const clock: Clock = {
    now: () => 0,
    setTimeout: (task) => {
      timers.set((next += 1), task);
      return next;
    },
    clearTimeout: (timer: Timer) => void timers.delete(timer as number),
  };
  return { clock, timers, ring: () => [...timers.values()].forEach((task) => task()) };
}

const lineOf = (clock: Clock, maxWaiting = 3) => new WaitingLine({ clock, maxWaiting, maxWaitMs: 1 });
const codeOf = (error: unknown) => (error as Fault).code;

describe('the line before a session', () => {
  it('gives the turn at once when nobody has the session, and lets sessions not wait for each other', () => {
    const line = lineOf(handClock().clock);
    expect(line.enter('a')).to.be.a('function');
    expect(line.enter('b')).to.be.a('function');
  });

  it('serves who waits in the order of arrival, a departure first', async () => {
    const line = lineOf(handClock().clock);
    const order: string[] = [];
    const leave = line.enter('a') as Leave;
    const turns = ['first', 'second'].map(async (name) => {
      const mine = await line.enter('a');
      order.push(name);
      mine();
    });
    turns.push((async () => {
      const mine = await line.enter('a', undefined, 'first');
      order.push('departure');
      mine();
    })());
    leave();
    await Promise.all(turns);
    expect(order).to.deep.equal(['departure', 'first', 'second']);
    expect(line.size).to.equal(0);
  });

  it('takes the turn from who does not end it: the next goes on, and the late end changes nothing', async () => {
    const line = lineOf(handClock().clock);
    const late = line.enter('a') as Leave;
    const next = line.enter('a');
    line.oust('a');
    const leave = await next;
    const third = line.enter('a');
    expect(third).to.be.a('promise');
    late();
    expect(line.size, 'one has it and one waits').to.equal(2);
    leave();
    (await third)();
    expect(line.isTaken('a')).to.equal(false);
    line.oust('a');
    expect(line.enter('a')).to.be.a('function');
  });

  it('refuses with BUSY when it is full', () => {
    const line = lineOf(handClock().clock, 1);
    line.enter('a');
    void line.enter('a');
    expect(() => line.enter('a')).to.throw(Fault).with.property('code', 'BUSY');
  });

  it('lets nobody wait longer than allowed, and passes the turn on past who gave up', async () => {
    const { clock, ring } = handClock();
    const line = lineOf(clock);
    const leave = line.enter('a') as Leave;
    const late = Promise.resolve(line.enter('a')).catch(codeOf);
    ring();
    expect(await late).to.equal('BUSY');
    const next = line.enter('a');
    leave();
    expect(await next).to.be.a('function');
  });

  it('forgets a client that went away while it waited', async () => {
    const { clock, timers } = handClock();
    const line = lineOf(clock);
    const leave = line.enter('a') as Leave;
    const abort = new AbortController();
    const gone = Promise.resolve(line.enter('a', abort)).catch(codeOf);
    abort.abort();
    expect(await gone).to.equal('CLIENT_GONE');
    expect(timers.size).to.equal(0);
    leave();
    expect(line.enter('a')).to.be.a('function');
  });

  it('counts an end of turn once, however often it is said', async () => {
    const line = lineOf(handClock().clock);
    const leave = line.enter('a') as Leave;
    const second = line.enter('a');
    leave();
    leave();
    expect(line.enter('a')).to.be.a('promise');
    (await second)();
  });
});

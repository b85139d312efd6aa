import { expect } from 'chai';
import { MARK_KEEP_MS, MAX_MARKS, MAX_REMEMBERED_LANES } from '../../runtime/model/limits.js';
import { changesFor, decodeMark, encodeMark, FLOOR_LANE, judge, makeRoom, RecentMarks, type Mark, type Place } from '../../runtime/session/marks.js';
import { openPlace, sealPlace } from '../../runtime/session/sealed-place.js';

const mark = (number: number, atMs = 100, appliedAtMs = 1_000): Mark => ({ number, atMs, status: 200, appliedAtMs });
const place = (number: number, atMs = 100, lane = 'a') => ({ lane, number, atMs });

describe('the place of a delivery to a container', () => {
  const about = { session: 's', id: 'r' };
  const full: Place = { ...place(7), settled: [['b', 3]] };

  it('is opened with the key that it was sealed with, for its own request', () => {
    expect(openPlace('key', about, sealPlace('key', about, full))).to.deep.equal(full);
  });

  it('is none with another key, for another session or request, changed, or no place at all', () => {
    const sealed = sealPlace('key', about, full);
    const [text, mac] = sealed.split('.');
    const tries: [string, typeof about, string][] = [
      ['another', about, sealed], ['key', { ...about, session: 't' }, sealed], ['key', { ...about, id: 'q' }, sealed],
      ['key', about, `${text}x.${mac}`], ['key', about, text!], ['key', about, ''], ['key', about, '.'],
    ];
    for (const [key, claimed, header] of tries) expect(openPlace(key, claimed, header), header).to.equal(undefined);
  });
});

describe('the mark of a sender', () => {
  it('makes the last delivery and all before it old, and what comes behind new', () => {
    const found = { mark: mark(7), count: MAX_MARKS };
    expect([6, 7, 8].map((number) => judge(place(number), found))).to.deep.equal(['applied', 'applied', 'new']);
  });

  it('takes a number again that was committed later: the sender has lost its last moments', () => {
    expect(judge(place(7, 101), { mark: mark(7), count: 1 })).to.equal('new');
    const { mark: next } = changesFor(place(8, 50), mark(7), 200, 0);
    expect(next).to.include({ number: 8, atMs: 100 });
  });

  it('of a sender that is not known is no obstacle, unless senders as old as it were forgotten, or there are too many', () => {
    expect(judge(place(1), { count: MAX_MARKS - 1 })).to.equal('new');
    expect(judge(place(1), { count: MAX_MARKS })).to.equal('full');
    const floor = mark(0, 100);
    expect([100, 101].map((atMs) => judge(place(1, atMs), { floor, count: 2 }))).to.deep.equal(['uncertain', 'new']);
  });

  it('is kept as it is read', () => {
    const one = { number: 2 ** 52, atMs: 1_700_000_000_000, status: 404, appliedAtMs: 1_700_000_000_001 };
    expect(decodeMark(encodeMark(one))).to.deep.equal(one);
  });

  it('takes away those that are through, never its own or the floor', () => {
    const { changes } = changesFor({ ...place(3), settled: [['b', 9], ['a', 3], [FLOOR_LANE, 0]] }, undefined, 200, 5);
    expect(changes.map(({ op, lane }) => [op, lane])).to.deep.equal([['mark', 'a'], ['unmark', 'b']]);
    expect(changes[1]).to.include({ start: '9 ' });
  });

  it('makes room only when it has been silent for long, and from then on nobody as old is taken on trust', () => {
    const rows: [string, Buffer][] = [
      ['old', encodeMark(mark(1, 40, 100))], ['ahead', encodeMark(mark(1, 9_000_000_000, 90))], ['young', encodeMark(mark(1, 60, 101))],
      [FLOOR_LANE, encodeMark(mark(0, 30, 0))],
    ];
    expect(makeRoom(rows, 89 + MARK_KEEP_MS)).to.equal(undefined);
    const room = makeRoom(rows, 100 + MARK_KEEP_MS)!;
    expect(room.changes.map(({ op, lane }) => [op, lane])).to.deep.equal([['unmark', 'old'], ['unmark', 'ahead'], ['mark', FLOOR_LANE]]);
    expect(room.floor.atMs, 'never later than now').to.equal(90 + MARK_KEEP_MS);
  });

  it('that is forgotten leaves its last delivery uncertain, also when its clock was ahead', () => {
    const aheadMs = 3_600_000;
    const { mark: last } = changesFor(place(7, 500 + aheadMs), undefined, 200, 500);
    const { floor } = makeRoom([['a', encodeMark(last)]], 500 + MARK_KEEP_MS)!;
    expect(judge(place(7, 500 + aheadMs), { floor, count: 1 })).to.equal('uncertain');
    expect(judge(place(1, 500 + MARK_KEEP_MS, 'b'), { floor, count: 1 })).to.equal('new');
  });

  it('is remembered by a process for a number of senders', () => {
    const recent = new RecentMarks();
    for (let lane = 0; lane <= MAX_REMEMBERED_LANES; lane += 1) recent.keep(place(5, 100, `lane ${lane}`), mark(5));
    expect(recent.isNext(place(6, 100, 'lane 0')), 'the first of too many').to.equal(false);
    expect(recent.isNext(place(6, 100, 'lane 1'))).to.equal(true);
    expect(recent.isNext(place(5, 100, 'lane 1')), 'what it has had').to.equal(false);
    recent.keep({ ...place(6, 100, 'lane 2'), settled: [['lane 1', 5]] }, mark(6));
    expect(recent.isNext(place(6, 100, 'lane 1')), 'one that is through').to.equal(false);
  });
});

import { expect } from 'chai';
import { percentile } from '../../oracle/dashboard/histogram.js';
import { Moves } from '../../oracle/dashboard/moves.js';
import { Timeline } from '../../oracle/dashboard/timeline.js';
import type { SessionEntry } from '../../oracle/domain.js';
import type { Intent } from '../../runtime/model/oracle-answers.js';
import { Samples, summaries } from '../../oracle/samples.js';
import { findSessions, stateOf, usesOf } from '../../oracle/search.js';
import { MAX_MOVES_SHOWN, MAX_SAMPLES_KEPT, SEARCH_SLICE, TIMELINE_POINTS } from '../../runtime/model/limits.js';
import { LATENCY_BOUNDS_MS } from '../../runtime/model/report.js';

const entryOf = (id: string, given: Partial<SessionEntry> = {}): SessionEntry => ({
  id, lid: `lid-of-${id}`, home: 'edge', current: 'edge', epoch: 0, bytes: 10, functions: ['cart'], requestsPerSecond: 2, serviceMs: 1, arrivals: new Map(), lastAccessMs: 0,
  movedMs: undefined, moving: false, ...given,
});

describe('percentiles of a histogram', () => {
  const counts = (given: Record<number, number>) => [...LATENCY_BOUNDS_MS, Infinity].map((bound) => given[bound] ?? 0);

  it('lie inside the bucket that they fall into', () => {
    expect(percentile(counts({ 10: 100 }), 0.5)).to.equal(7.5);
    expect(percentile(counts({ 10: 98, 100: 2 }), 0.99)).to.equal(75);
  });

  it('are no more than the last bound beyond it, and nothing without requests', () => {
    expect(percentile(counts({ [Infinity]: 5 }), 0.99)).to.equal(LATENCY_BOUNDS_MS.at(-1));
    expect(percentile(counts({}), 0.5)).to.equal(undefined);
  });
});

describe('the list of moves', () => {
  let nowMs: number;
  let moves: Moves;
  const intent = (given: Partial<Intent> = {}): Intent => ({
    id: 'i', wish: { kind: 'migrate', session: 'anna', to: 'cloud' }, by: 'policy', reason: 'hot', state: 'done', answer: 'it is at cloud now', createdMs: 0, startedMs: 100, endedMs: 150, from: 'edge', ...given,
  });
  const seen = () => moves.noteChange({ kind: 'session', session: entryOf('anna', { current: 'cloud' }), from: 'edge' });
  beforeEach(() => {
    nowMs = 150;
    moves = new Moves(() => nowMs);
  });

  it('has a move once, whichever comes first: the end of its intent or the report of the new holder', () => {
    moves.noteIntent(intent());
    seen();
    expect(moves.list()).to.have.length(1);
    moves = new Moves(() => nowMs);
    seen();
    expect(moves.list()[0]).to.include({ by: 'node', result: 'done' });
    moves.noteIntent(intent());
    expect(moves.list()).to.have.length(1);
    expect(moves.list()[0]).to.deep.include({ session: 'anna', from: 'edge', to: 'cloud', by: 'policy', reason: 'hot', result: 'done', tookMs: 50 });
  });

  it('has what was refused with its answer, and the move that happened all the same', () => {
    moves.noteIntent(intent({ state: 'refused', answer: 'the node has failed' }));
    seen();
    expect(moves.list().map(({ by, result }) => [by, result])).to.deep.equal([['node', 'done'], ['policy', 'refused']]);
  });

  it('has a later move to the same place as another one', () => {
    seen();
    nowMs += 60_000;
    seen();
    expect(moves.list().map(({ number }) => number)).to.deep.equal([2, 1]);
    expect(moves.list(1)).to.have.length(1);
    expect(moves.lastMinute()).to.equal(2);
    nowMs += 1;
    expect(moves.lastMinute()).to.equal(1);
  });

  it('leaves out what never began, and what was there already', () => {
    moves.noteIntent(intent({ from: undefined }));
    moves.noteIntent(intent({ from: 'cloud' }));
    moves.noteIntent(intent({ wish: { kind: 'cordon', node: 'edge' } }));
    expect(moves.list()).to.deep.equal([]);
  });

  it('is bounded', () => {
    for (let at = 0; at < MAX_MOVES_SHOWN + 5; at += 1) moves.noteChange({ kind: 'session', session: entryOf(`s${at}`, { current: 'cloud' }), from: 'edge' });
    expect(moves.list()).to.have.length(MAX_MOVES_SHOWN);
    expect(moves.list()[0]!.number).to.equal(MAX_MOVES_SHOWN + 5);
  });
});

describe('the timeline', () => {
  const point = (requestsPerSecond: number) => ({ requestsPerSecond, p50Ms: null, p99Ms: null, movesPerMinute: 0, sessions: 0, memoryBytes: 0 });

  it('has the points after a moment, of the domain and of nodes, with holes where a node was silent', () => {
    const timeline = new Timeline();
    timeline.add(1, point(1), [{ name: 'a', memoryBytes: 10, load: 0.5 }]);
    timeline.add(2, point(2), []);
    timeline.add(3, point(3), [{ name: 'a', memoryBytes: 30, load: 1.5 }, { name: 'b', memoryBytes: 1, load: 0 }]);
    expect(timeline.domain(1)).to.deep.include({ atMs: [2, 3], requestsPerSecond: [2, 3] });
    expect(timeline.nodes(['a', 'b', 'nobody'])).to.deep.equal({
      atMs: [1, 2, 3], nodes: { a: { memoryBytes: [10, null, 30], load: [0.5, null, 1.5] }, b: { memoryBytes: [null, null, 1], load: [null, null, 0] } },
    });
    expect(timeline.nodes(['a'], 3)).to.deep.equal({ atMs: [], nodes: { a: { memoryBytes: [], load: [] } } });
  });

  it('forgets the oldest points, and nodes that are gone', () => {
    const timeline = new Timeline();
    for (let at = 1; at <= TIMELINE_POINTS + 3; at += 1) timeline.add(at, point(at), [{ name: 'a', memoryBytes: at, load: 0 }]);
    const { atMs, nodes } = timeline.nodes(['a']);
    expect([atMs.length, atMs[0], nodes['a']!.memoryBytes[0], nodes['a']!.memoryBytes.at(-1)]).to.deep.equal([TIMELINE_POINTS, 4, 4, TIMELINE_POINTS + 3]);
    timeline.keep(new Set());
    expect(timeline.nodes(['a']).nodes).to.deep.equal({});
  });
});

describe('the search for sessions', () => {
  it('finds by part of the id, whole lid, place, home, function and state, and pages', async () => {
    const all = [entryOf('Anna'), entryOf('hannah', { current: 'cloud' }), entryOf('bob', { functions: ['notes'], moving: true }), entryOf('ann', { home: 'cloud', current: 'cloud' })];
    const ids = async (query: Parameters<typeof findSessions>[1], page = { offset: 0, limit: 10 }) => (await findSessions(all, query, page)).sessions.map(({ id }) => id);
    expect(await ids({ text: 'ANN' })).to.deep.equal(['Anna', 'hannah', 'ann']);
    expect(await ids({ text: 'lid-of-bob' })).to.deep.equal(['bob']);
    expect(await ids({ text: 'lid-of' })).to.deep.equal([]);
    expect(await ids({ node: 'cloud', home: 'edge' })).to.deep.equal(['hannah']);
    expect(await ids({ functionName: 'notes' })).to.deep.equal(['bob']);
    expect(await ids({ state: 'away' })).to.deep.equal(['hannah']);
    expect(await findSessions(all, { text: 'ann' }, { offset: 1, limit: 1 })).to.deep.equal({ total: 3, sessions: [all[1]] });
    expect(all.map(stateOf)).to.deep.equal(['home', 'away', 'moving', 'home']);
  });

  it('lets others have their turn on the way through many', async () => {
    const all = Array.from({ length: SEARCH_SLICE * 2 }, (_, at) => entryOf(`s${at}`));
    let hadTurn = false;
    setImmediate(() => { hadTurn = true; });
    const { total } = await findSessions(all, {}, { offset: 0, limit: 1 });
    expect([total, hadTurn]).to.deep.equal([SEARCH_SLICE * 2, true]);
  });

  it('sums up what functions have', async () => {
    const uses = await usesOf([entryOf('a'), entryOf('b', { functions: ['cart', 'notes'] })]);
    expect(Object.fromEntries(uses)).to.deep.equal({ cart: { sessions: 2, bytes: 20, requestsPerSecond: 4 }, notes: { sessions: 1, bytes: 10, requestsPerSecond: 2 } });
  });
});

describe('samples', () => {
  const sample = (value: number | string, given = {}) => ({ session: 'anna', epoch: 0, metric: 'time', value, atMs: 1, ...given });

  it('are summed up for each metric and residency; words have no mean', () => {
    const samples = new Samples();
    samples.note('edge', [sample(1), sample(3), sample('done', { metric: 'said' })]);
    samples.note('cloud', [sample(8, { epoch: 1 })]);
    expect(summaries(samples.list()).map(({ metric, node, count, mean, last }) => [metric, node, count, mean, last]))
      .to.deep.equal([['time', 'edge', 2, 2, 3], ['said', 'edge', 1, null, 'done'], ['time', 'cloud', 1, 8, 8]]);
    expect(samples.list({ node: 'cloud' })).to.have.length(1);
    expect(samples.list({ metric: 'said', session: 'anna' })).to.have.length(1);
  });

  it('are bounded: the oldest go', () => {
    const samples = new Samples();
    samples.note('edge', Array.from({ length: MAX_SAMPLES_KEPT + 2 }, (_, at) => sample(at)));
    const values = samples.list().map(({ value }) => value);
    expect([values.length, values[0], values.at(-1)]).to.deep.equal([MAX_SAMPLES_KEPT, 2, MAX_SAMPLES_KEPT + 1]);
  });
});

/** Long random sequences of commands: the store under test and the memory store stay alike after each. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Slot } from '../../runtime/model/record.js';
import type { Command } from '../../runtime/model/verbs.js';
import { createMemoryStore } from '../../runtime/store/memory.js';
import type { Commitment, Item, MarkChange, SessionStore, Write } from '../../runtime/store/store.js';
import type { Bench } from './conformance.js';
import { answered, bytes, commandsFor, dataOf, NODE, OWNER, PARENT, plain, replyOf, ROOT, send, shown, shownItems, START_MS } from './support.js';

const SEED = Number(process.env['RANDOM_SEED'] ?? 20_240_501);
const RUNS = Number(process.env['RANDOM_RUNS'] ?? 40);

interface Action {
  command?: Command;
  /** A command that says what the caller last saw of the record. */
  seen?: (slot: Slot | undefined) => Command;
  data?: { commitment?: Commitment; items?: Item[] };
  call?: (store: SessionStore) => Promise<unknown>;
  /** Time that passes first. */
  waitMs: number;
}

const oneOf = <T>(...values: T[]) => fc.constantFrom(...values);
const key = oneOf('a', 'b', 'list', 'long');
const text = oneOf('', 'x', 'y\0"', '🛒', 'z'.repeat(3_000), 'w'.repeat(20_000)).map(bytes);
const texts = fc.array(text, { maxLength: 3 });
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ op: fc.constant('set' as const), key, value: text }), fc.record({ op: fc.constant('delete' as const), key }),
  fc.record({ op: fc.constant('append' as const), key, values: texts }), fc.record({ op: fc.constant('setList' as const), key, values: texts }),
);
const effect = fc.record({ id: oneOf('e1', 'e2', 'e3'), body: text });
const reply = fc.record({ id: oneOf('r1', 'r2', 'r3'), atMs: oneOf(START_MS, START_MS + 5), body: oneOf('', 'kept', 'v'.repeat(70_000)) })
  .map(({ id, atMs, body }) => answered(id, atMs, body));
const lane = oneOf('lane-1', 'lane-2');
const marks: fc.Arbitrary<MarkChange[]> = fc.array(fc.oneof(
  fc.record({ op: fc.constant('mark' as const), lane, row: oneOf('1 a', '2 b', '12 c').map(bytes) }), fc.record({ op: fc.constant('unmark' as const), lane, start: oneOf('', '1 ', '2 ') }),
), { maxLength: 2 });
const commitment: fc.Arbitrary<Commitment> = fc.record(
  { writes: fc.array(write, { maxLength: 4 }), reply, effects: fc.array(effect, { maxLength: 2 }), marks }, { requiredKeys: ['writes'] });
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ kind: fc.constant('value' as const), key, value: text }),
  fc.record({ kind: fc.constant('list' as const), key, values: texts, more: fc.boolean() }),
  fc.record({ kind: fc.constant('deleted' as const), key }),
  reply.map((stored) => ({ kind: 'reply' as const, reply: stored })), effect.map((row) => ({ kind: 'effect' as const, effect: row })),
  effect.map(({ id }) => ({ kind: 'effect-done' as const, id })),
  lane.map((name) => ({ kind: 'mark' as const, lane: name, row: bytes('7 d') })), lane.map((name) => ({ kind: 'mark-gone' as const, lane: name })),
);
const items = fc.array(item, { maxLength: 4 });
const epoch = fc.integer({ min: 0, max: 6 });
const attempt = oneOf('attempt-1', 'attempt-2');
const incarnation = fc.oneof({ weight: 9, arbitrary: fc.constant('incarnation-a') }, { weight: 1, arbitrary: fc.constant('incarnation-b') });
const leaseId = oneOf('lease-1', 'lease-2');
const place = oneOf(NODE, PARENT, ROOT);
const course = oneOf('offload' as const, 'offload' as const, 'onload' as const, 'migrate' as const, 're-home' as const);
const way = fc.constantFrom<string[]>([], [NODE], [NODE, PARENT, ROOT], [PARENT, ROOT]);
const owed = fc.array(fc.record({ to: oneOf(PARENT, ROOT), kind: oneOf('update' as const, 'claim' as const, 'gone' as const), epoch }), { maxLength: 1 });

function actionsOn(session: string): fc.Arbitrary<Action> {
  const c = commandsFor(session);
  const plainly = <F>(fields: fc.Arbitrary<F>, make: (fields: F) => Command) => fields.map((drawn): Omit<Action, 'waitMs'> => ({ command: make(drawn) }));
  const create = fc.record({ incarnation, epoch: fc.constant(0), ttlMs: oneOf(0, 0, 50), knownBy: fc.constantFrom<string[]>([], ['milan', 'cloud']), owed });
  const request = fc.record({ id: oneOf('r1', 'r2'), digest: oneOf('digest of r1', 'digest of r2') });
  const serve = plainly(fc.record({ leaseId, create, request }, { requiredKeys: ['leaseId'] }), (f) => c.acquire(f));
  const done = fc.record({ leaseId, epoch, dirty: fc.boolean(), commitment }).map(({ commitment: carried, ...f }) =>
    ({ command: c.release(f), data: { commitment: carried } }));
  // The short way: most often on just what is stored, else on what was, or never was, there.
  const onBasis = fc.record({ behind: oneOf(0, 0, 0, 1), epochs: oneOf(0, 0, 0, 1), incarnation, dirty: fc.boolean(), ttlMs: oneOf(undefined, 0, 50), commitment })
    .map(({ behind, epochs, incarnation: life, dirty, ttlMs, commitment: carried }) => ({
      seen: (slot: Slot | undefined) => c.release({
        leaseId: '', dirty, ttlMs, epoch: (slot?.epoch ?? 0) - epochs,
        basis: { version: (slot?.version ?? 0) - behind, incarnation: life === 'incarnation-b' ? life : slot?.incarnation ?? life },
      }),
      data: { commitment: carried },
    }));
  // Each verb as it fits the record of the moment: words drawn at random would seldom get so far.
  const fitting = fc.record({ verb: oneOf('release', 'copy', 'depart', 'reserve', 'commit', 'abort', 'learn', 'ask', 'gone'), attempt, dirty: fc.boolean(), commitment, items })
    .map(({ verb, attempt: name, dirty, commitment: carried, items: last }) => ({
      seen: (slot: Slot | undefined) => fittingOf(c, verb, slot, name, dirty), data: { commitment: carried, items: last },
    }));
  const call = <F>(fields: fc.Arbitrary<F>, make: (store: SessionStore, fields: F) => Promise<unknown>) =>
    fields.map((drawn): Omit<Action, 'waitMs'> => ({ call: (store) => make(store, drawn) }));
  const rest = fc.oneof(
    plainly(leaseId, (id) => c.abandon(id)),
    plainly(fc.record({ attempt, epoch, incarnation, home: place, replaces: attempt, course, way }, { requiredKeys: ['attempt', 'epoch', 'incarnation', 'home', 'course', 'way'] }), (f) => c.reserve(f)),
    plainly(attempt, (id) => c.departing(id)),
    plainly(fc.record({ attempt, epoch, incarnation }), (f) => c.copy(f)),
    plainly(fc.record({ attempt, epoch, incarnation, to: oneOf(PARENT, ROOT) }), (f) => c.depart(f)),
    fc.record({ attempt, epoch, owed, items }).map(({ items: carried, ...f }) => ({ command: c.commit(f), data: { items: carried } })),
    plainly(fc.record({ epoch, incarnation, current: place, home: place }), (f) => c.learn(f)),
    plainly(epoch, (asked) => c.ask(asked)),
    plainly(fc.record({ attempt, epoch, fence: fc.option(fc.record({ by: place, epoch }), { nil: undefined }) }), (f) => c.abort(f)),
    plainly(attempt, (id) => c.drop(id)),
    plainly(fc.record({ epoch, incarnation, home: place, write: fc.boolean() }), (f) => c.claim(f)),
    plainly(fc.record({ to: oneOf(PARENT, ROOT), kind: oneOf('update' as const, 'claim' as const, 'gone' as const), epoch }), (f) => c.paid(f.to, f.kind, f.epoch)),
    plainly(fc.record({ forced: fc.boolean(), owed, keepMs: oneOf(0, 1_000) }), (f) => c.expire(f)),
    plainly(fc.record({ epoch, incarnation }), (f) => c.gone(f)),
    plainly(fc.constant({}), () => c.wake()),
    call(attempt, (store, id) => store.drain(session, id)),
    call(fc.record({ attempt, items }), (store, f) => store.stage(session, f.attempt, f.items)),
    call(effect, (store, { id }) => store.effectDone(session, id)),
  );
  return fc.record({ action: fc.oneof({ weight: 3, arbitrary: serve }, { weight: 4, arbitrary: done }, { weight: 4, arbitrary: onBasis }, { weight: 8, arbitrary: fitting }, { weight: 8, arbitrary: rest }), waitMs: oneOf(0, 0, 0, 0, 1, 1, 40, 31_000) })
    .map(({ action, waitMs }) => ({ ...action, waitMs }));
}

function fittingOf(c: ReturnType<typeof commandsFor>, verb: string, slot: Slot | undefined, attempt: string, dirty: boolean): Command {
  const { epoch = 0, incarnation = 'incarnation-a', arriving, leaving } = slot ?? {};
  const next = { epoch: epoch + 1, attempt, incarnation };
  switch (verb) {
    case 'release': return c.release({ leaseId: slot?.lease?.id ?? 'lease-1', epoch, dirty });
    case 'copy': return c.copy(next);
    case 'depart': return c.depart({ ...next, ...leaving });
    case 'reserve': return c.reserve({ ...next, deadlineMs: START_MS + 10_000_000 });
    case 'commit': {
      const { passport } = c.commit();
      return c.commit({ epoch: arriving?.epoch ?? epoch, attempt: arriving?.attempt ?? attempt, passport: { ...passport, incarnation } });
    }
    case 'abort': return c.abort({ epoch: leaving?.epoch ?? epoch, attempt: leaving?.attempt ?? attempt, fence: { by: leaving?.to ?? PARENT, epoch: leaving?.epoch ?? epoch } });
    case 'learn': return c.learn({ epoch: leaving?.epoch ?? epoch + 1, incarnation });
    case 'ask': return c.ask(arriving?.epoch ?? epoch);
    default: return c.gone({ epoch, incarnation });
  }
}

/** What an action comes to, in comparable form. */
async function perform(store: SessionStore, { command, data, call }: Action): Promise<unknown> {
  if (call) return call(store).then((result) => ({ result: result ?? null }), (error: Error) => ({ error: error.message }));
  const answer = await send(store, command!, data) as { items?: Item[]; loaded?: { kind: string; data?: Map<string, Buffer> }; reply?: { body?: Buffer } };
  return {
    reply: replyOf(answer), items: shownItems(answer.items), loaded: answer.loaded?.kind,
    data: shown(answer.loaded?.data ?? []), body: answer.reply?.body?.toString('latin1'),
  };
}

/** Asked all at once: nothing happens meanwhile, and the way to a store is most of what an answer takes. */
async function everythingOf(store: SessionStore, session: string): Promise<unknown> {
  const [names, slot, data, effects, marks, unfinished] = await Promise.all([
    store.inventory(session), store.slot(session), dataOf(store, session), store.effects(session, 9), store.marks(session), store.unfinished(),
  ]);
  return {
    slot: plain(slot), bytes: slot?.bytes, data: shown(data), names: names.map(({ kind, name }) => `${kind} ${name}`),
    items: names.length === 0 ? [] : shownItems(await store.items(session, names)), effects, marks: marks.map(([name, row]) => [name, row.toString()]),
    isUnfinished: unfinished.includes(session),
  };
}

export function randomSuite(bench: Bench): void {
  it(`stays like the memory store through random commands (seed ${SEED})`, async () => {
    const outcomes = new Set<string>();
    const tally = (action: Action, performed: unknown) => outcomes.add(outcomeOf(action, performed));
    await fc.assert(fc.asyncProperty(STARTS, fc.array(actionsOn('?'), { minLength: 30, maxLength: 60, size: 'max' }), async (start, actions) => {
      const session = bench.fresh('random');
      bench.clock.nowMs = START_MS;
      const reference = createMemoryStore({ node: NODE, clock: bench.clock });
      for (const action of [...start, ...actions].map((each) => aboutSession(each, session))) {
        bench.clock.nowMs += action.waitMs;
        const concrete = await toldOf(reference, session, action);
        const expected = await perform(reference, concrete);
        tally(concrete, expected);
        expect(await perform(bench.store, concrete)).to.deep.equal(expected);
        expect(await everythingOf(bench.store, session)).to.deep.equal(await everythingOf(reference, session));
      }
    }), { seed: SEED, numRuns: RUNS });
    expect(MUST_HAPPEN.filter((outcome) => !outcomes.has(outcome)), 'never happened').to.deep.equal([]);
  });
}

/** Sequences begin with nobody knowing the session, with its birth, or with its arrival. */
const STARTS = fc.constantFrom<Action[]>(
  [], [{ command: commandsFor('?').create({ ...OWNER }), waitMs: 0 }], [{ command: commandsFor('?').create({ ...OWNER }), waitMs: 0 }],
  [{ command: commandsFor('?').reserve({ attempt: 'attempt-1' }), waitMs: 0 }],
);

/** The command of a caller that last saw the record as it is now. */
async function toldOf(reference: SessionStore, session: string, action: Action): Promise<Action> {
  return action.seen ? { ...action, command: aboutSession({ command: action.seen(await reference.slot(session)), waitMs: 0 }, session).command } : action;
}

/** What the run is worthless without. */
const MUST_HAPPEN = [
  'acquire granted', 'acquire replay', 'acquire moved', 'acquire hold', 'release committed', 'release refused lease', 'release refused epoch',
  'basis committed', 'basis refused basis', 'basis refused epoch', 'basis refused state', 'depart departed', 'commit committed', 'learn learned',
  'abort aborted', 'expire expired', 'ask fenced', 'claim claimed',
];

function outcomeOf({ command }: Action, performed: unknown): string {
  if (!command) return 'call';
  const { kind, reason } = (performed as { reply?: { kind: string; reason?: string } }).reply ?? { kind: 'call' };
  return [command.verb === 'release' && command.basis ? 'basis' : command.verb, kind, reason].filter(Boolean).join(' ');
}

/** Actions are drawn for a session with no name, so that a run tried again begins with a session of its own. */
function aboutSession(action: Action, session: string): Action {
  const { command, call } = action;
  if (action.seen && !command) return action;
  if (call) return { ...action, call: (store) => call(renamed(store, session)) };
  const named = command!.verb === 'commit' ? { ...command!, passport: { ...command!.passport, session } } : { ...command!, session };
  return { ...action, command: named as Command };
}

function renamed(store: SessionStore, session: string): SessionStore {
  return {
    drain: (_: string, id: string) => store.drain(session, id),
    stage: (_: string, id: string, staged: Item[]) => store.stage(session, id, staged),
    effectDone: (_: string, id: string) => store.effectDone(session, id),
  } as SessionStore;
}

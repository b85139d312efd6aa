/** Every state of the protocol's table, reached by commands, and every verb in its telling variants. */
import { MAX_FUNCTIONS_PER_SESSION } from '../../runtime/model/limits.js';
import type { Command, Verb } from '../../runtime/model/verbs.js';
import { commandsFor, NODE, PARENT, ROOT, START_MS } from './support.js';

type Commands = ReturnType<typeof commandsFor>;

/** Commands that lead a session nobody knows into the state. */
export const STATES: Record<string, (c: Commands) => Command[]> = {
  absent: () => [],
  resident: (c) => [c.create(), c.release()],
  'resident and being copied': (c) => [c.create(), c.release(), c.copy()],
  'resident and owing': (c) => [
    c.create({ create: { incarnation: 'incarnation-a', epoch: 0, ttlMs: 0, knownBy: [], owed: [{ to: ROOT, kind: 'claim', epoch: 0 }] } }), c.release(),
  ],
  'resident and idle beyond its time': (c) => [
    c.create({ create: { incarnation: 'incarnation-a', epoch: 0, ttlMs: 5, knownBy: [], owed: [] } }), c.release(),
  ],
  'resident after a move': (c) => [c.reserve(), c.departing(), c.commit()],
  'resident, owing and idle beyond its time': (c) => [
    c.create({ create: { incarnation: 'incarnation-a', epoch: 0, ttlMs: 5, knownBy: [], owed: [{ to: ROOT, kind: 'claim', epoch: 0 }] } }), c.release(),
  ],
  'resident with as many functions as may be': (c) => [
    c.create(), c.release(),
    ...Array.from({ length: MAX_FUNCTIONS_PER_SESSION - 1 }, (_, i) => [c.acquire({ function: `function ${i}` }), c.release()]).flat(),
  ],
  leased: (c) => [c.create()],
  'leased while being copied': (c) => [c.create(), c.release(), c.copy(), c.acquire()],
  leaving: (c) => [c.create(), c.release(), c.copy(), c.depart()],
  'leaving without a copy': (c) => [c.create(), c.release(), c.depart()],
  'leaving as a guest': (c) => [c.reserve(), c.commit(), c.depart({ epoch: 7, to: ROOT })],
  'arriving over absent': (c) => [c.reserve()],
  'arriving over absent, departing': (c) => [c.reserve(), c.departing()],
  'arriving over absent, too late': (c) => [c.reserve({ deadlineMs: START_MS - 1 })],
  'arriving over absent, at its deadline': (c) => [c.reserve({ deadlineMs: START_MS + 10 })],
  'arriving over another life': (c) => [c.reserve(), c.claim({ incarnation: 'incarnation-z' })],
  'arriving over remote': (c) => [...STATES['remote, of home']!(c), c.reserve({ home: NODE })],
  'arriving over remote, departing': (c) => [...STATES['remote, of home']!(c), c.reserve({ home: NODE }), c.departing()],
  'arriving over tombstone': (c) => [...STATES['tombstone']!(c), c.reserve()],
  'arriving over tombstone of another life': (c) => [
    c.create({ create: { incarnation: 'incarnation-z', epoch: 0, ttlMs: 0, knownBy: [], owed: [] } }), c.release(), c.expire(), c.reserve(),
  ],
  'remote, of home': (c) => [c.create(), c.release(), c.depart(), c.learn()],
  'remote, of an ancestor': (c) => [c.claim()],
  tombstone: (c) => [c.create(), c.release(), c.expire()],
  'tombstone that owes': (c) => [c.create(), c.release(), c.expire({ owed: [{ to: ROOT, kind: 'gone', epoch: 0 }] })],
  'tombstone that owes a claim': (c) => [...STATES['resident and owing']!(c), c.depart(), c.learn(), c.gone()],
};

/** Each verb as it may come: fitting, stale, from the future, of another attempt, lease or incarnation. */
export const VERBS: Record<Verb, (c: Commands) => Record<string, Command>> = {
  acquire: (c) => ({
    'of a known session': c.acquire({ leaseId: 'lease-2' }),
    'that may create': c.create({ leaseId: 'lease-2', create: { incarnation: 'incarnation-b', epoch: 0, ttlMs: 9, knownBy: [], owed: [{ to: ROOT, kind: 'claim', epoch: 0 }] } }),
    'that may create from a later epoch': c.create({ leaseId: 'lease-2', create: { incarnation: 'incarnation-b', epoch: 11, ttlMs: 0, knownBy: [], owed: [] } }),
    'redirected by another home': c.create({ leaseId: 'lease-2', redirected: { home: ROOT } }),
    'redirected to its home': c.create({ leaseId: 'lease-2', redirected: { home: NODE } }),
    'by a later life of the owner': c.acquire({ leaseId: 'lease-2', boot: 'second-life' }),
    'by another owner': c.acquire({ leaseId: 'lease-2', owner: 'container-9', boot: 'x' }),
    'for a function new to it': c.acquire({ leaseId: 'lease-2', function: 'wishes' }),
    'although its time has passed': c.acquire({ leaseId: 'lease-2', revive: true }),
    'with an unknown request id': c.acquire({ leaseId: 'lease-2', request: { id: 'fresh', digest: 'd' } }),
  }),
  release: (c) => ({
    'of the lease': c.release(), 'of a pure read': c.release({ dirty: false }), 'with a time to live': c.release({ ttlMs: 77 }),
    'of another lease': c.release({ leaseId: 'lease-9' }), 'of another epoch': c.release({ epoch: 4 }),
    'on a basis': c.release({ leaseId: '', basis: { version: 1, incarnation: 'incarnation-a' } }),
    'on the basis of a birth': c.release({ leaseId: '', dirty: false, basis: { version: 0, incarnation: 'incarnation-a' } }),
    'on an older basis': c.release({ leaseId: '', basis: { version: 0, incarnation: 'incarnation-a' } }),
    'on the basis of another life': c.release({ leaseId: '', basis: { version: 1, incarnation: 'incarnation-z' } }),
    'on a basis of another epoch': c.release({ leaseId: '', epoch: 4, basis: { version: 1, incarnation: 'incarnation-a' } }),
  }),
  abandon: (c) => ({ 'of the lease': c.abandon(), 'of another lease': c.abandon('lease-9') }),
  reserve: (c) => ({
    'of the next epoch': c.reserve({ epoch: 2, home: NODE, attempt: 'attempt-2' }),
    'of a far epoch': c.reserve({ epoch: 50, attempt: 'attempt-2' }), 'of an old epoch': c.reserve({ epoch: 1, attempt: 'attempt-2' }),
    'of the same attempt': c.reserve(), 'of the same attempt for another epoch': c.reserve({ epoch: 8 }),
    'of epoch 0': c.reserve({ epoch: 0, attempt: 'attempt-2', replaces: 'attempt-in' }), 'that replaces its former attempt': c.reserve({ attempt: 'attempt-2', replaces: 'attempt-in', from: ROOT }),
    'that replaces with another incarnation': c.reserve({ attempt: 'attempt-2', replaces: 'attempt-in', incarnation: 'incarnation-z', home: ROOT }),
    'of another incarnation': c.reserve({ epoch: 50, attempt: 'attempt-2', incarnation: 'incarnation-z' }),
    'of an onload homed below': c.reserve({ course: 'onload', home: 'phone', way: ['phone', NODE, PARENT] }),
    'of an onload homed here': c.reserve({ course: 'onload', home: NODE, way: [NODE] }),
    'of an onload homed elsewhere': c.reserve({ course: 'onload', way: [PARENT, ROOT] }),
    'of an onload that shows no way': c.reserve({ course: 'onload', home: NODE }),
    'of an onload that shows the way of another home': c.reserve({ course: 'onload', way: ['phone', NODE, PARENT] }),
    'of an order homed below': c.reserve({ course: 'migrate', home: 'phone', way: ['phone', 'cell', NODE] }),
    'of an order homed elsewhere': c.reserve({ course: 'migrate', way: [PARENT, ROOT] }),
    'of a new home': c.reserve({ course: 're-home' }),
  }),
  departing: (c) => ({ 'of the attempt': c.departing(), 'of another attempt': c.departing('attempt-9') }),
  copy: (c) => ({
    'at the next epoch': c.copy({ attempt: 'attempt-2' }), 'again': c.copy(), 'of a guest': c.copy({ epoch: 7 }),
    'at an old epoch': c.copy({ epoch: 0 }), 'of another incarnation': c.copy({ incarnation: 'incarnation-z' }),
  }),
  depart: (c) => ({
    'of the copying attempt': c.depart(), 'of another attempt': c.depart({ attempt: 'attempt-2' }), 'to another node': c.depart({ to: ROOT }),
    'of a guest': c.depart({ epoch: 7, to: ROOT }), 'at an old epoch': c.depart({ epoch: 0 }), 'at a later epoch': c.depart({ epoch: 3 }),
    'of another incarnation': c.depart({ incarnation: 'incarnation-z' }), 'to nobody': c.depart({ to: '' }), 'to itself': c.depart({ to: NODE }),
  }),
  commit: (c) => ({
    'of the reservation': c.commit(), 'that owes an update': c.commit({ owed: [{ to: PARENT, kind: 'update', epoch: 6 }] }),
    'of another epoch': c.commit({ epoch: 7 }), 'of another attempt': c.commit({ attempt: 'attempt-9' }),
    'of another life': c.commit({ passport: { ...c.commit().passport, incarnation: 'incarnation-z' } }),
  }),
  learn: (c) => ({
    'of the departing epoch': c.learn(), 'of an old epoch': c.learn({ epoch: 0 }), 'of a later epoch': c.learn({ epoch: 9, current: ROOT }),
    'of another incarnation': c.learn({ epoch: 9, incarnation: 'incarnation-z' }), 'about a home elsewhere': c.learn({ epoch: 9, home: PARENT, current: ROOT }),
    'that it is here': c.learn({ epoch: 9, current: NODE }),
  }),
  ask: (c) => ({
    'of the same life': { ...c.ask(1), incarnation: 'incarnation-a' }, 'of another life': { ...c.ask(1), incarnation: 'incarnation-z' },
    'of another life homed here': c.ask(0, { incarnation: 'former', home: NODE }),
    'of another life homed elsewhere': c.ask(0, { incarnation: 'former', home: PARENT }),
    'of epoch 0': c.ask(0), 'of epoch 1': c.ask(1), 'of the arriving epoch': c.ask(6), 'of a later epoch': c.ask(50),
  }),
  abort: (c) => ({
    'of the attempt': c.abort(), 'of another attempt': c.abort({ attempt: 'attempt-9' }), 'of another epoch': c.abort({ epoch: 2 }),
    'of a guest': c.abort({ epoch: 7, fence: { by: ROOT, epoch: 7 } }), 'that nobody fenced': c.abort({ fence: undefined }),
    'that another node fenced': c.abort({ fence: { by: ROOT, epoch: 1 } }), 'that was fenced under another epoch': c.abort({ fence: { by: PARENT, epoch: 2 } }),
  }),
  drop: (c) => ({ 'of the attempt': c.drop(), 'of another attempt': c.drop('attempt-9') }),
  wake: (c) => ({ 'at the start': c.wake() }),
  claim: (c) => ({
    'that writes': c.claim(), 'that only looks': c.claim({ write: false }), 'of another incarnation': c.claim({ incarnation: 'incarnation-z' }),
    'of a new home': c.claim({ epoch: 9, home: ROOT }), 'of a new life': c.claim({ epoch: 9, incarnation: 'incarnation-z' }),
    'of a new life that only looks': c.claim({ epoch: 9, incarnation: 'incarnation-z', write: false }),
    'of the epoch that is known': c.claim({ epoch: 1, home: NODE }),
  }),
  paid: (c) => ({
    'of a claim': c.paid(ROOT, 'claim', 0), 'of a later claim': c.paid(ROOT, 'claim', 5), 'of a claim elsewhere': c.paid(PARENT, 'claim', 0), 'of an update': c.paid(PARENT, 'update', 6),
    'of an expiry': c.paid(ROOT, 'gone', 0), 'of an expiry by its epoch': c.paid(ROOT, 'gone', 1),
  }),
  expire: (c) => ({
    forced: c.expire(), 'when its time has passed': c.expire({ forced: false }),
    'that owes': c.expire({ owed: [{ to: ROOT, kind: 'gone', epoch: 0 }] }), 'with nothing to keep': c.expire({ keepMs: -1 }),
    'when idle for long enough': c.expire({ forced: false, idleMs: 5 }), 'when not idle for long enough': c.expire({ forced: false, idleMs: 60_000 }),
    'that discards this life': c.expire({ forced: false, discards: 'incarnation-a' }),
    'that discards another life': c.expire({ forced: false, discards: 'incarnation-z' }),
    'of a stub that nobody needs': c.expire({ forced: false, keepMs: -1, vouched: 0 }),
    'of a stub at a later epoch': c.expire({ forced: false, keepMs: -1, vouched: 1 }),
  }),
  gone: (c) => ({
    'of the same life': c.gone(), 'of an old epoch': c.gone({ epoch: -1 }), 'of the epoch that is known': c.gone({ epoch: 1 }), 'of another incarnation': c.gone({ incarnation: 'incarnation-z' }),
  }),
};

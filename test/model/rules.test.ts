/** The fourteen rules of docs/protocol.md, each by what it means for the step function. */
import { expect } from 'chai';
import { ALL_GUARDS } from '../../runtime/model/guards.js';
import { TOMBSTONE_KEEP_MS } from '../../runtime/model/limits.js';
import type { Slot } from '../../runtime/model/record.js';
import { createStep } from '../../runtime/model/step/step.js';
import type { Command } from '../../runtime/model/verbs.js';
import { commandsFor, NODE, PARENT, ROOT, START_MS } from '../store/support.js';

const step = createStep();
const here = { node: NODE, nowMs: START_MS };
const c = commandsFor('session');
const OWED = { to: ROOT, kind: 'update' as const, epoch: 6 };

const after = (...commands: Command[]): Slot | undefined =>
  commands.reduce<Slot | undefined>((slot, command) => step(slot, command, here).slot, undefined);
const meets = <C extends Command>(slot: Slot | undefined, command: C, nowMs = START_MS) => step(slot, command, { node: NODE, nowMs });
/** The answer, when nothing changed with it. */
const unmoved = (slot: Slot | undefined, command: Command) => {
  const result = meets(slot, command);
  expect(result.slot).to.equal(slot);
  expect(result.effects).to.deep.equal({});
  return result.reply;
};

const resident = after(c.create(), c.release())!;
const leaving = after(c.create(), c.release(), c.copy(), c.depart())!;
const stub = after(c.create(), c.release(), c.depart(), c.learn())!;
const arriving = after(c.reserve())!;
const guest = after(c.reserve(), c.departing(), c.commit())!;
const tombstone = after(c.create(), c.release(), c.expire())!;

describe('the rules of the protocol', () => {
  describe('rule 1: ask answers committed by the epoch alone, whatever the state; otherwise it fences', () => {
    for (const [state, slot] of Object.entries({ resident, leaving, stub, guest, tombstone })) {
      it(`of a session that is ${state}`, () => {
        const told = (epoch: number) => (state === 'tombstone' ? epoch : slot.epoch);
        for (const epoch of [0, slot.epoch]) expect(unmoved(slot, c.ask(epoch))).to.include({ kind: 'committed', epoch: told(epoch) });
        expect(unmoved(slot, c.ask(slot.epoch + 1))).to.deep.equal({ kind: 'fenced', by: NODE, epoch: slot.epoch + 1 });
      });
    }

    it('judges what lies under a reservation, and drops the reservation of exactly the asked epoch', () => {
      const over = after(c.create(), c.release(), c.depart(), c.learn(), c.reserve({ home: NODE }))!;
      expect(unmoved(over, c.ask(1))).to.include({ kind: 'committed', epoch: 1 });
      expect(unmoved(over, c.ask(5))).to.deep.equal({ kind: 'fenced', by: NODE, epoch: 5 });
      expect(meets(over, c.ask(6))).to.deep.equal({ slot: stub, reply: { kind: 'fenced', by: NODE, epoch: 6 }, effects: { unstage: 'attempt-in' } });
    });

    it('never lets a fenced attempt commit', () => {
      const fenced = meets(arriving, c.ask(6)).slot;
      expect(fenced).to.equal(undefined);
      expect(unmoved(fenced, c.commit())).to.deep.equal({ kind: 'refused', reason: 'reservation' });
    });
  });

  describe('rule 2: an abort raises the epoch to the fenced one', () => {
    it('so that no later attempt has it', () => {
      const aborted = meets(leaving, c.abort());
      expect(aborted.reply).to.deep.equal({ kind: 'aborted', epoch: 1 });
      expect(aborted.slot).to.include({ state: 'resident', epoch: 1, version: 1 });
      expect(aborted.slot).not.to.have.any.keys('leaving', 'copying');
      expect(unmoved(aborted.slot, c.depart({ attempt: 'attempt-2' }))).to.include({ kind: 'refused', reason: 'epoch' });
      expect(meets(aborted.slot, c.depart({ attempt: 'attempt-2', epoch: 2 })).reply).to.include({ kind: 'departed' });
    });

    it('and nothing is taken back without the word of the departure\'s own target about its own epoch', () => {
      for (const fence of [undefined, { by: ROOT, epoch: 1 }, { by: PARENT, epoch: 0 }, { by: PARENT, epoch: 2 }]) {
        expect(unmoved(leaving, c.abort({ fence }))).to.deep.equal({ kind: 'refused' });
      }
      const { reply } = createStep()(undefined, c.ask(1), { node: PARENT, nowMs: START_MS });
      if (reply.kind !== 'fenced') throw new Error(reply.kind);
      expect(meets(leaving, c.abort({ fence: { by: reply.by, epoch: reply.epoch } })).reply).to.deep.equal({ kind: 'aborted', epoch: 1 });
    });

    it('and only the attempt that is leaving can be aborted', () => {
      for (const command of [c.abort({ attempt: 'attempt-9' }), c.abort({ epoch: 2 })]) expect(unmoved(leaving, command)).to.deep.equal({ kind: 'refused' });
      expect(unmoved(resident, c.abort())).to.deep.equal({ kind: 'refused' });
    });
  });

  describe('rule 3: bulk, departure and commit carry the attempt of the reservation', () => {
    it('a commit of another attempt or epoch is refused', () => {
      for (const command of [c.commit({ attempt: 'attempt-9' }), c.commit({ epoch: 7 })]) {
        expect(unmoved(arriving, command)).to.deep.equal({ kind: 'refused', reason: 'reservation' });
      }
      expect(meets(arriving, c.commit())).to.have.nested.property('effects.adopt', 'attempt-in');
    });

    it('only its own driver replaces a reservation, whose staged data goes with it', () => {
      expect(unmoved(arriving, c.reserve({ attempt: 'attempt-2' }))).to.deep.equal({ kind: 'busy' });
      const replaced = meets(arriving, c.reserve({ attempt: 'attempt-2', replaces: 'attempt-in' }));
      expect(replaced.effects).to.deep.equal({ unstage: 'attempt-in' });
      expect(unmoved(replaced.slot, c.commit())).to.deep.equal({ kind: 'refused', reason: 'reservation' });
    });

    it('a departure carries a delta only to the attempt that was copied to', () => {
      const copied = after(c.create(), c.release(), c.copy())!;
      expect(meets(copied, c.depart()).reply).to.include({ kind: 'departed', delta: true });
      expect(meets(copied, c.depart({ attempt: 'attempt-2' })).reply).to.include({ kind: 'departed', delta: false });
    });

    it('a late second copy keeps the notes of the first', () => {
      const copied = after(c.create(), c.release(), c.copy())!;
      expect(meets(copied, c.copy()).effects).to.deep.equal({});
      expect(meets(copied, c.copy({ attempt: 'attempt-2' })).effects).to.deep.equal({ renote: true });
    });

    it('a commit after the deadline is refused and ends the reservation', () => {
      expect(meets(arriving, c.commit(), START_MS + 30_001)).to.deep.equal(
        { slot: undefined, reply: { kind: 'refused', reason: 'deadline' }, effects: { unstage: 'attempt-in' } });
    });
  });

  describe('rule 4: leaving repeats its answer to the same target and attempt', () => {
    it('and tells anyone else that it is busy', () => {
      expect(unmoved(leaving, c.depart())).to.include({ kind: 'departed', repeat: true, delta: true });
      for (const command of [c.depart({ to: ROOT }), c.depart({ attempt: 'attempt-9' })]) expect(unmoved(leaving, command)).to.deep.equal({ kind: 'busy' });
    });
  });

  describe('rule 5: news older than what is known is ignored', () => {
    it('by a stub', () => {
      for (const epoch of [0, 1]) expect(unmoved(stub, c.learn({ epoch, current: ROOT }))).to.include({ kind: 'learned', changed: false });
      expect(meets(stub, c.learn({ epoch: 2, current: ROOT })).slot).to.include({ current: ROOT, epoch: 2 });
    });

    it('by the source, which keeps its data until its target is known to have committed', () => {
      expect(unmoved(leaving, c.learn({ epoch: 0 }))).to.include({ changed: false, left: false });
      const left = meets(leaving, c.learn());
      expect(left.reply).to.include({ changed: true, left: true, epoch: 1 });
      expect(left.effects).to.deep.equal({ wipe: true, renote: true });
      expect(left.slot).to.include({ state: 'remote', current: PARENT, epoch: 1 });
    });

    it('by a holder', () => {
      expect(unmoved(guest, c.learn({ epoch: 6, home: PARENT }))).to.include({ changed: false });
    });

    it('and newer news replaces what lies under a reservation, which stays', () => {
      const over = after(c.create(), c.release(), c.depart(), c.learn(), c.reserve({ home: NODE }))!;
      const news = meets(over, c.learn({ epoch: 3, current: ROOT })).slot;
      expect(news).to.include({ state: 'remote', current: ROOT, epoch: 3 });
      expect(news!.arriving).to.deep.equal(over.arriving);
    });
  });

  describe('rule 6: a node goes on at its start with what it had begun (the scan itself is the offload layer\'s)', () => {
    it('what is leaving can ask and be answered, what is arriving can be dropped, what is owed is there', () => {
      expect(leaving.leaving).to.deep.equal({ to: PARENT, epoch: 1, attempt: 'attempt-out' });
      expect(meets(arriving, c.drop())).to.deep.equal({ slot: undefined, reply: { kind: 'dropped' }, effects: { unstage: 'attempt-in' } });
      expect(after(c.reserve(), c.commit({ owed: [OWED] }))!.owed).to.deep.equal([OWED]);
    });

    it('a commit whose answer was lost is answered again', () => {
      expect(unmoved(guest, c.commit())).to.include({ kind: 'committed', repeat: true });
    });

    it('drops what was to arrive: the driver died with its process', () => {
      expect(meets(arriving, c.wake())).to.deep.equal({
        slot: undefined, reply: { kind: 'woken', asks: false, owes: false, delivers: false }, effects: { unstage: 'attempt-in' },
      });
      const over = after(c.create(), c.release(), c.depart(), c.learn(), c.reserve({ home: NODE }))!;
      expect(meets(over, c.wake()).slot).to.deep.equal(stub);
    });

    it('asks about a departure, pays what it owes, delivers what its sessions have to send', () => {
      const woken = (slot: Slot | undefined) => unmoved(slot, c.wake());
      expect(woken(leaving)).to.deep.equal({ kind: 'woken', asks: true, owes: false, delivers: false });
      expect(woken(resident)).to.deep.equal({ kind: 'woken', asks: false, owes: false, delivers: true });
      expect(woken(after(c.reserve(), c.commit({ owed: [OWED] })))).to.deep.equal({ kind: 'woken', asks: false, owes: true, delivers: true });
      for (const slot of [undefined, stub, tombstone]) expect(woken(slot)).to.deep.equal({ kind: 'woken', asks: false, owes: false, delivers: false });
    });
  });

  describe('rule 7: a release asserts its lease and its epoch', () => {
    const leased = after(c.create())!;
    it('and is refused without them', () => {
      expect(unmoved(leased, c.release({ leaseId: 'lease-9' }))).to.deep.equal({ kind: 'refused', reason: 'lease' });
      expect(unmoved(leased, c.release({ epoch: 1 }))).to.deep.equal({ kind: 'refused', reason: 'epoch' });
      for (const slot of [leaving, stub, tombstone, arriving, undefined]) {
        expect(unmoved(slot, c.release({ epoch: slot?.epoch ?? 0 }))).to.deep.equal({ kind: 'refused', reason: 'state' });
      }
    });

    it('counts a commit, and a pure read not', () => {
      expect(meets(leased, c.release()).reply).to.deep.equal({ kind: 'committed', version: 1, epoch: 0 });
      expect(meets(leased, c.release({ dirty: false })).reply).to.deep.equal({ kind: 'committed', version: 0, epoch: 0 });
    });

    it('a lease that ran out, or of a former life, is taken by the next, and the former holder commits nothing', () => {
      const next = c.acquire({ leaseId: 'lease-2', owner: 'another' });
      expect(unmoved(leased, next)).to.deep.equal({ kind: 'busy', untilMs: START_MS + 30_000 });
      const taken = meets(leased, next, START_MS + 30_000);
      expect(taken.reply).to.include({ kind: 'granted', created: false });
      expect(unmoved(taken.slot, c.release())).to.deep.equal({ kind: 'refused', reason: 'lease' });
      expect(meets(leased, c.acquire({ leaseId: 'lease-2', boot: 'second-life' })).reply).to.include({ kind: 'granted' });
    });

    it('a departure waits for the lease, and then its late release is refused', () => {
      expect(unmoved(leased, c.depart())).to.deep.equal({ kind: 'leased', untilMs: START_MS + 30_000 });
      const departed = meets(leased, c.depart(), START_MS + 30_000);
      expect(departed.reply).to.include({ kind: 'departed' });
      expect(unmoved(departed.slot, c.release())).to.deep.equal({ kind: 'refused', reason: 'state' });
    });
  });

  describe('rule 8: a stub redirects to the place recorded with its epoch', () => {
    it('not to home', () => {
      const elsewhere = after(c.claim({ home: PARENT }), c.learn({ home: PARENT, current: ROOT, epoch: 4 }))!;
      expect(unmoved(elsewhere, c.acquire())).to.deep.equal({ kind: 'moved', to: ROOT, home: PARENT, epoch: 4 });
    });

    it('and a reservation, to the source until the departure may have reached it', () => {
      expect(unmoved(arriving, c.acquire())).to.deep.equal({ kind: 'moved', to: PARENT, home: PARENT, epoch: 5 });
      expect(unmoved(after(c.reserve(), c.departing()), c.acquire())).to.deep.equal({ kind: 'hold' });
      expect(unmoved(after(c.reserve(), c.departing(), c.reserve()), c.acquire())).to.deep.equal({ kind: 'hold' });
      expect(unmoved(leaving, c.acquire())).to.deep.equal({ kind: 'hold' });
    });
  });

  describe('rule 9: a redirected request never creates a session', () => {
    for (const [state, slot] of Object.entries({ absent: undefined, tombstone })) {
      it(`where it is ${state}, but home decides`, () => {
        expect(unmoved(slot, c.create({ redirected: { home: ROOT } }))).to.deep.equal({ kind: 'astray', home: ROOT });
        expect(meets(slot, c.create({ redirected: { home: NODE } })).reply).to.include({ kind: 'granted', created: true });
      });
    }
  });

  describe('rule 10: nothing is forgotten while an update is owed', () => {
    it('not a session, not its stub, not a tombstone', () => {
      for (const slot of [resident, stub, tombstone, after(c.claim())!]) {
        const owing = { ...slot, owed: [OWED] };
        expect(unmoved(owing, c.expire({ keepMs: -1 }))).to.deep.equal({ kind: 'refused', reason: 'owed' });
      }
    });

    it('a debt outlives departure, confirmation and return, and ends when it is paid', () => {
      const owing = after(c.reserve(), c.commit({ owed: [OWED] }), c.depart({ epoch: 7, to: ROOT }), c.learn({ epoch: 7, home: PARENT, current: ROOT }),
        c.reserve({ epoch: 8, from: ROOT, attempt: 'attempt-2' }), c.commit({ epoch: 8, attempt: 'attempt-2' }))!;
      expect(owing).to.deep.include({ state: 'resident', epoch: 8, owed: [OWED] });
      expect(meets(owing, c.paid(ROOT, 'update', 5)).slot!.owed).to.deep.equal([OWED]);
      expect(meets(owing, c.paid(ROOT, 'update', 6)).slot!.owed).to.deep.equal([]);
    });
  });

  describe('rule 11: expiry leaves a tombstone with the epoch raised', () => {
    it('from which a new life starts, with an incarnation of its own', () => {
      expect(meets(resident, c.expire())).to.deep.include({ reply: { kind: 'expired', epoch: 1 }, effects: { wipe: true, renote: true } });
      expect(tombstone).to.include({ state: 'tombstone', epoch: 1, bytes: 0 });
      expect(unmoved(tombstone, c.acquire())).to.deep.equal({ kind: 'absent', epoch: 1 });
      const reborn = meets(tombstone, c.create({ create: { incarnation: 'incarnation-b', epoch: 0, ttlMs: 0, knownBy: [], owed: [] } })).slot!;
      expect(reborn).to.include({ state: 'resident', epoch: 1, version: 0, incarnation: 'incarnation-b' });
    });

    it('which outlives every move and lease', () => {
      expect(meets(tombstone, c.expire({ keepMs: TOMBSTONE_KEEP_MS }), START_MS + TOMBSTONE_KEEP_MS).reply).to.deep.equal({ kind: 'refused', reason: 'young' });
      expect(meets(tombstone, c.expire({ keepMs: TOMBSTONE_KEEP_MS }), START_MS + TOMBSTONE_KEEP_MS + 1).slot).to.equal(undefined);
    });

    it('over which no late move, news or claim of the ended life comes', () => {
      expect(unmoved(tombstone, c.reserve({ epoch: 1 }))).to.include({ kind: 'stale', epoch: 1 });
      expect(unmoved(tombstone, c.learn({ epoch: 1 }))).to.include({ kind: 'learned', changed: false });
      expect(unmoved(tombstone, c.claim())).to.deep.equal({ kind: 'claimed', epoch: 1 });
    });

    it('only when its time has passed, and never while somebody holds it', () => {
      expect(unmoved(resident, c.expire({ forced: false }))).to.deep.equal({ kind: 'refused', reason: 'alive' });
      for (const slot of [after(c.create()), leaving, arriving]) expect(unmoved(slot, c.expire())).to.deep.equal({ kind: 'refused', reason: 'busy' });
      const mortal = { ...resident, ttlMs: 5 };
      expect(meets(mortal, c.acquire(), START_MS + 5).reply).to.include({ kind: 'granted' });
      expect(meets(mortal, c.acquire(), START_MS + 6).reply).to.deep.equal({ kind: 'expired', home: NODE });
    });
  });

  describe('rule 12: only home expires a session, and only one that it holds', () => {
    it('neither a guest\'s holder nor a home without it', () => {
      expect(unmoved(guest, c.expire())).to.deep.equal({ kind: 'refused', reason: 'not-home' });
      expect(unmoved(stub, c.expire({ keepMs: -1 }))).to.deep.equal({ kind: 'refused', reason: 'not-home' });
    });

    it('an index entry ends by the word of home, for the same life', () => {
      const entry = after(c.claim())!;
      expect(meets(entry, c.gone()).slot).to.include({ state: 'tombstone', epoch: 6 });
      for (const command of [c.gone({ incarnation: 'incarnation-z' }), c.gone({ epoch: -1 })]) expect(unmoved(entry, command)).to.deep.equal({ kind: 'ignored' });
      expect(unmoved(resident, c.gone())).to.deep.equal({ kind: 'ignored' });
    });
  });

  describe('rule 13: two incarnations of one id are never merged', () => {
    it('a move, news or a claim of another is a conflict', () => {
      const conflict = { kind: 'conflict', incarnation: 'incarnation-a' };
      const theirs = { incarnation: 'incarnation-z' };
      for (const command of [c.copy(theirs), c.depart(theirs), c.learn({ ...theirs, epoch: 9 })]) expect(unmoved(resident, command)).to.deep.equal(conflict);
      expect(unmoved(stub, c.reserve(theirs))).to.deep.equal(conflict);
      expect(unmoved(stub, c.learn({ ...theirs, epoch: 9 }))).to.deep.equal(conflict);
      expect(unmoved(resident, c.claim(theirs))).to.include({ kind: 'known', incarnation: 'incarnation-a' });
    });

    it('home changes with a commit', () => {
      const moved = meets(arriving, c.commit({ passport: { ...guest, home: NODE } })).slot;
      expect(moved).to.include({ home: NODE, epoch: 6, state: 'resident' });
    });
  });

  describe('rule 14: a departure is to a named node (that the caller has credentials is the gateway\'s)', () => {
    it('not to nobody, and not to the source itself', () => {
      for (const to of ['', NODE]) expect(unmoved(resident, c.depart({ to }))).to.include({ kind: 'refused', reason: 'name' });
    });

    it('of the epoch that is expected', () => {
      for (const epoch of [0, 2]) expect(unmoved(resident, c.depart({ epoch }))).to.include({ kind: 'refused', reason: 'epoch' });
    });
  });

  describe('the subtree check', () => {
    it('reserves nothing for an onload or an order of a session whose home is not shown to lie below', () => {
      for (const course of ['onload', 'migrate'] as const) {
        for (const way of [[], [PARENT, ROOT], ['phone', NODE]]) expect(unmoved(undefined, c.reserve({ course, way }))).to.deep.equal({ kind: 'off-path' });
        for (const [home, way] of [[NODE, [NODE]], ['phone', ['phone', 'cell', NODE]]] as const) {
          expect(meets(undefined, c.reserve({ course, home, way: [...way] })).reply).to.deep.equal({ kind: 'reserved' });
        }
      }
    });

    it('needs no way of what a child offers upward, nor of a new home', () => {
      for (const course of ['offload', 're-home'] as const) expect(meets(undefined, c.reserve({ course })).reply).to.deep.equal({ kind: 'reserved' });
    });
  });

  describe('request ids', () => {
    const asked = c.acquire({ request: { id: 'r1', digest: 'd' } });
    it('are answered again, also while another holds the session, and never run again', () => {
      for (const slot of [resident, after(c.create())!]) {
        expect(step(slot, asked, here, { digest: 'd', kept: true }).reply).to.deep.equal({ kind: 'replay', slot });
        expect(step(slot, asked, here, { digest: 'd', kept: false }).reply).to.deep.equal({ kind: 'replay-too-large', slot });
        expect(step(slot, asked, here, { digest: 'x', kept: true }).reply).to.deep.equal({ kind: 'replay-mismatch', slot });
      }
    });
  });

  it('are all on unless a test says otherwise', () => {
    expect(Object.values(ALL_GUARDS).every(Boolean)).to.equal(true);
    expect(Object.isFrozen(ALL_GUARDS)).to.equal(true);
  });
});

/** Request ids with their answers, and the outbox. */
import { expect } from 'chai';
import { MAX_KEPT_RESPONSE_BYTES, MAX_REQUEST_IDS, REQUEST_ID_KEEP_MS } from '../../runtime/model/limits.js';
import type { Acquired, Commitment, StoredReply } from '../../runtime/store/store.js';
import type { Bench } from './conformance.js';
import { answered, born, bytes, commandsFor, set, START_MS } from './support.js';

export function requestSuite(bench: Bench): void {
  const ask = (session: string, id: string, fields: object = {}): Promise<Acquired> =>
    bench.store.acquire(commandsFor(session).acquire({ leaseId: 'lease-2', request: { id, digest: `digest of ${id}` }, ...fields }));
  const letGo = (session: string) => bench.store.run({ verb: 'abandon', session, leaseId: 'lease-2' });
  const isKnown = async (session: string, id: string) => {
    const { kind } = await ask(session, id);
    await letGo(session);
    return kind !== 'granted';
  };
  const commitAll = async (session: string, replies: StoredReply[]) => {
    for (const reply of replies) await born(bench.store, session, { writes: [], reply });
  };

  describe('its request ids', () => {
    it('are answered again with what was answered before', async () => {
      const session = bench.fresh('replay');
      await born(bench.store, session, { writes: [set('a', '1')], reply: answered('r1', START_MS, 'hello \0 {"x": "\'"}') });
      const answer = await ask(session, 'r1');
      expect(answer).to.have.property('kind', 'replay');
      expect(answer.reply).to.deep.equal(answered('r1', START_MS, 'hello \0 {"x": "\'"}'));
      expect((await bench.store.slot(session))!.lease).to.equal(undefined);
    });

    it('are answered again while somebody else holds the session', async () => {
      const session = bench.fresh('replay');
      await born(bench.store, session, { writes: [], reply: answered('r1', START_MS, '') });
      await bench.store.acquire(commandsFor(session).acquire());
      const answer = await ask(session, 'r1');
      expect(answer.kind).to.equal('replay');
      expect(answer.reply!.body).to.deep.equal(Buffer.alloc(0));
    });

    it('are not mixed up with another body, function or session', async () => {
      const [session, other] = [bench.fresh('replay'), bench.fresh('replay')];
      await born(bench.store, session, { writes: [], reply: answered('r1', START_MS, 'x') });
      await born(bench.store, other);
      expect((await ask(session, 'r1', { request: { id: 'r1', digest: 'another' } })).kind).to.equal('replay-mismatch');
      expect((await ask(session, 'r1', { function: 'wishes' })).kind).to.equal('granted');
      expect((await ask(other, 'r1')).kind).to.equal('granted');
    });

    it('are not kept by a release that is refused', async () => {
      const session = bench.fresh('refused');
      const c = commandsFor(session);
      await born(bench.store, session);
      await bench.store.acquire(c.acquire());
      await bench.store.release(c.release({ leaseId: 'lease-9' }), { writes: [], reply: answered('r1', START_MS, 'x') });
      await bench.store.release(c.release(), { writes: [] });
      expect(await isKnown(session, 'r1')).to.equal(false);
    });

    it('are not run again by a release on a basis', async () => {
      const session = bench.fresh('basis');
      const c = commandsFor(session);
      await born(bench.store, session, { writes: [], reply: answered('r1', START_MS, 'x') });
      const { version, incarnation } = (await bench.store.slot(session))!;
      const release = c.release({ leaseId: '', basis: { version, incarnation } });
      const reply = await bench.store.release(release, { writes: [], reply: answered('r1', START_MS, 'again') });
      expect(reply).to.deep.equal({ kind: 'refused', reason: 'basis' });
      expect((await bench.store.release(release, { writes: [], reply: answered('r2', START_MS, 'y') })).kind).to.equal('committed');
      expect((await ask(session, 'r1')).reply!.body!.toString()).to.equal('x');
      expect((await ask(session, 'r2')).kind).to.equal('replay');
    });

    it('keep an answer of the largest size, and of a larger one only that it was given', async () => {
      const session = bench.fresh('large');
      await commitAll(session, [
        answered('fits', START_MS, 'x'.repeat(MAX_KEPT_RESPONSE_BYTES)), answered('too large', START_MS, 'x'.repeat(MAX_KEPT_RESPONSE_BYTES + 1)),
        answered('not kept', START_MS),
      ]);
      expect((await ask(session, 'fits')).reply!.body).to.have.length(MAX_KEPT_RESPONSE_BYTES);
      expect((await ask(session, 'too large')).kind).to.equal('replay-too-large');
      expect((await ask(session, 'too large', { request: { id: 'too large', digest: 'another' } })).kind).to.equal('replay-mismatch');
      expect((await ask(session, 'not kept')).kind).to.equal('replay-too-large');
    });

    it('are forgotten when they are too many, the oldest first', async () => {
      const session = bench.fresh('many');
      const ids = Array.from({ length: MAX_REQUEST_IDS + 2 }, (_, index) => `r${index}`);
      await commitAll(session, ids.map((id, index) => answered(id, START_MS + index, 'x')));
      for (const id of ['r0', 'r1']) expect(await isKnown(session, id)).to.equal(false);
      for (const id of ['r2', ids.at(-1)!]) expect(await isKnown(session, id)).to.equal(true);
      expect((await bench.store.inventory(session)).filter(({ kind }) => kind === 'reply')).to.have.length(MAX_REQUEST_IDS);
    });

    it('are forgotten by the first commit after their time', async () => {
      const session = bench.fresh('old');
      await commitAll(session, [answered('r1', START_MS, 'x'), answered('r2', START_MS + 1, 'x')]);
      bench.clock.nowMs = START_MS + REQUEST_ID_KEEP_MS;
      expect(await isKnown(session, 'r1')).to.equal(true);
      await born(bench.store, session);
      expect(await isKnown(session, 'r1')).to.equal(false);
      expect(await isKnown(session, 'r2')).to.equal(true);
    });

    it('end with the session', async () => {
      const session = bench.fresh('ended');
      const c = commandsFor(session);
      await born(bench.store, session, { writes: [], reply: answered('r1', START_MS, 'x'), effects: [{ id: 'e1', body: bytes('x') }] });
      await bench.store.run(c.expire());
      expect(await bench.store.effects(session, 10)).to.deep.equal([]);
      expect(await bench.store.unfinished()).not.to.include(session);
      expect((await ask(session, 'r1', { create: { incarnation: 'incarnation-b', epoch: 0, ttlMs: 0, knownBy: [], owed: [] } })).kind).to.equal('granted');
    });
  });

  describe('its outbox', () => {
    const effect = (id: string, body = id) => ({ id, body: bytes(body) });
    const owing = (...ids: string[]): Commitment => ({ writes: [], effects: ids.map((id) => effect(id)) });

    it('gives effects in the order of their commits until each is done', async () => {
      const session = bench.fresh('outbox');
      await born(bench.store, session, owing('e9', 'e1'));
      await born(bench.store, session, owing('e5'));
      expect(await bench.store.effects(session, 2)).to.deep.equal([effect('e9'), effect('e1')]);
      expect(await bench.store.effectDone(session, 'e9')).to.equal(true);
      expect(await bench.store.effectDone(session, 'unknown'), 'it is in nobody\'s outbox either').to.equal(true);
      expect(await bench.store.effects(session, 10)).to.deep.equal([effect('e1'), effect('e5')]);
    });

    it('keeps its order beyond ten and a hundred effects', async () => {
      const session = bench.fresh('outbox');
      const ids = Array.from({ length: 120 }, (_, index) => `effect ${index}`);
      await born(bench.store, session, owing(...ids));
      expect((await bench.store.effects(session, 1_000)).map(({ id }) => id)).to.deep.equal(ids);
    });

    it('keeps an effect once, in its place, when its id comes again', async () => {
      const session = bench.fresh('outbox');
      await born(bench.store, session, owing('e1', 'e2'));
      await born(bench.store, session, { writes: [], effects: [effect('e1', 'newer')] });
      expect(await bench.store.effects(session, 10)).to.deep.equal([effect('e1', 'newer'), effect('e2')]);
    });

    it('makes its session unfinished until it is empty', async () => {
      const session = bench.fresh('outbox');
      await born(bench.store, session, owing('e1'));
      expect(await bench.store.unfinished()).to.include(session);
      await bench.store.effectDone(session, 'e1');
      expect(await bench.store.unfinished()).not.to.include(session);
    });

    it('bears the end of an effect of a session that is not here', async () => {
      expect(await bench.store.effectDone(bench.fresh('nobody'), 'e1')).to.equal(false);
      expect(await bench.store.effects(bench.fresh('nobody'), 10)).to.deep.equal([]);
    });
  });
}

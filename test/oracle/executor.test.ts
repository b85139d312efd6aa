import { expect } from 'chai';
import { decide } from '../../oracle/decide.js';
import { Domain } from '../../oracle/domain.js';
import { Executor } from '../../oracle/executor.js';
import { Intents } from '../../oracle/intents.js';
import { policyNamed } from '../../oracle/policy/policies.js';
import { Registry } from '../../oracle/registry.js';
import type { PeerClient } from '../../runtime/base/http-client.js';
import { createLog } from '../../runtime/base/log.js';
import { MAX_RUNNING_INTENTS_OF_NODE, STALE_DECISION_MS } from '../../runtime/model/limits.js';
import { reportOf, told } from './reports.js';

const log = createLog('silent');

describe('whoever carries intents out', () => {
  let nowMs: number;
  let isSettled: boolean;
  let kept: Promise<void>;
  let calls: { url: string; answer(error?: Error): void }[];
  let domain: Domain;
  let intents: Intents;
  let registry: Registry;
  let executor: Executor;

  beforeEach(() => {
    nowMs = 1_000_000;
    isSettled = true;
    kept = Promise.resolve();
    calls = [];
    let number = 0;
    domain = new Domain({ namespace: '6ba7b811-9dad-11d1-80b4-00c04fd430c8', now: () => nowMs });
    intents = new Intents({ ids: { uuid: () => `i${number += 1}` }, now: () => nowMs });
    registry = new Registry({ domainId: 'd', clock: { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined } });
    for (const [name, parent] of [['cloud', null], ['edge', 'cloud'], ['other', 'cloud']] as const) {
      registry.register({ name, url: `http://${name}`, level: 'l', parent, boot: 'b', deadlineMs: 600_000 });
    }
    const peers = {
      call: (url: string) => new Promise((resolve, reject) => {
        calls.push({ url, answer: (error) => error ? reject(error) : resolve({ status: 200, headers: {}, body: {} }) });
      }),
    } as unknown as PeerClient;
    executor = new Executor({ intents, domain, registry, peers, log, isSettled: () => isSettled, kept: () => kept, now: () => nowMs });
  });

  const move = (session: string, to = 'cloud') => ({ kind: 'migrate', session, to }) as const;
  const callsTo = (node: string) => calls.filter(({ url }) => url === `http://${node}`).length;

  it('keeps a node that does not answer from taking the turn of others', async () => {
    const names = Array.from({ length: MAX_RUNNING_INTENTS_OF_NODE + 5 }, (_, at) => `s${at}`);
    domain.report('edge', reportOf(1, names.map((name) => told(name)), { isFull: true }));
    domain.report('cloud', reportOf(1, [told('o', { home: 'other' })], { isFull: true }));
    for (const name of names) intents.submit(move(name, 'other'), 'policy', '');
    executor.go();
    expect(callsTo('edge')).to.equal(MAX_RUNNING_INTENTS_OF_NODE);
    domain.report('other', reportOf(1, [told('p', { home: 'other', epoch: 1 })], { isFull: true }));
    intents.submit({ kind: 'cordon', node: 'cloud' }, 'operator', '');
    executor.go();
    await new Promise(setImmediate);
    expect(callsTo('cloud')).to.equal(1);
  });

  it('goes on with the next of a node when one is through, whatever came of it', async () => {
    const names = Array.from({ length: MAX_RUNNING_INTENTS_OF_NODE + 2 }, (_, at) => `s${at}`);
    domain.report('edge', reportOf(1, names.map((name) => told(name)), { isFull: true }));
    for (const name of names) intents.submit(move(name), 'policy', '');
    executor.go();
    for (let at = 0; at < names.length; at += 1) {
      calls[at]!.answer(at % 2 === 0 ? new Error('no') : undefined);
      await new Promise(setImmediate);
    }
    await executor.idle();
    expect(intents.list().map(({ state }) => state).sort()).to.deep.equal(names.map((_, at) => at % 2 === 0 ? 'refused' : 'done').sort());
  });

  it('waits for the word of its holder before it refuses to move a session that nobody has reported', async () => {
    isSettled = false;
    const intent = intents.submit(move('anna'), 'operator', '');
    executor.go();
    expect(intent.state).to.equal('waiting');
    domain.report('edge', reportOf(1, [told('anna')], { isFull: true }));
    executor.go();
    expect(intent.state).to.equal('running');
    calls[0]!.answer();
    await executor.idle();
    isSettled = true;
    const nobody = intents.submit(move('nobody'), 'operator', '');
    executor.go();
    await executor.idle();
    expect(nobody).to.include({ state: 'refused', answer: 'no node has reported this session' });
  });

  it('waits for a node that has not registered since the start before it refuses to ask it for anything', async () => {
    isSettled = false;
    domain.report('edge', reportOf(1, [told('anna')], { isFull: true }));
    const [up, closed] = [intents.submit(move('anna', 'late'), 'operator', ''), intents.submit({ kind: 'cordon', node: 'late' }, 'operator', '')];
    executor.go();
    expect([up.state, closed.state]).to.deep.equal(['waiting', 'waiting']);
    registry.register({ name: 'late', url: 'http://late', level: 'l', parent: 'cloud', boot: 'b', deadlineMs: 600_000 });
    executor.go();
    await new Promise(setImmediate);
    expect(calls.map(({ url }) => url)).to.deep.equal(['http://edge', 'http://late']);
    for (const call of calls) call.answer();
    await executor.idle();
    isSettled = true;
    const nowhere = intents.submit({ kind: 'cordon', node: 'nowhere' }, 'operator', '');
    executor.go();
    await executor.idle();
    expect(nowhere).to.include({ state: 'refused', answer: 'there is no node nowhere' });
  });

  it('drops what a policy decided too long ago, and nothing of an operator', async () => {
    domain.report('edge', reportOf(1, [told('anna'), told('bob')], { isFull: true }));
    const [old, asked] = [intents.submit(move('anna'), 'policy', ''), intents.submit(move('bob'), 'operator', '')];
    nowMs += STALE_DECISION_MS + 1;
    executor.go();
    expect([old.state, asked.state]).to.deep.equal(['refused', 'running']);
    calls[0]!.answer();
    await executor.idle();
  });

  it('closes a node only when it is on the disk who closed it', async () => {
    let written!: () => void;
    kept = new Promise((resolve) => { written = resolve; });
    intents.submit({ kind: 'cordon', node: 'edge' }, 'policy', '');
    executor.go();
    await new Promise(setImmediate);
    expect(callsTo('edge')).to.equal(0);
    written();
    await new Promise(setImmediate);
    expect(callsTo('edge')).to.equal(1);
    calls[0]!.answer();
    await executor.idle();
  });

  it('counts a node as closed by the policy until it has been opened, though the wish to open it was refused', () => {
    domain.report('edge', reportOf(1, [], { accepting: false, isFull: true }));
    domain.noteStatus('edge', true, 'policy');
    // The node has told that it is closed before the answer of the call that closed it is there.
    intents.submit({ kind: 'cordon', node: 'edge' }, 'policy', '');
    decide({ policy: policyNamed('redirect-first'), domain, registry, intents, log });
    expect(intents.list().map(({ wish, state }) => [wish.kind, state])).to.deep.equal([['cordon', 'waiting'], ['uncordon', 'refused']]);
    expect(domain.view(registry.list()).node('edge')).to.have.property('cordonedByOperator', false);
  });

  it('opens what a former policy has closed, under one that closes nothing', () => {
    domain.report('edge', reportOf(1, [], { accepting: false, isFull: true }));
    domain.report('other', reportOf(1, [], { accepting: false, isFull: true }));
    domain.noteStatus('edge', true, 'policy');
    decide({ policy: policyNamed('none'), domain, registry, intents, log });
    expect(intents.list().map(({ wish }) => wish)).to.deep.equal([{ kind: 'uncordon', node: 'edge' }]);
  });
});

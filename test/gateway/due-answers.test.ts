import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { DueAnswers } from '../../runtime/gateway/due-answers.js';
import { ANSWERS_DUE_MS, MAX_ANSWERS_DUE } from '../../runtime/model/limits.js';
import type { Worker, WorkerAnswer } from '../../runtime/session/call.js';
import { respond, startNode, type TestNode } from './support.js';

describe('Answers that leave together', () => {
  let nowMs: number;
  let sent: string[];
  let due: DueAnswers<string>;
  beforeEach(() => {
    [nowMs, sent] = [0, []];
    due = new DueAnswers((answer) => sent.push(answer), () => nowMs);
  });
  /** A turn that comes to several; the next ones are expected to. */
  const busyTurn = async () => {
    for (const answer of ['1', '2']) due.add(answer);
    await turn();
    sent.length = 0;
  };

  it('lets an answer by itself go at once', async () => {
    due.add('a');
    expect(sent).to.deep.equal(['a']);
    await turn();
    due.add('b');
    expect(sent).to.deep.equal(['a', 'b']);
  });

  it('lets the answers of a turn go at its end, in their order, when the turn before came to several', async () => {
    await busyTurn();
    for (const answer of ['a', 'b', 'c']) due.add(answer);
    expect(sent).to.deep.equal([]);
    await turn();
    expect(sent).to.deep.equal(['a', 'b', 'c']);
  });

  it('goes back to one at a time when a turn comes to one', async () => {
    await busyTurn();
    due.add('a');
    await turn();
    expect(sent).to.deep.equal(['a']);
    due.add('b');
    expect(sent).to.deep.equal(['a', 'b']);
  });

  it('keeps none waiting for a further handler once it has waited for a moment', async () => {
    await busyTurn();
    due.add('a');
    due.flushLate(ANSWERS_DUE_MS / 2);
    expect(sent).to.deep.equal([]);
    due.flushLate(ANSWERS_DUE_MS);
    expect(sent).to.deep.equal(['a']);
  });

  it('never keeps more than a few', async () => {
    await busyTurn();
    for (let count = 0; count < MAX_ANSWERS_DUE; count += 1) due.add(String(count));
    expect(sent).to.have.length(MAX_ANSWERS_DUE);
  });

  describe('at a gateway', () => {
    let node: TestNode;
    beforeEach(async () => { node = await startNode({ limits: { inHand: 1 } }); });
    afterEach(() => node.close());

    it('hold no place in hand', async () => {
      const answer: WorkerAnswer = { response: respond('.'), writes: [], effects: [], telemetry: [] };
      const worker: Worker = { kind: 'stateless', run: async () => answer, runNow: () => answer, close: async () => undefined };
      node.provide('f', worker);
      await node.serve('f', () => respond());
      const { hostname, port } = new URL(node.url);
      const socket = connect(Number(port), hostname);
      let came = '';
      socket.setEncoding('latin1').on('data', (text: string) => { came += text; });
      const pair = 'GET /function/f HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2);
      for (const answers of [2, 4, 6]) {
        socket.write(pair);
        while (came.split('\r\n\r\n.').length <= answers && !came.includes(' 503 ')) await once(socket, 'data');
      }
      socket.destroy();
      expect(came.match(/HTTP\/1.1 \d+/g)).to.deep.equal(Array(6).fill('HTTP/1.1 200'));
    });
  });
});

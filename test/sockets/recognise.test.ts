import { expect } from 'chai';
import { recognise } from '../../runtime/handler/recognise.js';
import { Offloadable, ReadOnlyOffloadable, Streaming } from '../../runtime/handler/offloadable.js';
import { execute, type Place, type Target } from '../../runtime/handler/execution.js';
import type { HandlerRequest } from '../../runtime/handler/request.js';
import { request, session } from '../handler/support.js';

const PLACE: Place = { service: 'f', env: {}, now: () => 0, log: () => undefined };

async function answerTo(target: Target, method: string): Promise<string> {
  const run = { callId: 'c', request: request({ method, body: Buffer.from('hello') }), signal: new AbortController().signal, ...(target.kind !== 'stateless' && { session: session() }) };
  return (await execute(target, run, PLACE)).response.body.toString();
}

describe('A function that takes messages', () => {
  const handleMessage = (message: HandlerRequest) => `message ${message.text()}`;

  it('has a method for them, of whatever kind it is', async () => {
    const kinds: [Record<string, unknown>, string][] = [
      [{ default: class extends Offloadable { greeting = 'message'; handleOffload() { return 'request'; } override handleMessage(message: HandlerRequest) { return `${this.greeting} ${message.text()}`; } } }, 'offloadable'],
      [{ default: class extends ReadOnlyOffloadable { handleOffload() { return 'request'; } override handleMessage = handleMessage; } }, 'read-only'],
      [{ default: class extends Streaming { handle() { return 'request'; } override handleMessage = handleMessage; } }, 'stateless'],
      [{ default: class { handle() { return 'request'; } handleMessage = handleMessage; } }, 'stateless'],
      [{ default: { handle: () => 'request', handleMessage } }, 'stateless'],
      [{ default: () => 'request', handleMessage }, 'stateless'],
      [{ handler: () => 'request', handleMessage }, 'stateless'],
    ];
    for (const [module, kind] of kinds) {
      const target = recognise(module);
      expect([target.kind, target.sockets]).to.deep.equal([kind, true]);
      expect([await answerTo(target, 'POST'), await answerTo(target, 'MESSAGE')]).to.deep.equal(['request', 'message hello']);
    }
  });

  it('is none without it, and then called as ever', async () => {
    for (const module of [{ default: () => 'request' }, { default: () => 'request', handleMessage: 'no function' }]) {
      const target = recognise(module);
      expect(target.sockets).to.equal(undefined);
      expect(await answerTo(target, 'MESSAGE')).to.equal('request');
    }
  });
});

import { expect } from 'chai';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDomainFile } from '../../runtime/base/domain-file.js';
import { configFromEnvironment } from '../../runtime/model/environment.js';
import type { Call } from '../../runtime/gateway/calls/call.js';
import { CallIndex } from '../../runtime/gateway/calls/call-index.js';
import { createCallbackRules } from '../../runtime/gateway/calls/callback-rules.js';
import { EndedCalls } from '../../runtime/gateway/calls/ended-calls.js';

const call = (id: string, callId = id): Call => ({
  id, callId, function: 'f', method: 'POST', path: '', query: '', headers: {}, bytes: 0, queuedAtMs: 1, state: 'done', attempts: 1, callbackAttempts: 0, dueAtMs: 1,
});

describe('asynchronous calls that have ended', () => {
  let folder: string;
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'ended-')); });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  const opened = async (most: number) => {
    const ended = new EndedCalls(join(folder, 'ended'), most);
    await ended.open();
    return ended;
  };

  it('are remembered up to their number, here and after a restart, and their file stays bounded', async () => {
    const ended = await opened(3);
    for (let count = 0; count < 20; count += 1) await ended.add(call(`call-${count}`));
    for (const known of [ended, await opened(3)]) {
      expect(known.find('call-16')).to.equal(undefined);
      for (const id of ['call-17', 'call-18', 'call-19']) expect(known.find(id)).to.include({ id, state: 'done' });
    }
    expect((await readFile(join(folder, 'ended'), 'utf8')).split('\n').length).to.be.at.most(7);
  });

  it('are written together when they end together', async () => {
    const ended = await opened(100);
    await Promise.all(Array.from({ length: 50 }, (_, count) => ended.add(call(`call-${count}`))));
    expect((await readFile(join(folder, 'ended'), 'utf8')).trim().split('\n')).to.have.length(50);
  });
});

describe('calls by two ids', () => {
  it('are found by either, the newest first, and not after they are gone', () => {
    const index = new CallIndex<{ id: string; callId: string }>();
    const [one, two] = [{ id: '1', callId: 'trace' }, { id: '2', callId: 'trace' }];
    index.add(one);
    index.add(two);
    expect([index.find('1'), index.find('2'), index.find('trace'), index.size]).to.deep.equal([one, two, two, 2]);
    expect(index.remove('2')).to.equal(true);
    expect(index.remove('2')).to.equal(false);
    expect(index.find('trace')).to.equal(one);
    index.remove('1');
    expect([index.find('trace'), index.size]).to.deep.equal([undefined, 0]);
  });
});

describe('places of callbacks', () => {
  it('are set for a domain, for a node, and by the environment; none is not the same as unset', () => {
    const { domain } = parseDomainFile('callbacks: ["https://*.example.org"]\nroot:\n  name: top\n  children:\n    - name: leaf\n      callbacks: []\n');
    expect(domain!.nodes.map(({ callbacks }) => callbacks)).to.deep.equal([['https://*.example.org'], []]);
    expect(parseDomainFile('root:\n  name: top\n').domain!.nodes[0]!.callbacks).to.equal(undefined);
    expect(parseDomainFile('callbacks: [shop]\nroot:\n  name: top\n').errors).to.deep.equal([
      { line: 1, column: 13, reason: 'shop is no place for callbacks: https://shop.example, https://*.example.org, http://localhost:* or *' },
    ]);
    const of = (text?: string) => configFromEnvironment({ NODE_NAME: 'a', ...(text !== undefined && { CALLBACK_URLS: text }) }).callbacks;
    expect([of(), of(''), of('https://a.example, http://localhost:*')]).to.deep.equal([undefined, [], ['https://a.example', 'http://localhost:*']]);
    expect(() => of('ftp://x')).to.throw('CALLBACK_URLS: ftp://x is no place for callbacks');
  });
});

describe('names of callbacks', () => {
  const lookUp = (addresses: string[]) => new Promise<string>((resolve) => {
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    const rules = createCallbackRules({ resolve: ((_name: string, _options: object, done: (error: null, found: unknown) => void) => done(null, found)) as never });
    rules.lookup('shop.example', { all: true }, (error, address) => resolve(error ? error.message : JSON.stringify(address)));
  });

  it('are refused when they lead to an address of the machine\'s own programs, whatever else they lead to', async () => {
    expect(await lookUp(['203.0.113.7'])).to.include('203.0.113.7');
    for (const bad of ['169.254.169.254', 'fe80::1', '::ffff:169.254.0.1', 'fd00:ec2::254']) {
      expect(await lookUp(['203.0.113.7', bad])).to.equal(`shop.example is at ${bad}, an address for programs of the machine itself`);
    }
  });
});

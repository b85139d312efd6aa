import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Agent } from '../../runtime/agent.js';
import { systemClock } from '../../runtime/base/clock.js';
import type { NodeInfo, Subtree } from '../../runtime/base/directory.js';
import type { PeerClient } from '../../runtime/base/http-client.js';
import { silentLog } from '../../runtime/base/log.js';
import type { RouteRequest } from '../../runtime/base/reply.js';
import { Fault } from '../../runtime/model/faults.js';

const info = (name: string, sinceMs = 1): NodeInfo => ({ name, url: `http://${name}`, level: 'any', accepting: true, sinceMs });
const tree = (node: NodeInfo, ...children: Subtree[]): Subtree => ({ node, children });

describe('the agent of a node', () => {
  let stateDir: string;
  let above: unknown;
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'agent-'));
    above = undefined;
  });
  afterEach(() => rm(stateDir, { recursive: true, force: true, maxRetries: 10 }));

  function agentOf(parentUrl?: string) {
    const peers = { call: async () => ({ status: 200, headers: {}, body: above }), close: async () => undefined } as PeerClient;
    return new Agent({ self: info('milan'), parentUrl, boot: 'b', stateDir, peers, clock: systemClock, log: silentLog, describe: () => ({}) });
  }
  function announce(agent: Agent, body: unknown): Promise<unknown> {
    const route = agent.routes().find(({ path }) => path === '/peer/announce')!;
    return route.run({ params: {}, query: new URLSearchParams(), body, accept: '' } as RouteRequest);
  }

  it('keeps what many children say at once, in one whole file', async () => {
    const agent = agentOf();
    await Promise.all(Array.from({ length: 30 }, (_, index) => announce(agent, tree(info(`leaf-${index}`)))));
    const kept = JSON.parse(await readFile(join(stateDir, 'directory.json'), 'utf8')) as { children: Subtree[] };
    expect(kept.children).to.have.length(30);
    const next = agentOf();
    await next.restore();
    expect(next.directory.children()).to.have.length(30);
  });

  it('answers children also when its folder is gone', async () => {
    const agent = agentOf();
    await rm(stateDir, { recursive: true, force: true, maxRetries: 10 });
    expect(await announce(agent, tree(info('leaf')))).to.include({ status: 200 });
  });

  it('refuses with a fault whatever is no subtree, and goes on as before', async () => {
    const agent = agentOf();
    const circle = tree(info('leaf'), tree(info('milan')));
    let deep = tree(info('n0'));
    for (let level = 1; level < 20; level += 1) deep = tree(info(`n${level}`), deep);
    const wrong = [
      undefined, null, 5, 'text', [], {}, { node: info('a') }, { node: null, children: [] }, { node: { name: 'a' }, children: [] },
      { node: info('a'), children: [null] }, { node: info('a'), children: [{ node: 5, children: [] }] }, { node: { ...info('a'), url: 'nonsense' }, children: [] },
      { node: { ...info('a'), functions: [5] }, children: [] }, circle, deep,
    ];
    for (const body of wrong) {
      expect(await announce(agent, body).catch((error: unknown) => error), JSON.stringify(body)).to.be.instanceOf(Fault);
      expect(agent.directory.lookup('nobody')).to.equal(undefined);
    }
    expect(agent.directory.children()).to.deep.equal([]);
  });

  it('takes no nonsense for its ancestors', async () => {
    const agent = agentOf('http://cloud');
    for (above of [undefined, null, {}, 'text', { ancestors: 5 }, { ancestors: [] }, { ancestors: [null] }]) {
      await agent.announceNow();
      expect(agent.directory.ancestors()).to.deep.equal([]);
      expect(agent.directory.isRoot(), 'it has a parent, whose name it does not know').to.equal(false);
    }
    above = { ancestors: [info('cloud')] };
    await agent.announceNow();
    expect(agent.directory.parent()?.name).to.equal('cloud');
  });

  it('finds a node at its new place, although its former parent still lists it', async () => {
    const agent = agentOf();
    const old = tree(info('a'), tree(info('mover', 1)));
    const now = tree(info('b'), tree({ ...info('mover', 2), url: 'http://new' }));
    for (const said of [old, now, old]) await announce(agent, said);
    expect(agent.directory.urlOf('mover')).to.equal('http://new');
    expect([agent.directory.isBelow('mover', 'a'), agent.directory.isBelow('mover', 'b')]).to.deep.equal([false, true]);
  });
});

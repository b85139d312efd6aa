import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OracleConfig, type RunningOracle, startOracle } from '../../oracle/oracle.js';
import { appliesAt } from '../../runtime/base/constraints.js';
import { basicHeader } from '../../runtime/base/credentials.js';
import { systemClock } from '../../runtime/base/clock.js';
import { parseDomainFile } from '../../runtime/base/domain-file.js';
import { detectMachine, type Machine } from '../../runtime/base/machine.js';
import { createPeerClient, type PeerClient } from '../../runtime/base/http-client.js';
import { systemIds } from '../../runtime/base/ids.js';
import { createPeerSigner } from '../../runtime/base/peer-signature.js';

const AUTH = { authorization: basicHeader({ user: 'admin', password: 'pass' }), 'content-type': 'application/json' };

describe('the nodes of the domain in the inventory', () => {
  let folder: string;
  let oracle: RunningOracle;
  const clients: PeerClient[] = [];
  /** Looked at once, as a node does: the clock rate of a processor is another one a moment later. */
  let hardware: Machine;

  before(async () => {
    hardware = await detectMachine(tmpdir());
  });

  const start = (more: Partial<OracleConfig> = {}) => startOracle({
    host: '127.0.0.1', port: 0, domainId: 'd', peerKeyFile: join(folder, 'key'), adminPasswordFile: join(folder, 'password'), stateDir: folder, log: 'silent', ...more,
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'edge-'));
    await writeFile(join(folder, 'key'), 'key-of-this-domain');
    await writeFile(join(folder, 'password'), 'pass');
    oracle = await start();
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await oracle.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const register = async (name: string, parent: string | null, more: object = {}) => {
    const client = createPeerClient({ signer: createPeerSigner({ node: name, key: 'key-of-this-domain', clock: systemClock, ids: systemIds }) });
    clients.push(client);
    const registration = { name, url: `http://127.0.0.1:${8000 + [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0)}`, level: parent === null ? 'cloud' : 'edge', parent, boot: 'b', deadlineMs: 600_000, hardware, ...more };
    return (await client.call(oracle.url, 'POST', '/api/v1/nodes', registration)).body as { id: string; collections: string[] };
  };
  const get = async (path: string) => (await fetch(oracle.url + path)).json() as Promise<any>;
  /** Writes go through the same line, so one of ours comes after those of the registry. */
  const until = async (path: string, isSo: (body: any) => boolean) => {
    for (;;) {
      const body = await get(path);
      if (isSo(body)) return body;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const post = (path: string, body: unknown, method = 'POST') => fetch(oracle.url + path, { method, headers: AUTH, body: JSON.stringify(body) });

  it('are a ComputeNode with what their machine has, and a Component that is ready', async () => {
    const { id } = await register('cloud', null, { labels: { zone: 'north' } });
    const node = await until('/ComputeNode/cloud', ({ hostname }) => hostname === 'cloud');
    expect(node).to.deep.include({ id, hostname: 'cloud', creator_subject: 'registry' });
    expect(node.hardware.core_count).to.be.greaterThan(0);
    expect(node.hardware.sources).to.have.property('gpu_count');
    expect(node.domain_node).to.deep.include({ name: 'cloud', level: 'cloud', labels: { zone: 'north' } });
    const { Components } = await get('/smd/State/Components');
    expect(Components).to.have.length(1);
    expect(Components[0]).to.include({ ID: 'cloud', Type: 'VirtualNode', State: 'Ready', Flag: 'OK', Enabled: true });
  });

  it('have their xname, and what people wrote of them, also after they register again', async () => {
    await post('/ComputeNode', { id: '11111111-2222-4333-8444-555555555555', hostname: 'rack-1', xname: 'x1000c0s0b0n0', architecture: 'x86_64', description: 'ours', domain_node: { name: 'cloud' } });
    const { id } = await register('cloud', null);
    expect(id).to.equal('11111111-2222-4333-8444-555555555555');
    const node = await until('/ComputeNode/x1000c0s0b0n0', ({ hardware }) => hardware !== undefined);
    expect(node).to.include({ id, hostname: 'rack-1', description: 'ours', creator_subject: 'admin' });
    await until('/Component/x1000c0s0b0n0', ({ State }) => State === 'Ready');
    const before = (await get('/inventory')).seq;
    await register('cloud', null);
    await register('milan', 'cloud');
    await until('/Component/milan', ({ State }) => State === 'Ready');
    expect((await get('/ComputeNode?hostname=rack-1'))[0].modified_at).to.equal(node.modified_at);
    expect((await get('/inventory')).seq).to.be.greaterThan(before);
  });

  it('lose their readiness with their heartbeat, and have it again when they are back', async () => {
    await register('cloud', null);
    await until('/Component/cloud', ({ State }) => State === 'Ready');
    await register('cloud', null, { deadlineMs: 1 });
    await until('/api/v1/nodes', ([node]) => node.state === 'failed');
    expect(await until('/Component/cloud', ({ State }) => State !== 'Ready')).to.include({ State: 'Standby', Flag: 'Alert' });
    await register('cloud', null);
    await until('/Component/cloud', ({ State }) => State === 'Ready');
  });

  it('are there again when a snapshot is restored that did not have them', async () => {
    await oracle.close();
    oracle = await start({ areas: [{ name: 'north', nodes: ['milan'] }] });
    await until('/NodeCollection', (all) => all.length === 1);
    await (await post('/NodeCollection/north', { name: 'north', type: 'job', nodes: [] }, 'PUT')).json();
    const { name } = await (await post('/inventory/snapshots', {})).json() as { name: string };
    await register('cloud', null);
    await until('/Component', (all) => all.length === 1);
    expect((await post(`/inventory/snapshots/${name}/restore`, {})).status).to.equal(200);
    await until('/NodeCollection/north', ({ nodes }) => nodes[0] === 'milan');
    expect(await get('/ComputeNode')).to.deep.equal([]);
    await register('cloud', null);
    await until('/Component/cloud', ({ State }) => State === 'Ready');
    expect((await get('/ComputeNode'))[0].hostname).to.equal('cloud');
  });

  it('are told the collections that they are in, and constraints can ask for them', async () => {
    await register('cloud', null);
    await until('/ComputeNode/cloud', ({ hostname }) => hostname === 'cloud');
    await post('/NodeCollection', { name: 'blue', alias: 'b', type: 'ad-hoc', nodes: ['cloud'] });
    expect((await register('cloud', null)).collections).to.deep.equal(['b', 'blue']);
    const place = { name: 'cloud', level: 'cloud', labels: {}, collections: ['b', 'blue'] };
    expect([appliesAt(place, ['collection=blue']), appliesAt(place, ['collection=red']), appliesAt(place, ['collection!=blue']), appliesAt({ ...place, collections: [] }, ['collection!=blue'])]).to.deep.equal([true, false, false, true]);
  });

  it('are in the areas of the domain file, whose members follow the file at every start', async () => {
    await post('/NodeCollection', { name: 'north', type: 'partition', description: 'ours', nodes: ['rome'] });
    await oracle.close();
    oracle = await start({ areas: [{ name: 'north', nodes: ['milan', 'milan-1'] }, { name: 'south', nodes: ['rome'] }] });
    const north = await until('/NodeCollection/north', ({ nodes }) => nodes.length === 2);
    expect(north).to.deep.include({ type: 'partition', description: 'ours', nodes: ['milan', 'milan-1'], creator_subject: 'admin' });
    expect(await until('/NodeCollection/south', ({ name }) => name === 'south')).to.deep.include({ type: 'ad-hoc', nodes: ['rome'], creator_subject: 'registry' });
    expect((await register('milan', null)).collections).to.deep.equal(['north']);
    const { seq } = await until('/inventory', ({ objects }) => objects.Component === 1);
    await oracle.close();
    oracle = await start({ areas: [{ name: 'north', nodes: ['milan', 'milan-1'] }, { name: 'south', nodes: ['rome'] }] });
    await register('milan', null);
    expect((await get('/inventory')).seq).to.equal(seq);
  });

  it('make a domain file, whole or of a collection', async () => {
    await register('cloud', null);
    await register('milan', 'cloud', { labels: { zone: 'north' } });
    await register('turin-1', 'cloud');
    await until('/ComputeNode', (nodes) => nodes.length === 3);
    const file = async (query = '') => (await fetch(`${oracle.url}/inventory/domain.yml${query}`)).text();
    const { domain, errors } = parseDomainFile(await file());
    expect(errors).to.deep.equal([]);
    expect(domain!.nodes.map(({ name, parent, level, labels }) => [name, parent, level, labels])).to.deep.equal([
      ['cloud', undefined, 'cloud', {}], ['milan', 'cloud', 'edge', { zone: 'north' }], ['turin-1', 'cloud', 'edge', {}],
    ]);
    await post('/NodeCollection', { name: 'area', type: 'ad-hoc', nodes: ['turin-1'] });
    await post('/NodeCollection', { name: 'no area', type: 'ad-hoc', nodes: ['cloud'] });
    expect(parseDomainFile(await file('?collection=area')).domain!.nodes.map(({ name }) => name)).to.deep.equal(['cloud', 'turin-1']);
    expect(parseDomainFile(await file()).domain!.areas).to.deep.equal([{ name: 'area', nodes: ['turin-1'] }]);
  });
});

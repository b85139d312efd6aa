import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningOracle, startOracle } from '../../oracle/oracle.js';
import { systemClock } from '../../runtime/base/clock.js';
import { createPeerClient, type PeerClient } from '../../runtime/base/http-client.js';
import { systemIds } from '../../runtime/base/ids.js';
import { createPeerSigner, PEER_SIGNATURE_HEADER } from '../../runtime/base/peer-signature.js';
import { MAX_REGISTRATION_BYTES } from '../../runtime/model/limits.js';
import { reportOf, told } from './reports.js';

const KEY = 'key-of-this-domain';

describe('the oracle', () => {
  let folder: string;
  let oracle: RunningOracle;
  const clients: PeerClient[] = [];

  const clientOf = (node: string, key = KEY) => {
    const client = createPeerClient({ signer: createPeerSigner({ node, key, clock: systemClock, ids: systemIds }) });
    clients.push(client);
    return client;
  };
  const registrationOf = (name: string) => ({ name, url: `http://${name}`, level: 'cloud', parent: null, boot: 'b', deadlineMs: 600_000 });
  const codeOf = (call: Promise<unknown>) => call.then(() => 'none', (error: { code: string }) => error.code);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oracle-'));
    await writeFile(join(folder, 'key'), KEY);
    oracle = await startOracle({ host: '127.0.0.1', port: 0, domainId: 'd', peerKeyFile: join(folder, 'key'), stateDir: folder });
  });

  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await oracle.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('registers a node whose call is signed with the domain\'s key, and lists it', async () => {
    await clientOf('cloud').call(oracle.url, 'POST', '/api/v1/nodes', registrationOf('cloud'));
    const nodes = await (await fetch(`${oracle.url}/api/v1/nodes`)).json() as { name: string; state: string }[];
    expect(nodes.map(({ name, state }) => [name, state])).to.deep.equal([['cloud', 'alive']]);
  });

  it('refuses a call without the key', async () => {
    expect(await codeOf(clientOf('cloud', 'another').call(oracle.url, 'POST', '/api/v1/nodes', registrationOf('cloud')))).to.equal('UNAUTHORIZED');
    expect((await fetch(`${oracle.url}/api/v1/nodes`, { method: 'POST', body: '{}' })).status).to.equal(401);
  });

  it('answers a body that is too large before it goes, whether it says its size or not', async () => {
    const signer = createPeerSigner({ node: 'cloud', key: KEY, clock: systemClock, ids: systemIds });
    const { hostname, port } = new URL(oracle.url);
    // More than any machine sends before the connection goes.
    for (const framing of [`content-length: ${10 ** 15}`, 'transfer-encoding: chunked']) {
      const socket = connect(Number(port), hostname);
      let said = '';
      let isOver = false;
      socket.on('data', (data) => { said += String(data); }).on('error', () => undefined).on('close', () => { isOver = true; });
      const signature = signer.sign({ method: 'POST', path: '/api/v1/nodes' });
      socket.write(`POST /api/v1/nodes HTTP/1.1\r\nhost: o\r\n${PEER_SIGNATURE_HEADER}: ${signature}\r\n${framing}\r\n\r\n`);
      const piece = Buffer.alloc(64 * 1024, ' ');
      // Goes on sending as if nobody had answered.
      while (!isOver) {
        if (socket.writableLength < 1 << 20) {
          if (framing.startsWith('transfer')) socket.write(`${piece.length.toString(16)}\r\n`);
          socket.write(piece);
          if (framing.startsWith('transfer')) socket.write('\r\n');
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      const [head, body] = said.split('\r\n\r\n');
      expect(head, framing).to.match(/^HTTP\/1\.1 413 /);
      expect(JSON.parse(body!), framing).to.deep.include({ code: 'BODY_TOO_LARGE', details: { limit: MAX_REGISTRATION_BYTES } });
    }
    expect((await fetch(`${oracle.url}/healthz`)).status).to.equal(200);
  });

  it('refuses a node that registers another', async () => {
    expect(await codeOf(clientOf('milan').call(oracle.url, 'POST', '/api/v1/nodes', registrationOf('rome')))).to.equal('FORBIDDEN');
  });

  it('refuses to register a node whose clock is too far off, and says by how much', async () => {
    const late = createPeerClient({ signer: createPeerSigner({ node: 'late', key: KEY, clock: { ...systemClock, now: () => Date.now() - 3_600_000 }, ids: systemIds }) });
    clients.push(late);
    const said = await late.call(oracle.url, 'POST', '/api/v1/nodes', registrationOf('late')).then(() => 'taken', (error: Error) => error.message);
    expect(said).to.match(/clock is 36\d\d s from the one here, and 60 s are allowed/);
  });

  it('refuses to register what has no place in the tree, with the reason', async () => {
    const refusal = async (name: string, given: object) => clientOf(name).call(oracle.url, 'POST', '/api/v1/nodes', { ...registrationOf(name), ...given })
      .then(() => 'taken', (error: Error) => error.message);
    expect(await refusal('cloud', { id: 'a5b3f0d6-5a1e-4d2e-8b6a-0a1b2c3d4e5f' })).to.include('it is registered with the id');
    expect(await refusal('cloud', { url: 'http://elsewhere' })).to.include('a node of that name is alive at http://cloud');
    expect(await refusal('milan', { parent: 'nowhere' })).to.include('its parent nowhere is not registered');
    expect(await refusal('milan', { parent: 'cloud' })).to.equal('taken');
    expect(await refusal('leaf', { parent: 'milan' })).to.equal('taken');
    expect(await refusal('milan', { parent: 'leaf' })).to.include('the tree would be a circle');
    expect(await refusal('rome', {})).to.include('cloud is the root');
    let below = 'leaf';
    let said = 'taken';
    for (let depth = 0; said === 'taken' && depth < 100; depth += 1) {
      said = await refusal(`deep-${depth}`, { parent: below });
      below = `deep-${depth}`;
    }
    expect(said).to.include('the tree would be deeper than');
    const nodes = await (await fetch(`${oracle.url}/api/v1/nodes`)).json() as { name: string }[];
    expect(nodes.map(({ name }) => name)).to.include.members(['cloud', 'milan', 'leaf']).and.not.include(below);
  });

  it('takes no report whose numbers cannot be, and goes on with the next', async () => {
    const report = (given: object) => codeOf(clientOf('cloud').call(oracle.url, 'POST', '/api/v1/nodes/cloud/report', { ...reportOf(1), ...given }));
    expect(await report({ load: { ...reportOf(1).load, busy: 1e300 } })).to.equal('PARAMETER_INVALID');
    expect(await report({ sessions: [told('anna', { epoch: 1e300 })] })).to.equal('PARAMETER_INVALID');
    expect(await report({ sessions: [told('anna')] })).to.equal('none');
  });

  it('says which nodes there are when asked for one that is not', async () => {
    const answer = await fetch(`${oracle.url}/api/v1/nodes/nowhere`);
    expect(answer.status).to.equal(404);
    expect(await answer.json()).to.include({ code: 'NODE_UNKNOWN' });
  });
});

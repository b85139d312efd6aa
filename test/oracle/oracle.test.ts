import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningOracle, startOracle } from '../../oracle/oracle.js';
import { systemClock } from '../../runtime/base/clock.js';
import { createPeerClient, type PeerClient } from '../../runtime/base/http-client.js';
import { systemIds } from '../../runtime/base/ids.js';
import { createPeerSigner } from '../../runtime/base/peer-signature.js';

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
  const registrationOf = (name: string) => ({ name, url: `http://${name}`, level: 'cloud', parent: null, boot: 'b', deadlineMs: 10_000 });
  const codeOf = (call: Promise<unknown>) => call.then(() => 'none', (error: { code: string }) => error.code);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oracle-'));
    await writeFile(join(folder, 'key'), KEY);
    oracle = await startOracle({ host: '127.0.0.1', port: 0, domainId: 'd', peerKeyFile: join(folder, 'key'), stateDir: folder });
  });

  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await oracle.close();
    await rm(folder, { recursive: true });
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

  it('refuses a node that registers another', async () => {
    expect(await codeOf(clientOf('milan').call(oracle.url, 'POST', '/api/v1/nodes', registrationOf('rome')))).to.equal('FORBIDDEN');
  });

  it('says which nodes there are when asked for one that is not', async () => {
    const answer = await fetch(`${oracle.url}/api/v1/nodes/nowhere`);
    expect(answer.status).to.equal(404);
    expect(await answer.json()).to.include({ code: 'NODE_UNKNOWN' });
  });
});

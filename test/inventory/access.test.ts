import { expect } from 'chai';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { basicHeader } from '../../runtime/base/credentials.js';
import { readSettings } from '../../oracle/inventory/settings.js';
import { nodeAt, startInventory, type TestInventory } from './support.js';

const SECRET = 'a secret of the tests that is long enough';
const CLAIMS = { sub: 'anna@example.org', iss: 'https://issuer.example', aud: 'inventory' };

describe('who may write to the inventory', () => {
  let folder: string;
  let inventory: TestInventory;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'access-'));
    await writeFile(join(folder, 'secret'), SECRET);
    await writeFile(join(folder, 'inventory.yml'), 'tokens: {secretFile: secret, issuer: "https://issuer.example", audience: inventory}');
    inventory = await startInventory({ settings: await readSettings(join(folder, 'inventory.yml')) });
  });

  afterEach(async () => {
    await inventory.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const token = (claims: object = CLAIMS, secret = SECRET, expires: string | undefined = '5m') => {
    const made = new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' });
    return (expires ? made.setExpirationTime(expires) : made).sign(new TextEncoder().encode(secret));
  };
  const write = async (bearer: string, index = 0) => inventory.call('POST', '/inventory/ComputeNode', nodeAt(index), { authorization: `Bearer ${bearer}` });

  it('is whoever has a token of the issuer for this audience; its subject is noted', async () => {
    const { status, body } = await write(await token());
    expect([status, body.creator_subject]).to.deep.equal([201, 'anna@example.org']);
    const replaced = await inventory.call('PUT', `/inventory/ComputeNode/${body.id}`, { ...nodeAt(0), creator_subject: 'me' });
    expect(replaced.body.creator_subject).to.equal('anna@example.org');
  });

  it('is nobody with a token that is wrong in any way, and the answer says in which', async () => {
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    const wrong: [string, RegExp][] = [
      [await token({ ...CLAIMS, iss: 'https://other.example' }), /iss/], [await token({ ...CLAIMS, aud: 'other' }), /aud/], [await token(CLAIMS, 'another secret that is long enough too'), /signed/],
      [await token(CLAIMS, SECRET, '-5m'), /expired/], [await token({ ...CLAIMS, sub: undefined }), /sub/], [await token(CLAIMS, SECRET, ''), /exp/],
      [`${none}.${Buffer.from(JSON.stringify(CLAIMS)).toString('base64url')}.`, /signed/], ['nonsense', /signed/],
    ];
    for (const [bearer, reason] of wrong) {
      const { status, body, headers } = await write(bearer);
      expect([status, body.code], String(reason)).to.deep.equal([401, 'TOKEN_REFUSED']);
      expect(body.detail).to.match(reason);
      expect(headers.get('www-authenticate')).to.match(/Bearer/);
    }
    expect((await inventory.call('POST', '/inventory/ComputeNode', nodeAt(0), {})).body.code).to.equal('UNAUTHORIZED');
    expect((await inventory.call('POST', '/inventory/ComputeNode', nodeAt(0), { authorization: basicHeader({ user: 'admin', password: 'wrong' }) })).status).to.equal(401);
    expect((await inventory.call('GET', '/ComputeNode')).body).to.deep.equal([]);
  });

  it('is not for that an administrator: queries and going back need the scope', async () => {
    const sql = async (claims: object) => (await inventory.call('POST', '/inventory/sql', { query: 'SELECT 1 AS one' }, { authorization: `Bearer ${await token(claims)}` })).status;
    expect(await sql(CLAIMS)).to.equal(403);
    expect(await sql({ ...CLAIMS, scope: 'other inventory:admin' })).to.equal(200);
  });

  it('is judged by a key set where that is configured, and never with its public key as a secret', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...await exportJWK(publicKey), kid: 'k', alg: 'ES256' };
    await writeFile(join(folder, 'keys.json'), JSON.stringify({ keys: [jwk] }));
    const other = await startInventory({ settings: { tokens: { jwks: join(folder, 'keys.json'), issuer: CLAIMS.iss, audience: CLAIMS.aud } } });
    const good = await new SignJWT({ ...CLAIMS }).setProtectedHeader({ alg: 'ES256', kid: 'k' }).setExpirationTime('5m').sign(privateKey);
    const forged = await token(CLAIMS, JSON.stringify(jwk));
    const status = async (bearer: string) => (await other.call('POST', '/inventory/ComputeNode', nodeAt(0), { authorization: `Bearer ${bearer}` })).status;
    expect([await status(forged), await status(good)]).to.deep.equal([401, 201]);
    await other.close();
  });

  it('is judged by the keys of now, wherever they come from: what was taken away opens nothing any more', async () => {
    const pairs = await Promise.all(['old', 'new'].map(async (kid) => {
      const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
      const bearer = await new SignJWT({ ...CLAIMS }).setProtectedHeader({ alg: 'ES256', kid }).setExpirationTime('5m').sign(privateKey);
      return { jwk: { ...await exportJWK(publicKey), kid, alg: 'ES256' }, bearer };
    }));
    const [old, fresh] = pairs as [(typeof pairs)[0], (typeof pairs)[0]];
    let served = [old.jwk];
    const issuer = createServer((_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: served })));
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    const file = join(folder, 'keys.json');
    await writeFile(file, JSON.stringify({ keys: served }));
    const settings = (jwks: string) => ({ tokens: { jwks, issuer: CLAIMS.iss, audience: CLAIMS.aud } });
    const [far, near] = [await startInventory({ settings: settings(`http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`), keysAgainMs: 0 }), await startInventory({ settings: settings(file) })];
    const status = async (at: TestInventory, bearer: string, index: number) => (await at.call('POST', '/inventory/ComputeNode', nodeAt(index), { authorization: `Bearer ${bearer}` })).status;
    for (const at of [far, near]) expect([await status(at, old.bearer, 0), await status(at, fresh.bearer, 1)]).to.deep.equal([201, 401]);
    served = [fresh.jwk];
    await writeFile(join(folder, 'keys.next'), JSON.stringify({ keys: served }));
    await rename(join(folder, 'keys.next'), file);
    for (const at of [far, near]) expect([await status(at, fresh.bearer, 1), await status(at, old.bearer, 2)]).to.deep.equal([201, 401]);
    await rm(file);
    expect(await status(near, fresh.bearer, 3)).to.equal(401);
    await writeFile(join(folder, 'secret'), `${SECRET} and another`);
    expect([(await write(await token(), 7)).status, (await write(await token(CLAIMS, `${SECRET} and another`), 7)).status]).to.deep.equal([401, 201]);
    expect((await far.call('POST', '/inventory/ComputeNode', nodeAt(4), { authorization: 'Bearer a.b.c' })).body.detail).to.include('not signed');
    issuer.close();
    issuer.closeAllConnections();
    const unknown = await new SignJWT({ ...CLAIMS }).setProtectedHeader({ alg: 'ES256', kid: 'other' }).setExpirationTime('5m').sign((await generateKeyPair('ES256')).privateKey);
    expect((await far.call('POST', '/inventory/ComputeNode', nodeAt(4), { authorization: `Bearer ${unknown}` })).body.detail).to.include('cannot be fetched now');
    await Promise.all([far.close(), near.close()]);
  });

  it('may be asked of readers too', async () => {
    const other = await startInventory({ settings: { reads: 'token' } });
    for (const path of ['/ComputeNode', '/inventory', '/smd/State/Components', '/inventory/snapshots']) expect((await other.call('GET', path, undefined, {})).status, path).to.equal(401);
    expect((await other.call('GET', '/ComputeNode')).status).to.equal(200);
    await other.close();
  });

  it('is not settled by a secret that is too short, missing, or by a setting that is wrong', async () => {
    await writeFile(join(folder, 'secret'), 'short');
    const settings = await readSettings(join(folder, 'inventory.yml'));
    expect(await startInventory({ settings }).then(() => '', (error: Error) => error.message)).to.match(/32/);
    for (const [text, pointer] of [['tokens: {issuer: a, audience: b}', '/tokens'], ['snapshots: {keep: 1, often: 3}', '/snapshots/keep'], ['colour: red', '/colour'], ['snapshots: {everySeconds: 2200000}', '/snapshots/everySeconds'],
      ['remote: [{name: a, kind: duckdb, at: b}, {name: a, kind: sqlite, at: c}]', '/remote/1/name'], ['remote: [{name: history, kind: sqlite, at: c}]', '/remote/0/name']]) {
      await writeFile(join(folder, 'bad.yml'), text!);
      expect(await readSettings(join(folder, 'bad.yml')).then(() => '', (error: Error) => error.message)).to.include(pointer);
    }
  });
});

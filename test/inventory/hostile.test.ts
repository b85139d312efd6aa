import { request } from 'node:http';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';
import { basicHeader } from '../../runtime/base/credentials.js';
import { silentLog } from '../../runtime/base/log.js';
import { ADMIN, nodeAt, startInventory, type TestInventory } from './support.js';

const MANY = 20;
const times = <T>(work: (index: number) => T): T[] => Array.from({ length: MANY }, (_, index) => work(index));

describe('an inventory that many write to at once', () => {
  let inventory: TestInventory;

  beforeEach(async () => {
    inventory = await startInventory();
  });

  afterEach(() => inventory.close());

  it('gives an xname and a MAC address to one of them, and names it to the others', async () => {
    const answers = await Promise.all(times((index) => inventory.call('POST', '/inventory/ComputeNode', {
      hostname: `rival-${index}`, architecture: 'x86_64', ...(index % 2 === 0 ? { xname: 'x1000c0s0b0n0' } : { xname: 'x1000c00s00b0n0' }), boot_mac: index % 3 === 0 ? '02-AA-00-00-00-01' : '02:aa:00:00:00:01',
    })));
    const [winner] = answers.filter(({ status }) => status === 201);
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([201, ...Array.from({ length: MANY - 1 }, () => 409)]);
    for (const { status, body } of answers) if (status === 409) expect(body.conflicts.map(({ id, field }: any) => [id, field])).to.deep.equal([[winner!.body.id, 'xname'], [winner!.body.id, 'boot_mac']]);
    expect((await inventory.call('GET', '/ComputeNode')).body).to.have.length(1);
  });

  it('keeps one BMC for all that name it', async () => {
    const bmc = { mac_address: '02:bb:00:00:00:01', username: 'root', password: 'initial0' };
    const answers = await Promise.all(times((index) => inventory.call('POST', '/inventory/ComputeNode', { hostname: `n${index}`, architecture: 'x86_64', xname: `x1000c0s0b0n${index}`, bmc })));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.bmc.id}`)).size).to.equal(1);
    expect((await inventory.call('GET', '/inventory/BMC')).body).to.have.length(1);
  });

  it('lets one of those replace an object who have seen the same version', async () => {
    const { body: { id }, headers } = await inventory.call('POST', '/inventory/ComputeNode', nodeAt(0));
    const ifMatch = { authorization: basicHeader(ADMIN), 'if-match': headers.get('etag')! };
    const answers = await Promise.all(times((index) => inventory.call('PUT', `/inventory/ComputeNode/${id}`, { ...nodeAt(0), description: `by ${index}` }, ifMatch)));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, ...Array.from({ length: MANY - 1 }, () => 412)]);
    const { body } = await inventory.call('GET', `/inventory/ComputeNode/${id}`);
    expect(body.description).to.equal(answers.find(({ status }) => status === 200)!.body.description);
  });

  it('puts a node into one tenant when two want it', async () => {
    const answers = await Promise.all(times((index) => inventory.call('POST', '/inventory/NodeCollection', { name: `t${index}`, type: 'tenant', nodes: ['x1000c0s0b0n0'] })));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([201, ...Array.from({ length: MANY - 1 }, () => 409)]);
  });
});

describe('an inventory that somebody wants to harm', () => {
  let inventory: TestInventory;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hostile-'));
  });

  afterEach(async () => {
    await inventory.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  /** Sends chunks of a MiB until there is an answer, or until nobody listens any more, which is 0. */
  function sendMuch(headers: Record<string, string>, chunks: number): Promise<number> {
    return new Promise((resolve) => {
      const call = request(`${inventory.url}/inventory/ComputeNode`, { method: 'POST', headers: { authorization: basicHeader(ADMIN), 'content-type': 'application/json', ...headers } });
      let isAnswered = false;
      call.on('response', (response) => {
        isAnswered = true;
        response.resume();
        resolve(response.statusCode!);
      });
      call.on('error', () => resolve(0));
      const chunk = Buffer.alloc(1 << 20, ' ');
      const next = (left: number) => {
        if (isAnswered || left === 0) return void (chunks > 0 && call.end());
        call.write(chunk, () => next(left - 1));
      };
      if (chunks === 0) call.flushHeaders();
      next(chunks);
    });
  }

  it('reads no body of 100 MB, whether it says so or not, and no more objects than it says', async () => {
    inventory = await startInventory();
    expect(await sendMuch({ 'content-length': String(100 * 1024 * 1024) }, 0)).to.equal(413);
    expect(await sendMuch({}, 40)).to.equal(413);
    const { status, body } = await inventory.call('POST', '/inventory/Component', JSON.stringify(Array.from({ length: 10_001 }, (_, index) => ({ ID: `x1c0s${index}b0` }))));
    expect([status, body.code]).to.deep.equal([400, 'PARAMETER_INVALID']);
    expect((await inventory.call('POST', '/inventory/ComputeNode', nodeAt(0))).status).to.equal(201);
  });

  it('knows no names but its own', async () => {
    inventory = await startInventory();
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      for (const object of ['ComputeNode', 'BMC', 'Component', 'NodeCollection', 'snapshots']) expect((await inventory.call('GET', `/inventory/${object}/${name}`)).status, `${object}/${name}`).to.equal(404);
      for (const query of [`${name}=1`, `sort=${name}`]) expect((await inventory.call('GET', `/inventory/ComputeNode?${query}`)).status, query).to.equal(400);
      expect((await inventory.call('GET', `/inventory/diff?from=x&object=${name}`)).status).to.equal(400);
    }
    for (const path of ['/inventory/ComputeNode/%E0%A4%A', '/inventory/ComputeNode/..%2f..%2fkey', '/inventory/snapshots/..%2f..%2fkey', '/inventory/schemas/..%2fkey']) expect((await inventory.call('GET', path)).status, path).to.be.oneOf([400, 404]);
  });

  it('believes no token but one that its issuer has signed for it', async () => {
    const [{ publicKey, privateKey }, other] = [await generateKeyPair('RS256', { extractable: true }), await generateKeyPair('RS256', { extractable: true })];
    const jwk = { ...await exportJWK(publicKey), kid: 'good', alg: 'RS256' };
    const shared = { kty: 'oct', kid: 'shared', alg: 'HS256', k: Buffer.from('a secret that is in a public file!').toString('base64url') };
    await writeFile(join(folder, 'keys.json'), JSON.stringify({ keys: [jwk, shared] }));
    inventory = await startInventory({ settings: { tokens: { jwks: join(folder, 'keys.json'), issuer: 'https://issuer', audience: 'inventory' } } });
    const sign = (key: any, header: JWTHeaderParameters, claims: object = {}) => new SignJWT({ sub: 'eve', iss: 'https://issuer', aud: 'inventory', exp: 4_102_444_800, ...claims }).setProtectedHeader(header).sign(key);
    const secretOf = (text: string) => new TextEncoder().encode(text);
    const forged = [
      await sign(other.privateKey, { alg: 'RS256', kid: 'good' }), await sign(other.privateKey, { alg: 'RS256' }), await sign(other.privateKey, { alg: 'RS256', kid: 'good', jwk: await exportJWK(other.publicKey) }),
      await sign(privateKey, { alg: 'RS256', kid: 'unknown' }), await sign(secretOf(JSON.stringify(jwk)), { alg: 'HS256', kid: 'good' }), await sign(secretOf('a secret that is in a public file!'), { alg: 'HS256', kid: 'shared' }),
      await sign(privateKey, { alg: 'RS256', kid: 'good' }, { nbf: 4_102_444_000 }), await sign(privateKey, { alg: 'RS256', kid: 'good' }, { exp: 1 }), await sign(privateKey, { alg: 'RS256', kid: 'good' }, { aud: ['others'] }),
      await sign(privateKey, { alg: 'RS256', kid: 'good' }, { sub: 'x'.repeat(257) }),
    ];
    const status = async (bearer: string) => (await inventory.call('POST', '/inventory/Component', { ID: 'x1c0s0b0n0' }, { authorization: `Bearer ${bearer}` })).status;
    for (const [index, bearer] of forged.entries()) expect(await status(bearer), `token ${index}`).to.equal(401);
    const good = await sign(privateKey, { alg: 'RS256', kid: 'good' }, { aud: ['others', 'inventory'] });
    const [head, , signature] = good.split('.');
    expect(await status(`${head}.${Buffer.from(JSON.stringify({ sub: 'admin', iss: 'https://issuer', aud: 'inventory', exp: 4_102_444_800 })).toString('base64url')}.${signature}`)).to.equal(401);
    expect(await status(good)).to.equal(201);
  });

  it('tells a password to nobody: not in answers, not in its log, not in a file', async () => {
    const password = 'p4ss-of-a-bmc';
    const told: string[] = [];
    const note = (...words: unknown[]) => void told.push(JSON.stringify(words));
    inventory = await startInventory({ folder: join(folder, 'state'), log: { ...silentLog, info: note, warn: note, error: note } });
    const bmc = { xname: 'x1000c0s0b0', mac_address: '02:aa:00:00:00:01', username: 'root', password };
    const call = async (method: string, path: string, body?: unknown) => {
      const { text, status } = await inventory.call(method, path, body);
      told.push(text);
      return status;
    };
    expect(await call('POST', '/inventory/BMC', bmc)).to.equal(201);
    expect(await call('POST', '/inventory/BMC', bmc)).to.equal(409);
    expect(await call('POST', '/inventory/BMC', { ...bmc, username: 7, colour: password.length })).to.equal(400);
    expect(await call('POST', '/inventory/BMC', `{"password":"${password}","username":`)).to.equal(400);
    expect(await call('POST', '/inventory/BMC', `{"password":"${password}" "username":1}`)).to.equal(400);
    expect(await call('POST', '/inventory/BMC?partial=true', [{ ...bmc, mac_address: 'x' }, { ...bmc, xname: 'x1000c0s1b0' }])).to.equal(207);
    expect(await call('POST', '/inventory/ComputeNode', { ...nodeAt(0), bmc: { ...bmc, username: 'other' } })).to.equal(201);
    expect(await call('PUT', '/inventory/BMC/x1000c0s0b0', { ...bmc, password: `${password}-new` })).to.equal(200);
    for (const path of ['BMC', 'BMC/x1000c0s0b0', 'ComputeNode', 'openapi.json', 'snapshots']) await call('GET', `/inventory/${path}`);
    expect(await call('GET', `/inventory/BMC?password=${'x'}`)).to.equal(400);
    await call('POST', '/inventory/snapshots', {});
    const [{ name }] = (await inventory.call('GET', '/inventory/snapshots')).body;
    for (const query of ['SELECT * FROM BMC', `SELECT * FROM "${name}".BMC`, 'SELECT * FROM history.BMC', 'SELECT password::INT FROM BMC']) await call('POST', '/inventory/sql', { query });
    await call('GET', `/inventory/diff?from=${name}`);
    await call('GET', `/inventory/BMC?asOf=${name}`);
    expect(told.filter((text) => text.includes(password))).to.deep.equal([]);
    const files = (await readdir(inventory.folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(files.length).to.be.greaterThan(5);
    for (const { parentPath, name: file } of files) expect((await readFile(join(parentPath, file))).includes(password), file).to.equal(false);
  });
});

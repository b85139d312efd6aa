import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { basicHeader } from '../../runtime/base/credentials.js';
import { createCompiler } from '../../runtime/base/validation.js';
import { OBJECT_NAMES } from '../../runtime/model/inventory/objects.js';
import { generateClient, type GeneratedCall, type Operation, type Send } from './generated-client.js';
import { ADMIN, nodeAt, startInventory, type TestInventory } from './support.js';

/** What an OpenAPI 3.1 document must have, as its specification says. */
const META = {
  type: 'object', required: ['openapi', 'info', 'paths'],
  properties: {
    openapi: { const: '3.1.0' }, info: { type: 'object', required: ['title', 'version'] },
    paths: {
      type: 'object', propertyNames: { pattern: '^/' },
      additionalProperties: {
        type: 'object', propertyNames: { enum: ['get', 'put', 'post', 'delete', 'patch'] },
        additionalProperties: {
          type: 'object', required: ['operationId', 'responses'],
          properties: {
            operationId: { type: 'string', minLength: 1 },
            parameters: { type: 'array', items: { type: 'object', required: ['name', 'in', 'schema'], properties: { in: { enum: ['query', 'path', 'header'] } } } },
            requestBody: { type: 'object', required: ['content'] },
            responses: { type: 'object', minProperties: 1, propertyNames: { pattern: '^([1-5][0-9][0-9]|default)$' }, additionalProperties: { anyOf: [{ required: ['$ref'] }, { required: ['description'] }] } },
          },
        },
      },
    },
    components: { type: 'object' },
  },
};

/** The generated client, with every body and every answer checked by the document. */
class Client {
  readonly called = new Set<string>();
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #operations = new Map<string, Operation>();

  constructor(private readonly inventory: TestInventory, document: any, private readonly generated: Record<string, GeneratedCall>) {
    this.#ajv.addSchema({ $id: 'openapi', ...document });
    for (const item of Object.values<Record<string, Operation>>(document.paths)) for (const operation of Object.values(item)) this.#operations.set(operation.operationId, operation);
  }

  async call(id: string, values: Record<string, unknown> = {}, body?: unknown): Promise<{ status: number; body: any; text: string; headers: Headers }> {
    const { requestBody, responses } = this.#operations.get(id)!;
    this.called.add(id);
    if (body !== undefined) this.#fits(requestBody!.content['application/json']!.schema, body, `body of ${id}`);
    const send: Send = (method, path, sent, headers) => this.inventory.call(method, path, sent, { authorization: basicHeader(ADMIN), ...headers });
    const answer = await this.generated[id]!(send, values, body) as { status: number; body: any; text: string; headers: Headers };
    const response = responses[answer.status];
    if (!response) {
      expect(answer.status, `${id}: ${answer.text}`).to.be.at.least(400);
      this.#fits({ $ref: '#/components/schemas/Problem' }, answer.body, `problem of ${id}`);
    } else if (response.content?.['application/json']) this.#fits(response.content['application/json'].schema, answer.body, `answer of ${id}`);
    return answer;
  }

  /** Throws what it answers when that is not the status. */
  async done(status: number, id: string, values: Record<string, unknown> = {}, body?: unknown): Promise<any> {
    const answer = await this.call(id, values, body);
    expect(answer.status, `${id}: ${answer.text}`).to.equal(status);
    return answer.body ?? answer.text;
  }

  #fits(schema: object, value: unknown, what: string): void {
    const local = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as object;
    const check = this.#ajv.compile(local);
    expect(check(value), `${what}: ${JSON.stringify(check.errors)}`).to.equal(true);
  }
}

describe('the OpenAPI document of the inventory', () => {
  let inventory: TestInventory;
  let document: any;
  let client: Client;
  let folder: string;

  before(async () => {
    inventory = await startInventory();
    document = (await inventory.call('GET', '/inventory/openapi.json')).body;
    folder = await mkdtemp(join(tmpdir(), 'generated-'));
    await writeFile(join(folder, 'client.mjs'), generateClient(document));
    client = new Client(inventory, document, await import(pathToFileURL(join(folder, 'client.mjs')).href) as Record<string, GeneratedCall>);
  });

  after(async () => {
    await inventory.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('is a valid one: every reference leads somewhere, every operation has a name of its own, every path its parameters', () => {
    expect(createCompiler()(META)(document)).to.deep.equal([]);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!);
    for (const path of references) expect(path.split('/').reduce((at, part) => at?.[part], document), path).to.be.an('object');
    const operations = Object.values<Record<string, Operation>>(document.paths).flatMap((item) => Object.values(item));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).to.equal(operations.length);
    for (const [path, item] of Object.entries<Record<string, Operation>>(document.paths)) {
      for (const { parameters } of Object.values(item)) expect(parameters.filter((each) => each.in === 'path').map(({ name }) => name)).to.have.members([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    }
  });

  it('says of every call of one object which ETag it takes', () => {
    const taken = Object.entries<any>(document.paths).filter(([path]) => path.endsWith('/{id}')).flatMap(([, operations]) => Object.entries<any>(operations).map(([method, { parameters }]) => [method, parameters.find((each: any) => each.in === 'header')?.name]));
    expect(new Set(taken.map((each) => each.join()))).to.deep.equal(new Set(['get,If-None-Match', 'put,If-Match', 'post,If-Match', 'delete,If-Match']));
    expect(document.paths['/inventory/BMC'].post.requestBody.content).to.have.all.keys('application/json', 'application/x-ndjson');
  });

  it('names every route that is served, and no other', () => {
    const served = inventory.running.routes.map(({ method, path }) => `${method} /inventory${path === '/' ? '' : path.replace(/:(\w+)/g, '{$1}')}`);
    const named = Object.entries<object>(document.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
    expect(named).to.have.members(served);
  });

  it('is enough for a generated client, with every operation', async () => {
    await useObjects();
    await useComponents();
    await useTheRest();
    const all = Object.values<Record<string, Operation>>(document.paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
    expect([...client.called]).to.have.members(all);
  });

  async function useObjects(): Promise<void> {
    const bodies: Record<string, any> = {
      ComputeNode: { ...nodeAt(0), network_interfaces: [{ interface_name: 'eth0', mac_address: '02:00:00:00:01:00' }], domain_node: { name: 'cloud', level: 'cloud' } },
      NetworkInterface: { interface_name: 'eth1', mac_address: '02:00:00:00:01:01' },
      BMC: { xname: 'x1000c0s9b0', mac_address: '02:aa:00:00:00:01', username: 'root', password: 'initial0' },
      Component: { ID: 'x1000c0s0b0n0', NID: 7 }, NodeCollection: { name: 'blue', type: 'tenant', nodes: ['x1000c0s0b0n0'] },
    };
    for (const object of OBJECT_NAMES) {
      const created = await client.done(201, `create${object}`, {}, bodies[object]);
      const id = created.id ?? created.UID;
      const { body, headers } = await client.call(`get${object}`, { id });
      expect(body).to.deep.equal(created);
      expect(await client.done(200, `list${object}`, { limit: 10 })).to.deep.include(created);
      await client.done(200, `replace${object}`, { 'id': id, 'If-Match': headers.get('etag') }, created);
      await client.done(412, `replace${object}`, { 'id': id, 'If-Match': headers.get('etag') }, created);
      await client.done(200, `update${object}`, { id }, created);
    }
    expect((await client.done(200, 'getMemberships', { xname: 'x1000c0s0b0n0' })).tenant).to.equal('blue');
    expect(await client.done(201, 'createComputeNode', {}, [nodeAt(1), nodeAt(2)])).to.have.length(2);
    await client.done(409, 'createComputeNode', {}, nodeAt(1));
    expect((await client.done(207, 'createComputeNode', { partial: true }, [nodeAt(1), nodeAt(3)])).created).to.have.length(1);
  }

  async function useComponents(): Promise<void> {
    const [xname, ComponentIDs] = ['x1000c0s0b0n0', ['x1000c0s0b0n0']];
    await client.done(204, 'smdPutComponents', {}, { Components: [{ ID: 'x1000c0s0b0n1' }, { ID: 'x1000c0s0b0' }] });
    expect((await client.done(200, 'smdListComponents', { type: ['Node', 'NodeBMC'] })).Components).to.have.length(3);
    expect((await client.done(200, 'smdQueryComponents', {}, { ComponentIDs })).Components).to.have.length(1);
    expect((await client.done(200, 'smdQueryBelow', { xname: 'x1000c0s0b0' })).Components).to.have.length(3);
    expect((await client.done(200, 'smdGetByNid', { nid: '7' })).ID).to.equal(xname);
    const changes: Record<string, object> = { StateData: { State: 'On' }, FlagOnly: { Flag: 'Warning' }, Enabled: { Enabled: false }, SoftwareStatus: { SoftwareStatus: 'up' }, Role: { Role: 'Compute' }, NID: { NID: 8 } };
    for (const [change, body] of Object.entries(changes)) {
      await client.done(204, `smdPatch${change}`, { xname }, body);
      await client.done(204, `smdBulk${change}`, {}, change === 'NID' ? { Components: [{ ID: xname, NID: 9 }] } : { ComponentIDs, ...body });
    }
    expect(await client.done(200, 'smdGetComponent', { xname })).to.include({ State: 'On', Flag: 'Warning', Enabled: false, SoftwareStatus: 'up', Role: 'Compute', NID: 9 });
    await client.done(204, 'smdPutComponent', { xname: 'x1000c0s0b0n2' }, { State: 'Off' });
    await client.done(200, 'smdDeleteComponent', { xname: 'x1000c0s0b0n2' });
  }

  async function useTheRest(): Promise<void> {
    const { name } = await client.done(201, 'createSnapshot');
    expect((await client.done(200, 'listSnapshots')).map((each: { name: string }) => each.name)).to.deep.equal([name]);
    await client.done(200, 'getSnapshot', { name });
    expect((await client.done(200, 'query', {}, { query: 'SELECT count(*)::INT AS n FROM ComputeNode' })).rows).to.deep.equal([{ n: 4 }]);
    expect((await client.done(200, 'listViews')).map(({ table }: { table: string }) => table)).to.include('ComputeNode');
    await client.done(200, 'diffSnapshots', { from: name, to: 'current' });
    await client.done(200, 'restoreSnapshot', { name });
    expect((await client.done(200, 'getInventory')).objects.ComputeNode).to.equal(4);
    expect(await client.done(200, 'getDomainFile')).to.include('name: cloud');
    expect((await client.done(200, 'listSchemas')).schemas).to.have.length(OBJECT_NAMES.length);
    await client.done(200, 'getSchema', { name: 'BMC' });
    expect(await client.done(200, 'getOpenApi')).to.deep.equal(document);
    await client.done(200, 'smdDeleteComponents');
    for (const object of OBJECT_NAMES) {
      for (const each of await client.done(200, `list${object}`)) expect((await client.call(`delete${object}`, { id: each.id ?? each.UID })).status).to.be.oneOf([204, 404]);
    }
    const { UID: id } = await client.done(201, 'createComponent', {}, { ID: 'x1c0s0b0n0' });
    await client.done(204, 'deleteComponent', { id });
  }

  it('publishes a schema for every object, which says its draft', async () => {
    const { body } = await inventory.call('GET', '/inventory/schemas');
    expect(body.schemas.map(({ name }: any) => name)).to.deep.equal(OBJECT_NAMES);
    for (const { url } of body.schemas) {
      const { text, body: schema } = await inventory.call('GET', url);
      expect(schema.$schema).to.equal('https://json-schema.org/draft/2020-12/schema');
      expect(text).to.equal(`${JSON.stringify(schema, undefined, 2)}\n`);
    }
    expect((await inventory.call('GET', '/inventory/schemas/__proto__')).status).to.equal(404);
    const bmc = (await inventory.call('GET', '/inventory/schemas/BMC.json')).body;
    expect(bmc.properties.password.writeOnly).to.equal(true);
    expect(bmc.required).to.include.members(['username', 'password', 'mac_address']);
    expect(bmc.properties.ipv4_address.format).to.equal('ipv4');
  });
});

describe('components as the hardware state manager has them', () => {
  let inventory: TestInventory;
  const AT = '/smd/State/Components';

  beforeEach(async () => {
    inventory = await startInventory();
    const answer = await inventory.call('POST', AT, { Components: [
      { ID: 'x0c0s0b0n0', State: 'Ready', NID: 1, Role: 'Compute' }, { ID: 'x0c0s1b0n0', State: 'Off', NID: 2, Role: 'Service' }, { ID: 'x0c0s10', State: 'Populated' },
    ] });
    expect(answer.status, answer.text).to.equal(204);
  });

  afterEach(() => inventory.close());

  const ids = async (path: string) => (await inventory.call('GET', AT + path)).body.Components.map(({ ID }: any) => ID);

  it('are listed, filtered and found by number and place', async () => {
    expect(await ids('')).to.deep.equal(['x0c0s0b0n0', 'x0c0s1b0n0', 'x0c0s10']);
    expect(await ids('?type=node&state=ready')).to.deep.equal(['x0c0s0b0n0']);
    expect(await ids('?state=!ready')).to.deep.equal(['x0c0s1b0n0', 'x0c0s10']);
    expect(await ids('?id=x0c0s0b0n0&id=x0c0s10')).to.deep.equal(['x0c0s0b0n0', 'x0c0s10']);
    expect((await inventory.call('GET', `${AT}/ByNID/2`)).body).to.include({ ID: 'x0c0s1b0n0', Type: 'Node' });
    expect((await inventory.call('GET', `${AT}?colour=red`)).status).to.equal(400);
    expect((await inventory.call('POST', `${AT}/Query`, { ComponentIDs: ['x0c0s10', 'x9'] })).body.Components).to.have.length(1);
    await inventory.call('POST', AT, { Components: [{ ID: 'x0c0s1' }] });
    expect(await ids('/Query/x0c0s1')).to.deep.equal(['x0c0s1b0n0', 'x0c0s1']);
  });

  it('are changed one by one and in bulk, all or none', async () => {
    expect((await inventory.call('PATCH', `${AT}/BulkStateData`, { ComponentIDs: ['x0c0s0b0n0', 'x0c0s1b0n0'], State: 'On', Flag: 'Warning' })).status).to.equal(204);
    expect(await ids('?state=on&flag=warning')).to.have.length(2);
    expect((await inventory.call('PATCH', `${AT}/BulkStateData`, { ComponentIDs: ['x0c0s0b0n0', 'x9c0'], State: 'Off' })).status).to.equal(404);
    expect(await ids('?state=on')).to.have.length(2);
    expect((await inventory.call('PATCH', `${AT}/x0c0s0b0n0/Enabled`, { Enabled: false })).status).to.equal(204);
    expect((await inventory.call('GET', `${AT}/x0c0s0b0n0`)).body.Enabled).to.equal(false);
    expect((await inventory.call('PATCH', `${AT}/BulkNID`, { Components: [{ ID: 'x0c0s0b0n0', NID: 2 }, { ID: 'x0c0s1b0n0', NID: 9 }] })).status).to.equal(409);
    expect((await inventory.call('PATCH', `${AT}/BulkRole`, { ComponentIDs: ['x0c0s0b0n0'], Role: 'King' })).body.errors[0].pointer).to.equal('/Role');
    expect((await inventory.call('PUT', `${AT}/x0c0s0b0n0`, { Component: { State: 'Halt' } })).status).to.equal(204);
    expect((await inventory.call('DELETE', `${AT}/x0c0s0b0n0`)).body).to.deep.equal({ code: 0, message: 'deleted 1 entries' });
    expect((await inventory.call('DELETE', AT)).body.message).to.equal('deleted 2 entries');
  });

  it('keep the UID that they came with, which no other gets, and are refused with everything that is wrong with any of them', async () => {
    const UID = 'AAAAAAAA-0000-4000-8000-000000000001';
    expect((await inventory.call('POST', AT, { Components: [{ ID: 'x0c1', UID }] })).status).to.equal(204);
    expect((await inventory.call('GET', `/inventory/Component/${UID}`)).body.ID).to.equal('x0c1');
    const taken = await inventory.call('POST', AT, { Components: [{ ID: 'x0c2', UID }, { ID: 'x0c3', NID: 1 }] });
    expect([taken.status, taken.body.conflicts.map(({ pointer }: any) => pointer)]).to.deep.equal([409, ['/Components/0/UID', '/Components/1/NID']]);
    expect((await inventory.call('GET', `${AT}/x0c1`)).status).to.equal(200);
    const changed = await inventory.call('PUT', `${AT}/x0c1`, { UID: UID.replace('1', '2'), State: 'On' });
    expect([changed.status, changed.body.errors[0].pointer]).to.deep.equal([400, '/UID']);
    const wrong = await inventory.call('PATCH', `${AT}/BulkRole`, { ComponentIDs: ['x0c0s0b0n0', 'x0c1'], Role: 'King' });
    expect(wrong.body.errors.map(({ pointer }: any) => pointer)).to.deep.equal(['/Role']);
  });

  it('are changed in bulk as they are when it is written, and not as they were when it was asked for', async () => {
    const { inventory: kept } = inventory.running;
    const route = inventory.running.routes.find(({ operation }) => operation === 'smdBulkStateData')!;
    const body = { ComponentIDs: ['x0c0s0b0n0'], State: 'On' };
    let asked: unknown;
    await kept.alone(async () => {
      asked = route.run({ params: {}, query: new URLSearchParams(), body, headers: {}, caller: { subject: 'admin', isAdmin: true }, base: '' });
      // Writers wait meanwhile.
      const { set } = kept;
      const before = set.find('Component', 'ID', 'x0c0s0b0n0')!;
      set.apply({ object: 'Component', id: before.id, before, after: { ...before, value: { ...before.value, Role: 'Storage' } } });
    });
    await asked;
    expect((await inventory.call('GET', `${AT}/x0c0s0b0n0`)).body).to.include({ State: 'On', Role: 'Storage' });
  });

  it('have xnames of known forms where that is asked for', async () => {
    const strict = await startInventory({ settings: { strictXnames: true } });
    const status = async (object: string, body: object) => (await strict.call('POST', `/inventory/${object}`, body)).status;
    expect(await status('Component', { ID: 'milan' })).to.equal(400);
    expect(await status('Component', { ID: 'x1c0z9' })).to.equal(400);
    expect(await status('Component', { ID: 'x1c0s3b0' })).to.equal(201);
    expect(await status('ComputeNode', { ...nodeAt(0), xname: 'x1c0s0b0n0' })).to.equal(201);
    expect(await status('ComputeNode', { ...nodeAt(1), xname: 'x1000c8s0b0n0' })).to.equal(400);
    expect(await status('ComputeNode', { ...nodeAt(2), xname: 'x10000c0s0b0n0' })).to.equal(400);
    expect((await inventory.call('POST', '/inventory/ComputeNode', { ...nodeAt(1), xname: 'x1000c8s0b0n0' })).status).to.equal(201);
    expect((await inventory.call('POST', '/inventory/ComputeNode', { ...nodeAt(2), xname: 'x1000c256s0b0n0' })).body.errors[0].pointer).to.equal('/xname');
    await strict.close();
  });
});

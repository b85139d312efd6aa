import { expect } from 'chai';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { createCompiler } from '../../runtime/base/validation.js';
import { OBJECT_NAMES } from '../../runtime/model/inventory/objects.js';
import { nodeAt, startInventory, type TestInventory } from './support.js';

interface Operation {
  operationId: string;
  parameters: { name: string; in: string; required: boolean; schema: { type: string } }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { $ref?: string; content?: Record<string, { schema: object }> }>;
}

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

/** A client that knows nothing but the document: it finds paths, checks bodies and answers by it. */
class Client {
  readonly operations = new Map<string, Operation & { method: string; path: string }>();
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });

  constructor(private readonly inventory: TestInventory, document: any) {
    this.#ajv.addSchema({ $id: 'openapi', ...document });
    for (const [path, item] of Object.entries<Record<string, Operation>>(document.paths)) {
      for (const [method, operation] of Object.entries(item)) this.operations.set(operation.operationId, { ...operation, method: method.toUpperCase(), path });
    }
  }

  async call(id: string, values: Record<string, string> = {}, body?: unknown): Promise<{ status: number; body: any }> {
    const { method, path, parameters, requestBody, responses } = this.operations.get(id)!;
    const query = new URLSearchParams();
    let filled = path;
    for (const { name, in: place } of parameters) {
      if (values[name] === undefined) continue;
      if (place === 'path') filled = filled.replace(`{${name}}`, encodeURIComponent(values[name]));
      if (place === 'query') query.set(name, values[name]);
    }
    expect(filled).to.not.include('{');
    if (body !== undefined) this.#fits(requestBody!.content['application/json']!.schema, body, `body of ${id}`);
    const answer = await this.inventory.call(method, `${filled}${query.size > 0 ? `?${query}` : ''}`, body);
    const response = responses[answer.status];
    if (!response) {
      expect(answer.status, `${id}: ${answer.text}`).to.be.at.least(400);
      this.#fits({ $ref: '#/components/schemas/Problem' }, answer.body, `problem of ${id}`);
    } else if (response.content?.['application/json']) this.#fits(response.content['application/json'].schema, answer.body, `answer of ${id}`);
    return answer;
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

  before(async () => {
    inventory = await startInventory();
    document = (await inventory.call('GET', '/inventory/openapi.json')).body;
    client = new Client(inventory, document);
  });

  after(() => inventory.close());

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

  it('names every route that is served, and no other', () => {
    const served = inventory.running.routes.map(({ method, path }) => `${method} /inventory${path === '/' ? '' : path.replace(/:(\w+)/g, '{$1}')}`);
    const named = Object.entries<object>(document.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
    expect(named).to.have.members(served);
  });

  it('is enough for a client that knows nothing else', async () => {
    const bodies: Record<string, any> = {
      ComputeNode: { ...nodeAt(0), network_interfaces: [{ interface_name: 'eth0', mac_address: '02:00:00:00:01:00' }] },
      NetworkInterface: { interface_name: 'eth1', mac_address: '02:00:00:00:01:01' },
      BMC: { xname: 'x1000c0s9b0', mac_address: '02:aa:00:00:00:01', username: 'root', password: 'initial0' },
      Component: { ID: 'x1000c0s0b0n0' }, NodeCollection: { name: 'blue', type: 'tenant', nodes: ['x1000c0s0b0n0'] },
    };
    for (const object of OBJECT_NAMES) {
      const created = await client.call(`create${object}`, {}, bodies[object]);
      expect(created.status).to.equal(201);
      const id = created.body.id ?? created.body.UID;
      expect((await client.call(`get${object}`, { id })).body).to.deep.equal(created.body);
      expect((await client.call(`list${object}`, { limit: '10' })).body).to.deep.include(created.body);
      expect((await client.call(`replace${object}`, { id }, created.body)).status).to.equal(200);
    }
    expect((await client.call('getMemberships', { xname: 'x1000c0s0b0n0' })).body.tenant).to.equal('blue');
    expect((await client.call('createComputeNode', {}, [nodeAt(1), nodeAt(2)])).body).to.have.length(2);
    expect((await client.call('createComputeNode', {}, nodeAt(1))).status).to.equal(409);
    const { body: { name } } = await client.call('createSnapshot', {}, {}).catch(() => client.call('createSnapshot'));
    await client.call('getSnapshot', { name });
    expect((await client.call('query', {}, { query: 'SELECT count(*)::INT AS n FROM ComputeNode' })).body.rows).to.deep.equal([{ n: 3 }]);
    for (const object of OBJECT_NAMES) {
      for (const each of (await client.call(`list${object}`)).body) expect((await client.call(`delete${object}`, { id: each.id ?? each.UID })).status).to.be.oneOf([204, 404]);
    }
  });

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
    expect((await inventory.call('PATCH', `${AT}/BulkRole`, { ComponentIDs: ['x0c0s0b0n0'], Role: 'King' })).body.errors[0].pointer).to.equal('/Components/0/Role');
    expect((await inventory.call('PUT', `${AT}/x0c0s0b0n0`, { Component: { State: 'Halt' } })).status).to.equal(204);
    expect((await inventory.call('DELETE', `${AT}/x0c0s0b0n0`)).body).to.deep.equal({ code: 0, message: 'deleted 1 entries' });
    expect((await inventory.call('DELETE', AT)).body.message).to.equal('deleted 2 entries');
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
